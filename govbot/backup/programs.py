"""pg_dump and pg_restore: which ones, for which servers, and what they say when they fail."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

import psycopg
from psycopg.conninfo import conninfo_to_dict

from govbot.backup.progress import Meter
from govbot.db import cluster
from govbot.errors import BadConfig, Unavailable

FAILED: Final = "E-BACKUP-DATABASE"
# What a connection string holds goes to the programs by the environment: a password in the
# arguments could be read by every user of the machine.
_VARIABLES: Final[Mapping[str, str]] = {
    "host": "PGHOST",
    "hostaddr": "PGHOSTADDR",
    "port": "PGPORT",
    "dbname": "PGDATABASE",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "passfile": "PGPASSFILE",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "target_session_attrs": "PGTARGETSESSIONATTRS",
}


class Programs:
    """The PostgreSQL programs of one folder; GovBot's own by default."""

    def __init__(self, folder: str = "") -> None:
        self._folder = Path(folder) if folder else cluster.programs()
        for name in ("pg_dump", "pg_restore"):
            if not (self._folder / name).is_file():
                raise BadConfig(f"backup.programs: there is no {name} in {self._folder}")

    def require_fit(self, conn: psycopg.Connection) -> None:
        """Raises Unavailable for a server that pg_dump does not know."""
        found = subprocess.run(
            [self._folder / "pg_dump", "--version"], capture_output=True, text=True, check=False
        )
        own = int((re.search(r"(\d+)(?:\.|$)", found.stdout) or [0, 0])[1])
        server = conn.info.server_version // 10000
        if own < server:
            raise Unavailable(
                "The database server is PostgreSQL %(server)s and pg_dump here is %(own)s: install "
                "the client programs of PostgreSQL %(server)s (on Debian postgresql-client-"
                "%(server)s) and name their folder in backup.programs.",
                server=server,
                own=own,
                code=FAILED,
            )

    @contextmanager
    def dump(self, dsn: str, snapshot: str, meter: Meter) -> Iterator[IO[bytes]]:
        """A dump of that snapshot, to be read to its end. Raises Unavailable when it fails."""
        options = ["--format=custom", "--compress=gzip:3", "--no-password", "--no-owner"]
        # The extension is the server's own affair, and only its superuser may make it.
        options += ["--exclude-extension=*", f"--snapshot={snapshot}"]
        with self._child("pg_dump", options, dsn, meter, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None  # noqa: S101 - it is a pipe
            yield child.stdout

    @contextmanager
    def restore(self, dsn: str, meter: Meter, *, role: str, single: bool) -> Iterator[IO[bytes]]:
        """Takes a dump into an empty database. `single`: all of it or nothing."""
        options = ["--format=custom", "--no-password", "--no-owner", "--exit-on-error"]
        options += [f"--role={role}"] * bool(role) + ["--single-transaction"] * single
        options += [f"--dbname={conninfo_to_dict(dsn)['dbname']}"]
        with self._child("pg_restore", options, dsn, meter, stdin=subprocess.PIPE) as child:
            assert child.stdin is not None  # noqa: S101 - it is a pipe
            yield child.stdin

    @contextmanager
    def _child(
        self,
        name: str,
        options: list[str],
        dsn: str,
        meter: Meter,
        *,
        stdin: int = subprocess.DEVNULL,
        stdout: int = subprocess.DEVNULL,
    ) -> Iterator[subprocess.Popen[bytes]]:
        with tempfile.TemporaryFile() as said:
            command = [str(self._folder / name), *options]
            child = subprocess.Popen(
                command, env=_environment(dsn), stdin=stdin, stdout=stdout, stderr=said
            )
            meter.children.append(child)
            try:
                yield child
                for pipe in (child.stdin, child.stdout):
                    if pipe is not None:
                        pipe.close()
                status = child.wait()
            except BrokenPipeError:
                status = child.wait() or 1
            finally:
                meter.children.remove(child)
                _end(child)
            if status:
                said.seek(0)
                raise Unavailable(
                    "%(program)s failed: %(reason)s.",
                    program=name,
                    reason=_reason(said.read(20_000)),
                    code=FAILED,
                )


def _end(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        child.kill()
        child.wait()
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()


def _environment(dsn: str) -> dict[str, str]:
    given = conninfo_to_dict(dsn)
    told = {variable: str(given[name]) for name, variable in _VARIABLES.items() if given.get(name)}
    # Nothing must end a dump of hours but the administrator.
    limits = "-c statement_timeout=0 -c idle_in_transaction_session_timeout=0"
    told["PGOPTIONS"] = f"{given.get('options') or ''} {limits}".strip()
    home = {"HOME": os.environ["HOME"]} if "HOME" in os.environ else {}
    return cluster.environment() | {"PGCONNECT_TIMEOUT": "10"} | home | told


def _reason(said: bytes) -> str:
    """The first complaint: those after it follow from it."""
    lines = [line.strip() for line in said.decode(errors="replace").splitlines() if line.strip()]
    found = [line for line in lines if "error:" in line] or lines or ["no reason was given"]
    text = re.sub(r"^.*?error:\s*", "", found[0])
    return text[:300].rstrip(".")
