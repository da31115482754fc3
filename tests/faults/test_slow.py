"""A thousand slow clients: half send their headers byte by byte, half hardly read what they get."""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import time
from collections.abc import Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.faults.people import QUESTIONS, People, fresh_document
from tests.faults.service import Demo, serving
from tests.faults.table import Row
from tests.system.installation import Installation

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CLIENTS = 1000
LARGE = 6 << 20  # bytes: far more than the buffers of a connection
BOUND_S = 20.0
GROWTH_MB = 500  # for all of them: a slow reader must not hold a piece of a megabyte
COMING_S = 25.0  # in which they arrive: opening a document is work, reading it slowly is not
SECONDS = 30.0


@pytest.mark.timeout(1800)
def test_a_thousand_slow_clients_do_not_keep_others_waiting(
    house: Installation, demo: Demo, key: str, rounds: Callable[[int], int],
    told: Callable[[Row], None],
) -> None:  # fmt: skip
    times = rounds(3)
    usual: list[float] = []
    crowded: list[float] = []
    with serving(house) as service:
        people = People(service, demo, key)
        people.collection = people._collection()
        path = _large_original(people)
        asyncio.run(_served(people, 1))  # the model is loaded once it was asked
        before = service.resident_mb()
        for _ in range(times):
            usual += asyncio.run(_served(people, SECONDS / 3))
            crowded += asyncio.run(_crowded(people, path))
        memory = service.resident_mb()
        assert service.ready()
        doctor = service.complaints()
        output = service.output
    assert doctor == {}
    assert "Traceback" not in output, output[output.index("Traceback") - 500 :][:4000]
    assert max(crowded) < BOUND_S, max(crowded)
    assert memory - before < GROWTH_MB, (before, memory)
    told(
        Row(
            f"{CLIENTS} slow clients",
            f"{CLIENTS // 2} send a byte of their headers every 2 s, {CLIENTS // 2} read a large "
            f"document at 500 bytes/s, for {SECONDS:.0f} s; meanwhile pages, searches and answers "
            f"for others took {statistics.median(crowded) * 1000:.0f} ms, at most "
            f"{max(crowded):.1f} s (without them {statistics.median(usual) * 1000:.0f} ms, at most "
            f"{max(usual):.1f} s); the server held {memory:.0f} MB "
            f"(before {before:.0f} MB)",
            times,
            "nothing; slow headers are cut after 15 s",
            [],
            "all well",
            {"median ms": round(statistics.median(crowded) * 1000),
             "p95 ms": round(statistics.quantiles(crowded, n=20)[-1] * 1000)},
        )
    )  # fmt: skip


def _large_original(people: People) -> str:
    name, data = fresh_document()
    while not name.endswith(".pdf"):
        name, data = fresh_document()
    data += b"%" + b"x" * LARGE + b"\n"
    answer = httpx.post(
        f"{people.service.address}/api/v1/collections/{people.collection}/documents",
        params={"filename": name}, content=data, headers=people._bearer(), timeout=60,
    )  # fmt: skip
    assert answer.status_code == 202, answer.text
    return f"/api/v1/documents/{answer.json()['document_id']}/original"


async def _crowded(people: People, path: str) -> list[float]:
    async with _slow(people, path) as open_connections:
        found = await _served(people, SECONDS)
        assert open_connections() > CLIENTS // 2
    return found


@asynccontextmanager
async def _slow(people: People, path: str) -> AsyncIterator[Callable[[], int]]:
    """The slow clients, connected; yields how many are connected now."""
    connected: set[int] = set()
    tasks = [
        asyncio.create_task(_client(people, path, number, connected)) for number in range(CLIENTS)
    ]
    until = time.monotonic() + 60
    while len(connected) < CLIENTS * 9 // 10 and time.monotonic() < until:
        await asyncio.sleep(0.1)
    yield lambda: len(connected)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _client(people: People, path: str, number: int, connected: set[int]) -> None:
    """One that comes again when it is cut off."""
    await asyncio.sleep(number / CLIENTS * COMING_S)
    while True:
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", people.service.port)
            connected.add(number)
            try:
                await (_write if number % 2 else _read)(people, path, reader, writer)
            finally:
                connected.discard(number)
                writer.close()
        await asyncio.sleep(5)


async def _write(
    people: People, _path: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    head = f"GET /entrar HTTP/1.1\r\nHost: 127.0.0.1:{people.service.port}\r\nX-Slow: "
    for byte in head.encode() + b"a" * 10_000:
        if reader.at_eof():
            return
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(2)


async def _read(
    people: People, path: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{people.service.port}\r\n"
    writer.write(f"{head}Authorization: Bearer {people.key}\r\n\r\n".encode())
    await writer.drain()
    while await reader.read(500):
        await asyncio.sleep(1)


async def _served(people: People, seconds: float) -> list[float]:
    """How long pages, searches and answers took, one after the other, for so long."""
    found, until = [], time.monotonic() + seconds
    async with httpx.AsyncClient(base_url=people.service.address, timeout=60) as client:
        number = 0
        while time.monotonic() < until:
            question = {"question": QUESTIONS[number % len(QUESTIONS)]}
            for path, body in (("/entrar", None), ("/api/v1/search", question),
                               ("/api/v1/ask", question)):  # fmt: skip
                began = time.monotonic()
                answer = await (
                    client.post(path, json=body, headers=people._bearer())
                    if body
                    else client.get(path)
                )
                assert answer.is_success, answer.text
                found.append(time.monotonic() - began)
            number += 1
            await asyncio.sleep(0.2)
    return found
