"""Changes a configuration file in place: comments, order and everything else stay as they were.

The libraries that write TOML put new keys at the end of a section and leave the commented default
above it; here the commented default becomes the value. Only as much of TOML is understood as it
takes to find a key; a result that does not say exactly what was meant is refused.
"""

from __future__ import annotations

import copy
import json
import os
import re
import shutil
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from govbot.errors import BadConfig

Tables = Sequence[Mapping[str, object]]

_HEADER: Final = re.compile(r"^\s*(\[\[?)\s*([A-Za-z0-9_.-]+)\s*\]\]?\s*(#.*)?$")
_KEY: Final = re.compile(r"^\s*([A-Za-z0-9_-]+)\s*=")
_OFF: Final = re.compile(r"^#\s?(?=[a-z_0-9]+ = )")  # a default that is commented out
_LONGEST: Final = 5000  # lines of one value


@dataclass(frozen=True, slots=True)
class _Place:
    """Lines `start` to `stop` (excluded) of a value, or of a header when `key` is empty."""

    section: str
    key: str
    start: int
    stop: int
    off: bool = False
    table: bool = False


def rewritten(
    text: str, changes: Mapping[str, object], tables: Mapping[str, Tables] | None = None
) -> str:
    """The text of a file with `changes` ("web.port": 9000) in it, and `tables` ("watch.folders")
    added to those that are there. Raises BadConfig where that cannot be done safely.
    """
    wanted = _applied(settings_of(text), changes, tables or {})
    lines = text.splitlines()
    for key, value in changes.items():
        section, _, name = key.rpartition(".")
        lines = _with_value(lines, section, name, _toml(value))
    for key, rows in (tables or {}).items():
        for row in rows:
            lines = _with_table(lines, key, row)
    made = "\n".join(lines).rstrip("\n") + "\n"
    try:
        fits = tomllib.loads(made) == wanted
    except tomllib.TOMLDecodeError:
        fits = False
    if not fits:
        keys = ", ".join([*changes, *(tables or {})])
        raise BadConfig(
            f"The configuration file is written in a way that cannot be changed safely ({keys}): "
            "write sections as [web] and lists as [[watch.folders]], or change it by hand"
        )
    return made


def settings_of(text: str) -> dict[str, Any]:
    """What the text of a file says, section by section. Raises BadConfig."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadConfig(f"The configuration file is not valid TOML: {error}") from error


def replace(file: Path, text: str) -> Path | None:
    """Puts `text` in the place of the file, whole or not at all; the copy of what was there.

    Mode and owner stay. Nothing happens, and None is returned, where nothing changes.
    """
    there = file.is_file()
    if there and file.read_text(encoding="utf-8") == text:
        return None
    saved = _saved(file) if there else None
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with draft.open("w", encoding="utf-8") as stream:
            os.fchmod(stream.fileno(), file.stat().st_mode & 0o777 if there else 0o640)
            if there and os.geteuid() == 0:
                os.fchown(stream.fileno(), file.stat().st_uid, file.stat().st_gid)
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(file)
    except OSError as error:
        raise BadConfig(f"{file}: cannot be written ({error.strerror})") from error
    finally:
        draft.unlink(missing_ok=True)
    return saved


def _saved(file: Path) -> Path:
    """A copy beside it, which nothing overwrites."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    names = (f"{file.name}.{stamp}{tail}" for tail in ("", *(f"-{n}" for n in range(2, 100))))
    place = next(file.with_name(name) for name in names if not file.with_name(name).exists())
    try:
        shutil.copy2(file, place)
        if os.geteuid() == 0:
            os.chown(place, file.stat().st_uid, file.stat().st_gid)
    except OSError as error:
        raise BadConfig(f"{place}: cannot be written ({error.strerror})") from error
    return place


