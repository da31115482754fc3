"""The schema: brings it up to date with alembic, and refuses a server or schema that does not fit.

alembic and SQLAlchemy are only imported when something is migrated: every command asks which
revision is the newest, and loading them takes longer than most commands.
"""

from __future__ import annotations

import functools
import logging
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import psycopg

from govbot.db.cluster import APPLICATION
from govbot.db.pool import Connection
from govbot.errors import Unavailable
from govbot.resources import migrations_dir

if TYPE_CHECKING:
    from alembic.config import Config

log = logging.getLogger(__name__)

OnStep = Callable[[str, str], None]

_LOCK_KEY: Final = 0x60B0_0001  # any number, as long as every GovBot uses the same
_OLDEST_SERVER: Final = 160000
_OLDEST_VECTOR: Final = (0, 8)

_SERVER: Final = """
    SELECT current_setting('server_version_num')::integer AS number,
           current_setting('server_version') AS version,
           (SELECT coalesce(installed_version, default_version)
            FROM pg_available_extensions WHERE name = 'vector') AS vector
"""
# Policies bind neither superusers nor roles with BYPASSRLS.
_LOGIN: Final = """
    SELECT r.rolname AS name, r.rolsuper OR r.rolbypassrls AS unbound
    FROM pg_roles AS r WHERE r.rolname = current_user
"""
_HAS_VERSION_TABLE: Final = "SELECT to_regclass('public.alembic_version') IS NOT NULL AS present"
_VERSION: Final = "SELECT version_num FROM public.alembic_version"
_NAMED: Final = re.compile(r'^(revision|down_revision)\b[^=\n]*= "(\w+)"$', re.MULTILINE)


def migrate(owner_dsn: str, on_step: OnStep | None = None) -> None:
    """Bring the schema to the newest revision, each step in its own transaction.

    Blocking. A second migration at the same time waits for the first. `on_step` gets the revision
    and its title after each step. Raises Unavailable when the server does not fit.
    """
    from alembic import command
    from sqlalchemy.exc import DBAPIError

    try:
        # The session lock lives as long as this connection, whatever happens to us.
        with psycopg.connect(owner_dsn, autocommit=True) as lock:
            check_server(lock)
            lock.execute("SELECT pg_advisory_lock(%(key)s::bigint)", {"key": _LOCK_KEY})
            config = _config()
            config.attributes["dsn"] = owner_dsn
            config.attributes["on_step"] = on_step
            check_version(_current(lock), behind_is_fine=True)
            command.upgrade(config, "head")
            lock.execute(f"GRANT SELECT ON public.alembic_version TO {APPLICATION}")
    except psycopg.Error as error:
        raise _explained(error) from error
    except DBAPIError as error:
        raise (
            _explained(error.orig) if isinstance(error.orig, psycopg.Error) else error
        ) from error
    log.info("The schema is at %s", head(), extra={"action": "schema.migrated"})


async def check(conn: Connection) -> None:
    """Raise Unavailable unless server and schema are what this version of GovBot needs."""
    row = await (await conn.execute(_SERVER)).fetchone()
    check_versions(*(row or {}).values())
    login = await (await conn.execute(_LOGIN)).fetchone()
    if login and login["unbound"]:
        raise Unavailable(
            'The database login "%(name)s" ignores row-level security, so everybody could read '
            "everything: let database.url name a role without SUPERUSER and BYPASSRLS.",
            name=login["name"],
        )
    present = await (await conn.execute(_HAS_VERSION_TABLE)).fetchone()
    if not present or not present["present"]:
        check_version(None)
        return
    version = await (await conn.execute(_VERSION)).fetchone()
    check_version(version["version_num"] if version else None)


def check_version(current: str | None, *, behind_is_fine: bool = False) -> None:
    """Compare a revision found in a database with ours."""
    if current == head():
        return
    if current is not None and current not in _revisions():
        raise Unavailable(
            "The database schema is at %(current)s, which this version of GovBot does not know "
            "(it knows up to %(head)s): install the newer GovBot that wrote it.",
            current=current,
            head=head(),
        )
    if not behind_is_fine:
        raise Unavailable(
            "The database schema is at %(current)s, this version needs %(head)s: "
            "run `govbot migrate`.",
            current=current or "nothing",
            head=head(),
        )


def check_server(conn: psycopg.Connection) -> None:
    """Raise Unavailable for a server older than PostgreSQL 16, or without pgvector 0.8."""
    check_versions(*(conn.execute(_SERVER).fetchone() or ()))


def check_versions(number: int, version: str, vector: str | None) -> None:
    """As `check_server`, for what a server said of itself."""
    if number < _OLDEST_SERVER:
        raise Unavailable(
            "The database server is PostgreSQL %(version)s: GovBot needs 16 or newer.",
            version=version,
        )
    if vector is None:
        raise Unavailable(
            "The database server has no pgvector: install pgvector 0.8.0 or newer on it "
            "(on Debian the package postgresql-NN-pgvector)."
        )
    if tuple(int(part) for part in vector.split(".")[:2]) < _OLDEST_VECTOR:
        raise Unavailable(
            "The database server has pgvector %(version)s: GovBot needs 0.8.0 or newer; "
            "update it and run ALTER EXTENSION vector UPDATE in the database.",
            version=vector,
        )


def unreachable(error: psycopg.Error) -> Unavailable:
    """One sentence for a database that cannot be connected to; libpq's text has no secrets."""
    lines = [line.strip() for line in str(error).strip().splitlines() if line.strip()]
    return Unavailable(
        "The database cannot be reached: %(reason)s. Check database.url and that the server runs.",
        reason=(lines[0] if lines else type(error).__name__).rstrip("."),
    )


def _explained(error: psycopg.Error) -> Unavailable:
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return Unavailable(
            "The owner of the database may not prepare it: %(reason)s. Let an administrator of the "
            "server create the role govbot_app and the extension vector, and start again.",
            reason=str(error.diag.message_primary or error),
        )
    if isinstance(error, psycopg.OperationalError):
        return unreachable(error)
    return Unavailable(
        "A migration failed and changed nothing: %(reason)s.",
        reason=str(error.diag.message_primary or error).rstrip("."),
    )


def run_sql(name: str) -> None:
    """Run a file of `migrations/sql` inside the current migration; it may hold many statements."""
    from alembic import op

    text = (migrations_dir() / "sql" / name).read_text(encoding="utf-8")
    connection = op.get_bind().connection.driver_connection
    if connection is None:
        raise RuntimeError("run_sql needs a live connection")
    connection.execute(text.encode(), prepare=False)


def head() -> str:
    """The newest revision that this version knows."""
    before = set(_revisions().values())
    newest = [revision for revision in _revisions() if revision not in before]
    return newest[0] if newest else ""


def knows(revision: str) -> bool:
    """Whether a database at this revision can be brought to the newest one."""
    return revision in _revisions()


@functools.cache
def _revisions() -> dict[str, str]:
    """Each revision of `migrations/versions` and the one before it, read without running them."""
    found = {}
    for file in sorted((migrations_dir() / "versions").glob("*.py")):
        named = dict(_NAMED.findall(file.read_text(encoding="utf-8")))
        found[named["revision"]] = named.get("down_revision", "")
    return found


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    # A per cent sign in the path would be read as an interpolation.
    config.set_main_option("script_location", str(migrations_dir()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _current(conn: psycopg.Connection) -> str | None:
    present = conn.execute(_HAS_VERSION_TABLE).fetchone()
    if not present or not present[0]:
        return None
    row = conn.execute(_VERSION).fetchone()
    return str(row[0]) if row else None
