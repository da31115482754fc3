"""The questions of `govbot setup`: what is set now is the default, each answer is checked."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import typer
from pydantic import SecretStr

from govbot.errors import GovBotError, Invalid

if TYPE_CHECKING:
    from govbot.config import Settings
    from govbot.installation.plan import Plan, Secret

T = TypeVar("T")


def ask(plan: Plan, now: Settings) -> Plan:
    """The plan with the answers in it. Ctrl-C and the end of input leave everything as it was."""
    from govbot.installation.plan import account_for

    _require_terminal()
    print(f"GovBot is set up in {plan.file}.")
    print("Enter keeps what stands in brackets, - leaves it empty.\n")
    changes: dict[str, object] = dict(plan.changes)
    secrets = {each.key: each for each in plan.secrets}
    _organisation(changes, now)
    _data(changes, now)
    _address(changes, now)
    secrets |= _database(changes, now)
    admin = _admin(plan, now)
    models = _models(plan)
    account = account_for(Path(str(changes.get("data_dir", now.data_dir))))
    folders = _folders(plan, account)
    secrets |= _directory(changes, now)
    timer, start = _service(plan)
    made = replace(
        plan,
        changes=_different(changes, plan, now),
        secrets=tuple(secrets.values()),
        models=models,
        folders=folders,
        backup_timer=timer,
        start=start,
        **admin,
    )
    _confirm(made)
    return made


def _require_terminal() -> None:
    import sys

    if not sys.stdin.isatty():
        raise Invalid("There is no terminal to ask on: give the answers as flags, and --yes.")


def _organisation(changes: dict[str, object], now: Settings) -> None:
    _setting(changes, now, "organisation", "Name of the organisation")
    _setting(changes, now, "language", "Language of the pages (pt-BR, en)")


def _data(changes: dict[str, object], now: Settings) -> None:
    from govbot.installation.plan import account_for, require_data_folder

    def folder(text: str) -> str:
        path = Path(os.path.abspath(Path(text).expanduser()))
        require_data_folder(path, account_for(path))
        return str(path)

    default = str(changes.get("data_dir", now.data_dir))
    changes["data_dir"] = _ask("Folder of all data", default, folder)


def _address(changes: dict[str, object], now: Settings) -> None:
    from govbot.certificates import examine
    from govbot.config.load import value_of
    from govbot.installation.plan import require_address

    while True:
        _setting(changes, now, "web.host", "Address to listen on (0.0.0.0: every one)")
        host = str(changes["web.host"])

        def port(text: str, host: str = host) -> int:
            number = int(value_of("web.port", text, "Port"))
            require_address(host, number)
            return number

        default = str(changes.get("web.port", now.web.port))
        try:
            changes["web.port"] = _ask("Port", default, port, tries=3)
            break
        except _EnoughError:
            print("  Perhaps the address is the wrong one.")
    _setting(changes, now, "web.base_url", "Address people type, if a proxy stands in front")
    default = str(changes.get("web.tls_certificate", now.web.tls_certificate))

    def certificate(text: str) -> str:
        if text and not Path(text).expanduser().is_file():
            raise Invalid("There is no file %(path)s.", path=text)
        return os.path.abspath(Path(text).expanduser()) if text else ""

    place = _ask("Certificate for GovBot's own TLS (empty: none)", default, certificate)
    changes["web.tls_certificate"] = place

    def key(text: str) -> str:
        path = os.path.abspath(Path(text).expanduser())
        if problem := examine(Path(place), Path(path)).problem():
            raise Invalid("%(problem)s", problem=problem)
        return path

    default = str(changes.get("web.tls_key", now.web.tls_key))
    changes["web.tls_key"] = _ask("Its key", default, key) if place else ""


def _database(changes: dict[str, object], now: Settings) -> dict[str, Secret]:
    """The connection is typed unseen and tried at once."""
    from govbot.cli.setup_steps import tried
    from govbot.installation import surroundings
    from govbot.installation.plan import Secret

    own = bool(now.database.url)
    if not typer.confirm("Use an own PostgreSQL server instead of the embedded one?", default=own):
        if own:
            changes |= {"database.url": "", "database.url_file": ""}
            changes |= {"database.owner_url": "", "database.owner_url_file": ""}
        return {}

    def connection(text: str) -> str:
        from govbot.config.load import value_of

        if not text and not own:
            raise Invalid("Give a connection: postgresql://user:password@host/base.")
        url = value_of("database.url", text, "Connection") if text else now.database.url
        section = now.database.model_copy(update={"url": url})
        seen = tried(surroundings.database(now.model_copy(update={"database": section})))
        print(f"  {seen}")
        return text

    words = "Connection, postgresql://user:password@host/base"
    words += " (empty: the one that is set)" if own else ""
    typed = _ask(words, "", connection, hidden=True)
    key = "database.url_file"
    return {key: Secret(key, SecretStr(typed))} if typed else {}


def _admin(plan: Plan, now: Settings) -> dict[str, Any]:
    from govbot.installation.plan import require_admin

    fresh = not (now.data_dir / "secret.key").exists() and not now.database.url

    def username(text: str) -> str:
        require_admin(replace(plan, admin=text, password=None), now)
        return text

    default = plan.admin or ("admin" if fresh else "")
    admin = _ask("User name of an administrator to add (-: none)", default, username)
    if not admin:
        return {"admin": ""}
    name = _ask("Full name", plan.admin_name, str)

    def password(text: str) -> str:
        if text:
            given = SecretStr(text)
            require_admin(replace(plan, admin=admin, admin_name=name, password=given), now)
        return text

    if plan.password is not None:
        return {"admin": admin, "admin_name": name}
    typed = _ask("Password (empty: one is made and shown once)", "", password, hidden=True)
    return {
        "admin": admin,
        "admin_name": name,
        "password": SecretStr(typed) if typed else None,
    }


def _models(plan: Plan) -> tuple[Path, ...]:
    from govbot.installation import surroundings

    def model(text: str) -> str:
        if text:
            step = surroundings.model(Path(text).expanduser().absolute())
            if step.problem:
                raise Invalid("%(problem)s", problem=step.problem)
            print(f"  {step.seen}")
        return text

    found = list(plan.models)
    while given := _ask("Model to take in, GGUF file or folder (empty: no more)", "", model):
        found.append(Path(given).expanduser().absolute())
    return tuple(found)


def _folders(plan: Plan, account: Any) -> list[dict[str, object]]:
    from govbot.installation.plan import require_readable

    def folder(text: str) -> str:
        if text:
            require_readable(Path(text).expanduser().absolute(), account)
        return text

    def collection(text: str) -> str:
        if not text.strip():
            raise Invalid("Name the collection that receives its files.")
        return text.strip()

    found = [dict(each) for each in plan.folders]
    while given := _ask("Folder to watch (empty: no more)", "", folder):
        path = Path(given).expanduser().absolute()
        found.append(
            {
                "path": os.path.normpath(path),
                "collection": _ask("  Collection that receives its files", path.name, collection),
            }
        )
    return found


def _directory(changes: dict[str, object], now: Settings) -> dict[str, Secret]:
    """LDAP or Active Directory, tried with what was answered."""
    from govbot.cli.setup_steps import tried
    from govbot.config.load import value_of
    from govbot.installation import surroundings
    from govbot.installation.plan import Secret

    on = bool(changes.get("ldap.servers", now.ldap.servers))
    if not typer.confirm("Sign in with an LDAP directory or Active Directory?", default=on):
        return {}
    while True:
        servers = changes.get("ldap.servers", now.ldap.servers)
        listed = ", ".join(servers) if isinstance(servers, (list, tuple)) else ""
        changes["ldap.servers"] = _ask(
            "Servers, ldaps://host, with commas between",
            listed,
            lambda text: list(value_of("ldap.servers", text, "Servers")),
        )
        _setting(changes, now, "ldap.kind", "Kind (openldap, ad)")
        _setting(changes, now, "ldap.base_dn", "Branch of the people (dc=example,dc=org)")
        _setting(changes, now, "ldap.bind_dn", "Account that searches (empty: none)")
        typed = ""
        if changes["ldap.bind_dn"]:
            typed = _ask("Its password (empty: the one that is set)", "", str, hidden=True)
        _setting(changes, now, "ldap.ca_file", "Its authority's certificates (empty: the system's)")
        update = {key.partition(".")[2]: v for key, v in changes.items() if key[:5] == "ldap."}
        update["servers"] = tuple(changes["ldap.servers"])  # type: ignore[arg-type]
        if typed:
            update["bind_password"] = SecretStr(typed)
        section = now.ldap.model_copy(update=update)
        steps = tried(surroundings.directory(now.model_copy(update={"ldap": section})))
        bad = [step for step in steps if step.problem]
        for step in bad or steps:
            print(f"  {step.what}: {step.problem or step.seen or 'well'}")
        if not bad or not typer.confirm("Correct these answers?", default=True):
            break
    key = "ldap.bind_password_file"
    return {key: Secret(key, SecretStr(typed))} if typed else {}


def _service(plan: Plan) -> tuple[bool, bool]:
    from govbot.cli.setup_steps import why_no_units

    if why_no_units(plan.file):
        return plan.backup_timer, plan.start
    timer = typer.confirm("A backup every night?", default=True)
    return timer, typer.confirm("Start the service now and at every boot?", default=True)


def _different(changes: dict[str, object], plan: Plan, now: Settings) -> dict[str, object]:
    """Only what is not so already: a file that says nothing about a setting goes on so."""
    found = {}
    for key, value in changes.items():
        section, _, name = key.rpartition(".")
        old = getattr(getattr(now, section) if section else now, name)
        old = list(old) if isinstance(old, tuple) else old
        same = value == (str(old) if isinstance(old, Path) else old)
        if key in plan.changes or not same:
            found[key] = value
    return found


def _confirm(plan: Plan) -> None:
    from difflib import unified_diff

    before, after = plan.text.splitlines(), plan.rewritten().splitlines()
    changed = [
        line
        for line in unified_diff(before, after, lineterm="", n=0)
        if line[:1] in "+-" and line[:3] not in ("+++", "---")
    ]
    print(f"\n{plan.file} changes so:" if changed else f"\n{plan.file} stays as it is.")
    for line in changed:
        print(f"  {line}")
    typer.confirm("Do it?", default=True, abort=True)


def _setting(changes: dict[str, object], now: Settings, key: str, words: str) -> None:
    """Asks for one setting, checked as its line in the file would be."""
    from govbot.config.load import value_of

    section, _, name = key.rpartition(".")
    old = changes.get(key, getattr(getattr(now, section) if section else now, name))

    def value(text: str) -> object:
        path = os.path.abspath(Path(text).expanduser()) if key.endswith("_file") and text else text
        return value_of(key, path, "That")

    changes[key] = _ask(words, str(old), value)


class _EnoughError(Exception):
    """The same question was answered wrongly too often."""


def _ask(
    words: str, default: str, check: Callable[[str], T], *, hidden: bool = False, tries: int = 0
) -> T:
    """Asks until the answer is good; after `tries` bad ones (0: never) raises _EnoughError."""
    bad = 0
    while True:
        text = str(typer.prompt(words, default=default, show_default=bool(default),
                                hide_input=hidden)).strip()  # fmt: skip
        try:
            return check("" if text == "-" else text)
        except GovBotError as error:
            print(f"  {error}")
            bad += 1
            if bad == tries:
                raise _EnoughError from error
