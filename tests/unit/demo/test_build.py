"""The committed demo is what its sources give, byte for byte."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
DEMO = ROOT / "govbot" / "demo"


@pytest.fixture(scope="module")
def rebuilt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    command = [sys.executable, str(ROOT / "packaging/demo/build.py"), "--output", str(folder)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return folder


def written(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in files
        if path.suffix not in (".py", ".pyc")
    }


def test_building_again_gives_the_committed_bytes(rebuilt: Path) -> None:
    old, new = written(DEMO), written(rebuilt)
    assert sorted(new) == sorted(old)
    assert [name for name in new if new[name] != old[name]] == []


def test_the_demo_stays_below_three_megabytes() -> None:
    assert sum(map(len, written(DEMO).values())) < 3_000_000


def test_no_built_document_names_the_building_machine() -> None:
    for name, content in written(DEMO).items():
        assert str(ROOT).encode() not in content, name
