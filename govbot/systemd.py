"""What systemd is told and what it hands over, sd_notify(3) and sd_listen_fds(3), and the drop-ins
that an installation needs beside the units of systemd/.

The protocols are a few lines each, and none of it does anything where systemd is not the one that
started the process.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterable, MutableMapping
from pathlib import Path
from time import monotonic_ns
from typing import Final

from govbot.errors import Unavailable

log = logging.getLogger(__name__)

DROPINS: Final = Path("/etc/systemd/system")
_FIRST_FD: Final = 3  # SD_LISTEN_FDS_START
_SEND_S: Final = 0.2  # a manager that does not read must not hold the event loop
_STATUS_LENGTH: Final = 200
_HIDDEN: Final = tuple(Path(each) for each in ("/home", "/root", "/run/user"))  # ProtectHome


class Notifier:
    """Tells systemd how the service stands; does nothing without NOTIFY_SOCKET."""

    def __init__(self, environ: MutableMapping[str, str] = os.environ) -> None:
        """Takes the address out of `environ`: child processes have nothing to tell."""
        address = environ.pop("NOTIFY_SOCKET", "")
        self._address = address if address[:1] in ("/", "@") else ""

    @property
    def there(self) -> bool:
        """Whether somebody listens."""
        return bool(self._address)

    def ready(self, status: str = "Ready") -> None:
        self._send("READY=1", _status(status))

    def stopping(self) -> None:
        self._send("STOPPING=1", _status("Stopping"))

    def reloading(self) -> None:
        """Before a reload; `ready` ends it."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={monotonic_ns() // 1000}")

    def watchdog(self) -> None:
        """Everything that must work works."""
        self._send("WATCHDOG=1")

    def status(self, text: str) -> None:
        self._send(_status(text))

    def progress(self, text: str, seconds: int) -> None:
        """A step of a start or a stop, which may take so many seconds more."""
        self._send(f"EXTEND_TIMEOUT_USEC={seconds * 1_000_000}", _status(text))

    def _send(self, *lines: str) -> None:
        if not self._address:
            return
        # A leading @ stands for the NUL of the abstract namespace.
        address = "\0" + self._address[1:] if self._address[0] == "@" else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.settimeout(_SEND_S)
                sender.sendto("\n".join(lines).encode(), address)
        except OSError as error:
            log.warning("systemd was not told: %s", error, extra={"action": "service.not-told"})


def watchdog_s(environ: MutableMapping[str, str] = os.environ) -> float | None:
    """Within how many seconds systemd wants to hear of us each time; None: it does not."""
    microseconds = environ.pop("WATCHDOG_USEC", "")
    meant = environ.pop("WATCHDOG_PID", str(os.getpid()))
    if not microseconds.isdecimal() or int(microseconds) == 0 or meant != str(os.getpid()):
        return None
    return int(microseconds) / 1_000_000


def handed_sockets(environ: MutableMapping[str, str] = os.environ) -> list[socket.socket]:
    """The listening sockets that systemd holds for us, which outlive this process; often none.

    Raises Unavailable when one of them is nothing that pages can be served on.
    """
    meant, number = environ.pop("LISTEN_PID", ""), environ.pop("LISTEN_FDS", "0")
    environ.pop("LISTEN_FDNAMES", None)
    if meant != str(os.getpid()) or not number.isdecimal():
        return []
    return [_listening(fd) for fd in range(_FIRST_FD, _FIRST_FD + int(number))]


def _listening(fd: int) -> socket.socket:
    try:
        os.set_inheritable(fd, False)
        found = socket.socket(fileno=fd)
        listens = found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 1
    except OSError as error:
        raise _not_for_pages() from error
    if not listens or found.family not in (socket.AF_INET, socket.AF_INET6):
        found.close()
        raise _not_for_pages()
    return found


def _not_for_pages() -> Unavailable:
    return Unavailable(
        "systemd handed over a socket that pages cannot be served on: govbot.socket needs "
        "ListenStream with a TCP port."
    )


def listen_dropin(host: str, port: int) -> str:
    """For `govbot.socket.d/listen.conf`: another address than that of the unit."""
    address = f"[{host}]" if ":" in host else host
    return f"[Socket]\nListenStream=\nListenStream={address}:{port}\n"


def paths_dropin(write: Iterable[Path], read: Iterable[Path] = ()) -> str:
    """For `govbot.service.d/paths.conf` (and govbot-backup's): folders outside /var/lib/govbot.

    `write`: the data folder elsewhere, archives, backups. `read`: watched folders, which only
    matter below /home, /root and /run/user, because everything else may be read anyway.
    """
    writable = sorted(set(write))
    hidden = [path for path in sorted(set(read)) if _is_hidden(path)]
    lines = ["[Unit]", *(f"RequiresMountsFor={_quoted(path)}" for path in writable), "[Service]"]
    if hidden or any(_is_hidden(path) for path in writable):
        lines.append("ProtectHome=tmpfs")  # empty but for what is put into it
    for path in writable:
        lines.append(f"{'BindPaths' if _is_hidden(path) else 'ReadWritePaths'}={_quoted(path)}")
    lines += [f"BindReadOnlyPaths={_quoted(path, optional=True)}" for path in hidden]
    return "\n".join(lines) + "\n"


def _is_hidden(path: Path) -> bool:
    return any(path.is_relative_to(each) for each in _HIDDEN)


def _quoted(path: Path, *, optional: bool = False) -> str:
    """A path as one word of a unit file (systemd.syntax(7)); a colon would end a bind's source."""
    text = str(path).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{"-" if optional else ""}{text}"'


def _status(text: str) -> str:
    return "STATUS=" + " ".join(text.split())[:_STATUS_LENGTH]
