"""An import that is killed, loses its database or its disk, again and again: in the end every file
is there exactly once, can be found, and nothing is left over."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Iterator
from pathlib import Path

import pytest

from govbot.db.access import as_system
from govbot.db.dsns import Dsns
from govbot.documents import collections, store
from govbot.documents.types import Document, State
from govbot.ingest.journal import Journal
from tests.ingestion import Parts, assert_consistent, count
from tests.system.archive import Archive, make_archive

ROOT = Path(__file__).resolve().parents[2]
FILES = 200
KILLS = 100
NAME = "Acervo"


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    return make_archive(tmp_path_factory.mktemp("acervo") / "arquivos", FILES)


@pytest.fixture
def arguments(
    parts: Parts, dsns: Dsns, archive: Archive, tmp_path: Path
) -> tuple[str, str, str, str, str]:
    report = tmp_path / "relatorio.csv"
    return dsns.app, str(parts.settings.data_dir), str(archive.folder), NAME, str(report)


@pytest.mark.timeout(900)
async def test_after_kills_at_random_moments_each_file_is_there_once(
    parts: Parts, archive: Archive, arguments: tuple[str, ...]
) -> None:
    await _collection(parts)
    moments = random.Random(14133)
    killed = 0
    for _ in range(KILLS):
        process = await _start(arguments)
        try:
            async with asyncio.timeout(moments.uniform(0.02, 1.0)):
                await process.wait()
        except TimeoutError:
            os.kill(process.pid, signal.SIGKILL)
            killed += 1
        await process.wait()
    await _finish(arguments)
    await _assert_complete(parts, archive, Path(arguments[-1]))
    # Most of them must have hit an import that was under way.
    assert killed > KILLS // 2


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MB. Only root may mount one."""
    place = tmp_path / "disco"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(place)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("mounting a small file system needs root")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.timeout(300)
async def test_a_full_disk_stops_the_import_in_words_and_loses_nothing(
    parts: Parts, archive: Archive, arguments: tuple[str, ...], small_disk: Path
) -> None:
    await _collection(parts)
    parts.files.root.parent.mkdir(parents=True, exist_ok=True)
    originals = small_disk / "files"
    originals.mkdir()
    shutil.rmtree(parts.files.root)
    parts.files.root.symlink_to(originals)
    free = os.statvfs(small_disk)
    # Room for some of the files and not for all.
    ballast = small_disk / "ballast"
    needed = sum(path.stat().st_size for path in archive.words)
    ballast.write_bytes(b"\0" * (free.f_bavail * free.f_frsize - needed // 2))
    process = await _start(arguments)
    out, _ = await process.communicate()
    assert process.returncode != 0
    assert b"done" not in out
    assert 0 < await count(parts, "documents") < len(archive.words)

    ballast.unlink()
    await _finish(arguments)
    await _assert_complete(parts, archive, Path(arguments[-1]))


async def _collection(parts: Parts) -> None:
    async with as_system(parts.pool) as conn:
        await collections.create_collection(conn, None, name=NAME)


async def _start(arguments: tuple[str, ...]) -> Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.system.ingesting", *arguments, cwd=ROOT, stdout=PIPE
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"working\n"
    return process


async def _finish(arguments: tuple[str, ...]) -> None:
    process = await _start(arguments)
    out, _ = await process.communicate()
    assert process.returncode == 0
    assert out.split() == [b"done"]


async def _assert_complete(parts: Parts, archive: Archive, report: Path) -> None:
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
