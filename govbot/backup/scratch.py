"""A database beside the one in use, in which a backup is restored to be looked at."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from govbot.backup import manifest as manifests
from govbot.backup.folder import Backup
from govbot.backup.programs import Programs
from govbot.backup.progress import Meter
from govbot.backup.sealed import Counting, Metered, unseal
from govbot.db.bootstrap import create_database
from govbot.db.cluster import APPLICATION, OWNER
from govbot.db.dsns import Dsns
from govbot.db.schema import unreachable
from govbot.errors import Unavailable

NO_SCRATCH: Final = "E-BACKUP-SCRATCH"
_PREFIX: Final = "govbot_scratch"


def at(dsns: Dsns, database: str) -> Dsns:
    """The same roles in another database of the server."""

    def moved(dsn: str) -> str:
        return make_conninfo(dsn, dbname=database) if dsn else ""

    return Dsns(app=moved(dsns.app), owner=moved(dsns.owner), superuser=moved(dsns.superuser))


@contextmanager
def scratch(dsns: Dsns) -> Iterator[Dsns]:
    """An empty database that is gone after the block; what a killed check left goes, too.

    Raises Unavailable E-BACKUP-SCRATCH where the role may not make databases.
    """
    admin = dsns.superuser or dsns.owner
    own = str(conninfo_to_dict(admin).get("dbname") or "")
    prefix = f"{_PREFIX}_{sha256(own.encode()).hexdigest()[:8]}_"
    name = prefix + secrets.token_hex(4)
    try:
        with psycopg.connect(admin, autocommit=True) as conn:
            _drop_all(conn, prefix)
            make_database(conn, name, superuser=bool(dsns.superuser))
            try:
                yield at(dsns, name)
            finally:
                _drop(conn, name)
    except psycopg.OperationalError as error:
        raise unreachable(error) from error


def make_database(conn: psycopg.Connection, name: str, *, superuser: bool) -> None:
    """An empty database with the extension. Raises Unavailable E-BACKUP-SCRATCH."""
    try:
        if superuser:
            create_database(conn, name)
        else:
            conn.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        with psycopg.connect(_beside(conn, name), autocommit=True) as inside:
            prepare(inside)
    except psycopg.errors.InsufficientPrivilege as error:
        raise Unavailable(
            "The database role may not make a database to restore into (%(reason)s): let an "
            "administrator of the server run ALTER ROLE ... CREATEDB, and see docs/backup.md.",
            reason=str(error.diag.message_primary or error),
            code=NO_SCRATCH,
        ) from error


def prepare(conn: psycopg.Connection) -> None:
    """What a dump takes for granted: the extension, and the role of the application."""
    conn.execute("SET client_min_messages TO warning")
    conn.execute("CREATE EXTENSION IF NOT EXISTS vector SCHEMA public")
    if conn.execute("SELECT FROM pg_roles WHERE rolname = %s", [APPLICATION]).fetchone() is None:
        role = sql.Identifier(APPLICATION)
        conn.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(role))
        conn.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(role))


def fill(
    backup: Backup,
    target: Dsns,
    programs: Programs,
    identities: Sequence[Any] | None,
    meter: Meter,
    *,
    single: bool = False,
) -> None:
    """Restores the dump into an empty database. Raises Invalid, Unavailable."""
    piece = backup.known.piece(manifests.DATABASE)
    meter.begin("restore", piece.size)
    dsn, role = (target.superuser, OWNER) if target.superuser else (target.owner, "")
    with (
        (backup.place / piece.name).open("rb") as file,
        programs.restore(dsn, meter, role=role, single=single) as stream,
    ):
        unseal(Metered(file, meter), Counting(stream), identities)
    with psycopg.connect(target.superuser or target.owner, autocommit=True) as conn:
        # Without figures the planner takes minutes for what takes milliseconds.
        conn.execute("SET statement_timeout = 0")
        conn.execute("ANALYZE")


def _beside(conn: psycopg.Connection, name: str) -> str:
    return make_conninfo(conn.info.dsn, dbname=name, password=conn.info.password or None)


def _drop_all(conn: psycopg.Connection, prefix: str) -> None:
    left = conn.execute(
        "SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [prefix]
    ).fetchall()
    for (name,) in left:
        _drop(conn, str(name))


def _drop(conn: psycopg.Connection, name: str) -> None:
    conn.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
