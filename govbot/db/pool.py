"""The pool of connections: checked before use, with limits on every statement and transaction."""

from __future__ import annotations

import logging
import select
import time
from typing import Final

import psycopg
from pgvector.psycopg import register_vector_async
from psycopg import AsyncConnection, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from govbot.errors import Unavailable

log = logging.getLogger(__name__)

Connection = AsyncConnection[DictRow]

_OPEN_TIMEOUT_S: Final = 30.0
_WAIT_TIMEOUT_S: Final = 15.0
_IDLE_IN_TRANSACTION_S: Final = 120
_FRESH_S: Final = 10.0


class Pooled(AsyncConnection[DictRow]):
    """A connection that goes from hand to hand."""

    heard_at: float = 0.0  # seconds of the monotonic clock
    clean: bool = False  # nothing is set for the session

    async def begin(self, query: sql.Composed) -> None:
        """Begins a transaction with a query that says so, and goes on in the same breath."""
        await self.set_autocommit(True)  # the transaction is not psycopg's
        self.clean = False
        await self.execute(query, prepare=False)

    async def end(self) -> None:
        """Commits, and undoes what was set for the session."""
        await self.execute("COMMIT; RESET ALL", prepare=False)
        self.clean = True


Pool = AsyncConnectionPool[Pooled]


async def open_pool(
    dsn: str, *, size: int, name: str, statement_timeout_s: float = 60, wait: bool = True
) -> Pool:
    """An open pool of at most `size` connections whose rows are dicts; close it with `close()`.

    A statement ends after `statement_timeout_s` seconds (0: never). Raises Unavailable when the
    database cannot be reached within 30 seconds.
    """
    pool: Pool = AsyncConnectionPool(
        _with_limits(dsn, name, statement_timeout_s),
        connection_class=Pooled,
        kwargs={"row_factory": dict_row, "autocommit": False},
        min_size=min(2, size),
        max_size=size,
        open=False,
        name=name,
        timeout=_WAIT_TIMEOUT_S,
        check=_check,
        configure=_register_vectors,
        reset=_forget,
    )
    try:
        await pool.open(wait=wait, timeout=_OPEN_TIMEOUT_S)
    except PoolTimeout as error:
        await pool.close()
        raise Unavailable(
            "The database cannot be reached: check database.url and that the server runs."
        ) from error
    return pool


def _with_limits(dsn: str, name: str, statement_timeout_s: float) -> str:
    """The DSN with our settings put before those that it already has, which win."""
    given = conninfo_to_dict(dsn)
    options = (
        f"-c statement_timeout={round(statement_timeout_s * 1000)}"
        f" -c idle_in_transaction_session_timeout={_IDLE_IN_TRANSACTION_S}s"
        f" -c search_path=public -c timezone=UTC {given.get('options') or ''}"
    )
    wait = given.get("connect_timeout") or 10
    return make_conninfo(dsn, options=options.strip(), application_name=name, connect_timeout=wait)


async def _check(conn: Pooled) -> None:
    """Raises for a connection that is lost, which the pool then replaces.

    A server that ended says so on its socket; one that was heard of a moment ago and says nothing
    is there, and need not be asked before each transaction.
    """
    if time.monotonic() - conn.heard_at > _FRESH_S or _has_news(conn):
        await AsyncConnectionPool.check_connection(conn)


def _has_news(conn: Connection) -> bool:
    poll = select.poll()
    poll.register(conn.fileno(), select.POLLIN)
    return bool(poll.poll(0))


async def _forget(conn: Pooled) -> None:
    """Undo what was set for the whole session, an actor above all, before the next one has it."""
    if not conn.clean:
        await conn.set_autocommit(True)
        await conn.execute("RESET ALL")
    await conn.set_autocommit(False)
    conn.clean = False
    conn.heard_at = time.monotonic()


async def _register_vectors(conn: Connection) -> None:
    """Teach the connection pgvector's types. Before the first migration there are none."""
    try:
        await register_vector_async(conn)
    except psycopg.ProgrammingError:
        log.debug("pgvector is not in this database", extra={"action": "database.no-vector"})
    await conn.rollback()
