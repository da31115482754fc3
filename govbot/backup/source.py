"""What a backup takes from a database that is in use: one moment of it, and what it names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, LiteralString

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from govbot.config import Settings
from govbot.db.dsns import Dsns
from govbot.db.schema import unreachable
from govbot.errors import Unavailable

_ROLE: Final = "SELECT rolname, rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
# Tables of extensions belong to the extension.
_TABLES: Final = """
    SELECT c.oid::regclass::text, n.nspname, c.relname
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
      AND NOT EXISTS (SELECT FROM pg_depend d
                      WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                        AND d.deptype = 'e')
    ORDER BY 1
"""
_NAMED: Final = "SELECT DISTINCT v.sha256 FROM document_versions v ORDER BY v.sha256"
_GONE: Final = """
    SELECT resource, at::text FROM audit_log WHERE action = %(action)s ORDER BY seq
"""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a database was at one moment."""

    schema: str
    server: str
    tables: dict[str, int]
    audit_seq: int
    audit_hash: str
    bytes: int


@contextmanager
def open_source(dsn: str) -> Iterator[psycopg.Connection]:
    """One moment of the database, which nothing that others do changes any more.

    Raises Unavailable for a role that row-level security binds: it would see a part.
    """
    try:
        with psycopg.connect(dsn, connect_timeout=10) as conn:
            conn.execute("SET statement_timeout = 0")
            conn.execute("SET idle_in_transaction_session_timeout = 0")
            conn.execute("SET search_path = public")
            conn.execute("SET timezone = 'UTC'")
            conn.commit()
            conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            conn.read_only = True
            row = conn.execute(_ROLE).fetchone()
            if row is not None and not row[1]:
                raise Unavailable(
                    'The database role "%(name)s" is bound by row-level security and cannot make a '
                    "backup: let an administrator of the server make a role with BYPASSRLS that "
                    "may read all tables (docs/backup.md), and name it in backup.database_url.",
                    name=row[0],
                    code="E-BACKUP-ROLE",
                )
            if not has_schema(conn):
                raise Unavailable(
                    "There is nothing to back up yet: the database has no schema.",
                    code="E-BACKUP-DATABASE",
                )
            yield conn
            conn.rollback()
    except psycopg.OperationalError as error:
        raise unreachable(error) from error
    except psycopg.Error as error:
        raise Unavailable(
            "The database cannot be backed up: %(reason)s.",
            reason=str(error.diag.message_primary or error).rstrip("."),
            code="E-BACKUP-DATABASE",
        ) from error


def dsn_of(settings: Settings, dsns: Dsns) -> str:
    """The connection that reads everything."""
    return settings.backup.database_url or dsns.superuser or dsns.owner


def counting_dsn(settings: Settings, target: Dsns) -> str:
    """The same for another database of the server."""
    found = target.superuser or settings.backup.database_url or target.owner
    return make_conninfo(found, dbname=conninfo_to_dict(target.owner).get("dbname"))


def may_count(conn: psycopg.Connection) -> bool:
    """Whether the role sees every row."""
    row = conn.execute(_ROLE).fetchone()
    return bool(row and row[1])


def snapshot_of(conn: psycopg.Connection) -> str:
    """The name under which other connections see this moment."""
    return str(_one(conn, "SELECT pg_export_snapshot()"))


def facts_of(conn: psycopg.Connection) -> Facts:
    """Counts everything."""
    head = conn.execute("SELECT seq, hash FROM audit_log ORDER BY seq DESC LIMIT 1").fetchone()
    return Facts(
        schema=str(_one(conn, "SELECT version_num FROM alembic_version")),
        server=str(_one(conn, "SELECT current_setting('server_version')")).partition(" ")[0],
        tables=counts(conn),
        audit_seq=int(head[0]) if head else 0,
        audit_hash=bytes(head[1]).hex() if head else "",
        bytes=int(str(_one(conn, "SELECT pg_database_size(current_database())"))),
    )


def counts(conn: psycopg.Connection) -> dict[str, int]:
    """The rows of every table."""
    found = {}
    for name, schema, table in conn.execute(_TABLES).fetchall():
        query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(schema, table))
        row = conn.execute(query).fetchone()
        found[str(name)] = int(row[0]) if row else 0
    return found


def has_schema(conn: psycopg.Connection) -> bool:
    """Whether GovBot's tables are there."""
    return _one(conn, "SELECT to_regclass('public.alembic_version')") is not None


def is_empty(conn: psycopg.Connection) -> bool:
    """Whether there is no table at all."""
    return conn.execute(_TABLES).fetchone() is None


def named_originals(conn: psycopg.Connection) -> Iterator[str]:
    """The contents that any version of a document names."""
    with conn.cursor(name="originals") as cursor:
        cursor.itersize = 5000
        cursor.execute(_NAMED)
        for row in cursor:
            yield str(row[0])


def erased(conn: psycopg.Connection) -> dict[str, str]:
    """The persons that were erased, and when: `user:<id>` by the audit log."""
    return dict(conn.execute(_GONE, {"action": "person.erased"}).fetchall())


def purged(conn: psycopg.Connection) -> dict[str, str]:
    """The documents that were deleted for good, and when."""
    return dict(conn.execute(_GONE, {"action": "document.purged"}).fetchall())


def _one(conn: psycopg.Connection, query: LiteralString) -> object:
    row = conn.execute(query).fetchone()
    return row[0] if row else None
