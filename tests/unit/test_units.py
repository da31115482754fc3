"""The units of systemd/: they load without a complaint, and give away little."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from govbot.installation.pulse import ANSWER_S, EVERY_S
from govbot.systemd import listen_dropin, paths_dropin

UNITS = Path(__file__).parents[2] / "systemd"
BASE = 1.0
WITH_DROPIN = 1.5

pytestmark = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units, with a program that is there for sure."""
    kinds = ("service", "socket", "timer", "path")
    for unit in [each for kind in kinds for each in UNITS.glob(f"*.{kind}")]:
        text = unit.read_text().replace("/usr/bin/govbot", "/usr/bin/true")
        (tmp_path / unit.name).write_text(text)
    return tmp_path


def analyze(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "SYSTEMD_EMOJI": "0"},
    )


def exposure(unit: Path) -> float:
    done = analyze("security", "--offline=true", "--no-pager", unit)
    found = re.search(r"exposure level for \S+: ([\d.]+)", done.stdout)
    assert found, done.stderr
    return float(found[1])


def put(units: Path, unit: str, name: str, text: str) -> None:
    folder = units / f"{unit}.d"
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text)


def test_every_unit_loads_without_a_complaint(units: Path) -> None:
    for dropin in ("network.conf", "gpu.conf"):
        put(units, "govbot.service", dropin, (UNITS / dropin).read_text())
    put(units, "govbot.socket", "listen.conf", listen_dropin("::1", 8443))
    folders = paths_dropin(
        [Path("/srv/com espaço 100%"), Path("/home/ana/dados")], [Path("/home/ana/leis")]
    )
    put(units, "govbot.service", "paths.conf", folders)
    done = analyze("verify", *sorted(path for path in units.iterdir() if path.is_file()))
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "")


@pytest.mark.parametrize("unit", ["govbot.service", "govbot-backup.service"])
def test_a_unit_gives_away_little(units: Path, unit: str) -> None:
    assert exposure(units / unit) <= BASE


@pytest.mark.parametrize("dropins", [["network"], ["gpu"], ["network", "gpu"], ["paths"]])
def test_it_gives_away_little_with_a_dropin(units: Path, dropins: list[str]) -> None:
    for name in dropins:
        text = (
            paths_dropin([Path("/srv/govbot")], [Path("/home/ana/leis")])
            if name == "paths"
            else (UNITS / f"{name}.conf").read_text()
        )
        put(units, "govbot.service", f"{name}.conf", text)
    assert exposure(units / "govbot.service") <= WITH_DROPIN


def test_the_nightly_backup_is_the_one_that_the_page_tells_of() -> None:
    unit = (UNITS / "govbot-backup.service").read_text()
    [line] = re.findall(r"^ExecStart=/usr/bin/(govbot backup create.*)$", unit, re.MULTILINE)
    told = line.replace(" --asked --reason timer", "")
    assert told != line
    for folder in ("docs", "docs/pt-BR"):
        assert re.search(f"^{told}  ", (UNITS.parent / folder / "backup.md").read_text(), re.M)


def test_what_the_page_asks_for_is_seen_by_the_unit_that_may_write() -> None:
    from govbot.installation.backup_wishes import FILE

    [state] = re.findall(r"^StateDirectory=(\S+)$", (UNITS / "govbot.service").read_text(), re.M)
    assert f"\nPathExists=/var/lib/{state}/{FILE}\n" in (UNITS / "govbot-backup.path").read_text()
    assert "\nWants=govbot-backup.path\n" in (UNITS / "govbot.service").read_text()


def test_the_pulse_comes_more_often_than_the_watchdog_asks() -> None:
    found = re.search(r"^WatchdogSec=(\d+)$", (UNITS / "govbot.service").read_text(), re.MULTILINE)
    assert found
    slowest_look = 2 * ANSWER_S  # the pool, then a connection beside it
    assert min(EVERY_S, int(found[1]) / 3) + slowest_look < int(found[1])


def test_the_time_to_stop_covers_what_a_stop_may_take() -> None:
    from govbot.chat.live import STOPPING_S
    from govbot.db import embedded
    from govbot.web.server import ACCEPTED_S, HEAD_S, STREAMS_END_S

    database = embedded._FAST_STOP_S + embedded._IMMEDIATE_STOP_S + embedded._REMAINS_S
    needed = ACCEPTED_S + HEAD_S + STREAMS_END_S + STOPPING_S + database
    found = re.search(r"^TimeoutStopSec=(\d+)$", (UNITS / "govbot.service").read_text(), re.M)
    assert found
    assert needed < int(found[1])
