"""Nothing is sent anywhere unless somebody asks for it: proved where nothing could arrive."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.system.installation import ROOT

ALONE = ("unshare", "--net")


@pytest.fixture(scope="module")
def namespace() -> tuple[str, ...]:
    """The command that leaves a program alone without a network, or a skip with the reason."""
    if shutil.which(ALONE[0]) is None:
        pytest.skip("unshare is not installed")
    tried = subprocess.run([*ALONE, "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"no network namespace here: {tried.stderr.strip()}")
    return ALONE


def _counted(namespace: tuple[str, ...], folder: Path, what: str) -> dict[str, int]:
    done = subprocess.run(
        [*namespace, sys.executable, "-m", "tests.system.offline", str(folder), what],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return {str(name): int(count) for name, count in json.loads(done.stdout).items()}


def test_an_attempt_without_a_route_is_counted(namespace: tuple[str, ...], tmp_path: Path) -> None:
    counted = _counted(namespace, tmp_path, "attempt")
    assert counted["IpOutNoRoutes"] >= 1


def test_start_ingestion_question_and_models_send_nothing(
    namespace: tuple[str, ...], tmp_path: Path
) -> None:
    assert set(_counted(namespace, tmp_path, "day").values()) == {0}
