"""Opens the database that the settings name: the embedded server, or an external one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, Protocol

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from govbot.db.cluster import APPLICATION
from govbot.db.dsns import Dsns
from govbot.db.embedded import DatabaseSettings as EmbeddedSettings
from govbot.db.embedded import Progress, embedded
from govbot.db.schema import check_server, unreachable
from govbot.errors import Unavailable

_MAY_BECOME: Final = """
    SELECT current_user, pg_has_role(r.oid, 'SET') FROM pg_roles AS r WHERE r.rolname = %(role)s
"""


class DatabaseSettings(EmbeddedSettings, Protocol):
    """The section `[database]`, as far as it is read here."""

    @property
    def url(self) -> str: ...
    @property
    def owner_url(self) -> str: ...


class Settings(Protocol):
    """The settings that are read here."""

    @property
    def data_dir(self) -> Path: ...
    @property
    def database(self) -> DatabaseSettings: ...


@asynccontextmanager
async def open_database(
    settings: Settings, *, on_progress: Progress | None = None
) -> AsyncIterator[Dsns]:
    """The connection strings of a database that answers and is new enough.

    Does not look at the schema: see schema.migrate and schema.check. Raises Unavailable.
    """
    if settings.database.url:
        yield await asyncio.to_thread(_external, settings.database)
        return
    async with embedded(settings, on_progress=on_progress) as dsns:
        yield dsns


def _external(database: DatabaseSettings) -> Dsns:
    """An external server, asked whether it is new enough."""
    owner = database.owner_url or database.url
    app = database.url if database.owner_url else _with_application_role(database.url)
    try:
        with psycopg.connect(owner, connect_timeout=10) as conn:
            check_server(conn)
            if not database.owner_url:
                _check_membership(conn)
    except psycopg.Error as error:
        raise unreachable(error) from error
    return Dsns(app=app, owner=owner)


def _check_membership(conn: psycopg.Connection) -> None:
    """Before the first migration the role is missing, and that migration grants it."""
    row = conn.execute(_MAY_BECOME, {"role": APPLICATION}).fetchone()
    if row is not None and not row[1]:
        raise Unavailable(
            'The database login "%(name)s" may not become %(role)s: let an administrator of the '
            'server run GRANT %(role)s TO "%(name)s".',
            name=row[0],
            role=APPLICATION,
        )


def _with_application_role(url: str) -> str:
    """One login for everything: it becomes the application role in each session.

    The login must be a member of govbot_app, which the first migration sees to.
    """
    options = conninfo_to_dict(url).get("options") or ""
    return make_conninfo(url, options=f"{options} -c role={APPLICATION}".strip())
