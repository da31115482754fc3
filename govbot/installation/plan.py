"""What `govbot setup` is about to do: the answers, the settings that they make, what is wrong with
them. Everything is checked before anything is written.
"""

from __future__ import annotations

import errno
import grp
import os
import pwd
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from govbot.backup.folder import PACKAGED_DATA
from govbot.config import Settings, load_settings
from govbot.errors import BadConfig, GovBotError, Invalid, Unavailable
from govbot.installation.settings_file import Tables, rewritten, settings_of

EXAMPLE: Final = "govbot.toml"
LEAST_GB: Final = 2.0
CREDENTIALS: Final = Path("/etc/govbot/credentials")


@dataclass(frozen=True, slots=True)
class Account:
    """The system account that runs GovBot; commands of root are run as it."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...] = ()

    def may(self, what: str, path: Path) -> bool:
        """Asked of the kernel in the account's place; `what` is a letter of test(1)."""
        if self.uid == os.geteuid():
            return os.access(path, {"r": os.R_OK, "w": os.W_OK, "x": os.X_OK}[what])
        asked = subprocess.run(
            ["/usr/bin/test", f"-{what}", str(path)],
            user=self.uid,
            group=self.gid,
            extra_groups=list(self.groups),
            check=False,
        )
        return asked.returncode == 0


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret that was typed: it goes into a file of its own, which the setting `key` names."""

    key: str
    value: SecretStr

    def file(self, folder: Path) -> Path:
        """Where it lies: database.url beside the configuration file."""
        return folder / self.key.removesuffix("_file")


@dataclass(frozen=True, slots=True)
class Plan:
    """The answers. `changes` and `folders` go into the configuration file `file`."""

    file: Path
    text: str
    changes: Mapping[str, object] = field(default_factory=dict)
    folders: Tables = ()
    secrets: tuple[Secret, ...] = ()
    admin: str = ""
    admin_name: str = ""
    password: SecretStr | None = None
    models: tuple[Path, ...] = ()
    gpu: bool | None = None
    backup_timer: bool = False
    start: bool = False

    def rewritten(self) -> str:
        """The configuration file as it will be. Raises BadConfig."""
        named = {each.key: str(each.file(self.file.parent)) for each in self.secrets}
        changes = self._alone({**self.changes, **named})
        return rewritten(self.text, changes, {"watch.folders": self.folders})

    def _alone(self, changes: Mapping[str, object]) -> dict[str, object]:
        """A secret stands in the file itself or in a file of its own: the other is emptied."""
        old, found = settings_of(self.text), dict(changes)
        for key, value in changes.items():
            section, _, name = key.rpartition(".")
            base = name.removesuffix("_file")
            if base != name and value and old.get(section, {}).get(base):
                found[f"{section}.{base}"] = ""
        return found

    def settings(self) -> Settings:
        """What the settings will be, the secrets included. Raises BadConfig naming the file."""
        plain = rewritten(self.text, self._alone(self.changes), {"watch.folders": self.folders})
        draft = self.file.with_name(f".{self.file.name}.check-{os.getpid()}")
        made = _nearest(self.file.parent)
        if made != self.file.parent:  # it is made when all answers are good
            draft = made / draft.name
        given = {
            "GOVBOT_" + each.key.removesuffix("_file").upper().replace(".", "__"): (
                each.value.get_secret_value()
            )
            for each in self.secrets
        }
        try:
            draft.touch(mode=0o600)
            draft.write_text(plain, encoding="utf-8")
            found = load_settings(draft, {**os.environ, **given})
        except OSError as error:
            words = error.strerror or str(error)
            raise BadConfig(f"{self.file}: cannot be written ({words})") from error
        except BadConfig as error:
            raise BadConfig(str(error).replace(str(draft), str(self.file))) from error
        finally:
            draft.unlink(missing_ok=True)
        found._file = self.file
        return found


def account_for(data_dir: Path) -> Account | None:
    """Whom commands are run as when root sets up: who owns the data folder, if that account can
    run the program. None: ourselves."""
    if os.geteuid() != 0:
        return None
    there = data_dir if data_dir.exists() else None
    uid = there.stat().st_uid if there else 0
    if uid == 0 and data_dir == PACKAGED_DATA:
        uid = next((each.pw_uid for each in pwd.getpwall() if each.pw_name == "govbot"), 0)
    if uid == 0:
        return None
    try:
        entry = pwd.getpwuid(uid)
    except KeyError as error:
        raise Invalid(
            "%(path)s belongs to the account %(uid)s, which has no name on this machine.",
            path=data_dir,
            uid=uid,
        ) from error
    groups = [gid for gid in os.getgrouplist(entry.pw_name, entry.pw_gid) if _known(gid)]
    account = Account(entry.pw_name, entry.pw_uid, entry.pw_gid, tuple(groups))
    # A program below /root, say, is nobody else's: it goes on as root, as it does without setup.
    runs = account.may("x", Path(sys.executable)) and account.may("r", Path(__file__))
    return account if runs else None


def become(account: Account | None) -> None:
    """Leaves root for the account, for good: what is found and made is what the service would."""
    if account is None:
        return
    os.setgroups(account.groups)
    os.setgid(account.gid)
    os.setuid(account.uid)
    os.environ["HOME"] = pwd.getpwuid(account.uid).pw_dir


def with_credentials(folder: Path = CREDENTIALS) -> None:
    """Lets root's commands read the secrets that systemd hands to the service."""
    if os.geteuid() == 0 and folder.is_dir():
        os.environ.setdefault("CREDENTIALS_DIRECTORY", str(folder))


