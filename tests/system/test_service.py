"""`govbot serve` as systemd runs it: a socket that outlives the process, words over NOTIFY_SOCKET,
a certificate that changes, a stop within its time.
"""

from __future__ import annotations

import asyncio
import http.client
import os
import queue
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from govbot.auth.sessions import Method, open_session
from govbot.db.access import as_system
from govbot.db.dsns import Dsns
from govbot.jobs import control
from govbot.web.server import HEAD_S, STREAMS_END_S
from tests.certificates import Authority, make_authority
from tests.ingestion import Cast, Parts, document_of, take
from tests.system.installation import GOVBOT, Installation, free_port, through

# What the manager does between fork and exec.
START = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ |= {"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid()), "WATCHDOG_PID": str(os.getpid())}
os.execv(sys.executable, sys.argv[2:])
"""


class Manager:
    """Holds the listening socket, starts the service with it and hears what it says."""

    def __init__(self, house: Installation) -> None:
        self.house = house
        self.port_socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.port_socket.getsockname()[1]
        self.heard: list[str] = []
        self._ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._ear.bind(str(house.folder / "notify"))
        self._words: queue.SimpleQueue[str] = queue.SimpleQueue()
        # A manager reads all the time: few words fit into the socket.
        self._hearing = threading.Thread(target=self._hear)
        self._hearing.start()
        self._log = (house.folder / "service.log").open("a+")

    @property
    def output(self) -> str:
        return Path(self._log.name).read_text()

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[bytes]]:
        fd = self.port_socket.fileno()
        words = [sys.executable, "-c", START, str(fd), *GOVBOT, "serve"]
        environ = {"NOTIFY_SOCKET": str(self.house.folder / "notify"), "WATCHDOG_USEC": "1500000"}
        process = subprocess.Popen(
            words,
            cwd=self.house.folder,
            env=self.house.environ | environ,
            stdout=self._log,
            stderr=self._log,
            pass_fds=[fd],
            start_new_session=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def listen(self, word: str, seconds: float = 60) -> None:
        """Until the service says this; what came before it stands in `heard`."""
        self.heard = []
        deadline = time.monotonic() + seconds
        while word not in self.heard:
            try:
                self.heard.append(self._words.get(timeout=max(0.01, deadline - time.monotonic())))
            except queue.Empty:
                raise AssertionError(f"no {word}: {self.heard}\n{self.output}") from None

    def _hear(self) -> None:
        while heard := self._ear.recv(4096):
            for word in heard.decode().split("\n"):
                self._words.put(word)

    def close(self) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:
            last.sendto(b"", str(self.house.folder / "notify"))
        self._hearing.join()
        for each in (self.port_socket, self._ear, self._log):
            each.close()


@pytest.fixture
def served(tmp_path: Path) -> tuple[Authority, Path, Path]:
    """An authority, and the files of the certificate that is served."""
    authority = make_authority(tmp_path)
    files = tmp_path / "served.crt", tmp_path / "served.key"
    for source, target in zip(authority.issue("localhost"), files, strict=True):
        shutil.copy(source, target)
    return authority, *files


@pytest.fixture
def manager(dsns: Dsns, tmp_path: Path, served: tuple[Authority, Path, Path]) -> Iterator[Manager]:
    _, certificate, key = served
    settings = {
        **through(dsns),
        "GOVBOT_DATA_DIR": str(tmp_path / "data"),
        "GOVBOT_WEB__TLS_CERTIFICATE": str(certificate),
        "GOVBOT_WEB__TLS_KEY": str(key),
        "GOVBOT_WEB__PORT": "1",  # does not count
        "GOVBOT_AUTH__SECOND_FACTOR": "off",
        "GOVBOT_EMBEDDER__KIND": "none",
    }
    manager = Manager(Installation(tmp_path, settings))
    yield manager
    manager.close()


class Line:
    """One connection that stays open."""

    def __init__(self, port: int, authority: Authority, cookie: str = "") -> None:
        context = ssl.create_default_context(cafile=authority.file)
        self._client = http.client.HTTPSConnection("localhost", port, context=context, timeout=60)
        self._headers = {"Cookie": cookie} if cookie else {}

    def get(self, path: str) -> http.client.HTTPResponse:
        """The answer, its body unread. An end of the connection is an error, not a new one."""
        self._client.request("GET", path, headers=self._headers)
        self._client.auto_open = 0
        return self._client.getresponse()

    def health(self) -> int:
        answer = self.get("/healthz")
        answer.read()
        return answer.status

    @property
    def serial(self) -> str:
        return str(self._client.sock.getpeercert()["serialNumber"])

    def close(self) -> None:
        self._client.close()


@pytest.mark.timeout(200)
async def test_a_service_lives_through_reload_and_restart_and_nobody_is_refused(
    manager: Manager, served: tuple[Authority, Path, Path], parts: Parts, cast: Cast
) -> None:
    path, cookie = await _watched_document(parts, cast)
    await asyncio.to_thread(_life, manager, served, path, cookie)


async def _watched_document(parts: Parts, cast: Cast) -> tuple[str, str]:
    """The stream of a document that waits in a paused queue, and the curator's cookie."""
    async with as_system(parts.pool) as conn:
        await control.pause(conn, cast.admin)
        signed_in = await open_session(
            conn, cast.curator, method=Method.PASSWORD, user_agent="", settings=parts.settings.auth
        )
    received = await take(parts, cast.curator, cast.a, "lei.txt", "Art. 1º Lei.")
    document = await document_of(parts, received)
    return f"/documentos/eventos?d={document.id}", f"__Host-govbot_session={signed_in.token}"


def _life(manager: Manager, served: tuple[Authority, Path, Path], stream: str, cookie: str) -> None:
    with ThreadPoolExecutor(1) as pool, ExitStack() as lines, manager.running() as process:

        def line(cookie: str = "") -> Line:
            return lines.enter_context(closing(Line(manager.port, served[0], cookie)))

        manager.listen("READY=1")
        assert any(word.startswith("STATUS=") for word in manager.heard)
        manager.listen("WATCHDOG=1", 10)
        kept = line()
        assert kept.health() == 200
        _reload_with_another_certificate(manager, served, process)
        assert kept.health() == 200  # the same connection
        fresh = line()
        assert fresh.health() == 200
        assert fresh.serial != kept.serial
        watching = line(cookie)
        events = watching.get(stream)
        assert events.status == 200, events.read()
        assert b"event" in events.readline()
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        manager.listen("STOPPING=1", 5)
        time.sleep(1)  # the manager alone holds the port now
        waiting = pool.submit(line().health)
        assert process.wait(STREAMS_END_S + 10) == 0, manager.output
        assert time.monotonic() - began < STREAMS_END_S + 5
        assert not waiting.done()
        with manager.running() as second:
            assert waiting.result(60) == 200
            second.send_signal(signal.SIGTERM)
            assert second.wait(20) == 0, manager.output
    assert "Traceback" not in manager.output


def _reload_with_another_certificate(
    manager: Manager,
    served: tuple[Authority, Path, Path],
    process: subprocess.Popen[bytes],
) -> None:
    authority, certificate, key = served
    another = authority.issue("localhost", days=2)
    shutil.copy(another[0], certificate)
    process.send_signal(signal.SIGHUP)  # the key is missing yet: the old one stays
    manager.listen("RELOADING=1", 10)
    manager.listen("READY=1", 10)
    assert "The certificate stays as it was" in manager.output
    shutil.copy(another[1], key)
    process.send_signal(signal.SIGHUP)
    manager.listen("RELOADING=1", 10)
    manager.listen("READY=1", 10)
    assert "The certificate was taken up anew" in manager.output


def test_a_stop_waits_for_the_request_of_a_connection_that_was_accepted(
    manager: Manager, served: tuple[Authority, Path, Path]
) -> None:
    context = ssl.create_default_context(cafile=served[0].file)
    client = http.client.HTTPSConnection("localhost", manager.port, context=context, timeout=60)
    with manager.running() as process, closing(client):
        manager.listen("READY=1")
        client.connect()
        process.send_signal(signal.SIGTERM)
        manager.listen("STOPPING=1")
        time.sleep(HEAD_S / 2)
        client.request("GET", "/healthz")
        assert client.getresponse().status == 200
        assert process.wait(timeout=60) == 0


def test_a_certificate_that_cannot_be_used_is_one_sentence(tmp_path: Path, dsns: Dsns) -> None:
    authority = make_authority(tmp_path)
    certificate, _ = authority.issue("localhost")
    _, other = authority.issue("outro")
    house = Installation(tmp_path, through(dsns))
    files = {"GOVBOT_WEB__TLS_CERTIFICATE": str(certificate), "GOVBOT_WEB__TLS_KEY": str(other)}
    done = house.govbot("serve", GOVBOT_WEB__PORT=str(free_port()), **files)
    assert done.returncode == 1
    (sentence,) = done.stderr.splitlines()
    assert f"[web] tls_key {other}" in sentence
    assert "does not belong to the certificate" in sentence
