"""The database is restarted, in order and by kill -9, while answers stream."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable

import pytest

from govbot.db.embedded import EmbeddedPostgres
from tests.faults.census import assert_nothing_lost, settle
from tests.faults.people import at_work
from tests.faults.service import Demo, elsewhere, serving, until
from tests.faults.table import Row
from tests.faults.writer import slow_writer
from tests.system.installation import Installation

WAYS = (signal.SIGINT, signal.SIGKILL)  # a fast shutdown as an administrator does it; a crash


@pytest.mark.timeout(3600)
def test_answers_under_way_outlive_a_restart_of_the_database(
    house: Installation,
    demo: Demo,
    key: str,
    rounds: Callable[[int], int],
    told: Callable[[Row], None],
) -> None:
    times, moments = rounds(20), random.Random(4)
    again: list[float] = []
    with slow_writer() as writer, serving(house, **writer) as service:
        with at_work(service, demo, key, finish_s=300, pause_s=1) as people:
            for number in range(times):
                time.sleep(moments.uniform(1, 4))
                _end_database(house, WAYS[number % len(WAYS)])
                again.append(until(service.ready, 180, every_s=0.05))
        settle(house)
        doctor = service.complaints()
        assert service.alive
        assert_nothing_lost(house, people.ledger)
        assert service.process is not None
        output = service.output
    assert doctor == {}
    seen = people.seen
    told(
        Row(
            "Database restart while answers stream",
            f"PostgreSQL stopped or killed under {seen.asked} questions and {seen.sent} documents; "
            f"GovBot started it again; {seen.asked_again} answers had to be asked again",
            times,
            "nothing",
            again,
            "all well afterwards",
            {"asked": seen.asked, "sent": seen.sent, "asked again": seen.asked_again,
             "tracebacks": output.count("Traceback")},
        )
    )  # fmt: skip
    assert "Traceback" not in output, output[output.index("Traceback") - 500 :][:4000]


@pytest.mark.timeout(3600)
def test_a_database_elsewhere_that_is_away_for_long_is_told_of_and_waited_for(
    house: Installation,
    demo: Demo,
    key: str,
    rounds: Callable[[int], int],
    told: Callable[[Row], None],
) -> None:
    times = rounds(3)
    again, words, slowest = [], "", 0.0
    with slow_writer() as writer, EmbeddedPostgres(house.data) as server:
        with serving(house, **elsewhere(server.dsns()), **writer) as service:
            with at_work(service, demo, key, finish_s=300, pause_s=1) as people:
                for _ in range(times):
                    time.sleep(3)
                    server.stop()
                    words = service.complaints()["database"]
                    slowest = max(slowest, until(lambda: not service.ready(), 180))
                    server.start()
                    again.append(until(service.ready, 180, every_s=0.05))
            settle(house)
            assert service.complaints() == {}
            output = service.output
        assert_nothing_lost(house, people.ledger)
    assert "Traceback" not in output, output[output.index("Traceback") - 500 :][:4000]
    assert "cannot be reached" in words
    told(
        Row(
            "Database on another server away",
            f"stopped until doctor had looked (5 to 20 s) under {people.seen.asked} questions and "
            f"{people.seen.sent} documents",
            times,
            "nothing",
            again,
            f"database: {words}",
        )
    )


def _end_database(house: Installation, number: signal.Signals) -> None:
    (pid,) = house.postgres()
    os.kill(pid, number)
    until(lambda: pid not in house.postgres(), 180, every_s=0.02)
