"""`govbot setup`, as people and scripts run it: on a terminal, and with flags."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

from govbot.installation.settings_file import rewritten
from tests.certificates import make_authority
from tests.system.installation import GOVBOT, ROOT, Installation, free_port

PASSWORD = "correto cavalo bateria grampo"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """A folder with nothing in it; no embedder, so that no test waits for one to load."""
    folder = tmp_path_factory.mktemp("nada")
    (folder / "normas").mkdir()
    return Installation(folder, {"GOVBOT_EMBEDDER__KIND": "none"})


def run(house: Installation, *flags: object, stdin: str = "") -> subprocess.CompletedProcess[str]:
    environ = {key: value for key, value in house.environ.items() if key != "GOVBOT_DATA_DIR"}
    done = subprocess.run(
        [*GOVBOT, "setup", "--config", str(house.folder / "govbot.toml"), *map(str, flags)],
        cwd=house.folder, env=environ, input=stdin, capture_output=True, text=True, timeout=200,
        check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return done


@pytest.fixture(scope="module")
def made(house: Installation) -> subprocess.CompletedProcess[str]:
    """Set up from nothing, without a question."""
    return run(
        house, "--yes", "--organisation", "Prefeitura de Teste", "--port", free_port(),
        "--admin", "maria.alves", "--admin-password-file", "-",
        "--watch", f"{house.folder / 'normas'}=Normas",
        stdin=f"{PASSWORD}\n",
    )  # fmt: skip


def test_unattended_from_nothing_to_a_green_doctor(
    house: Installation, made: subprocess.CompletedProcess[str]
) -> None:
    assert made.returncode == 0, made.stderr + made.stdout
    assert PASSWORD not in made.stdout + made.stderr
    assert "FAIL" not in made.stdout
    assert re.search(r"^ok\taccounts\t1 active, 1 of them administrators$", made.stdout, re.M)
    file = house.folder / "govbot.toml"
    said = tomllib.loads(file.read_text())
    assert said["organisation"] == "Prefeitura de Teste"
    assert said["watch"]["folders"] == [
        {"path": str(house.folder / "normas"), "collection": "Normas"}
    ]
    assert "# theme = " in file.read_text()  # the comments are there
    assert file.stat().st_mode & 0o007 == 0


def test_again_it_changes_what_is_given_and_keeps_the_rest_and_the_old_file(
    house: Installation, made: subprocess.CompletedProcess[str]
) -> None:
    file = house.folder / "govbot.toml"
    before = file.read_text()
    done = run(house, "--yes", "--organisation", "Câmara", "--admin", "maria.alves",
               "--watch", f"{house.folder / 'normas'}=Normas")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "maria.alves is there already (admin): not changed" in done.stdout
    after = file.read_text()
    assert after == before.replace('"Prefeitura de Teste"', '"Câmara"')
    (copy,) = house.folder.glob("govbot.toml.2*")
    assert copy.read_text() == before


def test_doctor_tells_what_is_broken_as_json(
    house: Installation, made: subprocess.CompletedProcess[str], tmp_path: Path
) -> None:
    certificate, key = make_authority(tmp_path).issue("localhost", days=-1)
    file = tmp_path / "broken.toml"
    broken = {
        "web.tls_certificate": str(certificate),
        "web.tls_key": str(key),
        "generation.model_path": str(tmp_path / "gone.gguf"),
    }
    file.write_text(rewritten((house.folder / "govbot.toml").read_text(), broken))
    environ = {key: value for key, value in house.environ.items() if key != "GOVBOT_DATA_DIR"}
    done = subprocess.run(
        [*GOVBOT, "doctor", "--json", "--config", str(file)],
        cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    checks = {check["check"]: check for check in json.loads(done.stdout)}
    assert done.returncode == 1
    assert {name for name, each in checks.items() if each["state"] == "fail"} == {
        "certificate web",
        "generator",
    }
    assert "expired" in checks["certificate web"]["seen"]
    assert "gone.gguf" in checks["generator"]["seen"]
    assert checks["generator"]["remedy"]


def test_wizard_asks_checks_and_writes_only_when_told(house: Installation, tmp_path: Path) -> None:
    file = tmp_path / "new.toml"
    port = free_port()
    answers = {
        "Name of the organisation": "Órgão de Teste",
        "Folder of all data": ["/proc/nada", str(tmp_path / "data")],
        "Port": ["70000", str(port)],
        "User name of an administrator": "-",
        "Folder to watch": ["/nada", str(house.folder / "normas"), ""],
        "Do it?": "n",
    }
    shown = _typed(house, ["setup", "--config", str(file)], answers)
    assert "The data folder /proc/nada cannot be written" in shown
    assert 'must be an integer from 1 to 65535, not "70000"' in shown
    assert "There is no folder /nada" in shown
    assert f"+port = {port}" in shown
    assert '+organisation = "Órgão de Teste"' in shown
    assert list(tmp_path.iterdir()) == []


def _typed(house: Installation, words: list[str], answers: dict[str, str | list[str]]) -> str:
    """Everything on the screen of a terminal on which each question gets its answer, else Enter."""
    told = {q: [a] if isinstance(a, str) else list(a) for q, a in answers.items()}
    environ = {k: v for k, v in house.environ.items() if k != "GOVBOT_DATA_DIR"}
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(house.folder)
        program = [sys.executable, "-m", "govbot.cli.main", *words]
        os.execvpe(sys.executable, program, {**environ, "PYTHONPATH": str(ROOT), "COLUMNS": "400"})
    shown, seen, deadline = "", 0, time.monotonic() + 100
    try:
        while time.monotonic() < deadline:
            if select.select([terminal], [], [], 0.2)[0]:
                try:
                    piece = os.read(terminal, 65536)
                except OSError:  # Linux says so when the child has ended
                    break
                if not piece:
                    break
                shown += piece.decode(errors="replace")
            elif re.search(r"[:\]] ?$", shown[seen:]):
                question = shown[seen:].splitlines()[-1]
                line = next((told[q].pop(0) for q in told if q in question and told[q]), "")
                seen = len(shown)
                os.write(terminal, line.encode() + b"\n")
    finally:
        os.close(terminal)
        os.waitpid(child, 0)
    assert "Traceback" not in shown, shown
    return shown
