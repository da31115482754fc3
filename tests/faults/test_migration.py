"""An upgrade of a database of the first release is killed, and goes on at the next start."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from govbot.db.embedded import EmbeddedPostgres
from govbot.db.schema import head
from tests.faults import first_release
from tests.faults.table import Row
from tests.postgres import clone_database
from tests.system.installation import GOVBOT, Installation, through

OLD = "govbot"


@dataclass
class Old:
    """A server with a database of the first release, to be copied."""

    server: EmbeddedPostgres
    folder: Path

    def copy(self, name: str) -> Installation:
        """An installation over a copy of it."""
        clone_database(self.server, name, OLD)
        folder = self.folder / name
        folder.mkdir()
        return Installation(folder, through(self.server.dsns(name)))


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Old]:
    with EmbeddedPostgres(tmp_path / "server") as server:
        first_release.make(server.dsns(OLD).superuser, server.dsns(OLD).owner)
        yield Old(server, tmp_path)


@pytest.mark.timeout(1800)
def test_an_upgrade_that_is_killed_goes_on_at_the_next_start(
    old: Old, rounds: Callable[[int], int], told: Callable[[Row], None]
) -> None:
    times, moments = rounds(20), random.Random(6)
    before = first_release.kept(old.server.dsns(OLD).superuser)
    whole = old.copy("whole")
    began = time.monotonic()
    whole.ok("migrate")
    took = time.monotonic() - began
    shape = first_release.shape(old.server.dsns("whole").superuser)
    half, again = 0, []
    for number in range(times):
        house, dsn = old.copy(f"killed_{number}"), old.server.dsns(f"killed_{number}").superuser
        _killed(house, moments.uniform(0.3, 1) * took)
        half += first_release.REVISION < first_release.revision(dsn) < head()
        began = time.monotonic()
        done = house.govbot("migrate")
        again.append(time.monotonic() - began)
        assert done.returncode == 0, done.stderr
        assert first_release.revision(dsn) == head()
        assert first_release.shape(dsn) == shape
        assert first_release.kept(dsn) == before
        house.ok("audit", "verify")
    checks = {each["check"]: each for each in _doctor(house)}
    assert {checks[name]["state"] for name in ("database", "schema")} == {"ok"}
    told(
        Row(
            "Restart during migration",
            f"`govbot migrate` of a database of release 0.1.0 ({first_release.DOCUMENTS} "
            f"documents) killed at random moments; {half} of them hit between two steps; started "
            "again",
            times,
            "nothing: same data, same schema as an upgrade in one go",
            again,
            "before the end: schema, run `govbot migrate`; after it: all well",
            {"between steps": half, "seconds in one go": round(took, 1)},
        )
    )


def _killed(house: Installation, seconds: float) -> None:
    process = subprocess.Popen(
        [house.python, *GOVBOT[1:], "migrate"],
        cwd=house.folder, env=house.environ, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(20)


def _doctor(house: Installation) -> list[dict[str, object]]:
    done = house.govbot("doctor", "--json")
    checks: list[dict[str, object]] = json.loads(done.stdout)
    return checks
