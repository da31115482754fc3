"""Fixtures of the faults: the demonstration, taken in once, and the table of what came of them.

make faults                            all faults, as often as docs/reliability.md says
GOVBOT_FAULT_ROUNDS=0.05 make faults   a quick look

GOVBOT_FAULT_DEMO names a folder that keeps the demonstration, which takes minutes to take in.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults import table
from tests.faults.people import make_key
from tests.faults.service import Demo, make_demo
from tests.faults.table import Row
from tests.system.installation import ROOT, Installation

SHARE = float(os.environ.get("GOVBOT_FAULT_ROUNDS", "1"))
REPORT = Path(os.environ.get("GOVBOT_FAULT_REPORT") or ROOT / "build" / "faults.json")
_ROWS = pytest.StashKey[list[Row]]()


@pytest.fixture(scope="session")
def rounds() -> Callable[[int], int]:
    """So many times, scaled by GOVBOT_FAULT_ROUNDS; at least once."""
    return lambda number: max(1, round(number * SHARE))


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    kept = os.environ.get("GOVBOT_FAULT_DEMO")
    return make_demo(Path(kept) if kept else tmp_path_factory.mktemp("demo"))


@pytest.fixture
def house(demo: Demo, tmp_path: Path) -> Iterator[Installation]:
    """The demonstration, to be harmed. A fault that fails must not leave a database behind."""
    house = demo.copy(tmp_path)
    yield house
    for pid in house.postgres():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGQUIT)


@pytest.fixture
def key(house: Installation) -> str:
    """An API key of the curator."""
    return make_key(house, "bruno.lima")


@pytest.fixture
def told(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Row], None]:
    """Puts a row into the table, with what happened to be measured."""
    began = time.monotonic()

    def tell(row: Row) -> None:
        row.doctor = row.doctor.replace(str(tmp_path), "…")
        row.figures["minutes"] = round((time.monotonic() - began) / 60, 1)
        table.write(REPORT, [row])  # now: a run that is broken off keeps what it has
        request.config.stash.setdefault(_ROWS, []).append(row)

    return tell


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    rows = terminalreporter.config.stash.get(_ROWS, [])
    if not rows:
        return
    terminalreporter.section("faults")
    terminalreporter.write_line(table.markdown(rows))
    terminalreporter.write_line(f"Written to {REPORT}")
