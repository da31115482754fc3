"""The pulse: heard while everything works, silent once a part is dead for long."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from govbot.generate import State, Status
from govbot.installation import pulse
from govbot.installation.pulse import Part, Pulse
from govbot.systemd import Notifier


class Bench:
    """Parts that live or not, a clock that is set, a manager that hears."""

    def __init__(self, listening: socket.socket, address: str) -> None:
        self.now = 1000.0
        self.dead: set[str] = set()
        self.listening = listening
        parts = [self.part("database", 300), self.part("models", 30)]
        notifier = Notifier({"NOTIFY_SOCKET": address})
        self.pulse = Pulse(notifier, parts, watchdog_s=60, clock=lambda: self.now)

    def part(self, name: str, patience_s: float) -> Part:
        async def alive() -> bool:
            return name not in self.dead

        return Part(name, alive, patience_s)

    async def heard(self) -> list[str]:
        await self.pulse.beat()
        self.listening.setblocking(False)
        found: list[str] = []
        while True:
            try:
                found += self.listening.recv(4096).decode().split("\n")
            except BlockingIOError:
                return found


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        yield Bench(listening, str(tmp_path / "notify"))


async def test_it_beats_while_all_parts_live(bench: Bench) -> None:
    assert await bench.heard() == ["STATUS=Ready", "WATCHDOG=1"]
    assert await bench.heard() == ["WATCHDOG=1"]


async def test_a_part_that_is_dead_for_long_stops_it_and_one_that_comes_back_does_not(
    bench: Bench,
) -> None:
    bench.dead = {"database"}
    assert await bench.heard() == ["STATUS=Not working: database", "WATCHDOG=1"]
    bench.now += 290
    assert await bench.heard() == ["WATCHDOG=1"]
    bench.dead = set()
    assert await bench.heard() == ["STATUS=Ready", "WATCHDOG=1"]
    bench.dead = {"database"}
    await bench.heard()
    bench.now += 301
    assert await bench.heard() == ["STATUS=Not working: database; waiting to be started anew"]


@pytest.mark.parametrize(
    ("status", "alive"),
    [
        (Status(State.IDLE), True),
        (Status(State.LOADING), True),
        (Status(State.FAILED), True),  # it is tried again by itself
        (Status(State.READY, running=4, step_s=240), True),  # a long prompt on a slow CPU
        (Status(State.READY, running=4, step_s=901), False),
        (Status(State.CLOSED), False),  # its thread ended and nobody had asked for that
    ],
)
async def test_a_slow_model_lives_and_one_without_thread_does_not(
    status: Status, alive: bool
) -> None:
    class Models:
        def models(self) -> tuple[object, ...]:
            return (type("Model", (), {"status": status})(),)

    assert await pulse.models(Models()).alive() is alive  # type: ignore[arg-type]
