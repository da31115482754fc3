"""Brings the models that administrators ask for, one after another, beside the service's own work.

What it does is stored, so that the page shows it to whoever looks, and so that a restart goes on
where it was: what a hub sent so far stays on the disk.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from threading import Event
from typing import TypeVar

from govbot.config import Settings
from govbot.db.access import as_system
from govbot.db.pool import Pool
from govbot.errors import Conflict, GovBotError
from govbot.models import delivery, records, transfers
from govbot.models.hub import endpoint_of, open_hub
from govbot.models.store import Installed, Store, total
from govbot.models.transfers import Transfer

log = logging.getLogger(__name__)

T = TypeVar("T")

LOOK_S = 2.0
TELL_S = 1.0


class _Stopped(Exception):
    """The service ends, or somebody cancelled: the copying thread leaves its work."""


class Courier:
    """Works off the transfers of this machine; `run()` it in a task and cancel it to stop."""

    def __init__(self, pool: Pool, settings: Settings) -> None:
        self._pool, self._settings = pool, settings
        self._store = Store(settings.data_dir / "models")

    async def run(self) -> None:
        """Never ends by itself; a database that is away is waited for."""
        started = False
        while True:
            try:
                if not started:
                    async with as_system(self._pool) as conn:
                        await transfers.requeue(conn)
                    started = True
                while await self.work():
                    pass
            except GovBotError as error:
                log.warning("Models wait: %s", error, extra={"action": "model.waiting"})
            await asyncio.sleep(LOOK_S)

    async def work(self) -> bool:
        """One transfer to its end; False when none waits."""
        async with as_system(self._pool) as conn:
            transfer = await transfers.take(conn)
        if transfer is None:
            return False
        steps = {"pull": self._pull, "add": self._add, "verify": self._verify}
        try:
            await self._watched(transfer, steps[transfer.kind])
        except GovBotError as error:
            await self._failed(transfer, error)
        except Exception as error:
            log.exception("A model did not come", extra={"action": "model.failed"})
            await self._failed(transfer, GovBotError(type(error).__name__))
        return True

    async def _watched(
        self, transfer: Transfer, step: Callable[[Transfer, _Meter], Awaitable[None]]
    ) -> None:
        """Runs a step, stores how far it is, and ends it when somebody cancels."""
        meter = _Meter()
        task = asyncio.ensure_future(step(transfer, meter))
        try:
            while not task.done():
                await asyncio.wait([task], timeout=TELL_S)
                async with as_system(self._pool) as conn:
                    wanted = await transfers.tell(conn, transfer.id, meter.done, meter.total)
                if not wanted and not task.done():
                    break
            if not task.done():
                log.info("A model was cancelled", extra={"action": "model.cancelled"})
                return
            await task
        finally:
            meter.stopped.set()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        async with as_system(self._pool) as conn:
            await transfers.finish(conn, transfer.id)

    async def _pull(self, transfer: Transfer, meter: _Meter) -> None:
        own = self._settings.models
        async with open_hub(endpoint_of(own.hub), own.token.get_secret_value()) as hub:
            wish = delivery.Wish(
                transfer.source, transfer.name, transfer.revision or "main", transfer.sha256
            )
            plan = await delivery.plan_pull(hub, wish)
            meter.total = plan.size
            model = await delivery.pull(self._store, hub, plan, meter.add)
        await self._arrived(transfer, model)

    async def _add(self, transfer: Transfer, meter: _Meter) -> None:
        path = Path(transfer.source)
        plan = await asyncio.to_thread(delivery.plan_add, path, transfer.name, transfer.sha256)
        meter.total = plan.size
        model = await _in_thread(lambda: delivery.add(self._store, plan, meter.add), meter)
        await self._arrived(transfer, model)

    async def _verify(self, transfer: Transfer, meter: _Meter) -> None:
        model = self._store.find(transfer.name)
        meter.total = total(model.manifest.files) if model.manifest else 0
        wrong = await _in_thread(lambda: self._store.verify(model, meter.add), meter)
        names = [f"{model.name}/{finding.path}" for finding in wrong]
        async with as_system(self._pool) as conn:
            await records.record_verified(conn, transfer.actor, [model.name], names)
        if wrong:
            raise Conflict(
                "%(file)s is not as it came: remove the model and bring it again.",
                file=", ".join(names[:5]),
                code="E-MODEL-CHECKSUM",
            )

    async def _arrived(self, transfer: Transfer, model: Installed) -> None:
        async with as_system(self._pool) as conn:
            await records.record(conn, transfer.actor, "model.added", model)

    async def _failed(self, transfer: Transfer, error: GovBotError) -> None:
        log.warning("A model did not come: %s", error, extra={"action": "model.failed"})
        async with as_system(self._pool) as conn:
            await transfers.finish(conn, transfer.id, error)
            if transfer.kind != "verify":
                await records.record_refused(
                    conn, transfer.actor, transfer.source, error.error_code
                )


class _Meter:
    """Counts bytes, from any thread; stops who reports when nobody wants it any more."""

    def __init__(self) -> None:
        self.done = self.total = 0
        self.stopped = Event()

    def add(self, count: int) -> None:
        self.done += count
        if self.stopped.is_set():
            raise _Stopped


async def _in_thread(work: Callable[[], T], meter: _Meter) -> T:
    """Runs what blocks; when it is cancelled, waits until the thread has left off."""
    thread = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(thread)
    except asyncio.CancelledError:
        meter.stopped.set()
        await asyncio.gather(thread, return_exceptions=True)
        raise
