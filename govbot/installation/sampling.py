"""Gathers, by one timer, the figures for monitoring that cost a query or a look at a disk.

Never when they are read: a monitor that asks often, or five of them, cost the database no more. A
look that takes too long is given up until the next time; its figures stay, and their age is told.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import threading
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from govbot import metrics
from govbot.backup import state as backups
from govbot.backup.folder import folder_of
from govbot.certificates import examine
from govbot.db.access import as_system
from govbot.errors import GovBotError
from govbot.eval import background
from govbot.ingest.receive import PROCESS
from govbot.jobs.standing import standing

if TYPE_CHECKING:
    from govbot.config import Settings
    from govbot.db.pool import Connection, Pool
    from govbot.generate.pool import Pool as Models

log = logging.getLogger(__name__)

EVERY_S: Final = 30.0
SELDOM: Final = 4  # rounds: what reads a table as a whole
LOOK_S: Final = 5.0
EXACT_UP_TO: Final = 100_000  # passages; of more, the planner's estimate is near enough
KINDS: Final = (PROCESS, background.TASK)


class App(Protocol):
    """The parts that are looked at."""

    @property
    def settings(self) -> Settings: ...
    @property
    def pool(self) -> Pool: ...
    @property
    def generator(self) -> Models: ...


T = TypeVar("T")
Look = Callable[[App], Awaitable[None]]
_under_way: set[str] = set()


async def follow(app: App, *, every_s: float = EVERY_S) -> None:
    """Gathers the figures for as long as the service runs."""
    number = 0
    while True:
        await gather(app, seldom=number % SELDOM == 0)
        number += 1
        await asyncio.sleep(every_s)


async def gather(app: App, *, seldom: bool = True) -> None:
    """One look at each part, one after the other."""
    for part, look in ({**LOOKS, **SELDOM_LOOKS} if seldom else LOOKS).items():
        try:
            async with asyncio.timeout(LOOK_S):
                await look(app)
            metrics.sampled(part)
        except (GovBotError, TimeoutError, OSError) as error:
            _waits(part, error)
        except Exception as error:  # figures must never take the service down
            _waits(part, error)
            log.debug("Figures of %s cannot be had", part, exc_info=error)


def at_hand(app: App) -> None:
    """Brings up to date what costs nothing: it is done whenever the metrics are read."""
    app.generator.report()
    metrics.set_pool("govbot", app.pool.pop_stats())


def _waits(part: str, error: Exception) -> None:
    extra = {"action": "metrics.waiting"}
    log.warning("Figures of %s wait: %s", part, type(error).__name__, extra=extra)


async def _queue(app: App) -> None:
    async with as_system(app.pool) as conn:
        await _bounded(conn)
        found = await standing(conn)
    metrics.set_jobs_by_kind(found.counts, found.oldest_s, kinds=KINDS)


async def _database(app: App) -> None:
    async with as_system(app.pool) as conn:
        await _bounded(conn)
        cursor = await conn.execute("SELECT pg_database_size(current_database()) AS size")
        row = await cursor.fetchone() or {"size": 0}
    metrics.set_database(int(row["size"]))


async def _documents(app: App) -> None:
    async with as_system(app.pool) as conn:
        await _bounded(conn)
        cursor = await conn.execute(
            """
            SELECT v.state, count(*) AS n
            FROM document_versions v JOIN documents d ON d.id = v.document_id
            WHERE d.trashed_at IS NULL
            GROUP BY v.state
            """
        )
        states = {str(row["state"]): int(row["n"]) for row in await cursor.fetchall()}
        passages = await _passages(conn)
    metrics.set_documents({"ready": 0, "failed": 0} | states, passages=passages)


async def _passages(conn: Connection) -> int:
    cursor = await conn.execute(
        "SELECT c.reltuples AS n FROM pg_class c WHERE c.oid = 'chunks'::regclass"
    )
    row = await cursor.fetchone() or {"n": 0}
    if row["n"] > EXACT_UP_TO:
        return int(row["n"])
    cursor = await conn.execute("SELECT count(*) AS n FROM chunks")
    row = await cursor.fetchone() or {"n": 0}
    return int(row["n"])


async def _folders(app: App) -> None:
    if not app.settings.watch.folders:
        return
    async with as_system(app.pool) as conn:
        await _bounded(conn)
        cursor = await conn.execute(
            """
            SELECT coalesce(extract(epoch FROM now() - min(w.looked_at)), 0)::float AS lag,
                   count(*) FILTER (WHERE w.error_code IS NOT NULL) AS failing
            FROM watched_folders w
            WHERE w.watched
            """
        )
        row = await cursor.fetchone() or {"lag": 0, "failing": 0}
    metrics.set_folders(lag_s=float(row["lag"]), failing=int(row["failing"]))


async def _bounded(conn: Connection) -> None:
    await conn.execute(
        "SELECT set_config('statement_timeout', %(ms)s, true)", {"ms": str(round(LOOK_S * 1000))}
    )


async def _data_disk(app: App) -> None:
    usage = await _aside("data", partial(shutil.disk_usage, app.settings.data_dir))
    metrics.set_disk("data", free=usage.free, total=usage.total)


async def _backups(app: App) -> None:
    root = folder_of(app.settings).root
    state = await _aside("backup state", partial(backups.read, root))
    usage = await _aside("backup", partial(shutil.disk_usage, _that_exists(root)))
    metrics.set_disk("backup", free=usage.free, total=usage.total)
    tried_badly = bool(state.verified_at) and not state.verified_good
    metrics.set_backup(
        succeeded_at=state.created_at,
        verified_at=0.0 if tried_badly else state.verified_at,
        size=state.bytes,
        failing=state.failed_at > state.created_at or tried_badly,
    )


async def _certificate(app: App) -> None:
    web = app.settings.web
    if not web.tls_certificate:
        return
    look = partial(examine, Path(web.tls_certificate), Path(web.tls_key))
    found = await _aside("certificate", look)
    metrics.set_certificate(found.not_after.timestamp())


async def _aside(what: str, look: Callable[[], T]) -> T:
    """In a thread that nobody waits for at the end: a network share that is gone can hold it for
    ever. Of such a thing one look at a time is enough."""
    if what in _under_way:
        raise TimeoutError
    loop = asyncio.get_running_loop()
    found: asyncio.Future[T] = loop.create_future()

    def tell(put: Callable[[Any], None], value: object) -> None:
        if not found.done():
            put(value)

    def run() -> None:
        put: Callable[[Any], None]
        value: object
        try:
            put, value = found.set_result, look()
        except Exception as error:
            put, value = found.set_exception, error
        _under_way.discard(what)
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(tell, put, value)

    _under_way.add(what)
    threading.Thread(target=run, name="figures", daemon=True).start()
    return await found


def _that_exists(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    return next((each for each in (folder, *folder.parents) if each.exists()), folder)


LOOKS: Final[Mapping[str, Look]] = {
    "queue": _queue,
    "database": _database,
    "folders": _folders,
    "disk": _data_disk,
    "backup": _backups,
    "certificate": _certificate,
}
SELDOM_LOOKS: Final[Mapping[str, Look]] = {"documents": _documents}
