"""A process that ingests is killed again and again; in the end everything is there exactly once."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path

import pytest

from govbot.db.access import as_system
from govbot.db.dsns import Dsns
from govbot.documents import collections, store
from govbot.documents.types import State
from tests.ingestion import Parts, assert_consistent

ROOT = Path(__file__).resolve().parents[2]
FILES = 20
KILLS = 5


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Small laws of some articles each."""
    made = tmp_path / "leis"
    made.mkdir()
    for number in range(FILES):
        articles = "\n\n".join(
            f"Art. {n}º O órgão {number} publicará o edital {n} da licitação com antecedência."
            for n in range(1, 30)
        )
        (made / f"lei-{number:02}.txt").write_text(f"LEI Nº {number}, DE 2020\n\n{articles}\n")
    return made


@pytest.mark.timeout(280)
async def test_after_kills_at_random_moments_each_file_is_there_once_and_ready(
    parts: Parts, dsns: Dsns, folder: Path
) -> None:
    async with as_system(parts.pool) as conn:
        await collections.create_collection(conn, None, name="Leis")
    moments = random.Random(14133)
    arguments = (dsns.app, str(parts.settings.data_dir), str(folder), "Leis")
    for _ in range(KILLS):
        process = await _start(arguments)
        await asyncio.sleep(moments.uniform(0.05, 1.2))
        os.kill(process.pid, signal.SIGKILL)
        await process.wait()
    process = await _start(arguments)
    out, _ = await process.communicate()
    assert process.returncode == 0
    assert out.split() == [b"done"]

    async with as_system(parts.pool) as conn:
        documents = await store.list_documents(conn)
    assert sorted(d.filename for d in documents) == sorted(f.name for f in folder.iterdir())
    assert {(d.version.state, d.version.number) for d in documents} == {(State.READY, 1)}
    assert all(d.version.chunks > 0 and d.version.error is None for d in documents)
    await assert_consistent(parts)
    assert await parts.queue.counts() == {"todo": 0, "doing": 0, "failed": 0}
    originals = [p for p in parts.files.root.rglob("*") if p.is_file()]
    stored = {parts.files.path_of(d.version.sha256) for d in documents}
    assert stored <= set(originals)


async def _start(arguments: tuple[str, ...]) -> Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.system.ingesting", *arguments),
        cwd=ROOT,
        stdout=PIPE,
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"working\n"
    return process
