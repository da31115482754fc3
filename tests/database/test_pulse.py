"""The pulse over a real database: gone, held by somebody, and back again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from govbot.db.embedded import EmbeddedPostgres
from govbot.db.pool import Pool, open_pool
from govbot.installation import pulse
from govbot.installation.pulse import Pulse
from govbot.systemd import Notifier
from tests.postgres import UNSAFE_BUT_FAST


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulse, "ANSWER_S", 0.5)


@pytest.fixture
async def small(pool: Pool) -> AsyncIterator[Pool]:
    """A pool of two connections."""
    opened = await open_pool(str(pool.conninfo), size=2, name="small")
    yield opened
    await opened.close()


async def test_a_database_that_answers_is_alive(pool: Pool) -> None:
    assert await pulse.database(pool, embedded=True).alive()
    assert await pulse.database(pool, embedded=False).alive()


async def test_connections_that_never_come_back_are_our_fault_wherever_the_database_is(
    small: Pool,
) -> None:
    async with AsyncExitStack() as held:
        for _ in range(2):
            await held.enter_async_context(small.connection())
        assert not await pulse.database(small, embedded=True).alive()
        assert not await pulse.database(small, embedded=False).alive()
    assert await pulse.database(small, embedded=False).alive()


async def test_a_database_that_is_gone_stops_the_watchdog_only_where_a_new_start_helps(
    tmp_path: Path,
) -> None:
    now = 0.0
    with EmbeddedPostgres(tmp_path, options=UNSAFE_BUT_FAST) as server:
        opened = await open_pool(server.dsns().app, size=2, name="pulse")
        ours, theirs = (
            Pulse(Notifier({}), [pulse.database(opened, embedded=embedded)], clock=lambda: now)
            for embedded in (True, False)
        )
        assert await ours.beat()
        assert await theirs.beat()
        server.stop()
        assert await ours.beat()  # it may come back by itself
        now += pulse.DATABASE_S + 1
        assert not await ours.beat()
        assert await theirs.beat()
        server.start()
        async with asyncio.timeout(20):
            while not await ours.beat():
                await asyncio.sleep(0.2)
        await opened.close()
