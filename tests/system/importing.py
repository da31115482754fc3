"""An import in a child process, for the crash tests, and what has to be true in the end."""

from __future__ import annotations

import asyncio
import hashlib
import multiprocessing
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from govbot.db.access import as_system
from govbot.documents import collections, store
from govbot.documents.types import Document, State
from govbot.ingest.journal import Journal
from tests.ingestion import Parts, assert_consistent
from tests.system import ingesting
from tests.system.archive import Archive

NAME = "Acervo"


async def create_collection(parts: Parts) -> None:
    """The collection that the import fills."""
    async with as_system(parts.pool) as conn:
        await collections.create_collection(conn, None, name=NAME)


@dataclass(frozen=True)
class Running:
    """An import under way in a process of its own."""

    process: BaseProcess

    async def ended(self, within_s: float | None = None) -> int | None:
        """Its exit status; None when it still runs after so many seconds."""
        await asyncio.to_thread(self.process.join, within_s)
        return self.process.exitcode

    async def kill(self) -> bool:
        """Whether there was still something to kill."""
        alive = self.process.is_alive()
        self.process.kill()
        await self.ended()
        return alive


async def start(arguments: tuple[str, ...]) -> Running:
    """The import, begun, forked from a process that has loaded everything: it costs no start of
    Python."""
    forks = multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload(["tests.system.ingesting"])
    begun, tell = forks.Pipe(duplex=False)
    process = forks.Process(target=ingesting.run, args=(arguments, tell))
    process.start()
    tell.close()
    with begun:
        assert await asyncio.to_thread(begun.recv) == "working"
    return Running(process)


async def finish(arguments: tuple[str, ...]) -> None:
    """The import, brought to its end."""
    running = await start(arguments)
    assert await running.ended() == 0


@contextmanager
def small_disk(place: Path, megabytes: int) -> Iterator[Path]:
    """A file system of this size. Only root may mount one."""
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(place)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("mounting a small file system needs root")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


async def assert_complete(parts: Parts, archive: Archive, report: Path) -> None:
    """Every file is there exactly once, can be found, and nothing is left over."""
    documents = await _documents(parts)
    good = [d for d in documents if d.version.state == State.READY]
    bad = [d for d in documents if d.version.state == State.FAILED]
    assert {d.version.number for d in documents} == {1}
    assert sorted(d.version.sha256 for d in good) == sorted(map(_sha256, archive.words))
    assert sorted(d.version.sha256 for d in bad) == sorted(map(_sha256, archive.broken))
    assert {d.version.error_code for d in bad} <= {"E-CORROMPIDO"}
    for word in archive.words.values():
        assert await _found(parts, word) == 1, word
    await assert_consistent(parts)
    assert await parts.queue.counts() == {"todo": 0, "doing": 0, "failed": 0}
    # Originals: those of the versions, and none besides.
    there = {p for p in parts.files.root.rglob("*") if p.is_file()}
    assert there == {parts.files.path_of(d.version.sha256) for d in documents}
    with Journal(report) as journal:
        states = {Path(file): entry.state for file, entry in journal.entries.items()}
    assert {p: s for p, s in states.items() if s != "ready"} == dict.fromkeys(
        archive.broken, "failed"
    )
    assert len(states) == archive.files


async def _documents(parts: Parts) -> list[Document]:
    async with as_system(parts.pool) as conn:
        return await store.list_documents(conn, limit=500)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


async def _found(parts: Parts, word: str) -> int:
    """In how many documents the search finds a word."""
    async with as_system(parts.pool) as conn:
        cursor = await conn.execute(
            """
            SELECT count(DISTINCT p.document_key) AS n
            FROM unnest(govbot_tsv(%(word)s)) t
            JOIN postings p ON p.lexeme = t.lexeme
            """,
            {"word": word},
        )
        row = await cursor.fetchone()
    return int(row["n"]) if row else 0
