"""`govbot setup`: from an empty machine to a green `govbot doctor`, asked or with flags.

Answers come from flags or questions (setup_questions.py), everything is checked before anything is
written (govbot/installation/plan.py), and then it is done step by step (setup_steps.py). It can be
run again: what is set is the default, and what is not asked for stays.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from pydantic import SecretStr

from govbot.cli import config_file
from govbot.errors import BadConfig, Invalid

if TYPE_CHECKING:
    from govbot.config import Settings
    from govbot.installation.plan import Plan, Secret

SERVICE_FILE: Final = Path("/etc/govbot/govbot.toml")
PASSWORD: Final = "GOVBOT_ADMIN_PASSWORD"  # noqa: S105 - the name of a variable
_LONGEST: Final = 10_000  # characters of a secret

FromFile = "file with one line, - for standard input"


def command(
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Ask nothing: what is not given stays as it is.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Only say what is wrong with the answers.")
    ] = False,
    organisation: Annotated[str | None, typer.Option(help="Name on top of the pages.")] = None,
    language: Annotated[str | None, typer.Option(help="Language of the pages: pt-BR, en.")] = None,
    admin: Annotated[str, typer.Option(help="User name of the first administrator.")] = "",
    admin_name: Annotated[str, typer.Option(help="That person's full name.")] = "",
    admin_password_file: Annotated[
        str, typer.Option(metavar="FILE", help=f"The password: {FromFile}; or ${PASSWORD}.")
    ] = "",
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="TCP port to listen on.")] = None,
    base_url: Annotated[
        str | None, typer.Option(help="Address people type, such as https://govbot.example.org.")
    ] = None,
    tls_certificate: Annotated[
        Path | None, typer.Option(help="Certificate (PEM) for GovBot's own TLS.")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its key, without a pass phrase.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Folder of all data.")] = None,
    embedded_database: Annotated[
        bool, typer.Option("--embedded-database", help="PostgreSQL inside the data folder.")
    ] = False,
    database_url_file: Annotated[
        str, typer.Option(metavar="FILE", help=f"Connection to an own PostgreSQL: {FromFile}.")
    ] = "",
    database_owner_url_file: Annotated[
        str, typer.Option(metavar="FILE", help=f"The owner's connection: {FromFile}.")
    ] = "",
    model: Annotated[
        list[Path] | None,
        typer.Option(help="Model to take in: a GGUF file or a folder; repeatable."),
    ] = None,
    watch: Annotated[
        list[str] | None,
        typer.Option(metavar="FOLDER=COLLECTION", help="Folder to watch; repeatable."),
    ] = None,
    ldap_server: Annotated[
        list[str] | None, typer.Option(help="ldaps://host of the directory; repeatable.")
    ] = None,
    ldap_kind: Annotated[str | None, typer.Option(help="openldap, or ad.")] = None,
    ldap_base_dn: Annotated[str | None, typer.Option(help="Branch of the people.")] = None,
    ldap_bind_dn: Annotated[str | None, typer.Option(help="Account that searches.")] = None,
    ldap_password_file: Annotated[
        str, typer.Option(metavar="FILE", help=f"Its password: {FromFile}.")
    ] = "",
    ldap_ca_file: Annotated[
        Path | None, typer.Option(help="Certificates (PEM) of the directory's authority.")
    ] = None,
    backup_folder: Annotated[Path | None, typer.Option(help="Folder of the backups.")] = None,
    backup_timer: Annotated[
        bool, typer.Option("--backup-timer", help="A backup every night, by systemd.")
    ] = False,
    gpu: Annotated[
        bool | None, typer.Option("--gpu/--no-gpu", help="Let the service use the GPU.")
    ] = None,
    start: Annotated[
        bool, typer.Option("--start", help="Start the service, now and at boot.")
    ] = False,
) -> None:
    """Set this installation up, or change how it is: settings, database, first administrator.

    Asks on a terminal; with --yes it takes the flags. Nothing is written before every answer was
    checked, and the old configuration file stays as a copy. Ends with `govbot doctor`.
    """
    from govbot.cli import setup_questions, setup_steps
    from govbot.installation.plan import Plan, with_credentials

    with_credentials()
    file = _file()
    text = _text(file)
    _require_one_stdin(admin_password_file, database_url_file, database_owner_url_file,
                       ldap_password_file)  # fmt: skip
    changes: dict[str, object] = {
        "organisation": organisation,
        "language": language,
        "web.host": host,
        "web.port": port,
        "web.base_url": base_url,
        "web.tls_certificate": _absolute(tls_certificate),
        "web.tls_key": _absolute(tls_key),
        "data_dir": _absolute(data_dir) or _data_dir(file, text),
        "ldap.servers": ldap_server or None,
        "ldap.kind": ldap_kind,
        "ldap.base_dn": ldap_base_dn,
        "ldap.bind_dn": ldap_bind_dn,
        "ldap.ca_file": _absolute(ldap_ca_file),
        "backup.folder": _absolute(backup_folder),
    }
    changes |= _embedded(text) if embedded_database else {}
    secrets, named = _secrets(
        {
            "database.url_file": database_url_file,
            "database.owner_url_file": database_owner_url_file,
            "ldap.bind_password_file": ldap_password_file,
        }
    )
    plan = Plan(
        file,
        text,
        {key: value for key, value in {**changes, **named}.items() if value is not None},
        folders=_folders(watch or [], text),
        secrets=secrets,
        admin=admin,
        admin_name=admin_name,
        password=_password(admin_password_file),
        models=tuple(Path(str(_absolute(path))) for path in model or []),
        gpu=gpu,
        backup_timer=backup_timer,
        start=start,
    )
    if not yes and not check:
        plan = setup_questions.ask(plan, _current(plan))
    setup_steps.require_sound(plan)
    if check:
        print("Nothing is wrong with these answers; nothing was changed.")
        return
    raise typer.Exit(setup_steps.do(plan))


def _file() -> Path:
    """The configuration file to change or to make."""
    from govbot.config.load import DEFAULT_FILES

    named = config_file.get() or os.environ.get("GOVBOT_CONFIG")
    if named:
        return Path(named).absolute()
    found = next((file.absolute() for file in DEFAULT_FILES if file.is_file()), None)
    if found is not None:
        return found
    return SERVICE_FILE if os.geteuid() == 0 else Path("govbot.toml").absolute()


def _text(file: Path) -> str:
    from govbot.installation.plan import example

    try:
        return file.read_text(encoding="utf-8") if file.exists() else example()
    except (OSError, UnicodeDecodeError) as error:
        words = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise BadConfig(f"{file}: cannot be read ({words})") from error


def _current(plan: Plan) -> Settings:
    """The settings as they stand, with the flags over them."""
    return replace(plan, folders=()).settings()


def _data_dir(file: Path, text: str) -> str | None:
    """Named in a new file, so that it does not depend on where that lies."""
    from govbot.backup.folder import PACKAGED_DATA
    from govbot.installation.settings_file import settings_of

    if "data_dir" in settings_of(text) or "GOVBOT_DATA_DIR" in os.environ:
        return None
    return str(PACKAGED_DATA if file == SERVICE_FILE else file.parent / "data")


def _embedded(text: str) -> dict[str, object]:
    """What has to be emptied so that no external database is named."""
    from govbot.installation.settings_file import settings_of

    keys = ("url", "url_file", "owner_url", "owner_url_file")
    there = settings_of(text).get("database", {})
    return {f"database.{key}": "" for key in keys if there.get(key)}


def _secrets(named: Mapping[str, str]) -> tuple[tuple[Secret, ...], dict[str, object]]:
    """Secrets from standard input, which get files of their own, and files that are named."""
    from govbot.installation.plan import Secret

    typed = [Secret(key, _stdin()) for key, place in named.items() if place == "-"]
    files = {key: _absolute(Path(place)) for key, place in named.items() if place not in ("", "-")}
    return tuple(typed), dict(files)


def _require_one_stdin(*places: str) -> None:
    if places.count("-") > 1:
        raise Invalid("Only one secret can come from standard input: put the others into files.")


def _stdin() -> SecretStr:
    return SecretStr(sys.stdin.readline(_LONGEST).rstrip("\r\n"))


def _password(place: str) -> SecretStr | None:
    if place == "-":
        return _stdin()
    if place:
        from govbot.config.lists import read_secret

        return SecretStr(read_secret(Path(place), "--admin-password-file"))
    given = os.environ.pop(PASSWORD, "")
    return SecretStr(given) if given else None


def _folders(given: Sequence[str], text: str) -> list[dict[str, object]]:
    """The folders to add; those that are watched already into the same collection are left out."""
    from govbot.installation.settings_file import settings_of

    listed = settings_of(text).get("watch", {}).get("folders", [])
    known = [(each.get("path"), each.get("collection")) for each in listed]
    found: list[dict[str, object]] = []
    for each in given:
        path, equals, collection = each.rpartition("=")
        if not (path and equals and collection.strip()):
            raise Invalid(
                'Say which collection receives the folder: --watch "%(folder)s=Normas".',
                folder=each,
            )
        pair = (str(_absolute(Path(path))), collection.strip())
        if pair not in known:
            found.append({"path": pair[0], "collection": pair[1]})
    return found


def _absolute(path: Path | None) -> str | None:
    return None if path is None else os.path.abspath(path.expanduser())
