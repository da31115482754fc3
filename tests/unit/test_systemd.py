"""What systemd is told over a real socket, and what it hands over."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from govbot.systemd import Notifier, handed_sockets, listen_dropin, paths_dropin, watchdog_s


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    """A manager that listens, and its address as it stands in NOTIFY_SOCKET."""
    name = f"govbot-{os.getpid()}" if request.param == "abstract" else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0{name}" if request.param == "abstract" else name)
        listening.settimeout(5)
        yield listening, f"@{name}" if request.param == "abstract" else name


def test_each_word_arrives_as_systemd_reads_it(manager: tuple[socket.socket, str]) -> None:
    listening, address = manager
    environ = {"NOTIFY_SOCKET": address}
    notifier = Notifier(environ)
    assert environ == {}  # children have nothing to tell
    notifier.progress("Creating\nthe database", 60)
    notifier.ready()
    notifier.watchdog()
    notifier.reloading()
    notifier.stopping()
    heard = [listening.recv(4096).decode().split("\n") for _ in range(5)]
    assert heard[0] == ["EXTEND_TIMEOUT_USEC=60000000", "STATUS=Creating the database"]
    assert heard[1] == ["READY=1", "STATUS=Ready"]
    assert heard[2] == ["WATCHDOG=1"]
    assert heard[3][0] == "RELOADING=1"
    assert heard[3][1].startswith("MONOTONIC_USEC=")
    assert heard[4] == ["STOPPING=1", "STATUS=Stopping"]


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:1"}])
def test_without_a_manager_nothing_happens(environ: dict[str, str]) -> None:
    notifier = Notifier(environ)
    assert not notifier.there
    notifier.ready()


def test_a_manager_that_is_gone_or_does_not_read_holds_nobody(tmp_path: Path) -> None:
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")}).ready()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as deaf:
        deaf.bind(str(tmp_path / "deaf"))
        notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "deaf")})
        code = f"""
import time
from govbot import systemd
systemd._SEND_S = 0.02
notifier = systemd.Notifier({{"NOTIFY_SOCKET": {str(tmp_path / "deaf")!r}}})
for _ in range(20): notifier.watchdog()
"""
        subprocess.run([sys.executable, "-c", code], check=True, timeout=20, capture_output=True)
        assert notifier.there


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "60000000"}, 60.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}, 60.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdogs_time_is_read(environ: dict[str, str], seconds: float | None) -> None:
    assert watchdog_s(environ) == seconds


def test_sockets_of_another_process_are_not_taken() -> None:
    assert handed_sockets({"LISTEN_PID": "1", "LISTEN_FDS": "1"}) == []
    assert handed_sockets({}) == []


@pytest.mark.parametrize("kind", ["tcp", "not listening", "unix"])
def test_a_handed_socket_is_taken_when_pages_can_be_served_on_it(kind: str, tmp_path: Path) -> None:
    """In a process of its own, because the numbers of descriptors are fixed."""
    family = socket.AF_UNIX if kind == "unix" else socket.AF_INET
    with socket.socket(family) as handed:
        handed.bind(str(tmp_path / "s") if kind == "unix" else ("127.0.0.1", 0))
        if kind != "not listening":
            handed.listen()
        code = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"}
from govbot.errors import Unavailable
from govbot.systemd import handed_sockets
try:
    (taken,) = handed_sockets()
    assert not os.get_inheritable(3) and "LISTEN_FDS" not in os.environ
    print(taken.getsockname()[1])
except Unavailable as error:
    print(error)
"""
        fd = handed.fileno()
        done = subprocess.run(
            [sys.executable, "-c", code, str(fd)],
            pass_fds=[fd],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        port = str(handed.getsockname()[1]) if kind == "tcp" else "ListenStream with a TCP port"
    assert port in done.stdout


def test_dropins_name_address_and_folders() -> None:
    assert listen_dropin("0.0.0.0", 443).endswith("ListenStream=\nListenStream=0.0.0.0:443\n")
    assert "ListenStream=[::]:443" in listen_dropin("::", 443)
    text = paths_dropin([Path("/srv/a b")], [Path("/home/ana/leis"), Path("/srv/leis")])
    assert 'ReadWritePaths="/srv/a b"\n' in text
    assert 'RequiresMountsFor="/srv/a b"\n' in text
    assert 'BindReadOnlyPaths="-/home/ana/leis"\n' in text
    assert "ProtectHome=tmpfs" in text
    assert "/srv/leis" not in text  # may be read anyway
    assert "ProtectHome" not in paths_dropin([Path("/srv/a")])
