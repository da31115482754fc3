"""File locks between the GovBot processes that share one embedded PostgreSQL."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from govbot.db.account import Account
from govbot.errors import Unavailable

_POLL_S = 0.05


class FileLock:
    """One flock(2) on one file. The kernel frees it when the process dies, however it dies."""

    def __init__(self, path: Path, account: Account):
        self._path = path
        self._account = account
        self._fd = -1

    def open(self) -> int:
        """The file descriptor, not inherited by child processes unless passed to them."""
        if self._fd < 0:
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            self._fd = os.open(self._path, flags, 0o600)
            if self._account.is_other:
                os.fchown(self._fd, self._account.uid, self._account.gid)
        return self._fd

    def share(self) -> None:
        """Hold it together with others; only called where nobody holds it alone."""
        fcntl.flock(self.open(), fcntl.LOCK_SH)

    def try_alone(self) -> bool:
        """Hold it alone, unless somebody else holds it."""
        try:
            fcntl.flock(self.open(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        if self._is_replaced():  # a restore put another folder in place while we waited
            self.close()
            return False
        return True

    def holders_are_here(self) -> bool:
        """Whether every process that holds it is certainly in this container.

        The kernel shows the process id 0 for a holder in a container beside ours, several ids for
        one in a container inside ours, and nothing for one on another machine. Not every file
        system tells of its locks there.
        """
        found = os.fstat(self.open())
        place = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
        try:
            lines = Path("/proc/locks").read_text().splitlines()
        except OSError:
            return False
        held = [words for line in lines if "->" not in (words := line.split()) and place in words]
        return bool(held) and all(_is_here(int(words[4])) for words in held)

    def read(self) -> str:
        """What the file says."""
        return os.pread(self.open(), 1000, 0).decode(errors="replace")

    def write(self, text: str) -> None:
        """Replace what the file says."""
        os.ftruncate(self.open(), 0)
        os.pwrite(self.open(), text.encode(), 0)

    @contextmanager
    def alone(self, timeout_s: float, stop: threading.Event) -> Iterator[int]:
        """Hold it alone, waiting at most `timeout_s`; gives the file descriptor."""
        deadline = time.monotonic() + timeout_s
        while not self.try_alone():
            if time.monotonic() > deadline or stop.wait(_POLL_S):
                raise Unavailable(
                    "Another GovBot process has been starting or stopping the database for more "
                    "than %(seconds)s seconds: look at the running processes and try again.",
                    seconds=round(timeout_s),
                )
        try:
            yield self.open()
        finally:
            self.close()

    def _is_replaced(self) -> bool:
        try:
            there = self._path.stat()
        except FileNotFoundError:
            return True
        here = os.fstat(self._fd)
        return (there.st_dev, there.st_ino) != (here.st_dev, here.st_ino)

    def close(self) -> None:
        """Free it, also for child processes that inherited the descriptor."""
        if self._fd >= 0:
            fcntl.flock(self._fd, fcntl.LOCK_UN)
            os.close(self._fd)
            self._fd = -1


def _is_here(pid: int) -> bool:
    """Whether a process sees the same processes as we do: it has one id, and that is known here."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return False
    ids = next((line.split()[1:] for line in lines if line.startswith("NSpid:")), [])
    return pid > 0 and len(ids) == 1
