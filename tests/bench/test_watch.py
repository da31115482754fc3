"""A watched folder of many files: what a look costs, and how long it keeps questions waiting."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from tests.ingestion import Cast, Parts, count
from tests.watching import SETTLE, Watchers, with_folders

FILES = int(os.environ.get("GOVBOT_BENCH_FILES", "10000"))


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


async def test_many_files_come_in_and_are_looked_at_again(
    parts: Parts, cast: Cast, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "entrada"
    for n in range(FILES):
        path = folder / f"{n // 500:03}" / f"Portaria nº {n} de 2020.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"Portaria {n}")
    watched = with_folders(parts, {"path": str(folder)})
    watchers = Watchers(watched)
    await watchers.start()
    lines = [f"{FILES} files"]
    async with Lag() as lag:
        started = time.perf_counter()
        await watchers.look()
        looks, more = 1, True
        while more:
            more = await watchers.look(after=SETTLE)
            looks += 1
        seconds = time.perf_counter() - started
    lines.append(f"dropped at once: {seconds:.1f} s in {looks} looks; loop late {lag.figures()}")
    assert await count(watched, "documents") == FILES
    for name in ("known, first look after a start", "known, next look"):
        if name.startswith("known, first"):
            await watchers.start()
        async with Lag() as lag:
            started = time.perf_counter()
            assert not await watchers.look()
            seconds = time.perf_counter() - started
        lines.append(f"{name}: {seconds:.2f} s; loop late {lag.figures()}")
        assert max(lag.late) < 250
    for path in list(folder.iterdir())[: max(1, FILES // 5000)]:
        path.rename(folder / f"ano {path.name}")
    async with Lag() as lag:
        started = time.perf_counter()
        await watchers.settle()
        seconds = time.perf_counter() - started
    lines.append(f"directories renamed: {seconds:.1f} s; loop late {lag.figures()}")
    assert await count(watched, "document_versions") == FILES
    with capsys.disabled():
        print("\n" + "\n".join(lines))
