"""Which account runs the embedded PostgreSQL, and what it keeps of root's powers."""

from __future__ import annotations

import contextlib
import os
import pwd
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from govbot.db.embedded import EmbeddedPostgres
from govbot.errors import BadConfig, Unavailable
from tests.database.holder import FAST, ask, holder, is_running

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


def status_of(pid: int, key: str) -> str:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return line.split(":", 1)[1].strip()
    raise AssertionError(key)


@as_root
def test_root_starts_it_as_another_user(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path, options=FAST, run_as="nobody") as server:
        assert pwd.getpwuid(Path(f"/proc/{server.pid}").stat().st_uid).pw_name == "nobody"
        assert set(status_of(server.pid, "Uid").split()) == {str(pwd.getpwnam("nobody").pw_uid)}
    with EmbeddedPostgres(tmp_path, options=FAST) as server:
        assert Path(f"/proc/{server.pid}").stat().st_uid == pwd.getpwnam("nobody").pw_uid


@as_root
def test_in_a_closed_folder_the_server_keeps_one_capability_only(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with EmbeddedPostgres(tmp_path / "data", options=FAST) as server:
        kept = int(status_of(server.pid, "CapEff"), 16)
        assert kept in (1 << 1, 1 << 2)
        assert int(status_of(server.pid, "CapPrm"), 16) == kept


@as_root
def test_root_of_a_plain_container_can_run_it_too(tmp_path: Path) -> None:
    docker = "chown dac_override fowner fsetid kill setgid setuid setpcap net_raw mknod"
    bounds = ",".join(f"+{name}" for name in docker.split())
    with holder(tmp_path / "data", "setpriv", f"--bounding-set=-all,{bounds}") as other:
        other.ready()
        other.let_go()
    assert not is_running(tmp_path / "data")


@as_root
@pytest.mark.parametrize("name", ["postgres/log", "postgres/start.lock", "postgres/run"])
def test_root_is_not_led_elsewhere_by_a_symbolic_link(tmp_path: Path, name: str) -> None:
    with EmbeddedPostgres(tmp_path / "data", options=FAST):
        pass
    victim = tmp_path / "victim"
    victim.mkdir()
    planted = tmp_path / "data" / name
    subprocess.run(["rm", "-rf", str(planted)], check=True)
    planted.symlink_to(victim)
    with pytest.raises(Unavailable):
        EmbeddedPostgres(tmp_path / "data", options=FAST).start()
    assert victim.stat().st_uid == 0


@as_root
def test_a_user_who_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match='there is no user "nemo"'):
        EmbeddedPostgres(tmp_path, run_as="nemo").start()


@as_root
def test_it_never_runs_as_root(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="does not run as root"):
        EmbeddedPostgres(tmp_path, run_as="root").start()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that an ordinary user reaches and owns."""
    made = Path(subprocess.check_output(["mktemp", "-d"], text=True).strip())
    user = pwd.getpwnam("nobody")
    os.chown(made, user.pw_uid, user.pw_gid)
    yield made
    subprocess.run(["rm", "-rf", str(made)], check=True)


def ordinary_python() -> str:
    """An interpreter of our version that user nobody may run."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for program in (sys.executable, f"/usr/bin/{version}"):
        asked = ["setpriv", "--reuid=nobody", "--clear-groups", program, "-c", "import sys"]
        with contextlib.suppress(OSError):
            if subprocess.run(asked, capture_output=True, cwd="/", check=False).returncode == 0:
                return program
    pytest.skip("user nobody can run no Python of this version")


@as_root
def test_an_ordinary_user_runs_it_as_himself_and_root_may_join(open_folder: Path) -> None:
    uid = pwd.getpwnam("nobody").pw_uid
    become = ["setpriv", f"--reuid={uid}", "--regid=nogroup", "--clear-groups"]
    with holder(open_folder / "a b", *become, python=ordinary_python()) as other:
        pid = other.ready()
        assert Path(f"/proc/{pid}").stat().st_uid == uid
        with EmbeddedPostgres(open_folder / "a b", options=FAST) as server:
            assert server.pid == pid
            assert ask(server.dsns().owner, "SELECT current_user") == "govbot_owner"
        other.let_go()
    assert not is_running(open_folder / "a b")
