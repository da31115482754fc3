"""The clock jumps: hours and weeks ahead and back, for GovBot and its database alike, under people
at work (libfaketime; the clock of the machine stays as it is)."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from govbot.db.account import Account
from govbot.db.embedded import EmbeddedPostgres
from tests.faults.census import assert_nothing_lost, looking, settle
from tests.faults.people import at_work
from tests.faults.service import Demo, Service, elsewhere, serving, until
from tests.faults.table import Row
from tests.faults.writer import slow_writer
from tests.system.installation import Installation

LIBRARIES = ("libfaketimeMT.so.1", "libfaketime.so.1")
PLACES = ("/usr/lib/x86_64-linux-gnu/faketime", "/usr/lib/aarch64-linux-gnu/faketime")
HOUR, DAY = 3600, 86_400
JUMPS = (2 * HOUR, 0, 40 * DAY, 0, -400 * DAY, 0)  # seconds from the real time
AWAY_S = 8.0


class Clock:
    """The time that processes with `environ` see."""

    def __init__(self, folder: Path, library: Path) -> None:
        self._file = folder / "offset"
        self.environ = {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DONT_RESET": "1",
            # Else the wait for Python's lock ends at once, and threads do nothing but hand it over.
            "FAKETIME_FORCE_MONOTONIC_FIX": "0",
        }
        self.set(0)

    def set(self, offset: int) -> None:
        """For all, within a second."""
        draft = self._file.with_suffix(".new")
        draft.write_text(f"{offset:+d}\n")
        draft.chmod(0o644)
        draft.replace(self._file)
        time.sleep(1.1)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    found = [Path(place, name) for place in PLACES for name in LIBRARIES]
    library = next((each for each in found if each.exists()), None)
    if library is None:
        pytest.skip("libfaketime is not installed (Debian package faketime)")
    folder = Path(tempfile.mkdtemp(dir="/dev/shm"))
    folder.chmod(0o755)
    clock = Clock(folder, library)
    _give_to_databases(clock, monkeypatch)
    yield clock
    shutil.rmtree(folder)


def _give_to_databases(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL's programs see this clock. What changes the account before them must not: the
    library makes things by the number of the process that their account may not open then."""
    popen = Account.popen
    words = ["/usr/bin/env", *(f"{name}={value}" for name, value in clock.environ.items())]

    def under_the_clock(account: Account, argv: Sequence[str], **options: Any) -> Any:
        return popen(account, [*words, *argv], **options)

    monkeypatch.setattr(Account, "popen", under_the_clock)


@pytest.mark.timeout(3600)
def test_a_clock_that_jumps_loses_nothing_and_keeps_nobody_out(
    house: Installation, demo: Demo, key: str, clock: Clock, rounds: Callable[[int], int],
    told: Callable[[Row], None],
) -> None:  # fmt: skip
    jumps = JUMPS * rounds(3)
    again: list[float] = []
    doctor: dict[str, str] = {}
    with slow_writer() as writer, EmbeddedPostgres(house.data) as server:
        settings = {
            **elsewhere(server.dsns()), **writer, **clock.environ,
            "GOVBOT_DOCUMENTS__TRASH_DAYS": "30", "GOVBOT_PRIVACY__CONVERSATION_DAYS": "30",
        }  # fmt: skip
        with serving(house, **settings) as service:
            with at_work(service, demo, key, finish_s=300, pause_s=3) as people:
                trashed = _trash(service, people.collection, people._bearer())
                for number, offset in enumerate(jumps):
                    clock.set(offset)
                    time.sleep(AWAY_S / 2)
                    sent = people.seen.sent
                    again.append(until(lambda: people.seen.sent > sent, 180))  # noqa: B023
                    if number < len(JUMPS):
                        # The library breaks the wait for a process now and then (EINVAL).
                        complaints = {
                            check: words
                            for check, words in service.complaints().items()
                            if check not in ("llama.cpp", "GPU")
                        }
                        if offset:
                            doctor |= {f"{_words(offset)}: {k}": v for k, v in complaints.items()}
                    if offset == 40 * DAY:
                        _started_anew(service)
                    time.sleep(AWAY_S / 2)
            settle(house)
            for name in clock.environ:
                del service.settings[name]  # doctor looks by the clock of the machine again
            assert service.complaints() == {}, "after the clock was right again"
            output = service.output
        with looking(house) as conn:
            row = conn.execute(
                "SELECT trashed_at IS NOT NULL AS kept FROM documents WHERE id = %(id)s",
                {"id": trashed},
            ).fetchone()
        assert_nothing_lost(house, people.ledger)
    assert row == {"kept": True}
    assert "Traceback" not in output, output[output.index("Traceback") - 500 :][:4000]
    told(
        Row(
            "Clock jump",
            f"2 hours ahead, 40 days ahead (with a start there), 400 days back, and right again, "
            f"for GovBot and its database, under {people.seen.asked} questions and "
            f"{people.seen.sent} documents; {people.seen.signed_in_again} times somebody had to "
            "sign in again",
            len(jumps),
            "nothing: the trash and old conversations were not emptied",
            again,
            "; ".join(f"{check}: {words}" for check, words in doctor.items())[:300] or "all well",
            {"refused": people.seen.refused},
        )
    )


def _words(offset: int) -> str:
    return f"{abs(offset) // HOUR} h {'ahead' if offset > 0 else 'back'}"


def _started_anew(service: Service) -> None:
    """A start under the wrong clock, when what is old is looked for."""
    service.kill()
    service.start()
    service.wait_ready()
    time.sleep(3)


def _trash(service: Service, collection: str, headers: Mapping[str, str]) -> str:
    """Puts a document of the demonstration into the trash; its id."""
    with httpx.Client(base_url=service.address, headers=headers, timeout=60) as client:
        listed = client.get("/api/v1/documents", params={"collection_id": collection}).json()
        document = next(each["id"] for each in listed["items"] if "manual" in each["filename"])
        assert client.delete(f"/api/v1/documents/{document}").is_success
    return str(document)
