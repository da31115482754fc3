"""Reads the settings: environment over systemd credentials over govbot.toml over defaults.

A mistake becomes one `BadConfig` sentence that names the place, the key and what is allowed.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from govbot.config.check import check_together, nth_table
from govbot.config.lists import (
    Part,
    absolute,
    read_secret,
    resolved_tables,
    suggest,
    variable_word,
    with_parts,
)
from govbot.config.table import (
    SECTIONS,
    Section,
    Settings,
    allowed,
    is_secret,
    marks,
    table_of,
)
from govbot.errors import BadConfig

__all__ = ["Settings", "allowed", "as_texts", "fields", "is_secret", "load_settings", "table_of"]

PREFIX = "GOVBOT_"
DEFAULT_FILES = (Path("govbot.toml"), Path("/etc/govbot/govbot.toml"))


def load_settings(path: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Reads and checks the settings; raises BadConfig with one line.

    `path` is the file given by the operator; without it $GOVBOT_CONFIG, ./govbot.toml and
    /etc/govbot/govbot.toml are tried, and having none of them is fine.
    """
    environ = os.environ if environ is None else environ
    file = _find_file(path, environ)
    merged = _Layer()
    if file is not None:
        merged.add(_from_file(file))
    merged.add(_from_credentials(environ))
    merged.add(_from_environment(environ))
    merged.values.setdefault(
        "data_dir",
        str((file.parent if file else Path.cwd()) / Settings.model_fields["data_dir"].default),
    )
    _lay_parts(merged)
    settings = _validate(merged)
    settings._file = file
    settings._origins.update(merged.origins)
    check_together(settings)
    return settings


def value_of(key: str, given: object, origin: str) -> Any:
    """What `given`, a text or a plain value, means for the setting `key`.

    Raises BadConfig with the sentence that the same slip in a file gets.
    """
    section, _, name = key.rpartition(".")
    layer = _Layer()
    if isinstance(given, str) and section:
        given = _typed(section, name, given.strip(), origin)
    layer.put(key, given, origin)
    found: Any = _validate(layer)
    return getattr(getattr(found, section) if section else found, name)


def fields() -> Iterator[tuple[str, str, FieldInfo]]:
    """Every setting as (section or "", key, field), in the order of the table."""
    for name, info in Settings.model_fields.items():
        if name not in SECTIONS:
            yield "", name, info
    for section, model in SECTIONS.items():
        for name, info in model.model_fields.items():
            yield section, name, info


def as_texts(settings: Settings) -> tuple[dict[str, str], dict[str, str]]:
    """The settings that are not at their defaults, by dotted name: open ones, and secrets."""
    plain: dict[str, str] = {}
    secret: dict[str, str] = {}
    for section, name, info in fields():
        value = getattr(getattr(settings, section) if section else settings, name)
        if value == info.default:
            continue
        key = f"{section}.{name}" if section else name
        if is_secret(info):
            secret[key] = str(getattr(value, "get_secret_value", lambda value=value: value)())
        else:
            plain[key] = _as_text(value)
    return plain, secret


def _as_text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        parts = [p.model_dump(mode="json") if isinstance(p, Section) else p for p in value]
        return json.dumps(parts, ensure_ascii=False)
    return str(value)


@dataclass(slots=True)
class _Layer:
    """Raw values by dotted key, each with the words that name where it stands."""

    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    parts: list[Part] = field(default_factory=list)  # single keys of tables in lists

    def put(self, key: str, value: Any, origin: str) -> None:
        self.values[key] = value
        self.origins[key] = origin

    def add(self, other: _Layer) -> None:
        """Lays `other` over this one."""
        self.values.update(other.values)
        self.origins.update(other.origins)
        self.parts += other.parts


def _find_file(path: Path | None, environ: Mapping[str, str]) -> Path | None:
    chosen = path or (Path(environ["GOVBOT_CONFIG"]) if environ.get("GOVBOT_CONFIG") else None)
    if chosen is not None:
        if not chosen.is_file():
            raise BadConfig(f"{chosen}: there is no such configuration file")
        return chosen.absolute()
    return next((file.absolute() for file in DEFAULT_FILES if file.is_file()), None)


