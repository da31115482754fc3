"""kill -9 while people send documents and ask questions: what was said yes to is there, once."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import pytest

from tests.faults.census import assert_nothing_lost, settle
from tests.faults.people import at_work
from tests.faults.service import Demo, Service
from tests.faults.table import Row
from tests.faults.writer import slow_writer
from tests.system.installation import Installation

EVERYTHING_EVERY = 4  # each fourth time the database is killed too
LONGEST_S = 15.0  # a node takes up the answers of a dead one after six


@pytest.mark.timeout(7200)
def test_after_kills_under_load_everything_accepted_is_there_once(
    house: Installation,
    demo: Demo,
    key: str,
    rounds: Callable[[int], int],
    told: Callable[[Row], None],
) -> None:
    times, moments = rounds(100), random.Random(9)
    again: list[float] = []
    with slow_writer() as writer:
        service = Service(house, **writer)
        service.start()
        service.wait_ready()
        try:
            with at_work(service, demo, key, finish_s=300, pause_s=1) as people:
                for number in range(times):
                    time.sleep(moments.uniform(0.2, LONGEST_S))
                    began = time.monotonic()
                    service.kill(database=number % EVERYTHING_EVERY == 0)
                    service.start()
                    service.wait_ready()
                    again.append(time.monotonic() - began)
            settle(house)
            seen, doctor = people.seen, service.complaints()
        finally:
            service.stop()
        assert_nothing_lost(house, people.ledger)
    assert seen.sent > 0
    assert seen.asked > 0
    assert seen.signed_in_again == 0
    assert doctor == {}
    told(
        Row(
            "kill -9 under load",
            f"killed at random moments while documents were sent ({seen.sent} accepted) and "
            f"questions asked ({seen.asked} accepted, {seen.asked_again} interrupted answers asked "
            "again); each fourth time the database's processes too",
            times,
            "nothing: every accepted file and question there once, no job twice, chain whole",
            again,
            "all well after each start",
            {
                "sent": seen.sent,
                "asked": seen.asked,
                "asked again": seen.asked_again,
                "tracebacks": service.output.count("Traceback"),
            },
        )
    )
