"""Who acts in a transaction: the one way to a connection that can read anything.

Row-level security asks `govbot_actor()`, which reads what is set here for one transaction only.
A connection of the pool without it sees no row of any document or conversation.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeVar
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg_pool import PoolTimeout

from govbot.db.pool import Connection, Pool
from govbot.errors import Denied, NotFound, Unavailable
from govbot.ids import UserId

log = logging.getLogger(__name__)

DATABASE_FULL: Final = "E-DATABASE-FULL"
_SYSTEM: Final = "system"
# Where PostgreSQL says so of its own files (a disk that turned read-only) and not of a policy: both
# have the same code (errcode_for_file_access).
_FILES: Final = frozenset({"md.c", "fd.c", "smgr.c", "slru.c", "xlog.c", "relmapper.c", "file.c"})
# The server ends the connection: a clock that jumps ahead makes a moment too long.
_TIMED_OUT: Final = (
    psycopg.errors.IdleInTransactionSessionTimeout,
    psycopg.errors.TransactionTimeout,
)
_BEGIN: Final = sql.SQL(
    "BEGIN {kind}; SELECT set_config('govbot.actor', {actor}, true),"
    " set_config('govbot.role', {role}, true)"
)
_READ, _WRITE = sql.SQL("READ ONLY"), sql.SQL("READ WRITE")
_busy_task: ContextVar[int] = ContextVar("govbot_transaction_of_task", default=0)
_Row = TypeVar("_Row")


class Role(StrEnum):
    """What an account may do besides its grants on collections."""

    ADMIN = "admin"
    CURATOR = "curator"
    AUDITOR = "auditor"
    USER = "user"


@dataclass(frozen=True, slots=True)
class Actor:
    """The person on whose behalf the database is asked."""

    id: UserId
    name: str
    role: Role
    ip: str = ""


# The person at the server's own command line: there is no account behind it, and whoever can run
# `govbot` there can read the database anyway. Never made from a request.
OPERATOR: Final = Actor(UserId(UUID(int=0)), "operator", Role.ADMIN)


@asynccontextmanager
async def as_actor(pool: Pool, actor: Actor, *, write: bool = False) -> AsyncIterator[Connection]:
    """One transaction that sees what `actor` may see; read-only unless `write`.

    Raises Unavailable when the database does not answer, Denied when a policy forbids a change.
    Blocks must not be nested: an inner one would wait for a second connection and see another
    state of the data.
    """
    name = _SYSTEM if actor is OPERATOR else str(actor.id)
    async with _transaction(pool, name, actor.role.value, read_only=not write) as conn:
        yield conn


@asynccontextmanager
async def as_system(pool: Pool) -> AsyncIterator[Connection]:
    """One transaction of GovBot itself: sign-in, the job worker, the operator's command line."""
    async with _transaction(pool, _SYSTEM, _SYSTEM, read_only=False) as conn:
        yield conn


def found(row: _Row | None) -> _Row:
    """The row, or NotFound: a row that policies hide does not exist for the actor."""
    if row is None:
        raise NotFound
    return row


@asynccontextmanager
async def _transaction(
    pool: Pool, actor: str, role: str, *, read_only: bool
) -> AsyncIterator[Connection]:
    task = id(asyncio.current_task())
    if _busy_task.get() == task:
        raise RuntimeError("as_actor and as_system must not be nested: pass the connection on")
    mark = _busy_task.set(task)
    kind = _READ if read_only else _WRITE
    begin = _BEGIN.format(kind=kind, actor=sql.Literal(actor), role=sql.Literal(role))
    try:
        with _translated():
            async with pool.connection() as conn:
                await conn.begin(begin)
                yield conn
                await conn.end()
    finally:
        _busy_task.reset(mark)


@contextmanager
def _translated() -> Iterator[None]:
    """psycopg's errors that are no mistake of ours, as GovBot's."""
    try:
        yield
    except PoolTimeout as error:
        raise Unavailable("The database is busy or stopped: try again in a moment.") from error
    except psycopg.errors.InsufficientPrivilege as error:
        if error.diag.source_file in _FILES:
            log.error(
                "The database may not write its files", extra={"action": "database.read-only"}
            )
            raise Unavailable(
                "The disk of the database cannot be written: see to it, then start the machine "
                "again. Nothing that was accepted is lost.",
                code="E-DATABASE-DISK",
            ) from error
        raise Denied from error
    except psycopg.errors.DiskFull as error:
        log.error("The disk of the database is full", extra={"action": "database.full"})
        raise Unavailable(
            "The disk of the database is full. Make room: the work goes on by itself.",
            code=DATABASE_FULL,
        ) from error
    except (psycopg.OperationalError, *_TIMED_OUT) as error:
        kind = type(error).__name__
        log.warning("The database gave up: %s", kind, extra={"action": "database.interrupted"})
        raise Unavailable("The database stopped the operation: try again in a moment.") from error
