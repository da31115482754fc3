"""`govbot config`: what the settings are, where each came from, what each may be."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from govbot.certificates import examine
from govbot.cli import current_settings
from govbot.cli.output import print_json, print_table
from govbot.config import Settings, allowed, fields, is_secret, table_of
from govbot.config.table import SECTIONS, Section
from govbot.errors import BadConfig

app = typer.Typer(no_args_is_help=True)


@app.command()
def show(json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show every setting and its source; secrets are masked."""
    settings = current_settings()
    rows = [(key, shown(settings, key), settings.origin(key)) for key, _ in keys()]
    if json:
        print_json(
            {
                "file": settings.file,
                "settings": {key: {"value": value, "source": src} for key, value, src in rows},
            }
        )
    else:
        print_table(["setting", "value", "source"], [(k, _words(v), s) for k, v, s in rows])


@app.command()
def check() -> None:
    """Check the settings and the files they name."""
    settings = current_settings()
    model = settings.generation.model_path
    if model and not Path(model).is_file():
        raise BadConfig(
            f"{settings.origin('generation.model_path')}: [generation] model_path: "
            f"there is no file {model}"
        )
    for number, listed in enumerate(settings.generation.models, 1):
        for file in filter(None, (listed.model_path, listed.draft, *listed.lora)):
            if not Path(file).is_file():
                raise BadConfig(
                    f"{settings.origin('generation.models')}: [[generation.models]] number "
                    f"{number}: there is no file {file}"
                )
    for number, folder in enumerate(settings.watch.folders, 1):
        if not Path(folder.path).is_dir():
            raise BadConfig(
                f"{settings.origin('watch.folders')}: [[watch.folders]] number {number}: path: "
                f"there is no folder {folder.path}"
            )
    if settings.web.tls_certificate:
        certificate = Path(settings.web.tls_certificate)
        if problem := examine(certificate, Path(settings.web.tls_key)).problem():
            raise BadConfig(f"[web] tls_certificate {certificate}: {problem}")
    print(f"{settings.file or 'no configuration file, defaults'}: ok")


@app.command()
def docs() -> None:
    """Print the reference of all settings, in Markdown."""
    print(reference(), end="")


def keys() -> Iterator[tuple[str, FieldInfo]]:
    """Every setting as ("web.port", field)."""
    for section, name, info in fields():
        yield f"{section}.{name}" if section else name, info


def shown(settings: Settings, key: str) -> Any:
    """The value of `key` as it may be seen."""
    value: Any = settings
    for name in key.split("."):
        value = getattr(value, name)
    if isinstance(value, SecretStr):
        return "********" if value.get_secret_value() else ""
    if value and key.endswith("url") and isinstance(value, str):
        return _without_password(value)
    if isinstance(value, tuple):
        return [_shown_table(item) if isinstance(item, Section) else item for item in value]
    return str(value) if isinstance(value, Path) else value


def _shown_table(table: Section) -> dict[str, Any]:
    """One table of a list; its secrets are masked."""
    return {
        name: _without_password(value) if value and name.endswith("url") else value
        for name, value in table.model_dump(mode="json").items()
    }


def reference() -> str:
    """docs/settings.md."""
    lines = [
        "# Settings",
        "",
        "Written by `govbot config docs`; change `govbot/config`, then run it again.",
        "",
        "A setting is looked for in the environment, then in systemd credentials",
        "(`$CREDENTIALS_DIRECTORY/<section>.<key>`), then in the configuration file, which is the",
        "first of `--config FILE`, `$GOVBOT_CONFIG`, `./govbot.toml`, `/etc/govbot/govbot.toml`.",
        "Relative paths in the file start at its folder. In the environment, lists are separated",
        "by commas and lists of tables are JSON; one key of one table, found by its `name`, has a",
        "variable of its own (`GOVBOT_SECTION__KEY__NAME__INNER`, signs of the name as `_`) or a",
        "credential (`<section>.<key>.<name>.<inner>`), which is for secrets. `govbot config show`",
        "tells where each value came from.",
        "",
        *_section("", "General", "At the top of the file, before any section."),
    ]
    for name, model in SECTIONS.items():
        lines += _section(name, f"[{name}]", (model.__doc__ or "").strip())
    return "\n".join(lines).rstrip() + "\n"


def _section(section: str, title: str, words: str) -> list[str]:
    lines = [f"## {title}", "", words, ""]
    for owner, name, info in fields():
        if owner != section:
            continue
        key = f"{section}.{name}" if section else name
        variable = "GOVBOT_" + key.upper().replace(".", "__")
        lines += [
            f"### `{key}`",
            "",
            f"{info.description}",
            "",
            f"- Default: {_default(info)}",
            f"- Allowed: {allowed(info)}",
            f"- Environment: `{variable}`",
        ]
        lines += ["- Secret: never shown; may come from a file"] if is_secret(info) else []
        lines.append("")
        if (table := table_of(info)) is not None:
            lines += _keys_of_table(key, table)
    return lines


def _keys_of_table(key: str, model: type[Section]) -> list[str]:
    lines = []
    for name, info in model.model_fields.items():
        lines += [
            f"#### `{name}` in `[[{key}]]`",
            "",
            f"{info.description}",
            "",
            f"- Default: {'none, it must be given' if info.is_required() else _default(info)}",
            f"- Allowed: {allowed(info)}",
            "",
        ]
    return lines


def _default(info: FieldInfo) -> str:
    value = info.default
    if value is None:
        return "unset"
    if isinstance(value, SecretStr) or value in ("", ()):
        return "empty"
    return f"`{_words(value)}`"


def _words(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (tuple, list)):
        return ", ".join(_words(item) for item in value)
    if isinstance(value, dict):
        if "tier" in value:
            return f"{value['name']} ({value['tier']})"
        kept = [_words(inner) for inner in value.values() if inner not in (None, "", (), [])]
        return (
            " ".join(kept) if "path" not in value else f"{value['path']} -> {value['collection']}"
        )
    return "" if value is None else str(value)


def _without_password(url: str) -> str:
    """Keeps user and host; drops the password and the query, which can hold one as well."""
    parts = urlsplit(url)
    account, at, host = parts.netloc.rpartition("@")
    user, colon, _ = account.partition(":")
    return parts._replace(
        netloc=user + (":********" if colon else "") + at + host, query="", fragment=""
    ).geturl()
