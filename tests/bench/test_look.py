"""A watched folder of many files: what a look costs, and how long it keeps questions waiting."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from govbot.db.access import as_system
from govbot.documents import folders
from govbot.documents.folders import FolderFile
from govbot.ingest.folder import Scan
from tests.ingestion import Cast, Parts, count
from tests.watching import Watchers, with_folders

KNOWN = 10_000
DROPPED = 1000


class Lag:
    """How late the event loop is, in milliseconds, while the block runs."""

    def __init__(self) -> None:
        self.late: list[float] = []

    async def __aenter__(self) -> Lag:
        self._task = asyncio.create_task(self._run())
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()

    async def _run(self) -> None:
        while True:
            started = time.perf_counter()
            await asyncio.sleep(0.002)
            self.late.append((time.perf_counter() - started - 0.002) * 1000)

    def figures(self) -> str:
        late = sorted(self.late) or [0.0]
        return f"p50 {late[len(late) // 2]:.1f} ms, p99 {late[int(len(late) * 0.99)]:.1f} ms, " \
               f"longest {late[-1]:.0f} ms"  # fmt: skip


async def test_a_look_at_many_known_files_is_cheap(
    parts: Parts, cast: Cast, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "entrada"
    _fill(folder, KNOWN)
    watched = with_folders(parts, {"path": str(folder)})
    watchers = Watchers(watched)
    await watchers.start()
    async with as_system(parts.pool) as conn:
        for batch in Scan(folder).batches():
            rows = [FolderFile(f.place, *f.mark, "0" * 64, None, "taken") for f in batch]
            await folders.put_files(conn, str(folder), rows)
    lines = [f"{KNOWN} known files"]
    for name in ("first look after a start", "next look"):
        async with Lag() as lag:
            started = time.perf_counter()
            assert not await watchers.look()
            seconds = time.perf_counter() - started
        lines.append(f"{name}: {seconds:.2f} s; loop late {lag.figures()}")
    with capsys.disabled():
        print("\n" + "\n".join(lines))
    assert sorted(lag.late)[len(lag.late) // 2] < 50


async def test_many_files_dropped_at_once_leave_room_for_questions(
    parts: Parts, cast: Cast, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "entrada"
    _fill(folder, DROPPED)
    watched = with_folders(parts, {"path": str(folder)})
    watchers = Watchers(watched)
    await watchers.start()
    lines = [f"{DROPPED} files dropped at once"]
    async with Lag() as lag:
        started = time.perf_counter()
        await watchers.settle()
        seconds = time.perf_counter() - started
    lines.append(
        f"taken in {seconds:.1f} s ({seconds / DROPPED * 1000:.0f} ms each); "
        f"loop late {lag.figures()}"
    )
    assert await count(watched, "documents") == DROPPED
    for path in list(folder.iterdir()):
        path.rename(folder / f"ano {path.name}")
    async with Lag() as lag:
        started = time.perf_counter()
        await watchers.settle()
        seconds = time.perf_counter() - started
    lines.append(
        f"their directories renamed: {seconds:.1f} s ({seconds / DROPPED * 1000:.0f} ms each); "
        f"loop late {lag.figures()}"
    )
    assert await count(watched, "document_versions") == DROPPED
    with capsys.disabled():
        print("\n" + "\n".join(lines))


def _fill(folder: Path, files: int) -> None:
    for n in range(files):
        path = folder / f"{n // 500:03}" / f"Portaria nº {n} de 2020.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"Portaria {n}")
