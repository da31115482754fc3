"""A document that kills the process each time is put aside, and its neighbours are ready."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from govbot.db.access import as_system
from govbot.db.dsns import Dsns
from govbot.documents import store
from govbot.documents.types import State
from tests.ingestion import Cast, Parts, assert_consistent, document_of, take

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.timeout(200)
async def test_a_poisonous_document_stops_after_its_attempts_and_the_rest_is_ready(
    parts: Parts, cast: Cast, dsns: Dsns
) -> None:
    poison = await take(parts, cast.curator, cast.a, "veneno.txt", "Art. 1º VENENO.")
    others = [
        await take(parts, cast.curator, cast.a, f"lei-{n}.txt", f"Art. {n}º Bom {n}.")
        for n in range(1, 5)
    ]
    deaths, most = 0, parts.settings.ingest.max_attempts
    while True:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "tests.system.poisoned", dsns.app, str(parts.settings.data_dir)),
            cwd=ROOT,
        )
        code = await asyncio.wait_for(process.wait(), 60)
        if code != -signal.SIGKILL:
            break
        deaths += 1
        assert deaths <= most
    assert (code, deaths) == (0, most)
    version = (await document_of(parts, poison)).version
    assert (version.state, version.error_code) == (State.FAILED, "E-TENTATIVAS")
    assert version.attempts == most
    async with as_system(parts.pool) as conn:
        neighbours = await store.get_versions(conn, [each.version_id for each in others])
    assert {each.state for each in neighbours} == {State.READY}
    assert max(each.attempts for each in neighbours) < most
    assert await parts.queue.counts() == {"todo": 0, "doing": 0, "failed": 0}
    await assert_consistent(parts)
