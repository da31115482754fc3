"""Reads the settings: environment over systemd credentials over govbot.toml over defaults.

A mistake becomes one `BadConfig` sentence that names the place, the key and what is allowed.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Le, MaxLen, MinLen
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from govbot.config_table import SECTIONS, Section, Settings
from govbot.errors import BadConfig

__all__ = ["Settings", "allowed", "fields", "load_settings"]

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
    settings = _validate(merged)
    settings._file = file
    settings._origins.update(merged.origins)
    _check_together(settings)
    return settings


def fields() -> Iterator[tuple[str, str, FieldInfo]]:
    """Every setting as (section or "", key, field), in the order of the table."""
    for name, info in Settings.model_fields.items():
        if name not in SECTIONS:
            yield "", name, info
    for section, model in SECTIONS.items():
        for name, info in model.model_fields.items():
            yield section, name, info


def allowed(info: FieldInfo) -> str:
    """What a setting accepts, in words: "an integer from 1 to 65535"."""
    kind: Any = info.annotation
    optional = type(None) in get_args(kind)
    if optional:
        kind = next(arg for arg in get_args(kind) if arg is not type(None))
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(f'"{value}"' for value in get_args(kind))
    if get_origin(kind) is tuple:
        return "a list of texts"
    words = {bool: "true or false", int: "an integer", float: "a number"}.get(kind)
    if words is None:
        return _allowed_text(info)
    low, high = _bound(info, Ge, "ge"), _bound(info, Le, "le")
    limits = f" from {low} to {high}" if low is not None and high is not None else ""
    return words + limits + (", or unset" if optional else "")


def is_secret(info: FieldInfo) -> bool:
    """Whether the value must never be shown."""
    return bool(_marks(info).get("secret"))


@dataclass(slots=True)
class _Layer:
    """Raw values by dotted key, each with the words that name where it stands."""

    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)

    def put(self, key: str, value: Any, origin: str) -> None:
        self.values[key] = value
        self.origins[key] = origin

    def add(self, other: _Layer) -> None:
        """Lays `other` over this one."""
        self.values.update(other.values)
        self.origins.update(other.origins)


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
    """systemd's LoadCredential: one file per setting, named like `generation.api_key`."""
    layer = _Layer()
    folder = environ.get("CREDENTIALS_DIRECTORY")
    if not folder or not Path(folder).is_dir():
        return layer
    for file in sorted(Path(folder).iterdir()):
        section, _, key = file.name.partition(".")
        if section in SECTIONS and key:
            _require_known(section, key, str(file))
            layer.put(file.name, _read_secret(file, str(file)), str(file))
    _resolve(layer, Path.cwd())
    return layer


def _from_environment(environ: Mapping[str, str]) -> _Layer:
    layer = _Layer()
    for variable, value in sorted(environ.items()):
        if not variable.startswith(PREFIX):
            continue
        section, separator, key = variable.removeprefix(PREFIX).lower().partition("__")
        if separator:
            if section not in SECTIONS:
                raise BadConfig(
                    f"{variable}: there is no section [{section}]" + _suggest(section, SECTIONS)
                )
            _require_known(section, key, variable)
            layer.put(f"{section}.{key}", _typed(section, key, value), variable)
        elif section in _top_level():
            layer.put(section, value, variable)
        elif get_close_matches(section, _top_level(), 1, 0.85):
            # Other names may belong to other software (Kubernetes sets GOVBOT_PORT for a service
            # called govbot), but one letter wrong in GOVBOT_DATA_DIR must not pass in silence.
            _require_known("", section, variable)
    _resolve(layer, Path.cwd())
    return layer


def _typed(section: str, key: str, text: str) -> Any:
    """What pydantic cannot read from text by itself: lists and "unset"."""
    annotation = SECTIONS[section].model_fields[key].annotation
    if get_origin(annotation) is tuple:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if text == "" and type(None) in get_args(annotation):
        return None
    return text


def _resolve(layer: _Layer, folder: Path) -> None:
    """Makes paths absolute from `folder` and reads the `*_file` variants of secrets."""
    for section, name, info in fields():
        key = f"{section}.{name}" if section else name
        value = layer.values.get(key)
        if not _marks(info).get("path") or not isinstance(value, str) or not value:
            continue
        value = str(folder / Path(value).expanduser())
        layer.values[key] = value
        secret = key.removesuffix("_file")
        if secret != key:
            if layer.values.get(secret):
                raise BadConfig(f"{layer.origins[key]}: {secret} and {key}: set only one of them")
            layer.put(secret, _read_secret(Path(value), f"{layer.origins[key]}: {key}"), value)


