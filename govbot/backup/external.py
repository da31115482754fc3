"""Restores into an external database: into an empty one, or beside the one in use.

Beside means a new database of the same server, which takes the name of the old one in the end.
"""

from __future__ import annotations

import asyncio
import secrets
from datetime import UTC, datetime

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from govbot.backup import belongings, erasures, originals, source, swap
from govbot.backup.erasures import Erasures
from govbot.backup.order import Order, Restored, check_pieces, require_fit
from govbot.backup.progress import Meter
from govbot.backup.scratch import at, make_database, prepare
from govbot.backup.settle import fill_and_settle
from govbot.backup.verify import in_thread
from govbot.config import Settings
from govbot.db.cluster import APPLICATION
from govbot.db.dsns import Dsns
from govbot.db.schema import unreachable
from govbot.errors import Conflict


async def restore(order: Order, settings: Settings, dsns: Dsns, meter: Meter) -> Restored:
    """Raises Conflict for a database that is not empty, unless it is to be replaced."""
    require_fit(order)
    name = str(conninfo_to_dict(dsns.owner).get("dbname") or "")
    empty = await asyncio.to_thread(_look, dsns.owner)
    if not empty and not order.replace:
        raise Conflict(
            'The database "%(name)s" is not empty: --replace restores in its place and keeps what '
            "is there aside.",
            name=name,
            code=swap.NOT_EMPTY,
        )
    await in_thread(lambda: check_pieces(order.backup, meter), meter)
    known, done = erasures.read(order.backup.place.parent), Restored(order.backup.id)
    data_dir = settings.data_dir.resolve()
    with swap.draft(data_dir) as draft:
        await in_thread(
            lambda: originals.take_originals(order, data_dir, draft, meter, done), meter
        )
        await asyncio.to_thread(swap.move_in, draft, data_dir)
    if empty:
        await asyncio.to_thread(_prepare, dsns.owner)
        await fill_and_settle(order, dsns, settings, meter, known, done)
    else:
        known.add(await asyncio.to_thread(_erased, settings, dsns))
        await _beside(order, settings, dsns, meter, known, done)
    small = belongings.read(order.backup, order.identities)
    await asyncio.to_thread(originals.put_keys, order, settings, data_dir, small, done)
    await asyncio.to_thread(originals.mark_folder, data_dir, done.mark)
    return done


async def _beside(
    order: Order, settings: Settings, dsns: Dsns, meter: Meter, known: Erasures, done: Restored
) -> None:
    name = str(conninfo_to_dict(dsns.owner)["dbname"])
    made = f"{name[:40]}_restore_{secrets.token_hex(3)}"
    aside = f"{name[:40]}_before_{datetime.now(UTC):%Y%m%d%H%M%S}"
    await asyncio.to_thread(_make, dsns.owner, made)
    try:
        await fill_and_settle(order, at(dsns, made), settings, meter, known, done)
        await asyncio.to_thread(_close, settings, dsns.owner, made)
        await asyncio.to_thread(_rename, dsns.owner, {name: aside, made: name})
    except BaseException:
        await asyncio.to_thread(_drop, dsns.owner, made)
        raise
    done.aside = aside


def _look(dsn: str) -> bool:
    try:
        with psycopg.connect(dsn, connect_timeout=10) as conn:
            return source.is_empty(conn)
    except psycopg.OperationalError as error:
        raise unreachable(error) from error


def _prepare(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as conn:
        prepare(conn)


def _erased(settings: Settings, dsns: Dsns) -> Erasures:
    with source.open_source(source.dsn_of(settings, dsns)) as conn:
        return Erasures(source.erased(conn), source.purged(conn))


def _make(dsn: str, name: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as conn:
        make_database(conn, name, superuser=False)


def _close(settings: Settings, dsn: str, name: str) -> None:
    """Nobody else connects to it, as to the one whose place it takes (docs/operate.md)."""
    reader = conninfo_to_dict(settings.backup.database_url).get("user")
    database = sql.Identifier(name)
    with psycopg.connect(dsn) as conn:
        conn.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
        for role in (APPLICATION, *([str(reader)] if reader else [])):
            conn.execute(
                sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, sql.Identifier(role))
            )


def _rename(dsn: str, names: dict[str, str]) -> None:
    """All of them or none. Raises Conflict while anybody is connected."""
    try:
        with psycopg.connect(make_conninfo(dsn, dbname="postgres")) as conn:
            for old, new in names.items():
                conn.execute(
                    sql.SQL("ALTER DATABASE {} RENAME TO {}").format(
                        sql.Identifier(old), sql.Identifier(new)
                    )
                )
    except psycopg.errors.ObjectInUse as error:
        raise Conflict(
            "Somebody is connected to the database: stop GovBot on all nodes, and try again.",
            code="E-BACKUP-RUNNING",
        ) from error


def _drop(dsn: str, name: str) -> None:
    with psycopg.connect(make_conninfo(dsn, dbname="postgres"), autocommit=True) as conn:
        conn.execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        )
