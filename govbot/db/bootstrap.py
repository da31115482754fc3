"""What the superuser prepares in the embedded server: the roles, the database, the extension.

Runs at each start and changes nothing when all is there, so that an interrupted first start is
completed by the next, and a newer pgvector in the package is taken into use.
"""

from __future__ import annotations

from typing import Final

import psycopg
from psycopg import sql

from govbot.db.cluster import APPLICATION, OWNER
from govbot.errors import Unavailable

DATABASE: Final = "govbot"
_LOCK: Final = 7181  # of pg_advisory_lock, in each of the two databases

_ROLE = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"


def bootstrap(maintenance_dsn: str, database_dsn: str) -> None:
    """Bring the server behind the two superuser connection strings to what GovBot needs."""
    try:
        with psycopg.connect(maintenance_dsn, autocommit=True) as conn:
            _wait_for_others(conn)
            _create_roles(conn)
            create_database(conn, DATABASE)
        with psycopg.connect(database_dsn, autocommit=True) as conn:
            _wait_for_others(conn)
            _install_extension(conn)
    except psycopg.Error as error:
        raise Unavailable(
            "The embedded PostgreSQL could not be prepared: %(reason)s.",
            reason=str(error).strip().splitlines()[0].rstrip("."),
        ) from error


def create_database(conn: psycopg.Connection, name: str, *, template: str = "template1") -> None:
    """Create the database `name` unless it exists; only our two roles may connect to it."""
    names = {
        "name": sql.Identifier(name),
        "template": sql.Identifier(template),
        "owner": sql.Identifier(OWNER),
        "app": sql.Identifier(APPLICATION),
    }
    if conn.execute("SELECT FROM pg_database WHERE datname = %s", [name]).fetchone() is None:
        conn.execute(
            sql.SQL("CREATE DATABASE {name} OWNER {owner} TEMPLATE {template}").format(**names)
        )
    conn.execute(sql.SQL("REVOKE ALL ON DATABASE {name} FROM PUBLIC").format(**names))
    conn.execute(sql.SQL("GRANT CONNECT ON DATABASE {name} TO {app}").format(**names))


def _wait_for_others(conn: psycopg.Connection) -> None:
    """Prepare alone until `conn` ends.

    A killed GovBot leaves its server running, and the server ends the statement it was at before
    it notices: what that one creates cannot be seen yet, and creating it again would fail.
    """
    conn.execute("SET lock_timeout TO '60s'")
    conn.execute("SELECT pg_advisory_lock(%s)", [_LOCK])


def _create_roles(conn: psycopg.Connection) -> None:
    for role in (OWNER, APPLICATION):
        if conn.execute("SELECT FROM pg_roles WHERE rolname = %s", [role]).fetchone() is None:
            conn.execute(sql.SQL("CREATE ROLE {} " + _ROLE).format(sql.Identifier(role)))


def _install_extension(conn: psycopg.Connection) -> None:
    conn.execute("SET client_min_messages TO warning")
    conn.execute("CREATE EXTENSION IF NOT EXISTS vector SCHEMA public")
    outdated = conn.execute(
        "SELECT FROM pg_available_extensions"
        " WHERE name = 'vector' AND installed_version <> default_version"
    ).fetchone()
    if outdated is not None:
        conn.execute("ALTER EXTENSION vector UPDATE")
