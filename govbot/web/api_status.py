"""What runs, for administrators who watch over GovBot by a program."""

from __future__ import annotations

from collections.abc import Callable

from litestar.di import NamedDependency

from govbot import __version__
from govbot.db.access import as_system
from govbot.generate import Status
from govbot.generate.pool import Pool
from govbot.jobs import control
from govbot.web.api_admin_types import EngineItem, SystemStatus
from govbot.web.api_call import CurrentCall


async def system_status(
    call: CurrentCall, worker_alive: NamedDependency[Callable[[], bool]]
) -> SystemStatus:
    """Version, models and the queue."""
    app = call.app
    async with as_system(app.pool) as conn:
        paused = await control.paused(conn) is not None
    embedder = app.embedder
    return SystemStatus(
        __version__, _engines(call), embedder.name if embedder else None,
        app.reranker is not None, worker_alive(), paused,
    )  # fmt: skip


def _engines(call: CurrentCall) -> list[EngineItem]:
    generator = call.app.generator
    if isinstance(generator, Pool):
        return [_engine(each.name, each.status) for each in generator.models()]
    return [_engine(generator.name, generator.status())]


def _engine(name: str, status: Status) -> EngineItem:
    return EngineItem(
        name, status.state.value, status.device, status.running, status.waiting, status.slots,
        status.error,
    )  # fmt: skip