def _read_secret(file: Path, place: str) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise BadConfig(f"{place}: cannot read {file} ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise BadConfig(f"{place}: {file} is not UTF-8 text") from error


def _require_known(section: str, key: str, place: str) -> None:
    known = list(SECTIONS[section].model_fields) if section else [*_top_level(), *SECTIONS]
    if key in known:
        return
    where = f"[{section}] has no key" if section else "there is no key or section"
    hint = _suggest(key, known)
    if not hint:
        others = [f"[{name}]" for name, model in SECTIONS.items() if key in model.model_fields]
        hint = f"; it belongs to {' or '.join(others)}" if others else ""
    if not hint:
        hint = f"; it knows {', '.join(known)}"
    raise BadConfig(f'{place}: {where} "{key}"{hint}')


def _suggest(word: str, known: Mapping[str, object] | list[str]) -> str:
    close = get_close_matches(word, list(known), 1, 0.6)
    return f'; did you mean "{close[0]}"?' if close else ""


def _validate(layer: _Layer) -> Settings:
    tree: dict[str, Any] = {}
    for key, value in layer.values.items():
        section, _, name = key.rpartition(".")
        (tree.setdefault(section, {}) if section else tree)[name] = value
        info = (SECTIONS[section] if section else Settings).model_fields[name]
        # pydantic reads true as 1; in a file it is a slip.
        if isinstance(value, bool) and info.annotation in (int, float, float | None):
            raise _wrong(layer, key, info, value)
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


def _wrong(layer: _Layer, key: str, info: FieldInfo, value: object) -> BadConfig:
    section, _, name = key.rpartition(".")
    label = f"[{section}] {name}" if section else name
    given = "" if is_secret(info) else f", not {_quoted(value)}"
    return BadConfig(f"{layer.origins.get(key, 'default')}: {label} must be {allowed(info)}{given}")


def _quoted(value: object) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    text = text if len(text) <= 60 else text[:57] + "..."
    return f'"{text}"' if isinstance(value, str) else text


def _check_together(settings: Settings) -> None:
    """What one setting demands of another."""
    generation, ingest, watch = settings.generation, settings.ingest, settings.watch
    demands = (
        (
            generation.backend == "llama" and not generation.model_path,
            "generation.backend",
            '"llama" needs [generation] model_path, the path of a GGUF file',
        ),
        (
            generation.backend == "openai" and not generation.base_url,
            "generation.backend",
            '"openai" needs [generation] base_url, the address of the server',
        ),
        (
            generation.max_tokens >= generation.context_tokens,
            "generation.max_tokens",
            f"must be smaller than context_tokens ({generation.context_tokens})",
        ),
        (
            ingest.chunk_overlap_words * 2 > ingest.chunk_words,
            "ingest.chunk_overlap_words",
            f"must be at most half of chunk_words ({ingest.chunk_words})",
        ),
        (
            bool(watch.folder) and not watch.collection,
            "watch.folder",
            "needs [watch] collection, the collection that receives the files",
        ),
        (
            bool(settings.database.owner_url) and not settings.database.url,
            "database.owner_url",
            "needs [database] url, the connection of the application role",
        ),
    )
    for broken, key, sentence in demands:
        if broken:
            section, _, name = key.partition(".")
            raise BadConfig(f"{settings.origin(key)}: [{section}] {name} {sentence}")


def _allowed_text(info: FieldInfo) -> str:
    if words := _marks(info).get("allowed"):
        return str(words)
    low, high = _bound(info, MinLen, "min_length"), _bound(info, MaxLen, "max_length")
    if low is not None and high is not None:
        return f"a text of {low} to {high} characters"
    return "a text that is not empty" if low else "a text"


def _bound(info: FieldInfo, kind: type, name: str) -> Any:
    return next((getattr(m, name) for m in info.metadata if isinstance(m, kind)), None)


def _marks(info: FieldInfo) -> dict[str, Any]:
    extra = info.json_schema_extra
    return extra if isinstance(extra, dict) else {}


def _top_level() -> list[str]:
    return [name for name in Settings.model_fields if name not in SECTIONS]