def problems(plan: Plan, account: Account | None) -> list[GovBotError]:
    """Everything that is wrong with the plan, asked of this machine; nothing is changed.

    The database, the directory and the models are asked elsewhere, as they take their time.
    """
    try:
        settings = plan.settings()
    except BadConfig as error:
        return [error]
    looks: list[Callable[[], None]] = [
        *(lambda key=key: require_ours(key, plan, settings) for key in plan.changes),
        lambda: require_data_folder(settings.data_dir, account),
        lambda: require_address(settings.web.host, settings.web.port),
        lambda: require_certificate(settings),
        *(lambda path=path: require_model(path, account) for path in plan.models),
        *(
            lambda path=Path(each.path): require_readable(path, account)
            for each in settings.watch.folders
        ),
        lambda: require_admin(plan, settings),
    ]
    found = []
    for look in looks:
        try:
            look()
        except GovBotError as error:
            found.append(error)
    return found


def require_ours(key: str, plan: Plan, settings: Settings) -> None:
    """Raises BadConfig where an answer would not count, as the environment says otherwise."""
    section, _, name = key.rpartition(".")
    value = getattr(getattr(settings, section) if section else settings, name)
    place, answer = settings.origin(key), plan.changes[key]
    same = str(value) == str(answer) or (isinstance(value, tuple) and list(value) == answer)
    if place.startswith("GOVBOT_") and not same:
        raise BadConfig(f"{place}: the environment says {key}, and wins: take it out there")


def require_data_folder(folder: Path, account: Account | None) -> None:
    """Raises Invalid or Unavailable where the data cannot lie there."""
    near = _nearest(folder)
    if not near.is_dir():
        raise Invalid("%(path)s is no folder: choose another for the data.", path=near)
    if account is not None and near == folder:
        reason = "" if account.may("w", near) else "permission denied"
    else:  # we make it, and root gives it away
        reason = _why_not_made(near)
    if reason:
        raise Invalid(
            "The data folder %(path)s cannot be written by %(name)s (%(reason)s): choose another, "
            "or give it with chown.",
            path=folder,
            name=account.name if account else "this account",
            reason=reason,
        )
    try:
        usage = os.statvfs(near)
    except OSError as error:
        raise Unavailable("%(path)s does not answer.", path=near) from error
    free = usage.f_bavail * usage.f_frsize / 1e9
    if free < LEAST_GB:
        raise Unavailable(
            "Only %(free)s GB are free at %(path)s, and 2 GB are the least: choose another disk.",
            free=f"{free:.1f}",
            path=near,
        )


