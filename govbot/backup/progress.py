"""How far a backup is, and its end when nobody wants it any more."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from subprocess import Popen
from threading import Event
from time import monotonic
from typing import Final, Literal

from govbot.backup.manifest import write_whole

Step = Literal["files", "database", "checksums", "restore", "count", "migrate", "prune"]
FILE: Final = "running.json"
_EVERY_S: Final = 1.0


class Stopped(Exception):
    """The work was called off: threads leave it at their next step."""


@dataclass(frozen=True, slots=True)
class Running:
    """What is under way in a folder of backups, as everybody may see it."""

    what: str
    step: str
    done: int
    total: int
    since: datetime

    @property
    def percent(self) -> int:
        return min(100, round(100 * self.done / self.total)) if self.total else 0


@dataclass(slots=True)
class Meter:
    """Counts bytes of one step after the other; raises Stopped in the thread that counts."""

    what: str = ""
    file: Path | None = None
    tell: Callable[[str, int, int], None] = lambda _step, _done, _total: None
    stop: Event = field(default_factory=Event)
    step: str = ""
    done: int = 0
    total: int = 0
    children: list[Popen[bytes]] = field(default_factory=list)
    _since: datetime = field(default_factory=lambda: datetime.now(UTC))
    _told: float = 0.0

    def call_off(self) -> None:
        """Ends the work soon; programs that say nothing for hours, too."""
        self.stop.set()
        for child in self.children:
            child.kill()

    def begin(self, step: Step, total: int = 0) -> None:
        """The next step, of so many bytes; 0: nobody knows."""
        self.step, self.done, self.total = step, 0, total
        self._told = 0.0
        self.add(0)

    def add(self, amount: int) -> None:
        """So much more is done."""
        if self.stop.is_set():
            raise Stopped
        self.done += amount
        now = monotonic()
        if now - self._told < _EVERY_S:
            return
        self._told = now
        self.tell(self.step, self.done, self.total)
        if self.file is not None:
            told = {"what": self.what, "step": self.step, "done": self.done, "total": self.total}
            told |= {"since": self._since.isoformat(), "pid": os.getpid()}
            write_whole(self.file, json.dumps(told))


def read(file: Path) -> Running | None:
    """What a meter wrote last; who asks knows whether anything is still under way."""
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        since = datetime.fromisoformat(told["since"])
        return Running(
            str(told["what"]), str(told["step"]), int(told["done"]), int(told["total"]), since
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