def _applied(
    old: dict[str, Any], changes: Mapping[str, object], tables: Mapping[str, Tables]
) -> dict[str, Any]:
    """What the file must say afterwards."""
    new = copy.deepcopy(old)
    for key, value in changes.items():
        section, _, name = key.rpartition(".")
        inner = new.setdefault(section, {}) if section else new
        if isinstance(inner, dict):
            inner[name] = list(value) if isinstance(value, tuple) else value
    for key, rows in tables.items():
        section, _, name = key.rpartition(".")
        if rows:
            listed = new.setdefault(section, {}).setdefault(name, [])
            listed += [dict(row) for row in rows]
    return new


def _with_value(lines: list[str], section: str, name: str, value: str) -> list[str]:
    places = list(_places(lines, name))
    mine = [each for each in places if each.section == section and not each.table]
    for off in (False, True):
        for place in mine:
            if place.key == name and place.off is off:
                line = f"{name} = {value}{_remark(lines[place.start : place.stop])}"
                return [*lines[: place.start], line, *lines[place.stop :]]
    if section and not any(not place.key for place in mine):
        return [*lines, "", f"[{section}]", f"{name} = {value}"]
    at = _insertion(places, mine, section, len(lines))
    added = [f"{name} = {value}"]
    if not section and at < len(lines) and lines[at].strip():
        added.append("")
    return [*lines[:at], *added, *lines[at:]]


def _insertion(places: list[_Place], mine: list[_Place], section: str, end: int) -> int:
    """Where a key goes that is not there: after the others of its section, or its header."""
    live = [place for place in mine if not place.off]
    if live:
        return live[-1].stop
    if section:
        return end
    return next((place.start for place in places if not place.key), end)


def _with_table(lines: list[str], key: str, row: Mapping[str, object]) -> list[str]:
    section = key.rpartition(".")[0]
    places = list(_places(lines))
    headers = [place for place in places if not place.key]
    own = [place for place in headers if place.section in (key, section)]
    if not own:
        at = len(lines)
    else:
        last = own[-1].start
        at = next((place.start for place in headers if place.start > last), len(lines))
        while at > last + 1 and not lines[at - 1].strip():
            at -= 1
    block = ["", f"[[{key}]]", *(f"{name} = {_toml(value)}" for name, value in row.items())]
    after = [""] if at < len(lines) and lines[at].strip() else []
    return [*lines[:at], *block, *after, *lines[at:]]


def _places(lines: list[str], name: str = "") -> Iterator[_Place]:
    """Headers, values, and commented defaults of the key `name`, with their sections."""
    section, table, at = "", False, 0
    while at < len(lines):
        line, stop = lines[at], at + 1
        if header := _HEADER.match(line):
            section, table = header[2], header[1] == "[["
            yield _Place(section, "", at, stop, table=table)
        elif (found := _KEY.match(line)) and not line.lstrip().startswith("#"):
            stop = _end(lines, at)
            yield _Place(section, found[1], at, stop, table=table)
        elif _is_default(line, name):
            yield _Place(section, name, at, stop, off=True, table=table)
        at = stop


def _is_default(line: str, name: str) -> bool:
    """Whether the line is the commented default of the key `name`."""
    plain = _OFF.sub("", line)
    found = _KEY.match(plain) if plain != line else None
    return found is not None and found[1] == name and _reads(plain)


def _end(lines: list[str], start: int) -> int:
    """The line after a value, which may take several."""
    for stop in range(start + 1, min(len(lines), start + _LONGEST) + 1):
        if _reads("\n".join(lines[start:stop])):
            return stop
    return start + 1


def _reads(text: str) -> bool:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    return True


def _remark(lines: list[str]) -> str:
    """The comment behind a value of one line, with the space before it."""
    if len(lines) != 1:
        return ""
    line = _OFF.sub("", lines[0])
    whole = tomllib.loads(line)
    for found in re.finditer(r"\s*#", line):
        before = line[: found.start()]
        if _reads(before) and tomllib.loads(before) == whole:
            return line[found.start() :]
    return ""


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_toml(each) for each in value) + "]"
    if isinstance(value, (int, float)):
        return str(value)
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
