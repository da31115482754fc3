"""A GovBot process reduced to its hold on the embedded database, for tests that kill it.

As a program it prints "starting", then "ready PID" (of the server), and lets go when its standard
input ends. Without fsync, because the tests kill processes and not the machine.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from govbot.db.cluster import Cluster
from govbot.db.embedded import EmbeddedPostgres

ROOT = Path(__file__).resolve().parents[2]
FAST = {"fsync": "off", "shared_buffers": "32MB"}


class Holder:
    """Another process that uses the same data folder."""

    def __init__(self, data_dir: Path, *prefix: str, python: str = sys.executable):
        self.process = subprocess.Popen(
            [*prefix, python, __file__, str(data_dir)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd="/",
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
        )

    def line(self) -> str:
        assert self.process.stdout is not None
        text = self.process.stdout.readline().strip()
        if not text and self.process.stderr is not None:
            raise AssertionError(self.process.stderr.read())
        return text

    def ready(self) -> int:
        """The process id of the server it holds."""
        assert self.line() == "starting"
        word, pid = self.line().split()
        assert word == "ready"
        return int(pid)

    def let_go(self) -> None:
        assert self.process.communicate(timeout=60)[0].strip() == "stopped"

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@contextmanager
def holder(data_dir: Path, *prefix: str, python: str = sys.executable) -> Iterator[Holder]:
    held = Holder(data_dir, *prefix, python=python)
    try:
        yield held
    finally:
        if held.process.poll() is None:
            held.kill()


def ask(dsn: str, query: str) -> object:
    with psycopg.connect(dsn) as conn:
        row = conn.execute(query).fetchone()
    return row[0] if row else None


def is_running(data_dir: Path) -> bool:
    return any(Cluster(data_dir / "postgres").processes())


if __name__ == "__main__":
    print("starting", flush=True)
    with EmbeddedPostgres(Path(sys.argv[1]), options={"fsync": "off"}) as server:
        print("ready", server.pid, flush=True)
        sys.stdin.read()
    print("stopped", flush=True)
