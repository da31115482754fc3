"""Settings that are lists: paths, and tables ([[section.key]]) from the file, from JSON, or one key
of one table by itself (GOVBOT_SECTION__KEY__NAME__INNER).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_origin

from pydantic import SecretStr

from govbot.config.check import nth_table
from govbot.config.table import SECTIONS, Section, Settings, is_secret, marks, table_of
from govbot.errors import BadConfig


@dataclass(frozen=True, slots=True)
class Part:
    """One key of the table called `name` in the list `key`, and where it was said."""

    key: str
    name: str
    inner: str
    value: str
    origin: str


def absolute(value: object, folder: Path) -> object:
    """A path from `folder`, or a list of them, without "." and ".."; all else stays as it is."""
    if isinstance(value, list | tuple):
        return [absolute(each, folder) for each in value]
    if not isinstance(value, str) or not value:
        return value
    return os.path.normpath(folder / Path(value).expanduser())


def resolved_tables(
    value: object, model: type[Section], place: str, key: str, folder: Path
) -> list[dict[str, Any]]:
    """The tables of a list, their keys known, their paths absolute from `folder`, and the secrets
    read that stand in files of their own. Raises BadConfig."""
    if not isinstance(value, list | tuple) or not all(isinstance(item, dict) for item in value):
        raise BadConfig(f"{place}: {key} is a list of tables: write [[{key}]] and its keys below")
    return [
        _resolved(item, model, f"{place}: {nth_table(key, number)}", folder)
        for number, item in enumerate(value, 1)
    ]


def with_parts(
    tables: Sequence[Mapping[str, Any]], parts: Sequence[Part], model: type[Section], folder: Path
) -> list[dict[str, Any]]:
    """The tables with single keys laid over them, each found by its name. Raises BadConfig."""
    found = [dict(table) for table in tables]
    for part in parts:
        of_name = [t for t in found if variable_word(str(t.get("name"))) == part.name]
        if not of_name:
            names = ", ".join(str(table.get("name")) for table in found) or "none"
            raise BadConfig(
                f'{part.origin}: there is no [[{part.key}]] of the name "{part.name}"; there are: '
                f"{names}"
            )
        text: object = part.value
        if part.inner in model.model_fields:
            annotation = model.model_fields[part.inner].annotation
            if get_origin(annotation) is tuple:
                text = [word.strip() for word in part.value.split(",") if word.strip()]
        of_name[0].update(
            _resolved({part.inner: text}, model, f"{part.origin}: [[{part.key}]]", folder)
        )
    return found


def listed_secrets(settings: Settings) -> Iterator[tuple[str, SecretStr]]:
    """The secrets in tables that have names, as ("generation.models.servidor.api_key", value)."""
    for section, model in SECTIONS.items():
        for key, info in model.model_fields.items():
            table = table_of(info)
            if table is None or "name" not in table.model_fields:
                continue
            secrets = [name for name, inner in table.model_fields.items() if is_secret(inner)]
            for item in getattr(getattr(settings, section), key):
                for name in secrets:
                    yield f"{section}.{key}.{item.name}.{name}", getattr(item, name)


def variable_word(name: str) -> str:
    """A name as it stands in a variable's, in small letters: "qwen-7b.q4" is qwen_7b_q4."""
    return re.sub(r"[^a-z0-9]", "_", name.lower())


def read_secret(file: Path, place: str) -> str:
    """The text of a file that holds one secret. Raises BadConfig."""
    try:
        return file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise BadConfig(f"{place}: cannot read {file} ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise BadConfig(f"{place}: {file} is not UTF-8 text") from error


def suggest(word: str, known: Mapping[str, object] | list[str]) -> str:
    """A known word near to one that is not, as the end of a sentence."""
    close = get_close_matches(word, list(known), 1, 0.6)
    return f'; did you mean "{close[0]}"?' if close else ""


def _resolved(
    item: Mapping[str, Any], model: type[Section], place: str, folder: Path
) -> dict[str, Any]:
    known = list(model.model_fields)
    for name in item:
        if name not in known:
            hint = suggest(name, known) or f"; it knows {', '.join(known)}"
            raise BadConfig(f'{place} has no key "{name}"{hint}')
    found = {
        name: absolute(inner, folder) if marks(model.model_fields[name]).get("path") else inner
        for name, inner in item.items()
    }
    for name in known:
        file = found.get(f"{name}_file")
        if not is_secret(model.model_fields[name]) or not isinstance(file, str) or not file:
            continue
        if found.get(name):
            raise BadConfig(f"{place}: {name} and {name}_file: set only one of them")
        found[name] = read_secret(Path(file), f"{place}: {name}_file")
    return found
