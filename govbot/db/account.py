"""The operating system account that runs the embedded PostgreSQL, which refuses to run as root.

An ordinary user runs it as himself. Root runs it as an unprivileged account; when that account
cannot reach the folders (a checkout under /root, say), the child processes keep one capability
that lets them pass through closed folders, and nothing else of root.
"""

from __future__ import annotations

import grp
import logging
import os
import pwd
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from govbot.errors import BadConfig, Unavailable

log = logging.getLogger(__name__)

_CANDIDATES: Final = ("govbot", "postgres")
# Reading is enough to pass through folders; plain containers only have the second one.
_CAPABILITIES: Final = {"dac_read_search": 2, "dac_override": 1}
_CAP_SETPCAP: Final = 8


@dataclass(frozen=True, slots=True)
class Account:
    """An account, and how a child process becomes it."""

    name: str
    uid: int
    gid: int
    prefix: tuple[str, ...] = ()
    """Words before the command: `setpriv ...` when a capability has to be kept."""

    @property
    def is_other(self) -> bool:
        """True when we are root and the child must change to this account."""
        return self.uid != os.geteuid()

    def popen(
        self, argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], **options: Any
    ) -> subprocess.Popen[bytes]:
        """Start `argv` under this account, in its own session: Ctrl-C does not reach it."""
        if self.is_other and not self.prefix:
            options |= {"user": self.uid, "group": self.gid, "extra_groups": _groups(self)}
        return subprocess.Popen(
            [*self.prefix, *argv],
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            umask=0o077,
            **options,
        )

    def give(self, path: Path, mode: int) -> None:
        """Make `path` this account's own, with `mode`; a symbolic link is an error.

        The account owns the folders in which root works: it must not lead root elsewhere.
        """
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            if self.is_other:
                os.fchown(fd, self.uid, self.gid)
            os.fchmod(fd, mode)
        finally:
            os.close(fd)


def create(path: Path) -> BinaryIO:
    """A new, empty file in place of whatever had its name, open for writing."""
    path.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.fdopen(os.open(path, flags, 0o600), "wb")


def account_for(cluster: Path, run_as: str, *, reach: Sequence[Path]) -> Account:
    """The account for the cluster in folder `cluster`.

    An existing cluster keeps its owner. `reach` are the paths that the account must get to.
    """
    if os.geteuid() != 0:
        return _own_account(cluster)
    account = _owner_of(cluster) or _chosen(run_as)
    if all(_reaches(account, path) for path in reach):
        return account
    return _with_capability(account)


def _own_account(cluster: Path) -> Account:
    uid = os.geteuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        raise Unavailable(
            "The user id %(uid)s has no name on this machine, and PostgreSQL needs one: "
            "add it to /etc/passwd, or use an external database.",
            uid=uid,
        ) from None
    if cluster.exists() and (owner := cluster.stat().st_uid) != uid:
        raise Unavailable(
            'The database folder "%(path)s" belongs to another user (id %(owner)s): '
            "run GovBot as that user, or choose another data folder.",
            path=str(cluster),
            owner=owner,
        )
    return Account(name, uid, os.getegid())


def _owner_of(cluster: Path) -> Account | None:
    """Who an existing cluster belongs to; None for a new one."""
    try:
        owner = (cluster / "data").stat().st_uid
    except FileNotFoundError:
        return None
    if owner == 0:
        return None
    try:
        return _account(pwd.getpwuid(owner))
    except KeyError:
        raise Unavailable(
            'The database folder "%(path)s" belongs to user id %(owner)s, which has no name on '
            "this machine: give it to an existing user with chown -R.",
            path=str(cluster),
            owner=owner,
        ) from None


def _chosen(run_as: str) -> Account:
    if run_as:
        try:
            entry = pwd.getpwnam(run_as)
        except KeyError:
            raise BadConfig(
                'database.run_as: there is no user "%(name)s" on this machine.', name=run_as
            ) from None
        if entry.pw_uid == 0:
            raise BadConfig("database.run_as: PostgreSQL does not run as root.")
        return _account(entry)
    for name in _CANDIDATES:
        try:
            return _account(pwd.getpwnam(name))
        except KeyError:
            continue
    return _created("govbot") or _account(pwd.getpwnam("nobody"))


def _created(name: str) -> Account | None:
    """A new system account; None where it cannot be made (read-only /etc, no useradd)."""
    program = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if program is None:
        return None
    options = ("--system", "--user-group", "--no-create-home", "--shell=/usr/sbin/nologin")
    made = subprocess.run([program, *options, name], capture_output=True, check=False)
    if made.returncode != 0:
        log.warning("No account could be created", extra={"action": "database.account"})
        return None
    return _account(pwd.getpwnam(name))


def _account(entry: pwd.struct_passwd) -> Account:
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _groups(account: Account) -> list[int]:
    return [g for g in os.getgrouplist(account.name, account.gid) if _known(g)]


def _known(gid: int) -> bool:
    try:
        grp.getgrgid(gid)
    except KeyError:
        return False
    return True


def _reaches(account: Account, path: Path) -> bool:
    """Asked of the kernel, in the account's place: modes alone do not tell of ACLs and mounts."""
    asked = subprocess.run(
        ["/usr/bin/test", "-x", str(path)],
        user=account.uid,
        group=account.gid,
        extra_groups=_groups(account),
        check=False,
    )
    return asked.returncode == 0


def _with_capability(account: Account) -> Account:
    """The account plus one ambient capability to pass through closed folders.

    no_setuid_fixup, because access(2), which PostgreSQL asks for its own files, otherwise
    answers as if the capability were not there (capabilities(7)).
    """
    permitted = _permitted_capabilities()
    program = shutil.which("setpriv", path="/usr/bin:/bin")
    usable = [name for name, bit in _CAPABILITIES.items() if permitted >> bit & 1]
    if program is None or not usable or not permitted >> _CAP_SETPCAP & 1:
        raise Unavailable(
            'PostgreSQL must run as user "%(name)s", who cannot reach the folders of GovBot: move '
            "GovBot and its data folder out of closed folders such as /root, or run it as an "
            "ordinary user.",
            name=account.name,
        )
    keep = f"-all,+{usable[0]}"
    identity = (f"--reuid={account.uid}", f"--regid={account.gid}", "--clear-groups")
    keeping = ("--securebits=+no_setuid_fixup", f"--inh-caps={keep}", f"--ambient-caps={keep}")
    log.info(
        "PostgreSQL keeps the capability %s to reach its folders",
        usable[0],
        extra={"action": "database.account"},
    )
    return Account(account.name, account.uid, account.gid, (program, *identity, *keeping, "--"))


def _permitted_capabilities() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapPrm:"):
            return int(line.split()[1], 16)
    return 0
