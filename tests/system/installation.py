"""An installation in a folder of its own, used as people use it: through child processes."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import httpx
from psycopg.conninfo import conninfo_to_dict

from govbot.db.dsns import Dsns
from govbot.db.embedded import EmbeddedPostgres
from tests.postgres import UNSAFE_BUT_FAST

ROOT = Path(__file__).resolve().parents[2]
GOVBOT = [sys.executable, "-m", "govbot.cli.main"]
START_S = 120


def through(dsns: Dsns) -> dict[str, str]:
    """Settings of an installation that uses the database of the tests."""
    return {
        "GOVBOT_DATABASE__URL": _url(dsns.app),
        "GOVBOT_DATABASE__OWNER_URL": _url(dsns.owner),
    }


def _url(dsn: str) -> str:
    parts = conninfo_to_dict(dsn)
    return (
        f"postgresql://{parts['user']}@/{parts['dbname']}?host={parts['host']}&port={parts['port']}"
    )


@dataclass
class Installation:
    """A data folder with its settings; `folder` holds it and what tests put beside it."""

    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    python: str | Path = sys.executable

    @property
    def data(self) -> Path:
        return self.folder / "dados do órgão"

    @property
    def environ(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("GOVBOT_")}
        return {
            **kept,
            "PYTHONPATH": str(ROOT),
            "GOVBOT_DATA_DIR": str(self.data),
            **self.settings,
        }

    def govbot(
        self, *arguments: object, stdin: str = "", **environ: str
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command to its end. Its standard error must never hold a traceback."""
        done = subprocess.run(
            [self.python, *GOVBOT[1:], *map(str, arguments)],
            cwd=self.folder,
            env={**self.environ, **environ},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def ok(self, *arguments: object, **options: str) -> str:
        """The standard output of a command that succeeds and says nothing on standard error."""
        done = self.govbot(*arguments, **options)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        return done.stdout

    def json(self, *arguments: object, **options: str) -> Any:
        return json.loads(self.ok(*arguments, "--json", **options))

    def lines(self, *arguments: object) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.ok(*arguments, "--json").splitlines()]

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text)
        return path

    @contextmanager
    def held(self) -> Iterator[None]:
        """Its database runs on between the commands, which join it."""
        with EmbeddedPostgres(self.data, options=UNSAFE_BUT_FAST):
            yield

    @contextmanager
    def serving(self, *arguments: str, **environ: str) -> Iterator[Serving]:
        """`govbot serve`, ready; interrupted at the end of the block if it still runs."""
        server = self.serve(*arguments, **environ)
        try:
            server.wait_ready()
            yield server
        finally:
            server.end()

    def serve(self, *arguments: str, **environ: str) -> Serving:
        port = free_port()
        log = (self.folder / f"serve-{port}.log").open("w+")
        process = subprocess.Popen(
            [self.python, *GOVBOT[1:], "serve", *arguments],
            cwd=self.folder,
            env={**self.environ, "GOVBOT_WEB__PORT": str(port), **environ},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        return Serving(process, f"http://127.0.0.1:{port}", log)

    def postgres(self) -> list[int]:
        """The processes of this installation's database server."""
        return [
            pid
            for pid, words in _processes()
            if Path(words[0]).name == "postgres" and any(str(self.data) in word for word in words)
        ]


@dataclass
class Serving:
    """A running `govbot serve`, alone in its process group."""

    process: subprocess.Popen[bytes]
    address: str
    log: IO[str]

    @property
    def output(self) -> str:
        self.log.seek(0)
        return self.log.read()

    def wait_ready(self) -> None:
        """Until `/readyz` agrees; fails with the output when the process ends before."""
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.output
            try:
                if httpx.get(f"{self.address}/readyz", timeout=5).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        raise AssertionError(f"not ready after {START_S} s:\n{self.output}")

    def send(self, number: signal.Signals) -> None:
        """A signal to the whole group, as a terminal sends it."""
        os.killpg(self.process.pid, number)

    def stopped(self, number: signal.Signals, within_s: float = 20) -> int:
        self.send(number)
        return self.process.wait(within_s)

    def end(self) -> None:
        if self.process.poll() is None:
            self.send(signal.SIGINT)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.send(signal.SIGKILL)
                self.process.wait(10)
        self.log.close()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _processes() -> Iterator[tuple[int, list[str]]]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
            except OSError:  # it has ended meanwhile
                continue
            if words[0]:
                yield int(folder.name), words