def require_address(host: str, port: int) -> None:
    """Raises Invalid where GovBot could not listen; its own port, in use by it, is fine."""
    try:
        with socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET
        ):
            return
    except (OSError, UnicodeError) as error:
        number = getattr(error, "errno", None)
        reason = getattr(error, "strerror", None) or str(error)
    if number == errno.EADDRINUSE and answers(host, port):
        return
    if number == errno.EACCES:
        return  # below 1024: systemd opens it
    words = "another program listens there" if number == errno.EADDRINUSE else reason
    raise Invalid(
        "Port %(port)s of %(host)s cannot be used (%(reason)s): choose another address or port.",
        port=port,
        host=host,
        reason=words,
    )


def answers(host: str, port: int) -> str:
    """ "http" or "https" where a GovBot answers there; empty where something else does."""
    import http.client
    import ssl

    target = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared
    unchecked = ssl.create_default_context()
    unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE
    links = {
        "http": http.client.HTTPConnection(target, port, timeout=3),
        "https": http.client.HTTPSConnection(target, port, timeout=3, context=unchecked),
    }
    for name, link in links.items():
        try:
            link.request("GET", "/healthz")
            answer = link.getresponse()
            if answer.status == 200 and answer.read(16).strip() == b"ok":
                return name
        except (OSError, http.client.HTTPException):
            continue
        finally:
            link.close()
    return ""


def require_certificate(settings: Settings) -> None:
    """Raises BadConfig where GovBot's own certificate cannot be used."""
    from govbot.certificates import examine

    web = settings.web
    if not web.tls_certificate:
        return
    if problem := examine(Path(web.tls_certificate), Path(web.tls_key)).problem():
        raise BadConfig(f"[web] tls_certificate {web.tls_certificate}: {problem}")


def require_readable(folder: Path, account: Account | None) -> None:
    """Raises Invalid for a watched folder that is missing or closed to the service."""
    if not folder.is_dir():
        raise Invalid("There is no folder %(path)s.", path=folder)
    if not (_may(account, "r", folder) and _may(account, "x", folder)):
        raise Invalid(
            "The folder %(path)s cannot be read by %(name)s: give it the right to.",
            path=folder,
            name=account.name if account else "this account",
        )


def require_model(path: Path, account: Account | None) -> None:
    """Raises Invalid for a model that the service's account may not read."""
    if path.exists() and not _may(account, "r", path):
        raise Invalid(
            "%(path)s cannot be read by %(name)s: give it the right to.",
            path=path,
            name=account.name if account else "this account",
        )


def require_admin(plan: Plan, settings: Settings) -> None:
    """Raises Invalid for a user name or a password that would be refused later."""
    from govbot.auth import passwords
    from govbot.auth.users import USERNAME

    if plan.admin and not USERNAME.fullmatch(plan.admin.strip().casefold()):
        raise Invalid(
            "A user name has 2 to 64 characters: a-z, 0-9, dot, hyphen, underscore or @.",
            code="E-USERNAME",
        )
    if plan.password is not None:
        passwords.check_strength(
            plan.password.get_secret_value(),
            minimum=settings.auth.min_password_length,
            context=(plan.admin, plan.admin_name, settings.organisation),
        )


def example() -> str:
    """The commented example file, for an installation without one; empty where it is not here."""
    root = Path(__file__).resolve().parents[2]
    places = (root / EXAMPLE, Path(sys.prefix) / "share" / "govbot" / EXAMPLE)
    found = next((place for place in places if place.is_file()), None)
    return found.read_text(encoding="utf-8") if found else ""


def _may(account: Account | None, what: str, path: Path) -> bool:
    if account is not None:
        return account.may(what, path)
    return os.access(path, {"r": os.R_OK, "w": os.W_OK, "x": os.X_OK}[what])


def _why_not_made(folder: Path) -> str:
    """Why nothing can be made in a folder, tried; modes say little of root and of mounts."""
    try:
        os.rmdir(tempfile.mkdtemp(prefix=".govbot-", dir=folder))
    except OSError as error:
        return (error.strerror or str(error)).lower()
    return ""


def _nearest(path: Path) -> Path:
    """The path itself, or the nearest of its parents that exists."""
    while not os.path.lexists(path) and path != path.parent:
        path = path.parent
    return path


def _known(gid: int) -> bool:
    try:
        grp.getgrgid(gid)
    except KeyError:
        return False
    return True
