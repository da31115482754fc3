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

_ROLE = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"


def bootstrap(maintenance_dsn: str, database_dsn: str) -> None:
    """Bring the server behind the two superuser connection strings to what GovBot needs."""
    try:
        with psycopg.connect(maintenance_dsn, autocommit=True) as conn:
            _roles_and_database(conn)
        with psycopg.connect(database_dsn, autocommit=True) as conn:
            _extension(conn)
    except psycopg.Error as error:
        raise Unavailable(
            "The embedded PostgreSQL could not be prepared: %(reason)s.",
            reason=str(error).strip().splitlines()[0].rstrip("."),
        ) from error


def _roles_and_database(conn: psycopg.Connection) -> None:
    for role in (OWNER, APPLICATION):
        if not conn.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone():
            conn.execute(sql.SQL("CREATE ROLE {} " + _ROLE).format(sql.Identifier(role)))
    if conn.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
        return
    names = {"database": sql.Identifier(DATABASE), "owner": sql.Identifier(OWNER)}
    conn.execute(sql.SQL("CREATE DATABASE {database} OWNER {owner}").format(**names))


def _extension(conn: psycopg.Connection) -> None:
    names = {"database": sql.Identifier(DATABASE), "app": sql.Identifier(APPLICATION)}
    conn.execute(sql.SQL("REVOKE ALL ON DATABASE {database} FROM PUBLIC").format(**names))
    conn.execute(sql.SQL("GRANT CONNECT ON DATABASE {database} TO {app}").format(**names))
    conn.execute("SET client_min_messages TO warning")
    conn.execute("CREATE EXTENSION IF NOT EXISTS vector SCHEMA public")
    outdated = conn.execute(
        "SELECT 1 FROM pg_available_extensions"
        " WHERE name = 'vector' AND installed_version <> default_version"
    ).fetchone()
    if outdated:
        conn.execute("ALTER EXTENSION vector UPDATE")