def _from_file(file: Path) -> _Layer:
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadConfig(f"{file}: cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadConfig(f"{file}: is not valid TOML: {error}") from error
    layer = _Layer()
    for name, value in table.items():
        if name in SECTIONS:
            if not isinstance(value, dict):
                raise BadConfig(f"{file}: {name} is a section: write [{name}] and its keys below")
            for key, inner in value.items():
                _require_known(name, key, str(file))
                layer.put(f"{name}.{key}", inner, str(file))
        else:
            _require_known("", name, str(file))
            layer.put(name, value, str(file))
    _resolve(layer, file.parent)
    return layer


def _from_credentials(environ: Mapping[str, str]) -> _Layer:
    """systemd's LoadCredential: one file per setting, named like `generation.api_key`; with
    `govbot_` before it where systemd loaded a whole folder under our name.
    """
    layer = _Layer()
    folder = environ.get("CREDENTIALS_DIRECTORY")
    if not folder or not Path(folder).is_dir():
        return layer
    for file in sorted(Path(folder).iterdir()):
        section, _, key = file.name.removeprefix("govbot_").partition(".")
        of_list, _, rest = key.partition(".")
        if section in SECTIONS and rest:
            name, _, inner = rest.rpartition(".")
            _part(layer, section, (of_list, name, inner), read_secret(file, str(file)), str(file))
        elif section in SECTIONS and key:
            _require_known(section, key, str(file))
            layer.put(f"{section}.{key}", _credential(section, key, file), str(file))
    _resolve(layer, Path.cwd())
    return layer


def _credential(section: str, key: str, file: Path) -> str:
    """What the file holds; where the setting names a file, such as a key for TLS, this file."""
    if marks(SECTIONS[section].model_fields[key]).get("path") and not key.endswith("_file"):
        return str(file)
    return read_secret(file, str(file))


def _from_environment(environ: Mapping[str, str]) -> _Layer:
    layer = _Layer()
    for variable, value in sorted(environ.items()):
        if not variable.startswith(PREFIX):
            continue
        section, separator, key = variable.removeprefix(PREFIX).lower().partition("__")
        if separator:
            if section not in SECTIONS:
                raise BadConfig(
                    f"{variable}: there is no section [{section}]" + suggest(section, SECTIONS)
                )
            if "__" in key:
                of_list, _, rest = key.partition("__")
                name, _, inner = rest.rpartition("__")
                _part(layer, section, (of_list, name, inner), value, variable)
                continue
            _require_known(section, key, variable)
            layer.put(f"{section}.{key}", _typed(section, key, value, variable), variable)
        elif section in _top_level():
            layer.put(section, value, variable)
        elif get_close_matches(section, _top_level(), 1, 0.85):
            # Other names may belong to other software (Kubernetes sets GOVBOT_PORT for a service
            # called govbot), but one letter wrong in GOVBOT_DATA_DIR must not pass in silence.
            _require_known("", section, variable)
    _resolve(layer, Path.cwd())
    return layer


def _part(layer: _Layer, section: str, path: tuple[str, str, str], value: str, origin: str) -> None:
    """One key of one table: (list, name of the table, key)."""
    of_list, name, inner = path
    _require_known(section, of_list, origin)
    table = table_of(SECTIONS[section].model_fields[of_list])
    if table is None or "name" not in table.model_fields:
        raise BadConfig(f"{origin}: {section}.{of_list} is not a list of tables with names")
    layer.parts.append(Part(f"{section}.{of_list}", variable_word(name), inner, value, origin))


def _lay_parts(merged: _Layer) -> None:
    for key in dict.fromkeys(part.key for part in merged.parts):
        section, _, name = key.partition(".")
        model = table_of(SECTIONS[section].model_fields[name])
        assert model is not None  # noqa: S101 - `_part` has looked
        parts = [part for part in merged.parts if part.key == key]
        tables = with_parts(merged.values.get(key, ()), parts, model, Path.cwd())
        merged.put(key, tables, merged.origins.get(key, parts[0].origin))


def _typed(section: str, key: str, text: str, variable: str) -> Any:
    """What pydantic cannot read from text by itself: lists and "unset"."""
    info = SECTIONS[section].model_fields[key]
    annotation = info.annotation
    if table_of(info) is not None:
        return _tables_in_json(text, variable) if text.strip() else ()
    if get_origin(annotation) is tuple:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if text == "" and type(None) in get_args(annotation):
        return None
    return text


def _tables_in_json(text: str, variable: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise BadConfig(f"{variable}: is not valid JSON: {error}") from error


def _resolve(layer: _Layer, folder: Path) -> None:
    """Makes paths absolute from `folder` and reads the `*_file` variants of secrets."""
    for section, name, info in fields():
        key = f"{section}.{name}" if section else name
        value = layer.values.get(key)
        if (table := table_of(info)) is not None and key in layer.values:
            layer.values[key] = resolved_tables(value, table, layer.origins[key], key, folder)
        if marks(info).get("path") and isinstance(value, list | tuple):
            layer.values[key] = absolute(value, folder)
        if not marks(info).get("path") or not isinstance(value, str) or not value:
            continue
        value = str(folder / Path(value).expanduser())
        layer.values[key] = value
        secret = key.removesuffix("_file")
        if (
            secret != key
            and section
            and secret.rpartition(".")[2] in SECTIONS[section].model_fields
        ):
            if layer.values.get(secret):
                raise BadConfig(f"{layer.origins[key]}: {secret} and {key}: set only one of them")
            layer.put(secret, read_secret(Path(value), f"{layer.origins[key]}: {key}"), value)


def _require_known(section: str, key: str, place: str) -> None:
    known = list(SECTIONS[section].model_fields) if section else [*_top_level(), *SECTIONS]
    if key in known:
        return
    where = f"[{section}] has no key" if section else "there is no key or section"
    hint = suggest(key, known)
    if not hint:
        others = [f"[{name}]" for name, model in SECTIONS.items() if key in model.model_fields]
        hint = f"; it belongs to {' or '.join(others)}" if others else ""
    if not hint:
        hint = f"; it knows {', '.join(known)}"
    raise BadConfig(f'{place}: {where} "{key}"{hint}')


def _validate(layer: _Layer) -> Settings:
    tree: dict[str, Any] = {}
    for key, value in layer.values.items():
        section, _, name = key.rpartition(".")
        (tree.setdefault(section, {}) if section else tree)[name] = value
        info = (SECTIONS[section] if section else Settings).model_fields[name]
        if _is_slip(value, info):
            raise _wrong(layer, key, info, value)
        if (table := table_of(info)) is not None:
            _check_tables(layer, key, table)
    try:
        return Settings.model_validate(tree)
    except ValidationError as error:
        names = [str(part) for part in error.errors()[0]["loc"]]
        in_section = names[0] in SECTIONS
        key = ".".join(names[: 2 if in_section else 1])
        model: type[Section] = SECTIONS[names[0]] if in_section else Settings
        raise _wrong(
            layer, key, model.model_fields[key.rpartition(".")[2]], layer.values.get(key)
        ) from None  # pydantic's message quotes values, and a value may be a secret


def _is_slip(value: object, info: FieldInfo) -> bool:
    """pydantic reads true as 1; in a file it is a slip."""
    return isinstance(value, bool) and info.annotation in (int, float, float | None)


def _check_tables(layer: _Layer, key: str, model: type[Section]) -> None:
    """Names the table, the key and what is allowed when one of a list's tables is wrong."""
    for number, item in enumerate(layer.values[key], 1):
        place = f"{layer.origins[key]}: {nth_table(key, number)}"
        slip = next((n for n, v in item.items() if _is_slip(v, model.model_fields[n])), None)
        try:
            model.model_validate(item)
        except ValidationError as error:
            slip = slip or str(error.errors()[0]["loc"][0])
        if slip is None:
            continue
        if slip not in item:
            raise BadConfig(f"{place} needs {slip}, {allowed(model.model_fields[slip])}")
        words = allowed(model.model_fields[slip])
        raise BadConfig(f"{place}: {slip} must be {words}, not {_quoted(item[slip])}")


def _wrong(layer: _Layer, key: str, info: FieldInfo, value: object) -> BadConfig:
    section, _, name = key.rpartition(".")
    label = f"[{section}] {name}" if section else name
    given = "" if is_secret(info) else f", not {_quoted(value)}"
    return BadConfig(f"{layer.origins.get(key, 'default')}: {label} must be {allowed(info)}{given}")


def _quoted(value: object) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    text = text if len(text) <= 60 else text[:57] + "..."
    return f'"{text}"' if isinstance(value, str) else text


def _top_level() -> list[str]:
    return [name for name in Settings.model_fields if name not in SECTIONS]
