"""The faults of tests/faults can be played: all are read, and the cheapest one is played once."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import time
from pathlib import Path

from govbot.db.dsns import Dsns
from govbot.db.schema import head
from tests.faults import first_release, table
from tests.faults.table import Row
from tests.system.installation import GOVBOT, ROOT, Installation, through


def test_every_fault_can_be_read() -> None:
    found = sorted((ROOT / "tests" / "faults").glob("test_*.py"))
    assert len(found) >= 9
    for file in found:
        importlib.import_module(f"tests.faults.{file.stem}")


def test_an_upgrade_from_the_first_release_that_is_killed_goes_on(
    empty_dsns: Dsns, dsns: Dsns, tmp_path: Path
) -> None:
    first_release.make(empty_dsns.superuser, empty_dsns.owner, documents=20)
    before = first_release.kept(empty_dsns.superuser)
    house = Installation(tmp_path, through(empty_dsns))
    process = subprocess.Popen(
        [house.python, *GOVBOT[1:], "migrate"],
        cwd=house.folder, env=house.environ, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 30
    while first_release.revision(empty_dsns.superuser) == first_release.REVISION:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(20)
    assert house.govbot("migrate").returncode == 0
    assert first_release.revision(empty_dsns.superuser) == head()
    assert first_release.kept(empty_dsns.superuser) == before
    assert first_release.shape(empty_dsns.superuser) == first_release.shape(dsns.superuser)


def test_the_table_keeps_the_faults_that_were_not_played_again(tmp_path: Path) -> None:
    report = tmp_path / "faults.json"
    table.write(report, [Row("a", "once", 1, "nothing", [2.0]), Row("b", "x|y", 2, "nothing")])
    table.write(report, [Row("a", "again", 3, "nothing", [1.0, 3.0, 2.0], "disk: full")])
    rows = table.read(report)
    assert [(row.fault, row.times) for row in rows] == [("b", 2), ("a", 3)]
    text = table.markdown(rows)
    assert "| b | x\\|y | 2 | nothing | was never unwell |  |" in text
    assert "2.0 s, at most 3.0 s | disk: full |" in text
