"""`govbot setup`: from an empty machine to a green `govbot doctor`, asked or with flags.

Answers come from flags (setup_options.py) or questions (setup_questions.py), everything is checked
before anything is written (govbot/installation/plan.py), and then it is done step by step
(setup_steps.py). It can be run again: what is set is the default, and what is not asked for stays.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer
from pydantic import SecretStr

from govbot.cli import config_file
from govbot.cli.setup_options import PASSWORD, Options, absolute
from govbot.errors import BadConfig, Invalid

if TYPE_CHECKING:
    from govbot.config import Settings
    from govbot.installation.plan import Plan, Secret

SERVICE_FILE: Final = Path("/etc/govbot/govbot.toml")
_LONGEST: Final = 10_000  # characters of a secret


def command(**given: Any) -> None:
    """Set this installation up, or change how it is: settings, database, first administrator.

    Asks on a terminal; with --yes it takes the flags. Nothing is written before every answer was
    checked, and the old configuration file stays as a copy. Ends with `govbot doctor`.
    """
    from govbot.cli import setup_questions, setup_steps
    from govbot.installation.plan import with_credentials

    with_credentials()
    options = Options(**given)
    plan = _plan(options)
    if not options.yes and not options.check:
        plan = setup_questions.ask(plan, _current(plan))
    setup_steps.require_sound(plan)
    if options.check:
        print("Nothing is wrong with these answers; nothing was changed.")
        return
    raise typer.Exit(setup_steps.do(plan))


command.__signature__ = Options.signature()  # type: ignore[attr-defined] # typer reads it


def _plan(options: Options) -> Plan:
    """What the options ask for, and nothing else."""
    from govbot.installation.plan import Plan

    file = _file()
    text = _text(file)
    places = options.secrets()
    _require_one_stdin(options.admin_password_file, *places.values())
    changes = _data_dir(file, text) | options.settings()
    changes |= _embedded(text) if options.embedded_database else {}
    secrets, named = _secrets(places)
    return Plan(
        file,
        text,
        {**changes, **named},
        folders=_folders(options.watch or [], text),
        secrets=secrets,
        admin=options.admin,
        admin_name=options.admin_name,
        password=_password(options.admin_password_file),
        models=tuple(Path(absolute(path)) for path in options.model or []),
        gpu=options.gpu,
        backup_timer=options.backup_timer,
        start=options.start,
    )


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


def _data_dir(file: Path, text: str) -> dict[str, object]:
    """Named in a new file, so that it does not depend on where that lies."""
    from govbot.backup.folder import PACKAGED_DATA
    from govbot.installation.settings_file import settings_of

    if "data_dir" in settings_of(text) or "GOVBOT_DATA_DIR" in os.environ:
        return {}
    return {"data_dir": str(PACKAGED_DATA if file == SERVICE_FILE else file.parent / "data")}


def _embedded(text: str) -> dict[str, object]:
    """What has to be emptied so that no external database is named."""
    from govbot.installation.settings_file import settings_of

    keys = ("url", "url_file", "owner_url", "owner_url_file")
    there = settings_of(text).get("database", {})
    return {f"database.{key}": "" for key in keys if there.get(key)}


def _secrets(places: Mapping[str, str]) -> tuple[tuple[Secret, ...], dict[str, object]]:
    """Secrets from standard input, which get files of their own, and files that are named."""
    from govbot.installation.plan import Secret

    typed = [Secret(key, _stdin()) for key, place in places.items() if place == "-"]
    files = {key: absolute(Path(place)) for key, place in places.items() if place != "-"}
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
        pair = (absolute(Path(path)), collection.strip())
        if pair not in known:
            found.append({"path": pair[0], "collection": pair[1]})
    return found
