"""A `govbot serve` that faults are played against: started, killed and started again at one
address, as systemd does it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

import httpx
from psycopg.conninfo import conninfo_to_dict

from govbot.db.dsns import Dsns
from govbot.demo.load import demo_users, manifest
from tests.faults.census import settle
from tests.system.installation import GOVBOT, Installation, free_port

WITHIN_S = 300.0
RESTART_S = 1.0  # what a unit waits before it starts again
NO_LIMITS = {
    f"GOVBOT_LIMITS__{name}": "0"
    for name in (
        "QUESTIONS_PER_MINUTE", "UPLOADS_PER_HOUR", "PICTURES_PER_MINUTE", "API_KEY_PER_MINUTE",
        "API_USER_PER_MINUTE", "ANONYMOUS_PER_MINUTE",
    )
}  # fmt: skip
# A kill is no fault of the document that was being read.
PATIENT = {"GOVBOT_INGEST__MAX_ATTEMPTS": "100", "GOVBOT_AUTH__SECOND_FACTOR": "off"}


class Service:
    """The server of one installation. `settings` go over those of the installation."""

    def __init__(self, house: Installation, **settings: str) -> None:
        self.house = house
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.settings = {**NO_LIMITS, **PATIENT, "GOVBOT_WEB__PORT": str(self.port), **settings}
        self.log = house.folder / f"service-{self.port}.log"
        self.process: subprocess.Popen[bytes] | None = None
        self._output: IO[bytes] | None = None

    @property
    def environ(self) -> Mapping[str, str]:
        return {**self.house.environ, **self.settings}

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def start(self, *arguments: str) -> None:
        self._output = self._output or self.log.open("ab")
        self.process = subprocess.Popen(
            [self.house.python, *GOVBOT[1:], "serve", *arguments],
            cwd=self.house.folder,
            env=self.environ,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def ready(self) -> bool:
        """Whether `/readyz` agrees now."""
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"{self.address}/readyz", timeout=5).status_code == 200
        return False

    def wait_ready(self, within_s: float = WITHIN_S) -> float:
        """Seconds until it was."""
        began = time.monotonic()
        while not self.ready():
            assert self.alive, self.output[-4000:]
            assert time.monotonic() - began < within_s, self.output[-4000:]
            time.sleep(0.05)
        return time.monotonic() - began

    def kill(self, *, database: bool = False) -> None:
        """kill -9, of the embedded database's processes too where it is asked for."""
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(20)
        if database:
            for pid in self.house.postgres():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def stop(self, within_s: float = 60) -> int:
        """In order, as systemd stops it."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(within_s)
        finally:
            self.kill()
            if self._output is not None:
                self._output.close()
                self._output = None

    def doctor(self) -> list[dict[str, Any]]:
        """Its checks, as `govbot doctor --json` prints them."""
        done = subprocess.run(
            [self.house.python, *GOVBOT[1:], "doctor", "--json"],
            cwd=self.house.folder, env=self.environ, capture_output=True, text=True,
            timeout=180, check=False,
        )  # fmt: skip
        assert "Traceback" not in done.stderr, done.stderr
        checks: list[dict[str, Any]] = json.loads(done.stdout)
        return checks

    def complaints(self) -> dict[str, str]:
        """What doctor says must be mended now, by check."""
        return {each["check"]: each["seen"] for each in self.doctor() if each["state"] == "fail"}

    def resident_mb(self) -> float:
        """Memory of the server itself."""
        assert self.process is not None
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(text.partition("VmRSS:")[2].split()[0]) / 1024


@contextmanager
def serving(house: Installation, **settings: str) -> Iterator[Service]:
    """A service that is ready; stopped at the end."""
    service = Service(house, **settings)
    service.start()
    try:
        service.wait_ready()
        yield service
    finally:
        service.stop()


@contextmanager
def supervised(service: Service) -> Iterator[None]:
    """Starts the service again whenever it ends, as `Restart=on-failure` does."""
    ending = threading.Event()

    def keep() -> None:
        while not ending.wait(0.2):
            if not service.alive and not ending.wait(RESTART_S):
                service.start()

    keeper = threading.Thread(target=keep, daemon=True)
    keeper.start()
    try:
        yield
    finally:
        ending.set()
        keeper.join(10)


@dataclass(frozen=True)
class Demo:
    """The demonstration, taken in once; each fault is played against a copy of it."""

    data: Path
    passwords: Mapping[str, str]
    collection: str

    def copy(self, folder: Path) -> Installation:
        """An installation of its own in `folder`, with the same data."""
        house = Installation(folder)
        subprocess.run(
            ["cp", "-a", "--reflink=auto", str(self.data), str(house.data)], check=True, timeout=120
        )
        return house


def make_demo(folder: Path) -> Demo:
    """Serves the demonstration until all its documents are ready, and stops it; one that was made
    whole in this folder before is taken as it is."""
    house, whole = Installation(folder), folder / "whole"
    if whole.exists():
        house.ok("migrate")
        return _demo_in(house)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    service = Service(house)
    service.start("--demo")
    try:
        service.wait_ready()
        until(lambda: "Ctrl-C stops everything" in service.output, 900)
        settle(house, 1200)
    finally:
        service.stop()
    whole.touch()
    return _demo_in(house)


def _demo_in(house: Installation) -> Demo:
    passwords = {user.username: user.password for user in demo_users(house.data)}
    return Demo(house.data, passwords, manifest()["collections"][0]["name"])


def elsewhere(dsns: Dsns) -> dict[str, str]:
    """Settings for a database that somebody else runs."""
    return {
        "GOVBOT_DATABASE__URL": _url(dsns.app),
        "GOVBOT_DATABASE__OWNER_URL": _url(dsns.owner),
    }


def _url(dsn: str) -> str:
    parts = conninfo_to_dict(dsn)
    host = quote(str(parts["host"]), safe="")
    return f"postgresql://{parts['user']}@/{parts['dbname']}?host={host}&port={parts['port']}"


def until(condition: Any, within_s: float = 60, every_s: float = 0.1) -> float:
    """Seconds until it held. Fails when it does not in time."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < within_s, "it never came about"
        time.sleep(every_s)
    return time.monotonic() - began
