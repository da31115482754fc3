"""What one request costs and what one passage takes: the figures that docs/sizing.md counts with.

A real service with the demonstration and no model. What is counted is processor time, of the node
and of its database apart, so that other work on the machine changes little; the rate on one core
follows from it. GOVBOT_BENCH_REQUESTS (200) is how many of each kind, GOVBOT_BENCH_CHUNKS (50000)
the size of the generated library whose tables are measured. `make bench-capacity` prints both.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psycopg

from govbot import audit
from govbot.db.access import as_system
from govbot.db.embedded import EmbeddedPostgres
from govbot.db.pool import Pool, open_pool
from govbot.db.schema import migrate
from govbot.ingest import vector_index
from tests.bench.large_library import DIMENSION, build
from tests.system.installation import Installation, Serving

REQUESTS = int(os.environ.get("GOVBOT_BENCH_REQUESTS", "200"))
CHUNKS = int(os.environ.get("GOVBOT_BENCH_CHUNKS", "50000"))
AT_ONCE = 2
TICKS = os.sysconf("SC_CLK_TCK")
QUESTIONS = (
    "Quantos dias de férias tem o servidor por ano?",
    "Quem autoriza o teletrabalho?",
    "Qual é o valor da diária dentro do Estado?",
    "Em quanto tempo se responde um pedido de acesso à informação?",
    "Como se usa um veículo oficial?",
    "O que o estatuto diz sobre licença?",
)
TABLES = {
    "text and pages": ("chunks", "version_pages", "documents", "document_versions"),
    "words": ("postings", "term_stats"),
    "vectors": ("chunk_vectors",),
}

Do = Callable[[httpx.AsyncClient, int], Awaitable[None]]


async def test_processor_time_of_a_request(tmp_path: Path) -> None:
    house = Installation(
        tmp_path,
        {
            "GOVBOT_EMBEDDER__KIND": "none",
            "GOVBOT_ANSWERS__CACHE": "off",
            "GOVBOT_LIMITS__QUESTIONS_PER_MINUTE": "0",
            "GOVBOT_LIMITS__ANONYMOUS_PER_MINUTE": "0",
        },
    )
    with house.serving("--demo") as node:
        password = await _password(node)
        # Nothing else is done meanwhile: the documents are taken in.
        while any(house.json("jobs", "list")["counts"][state] for state in ("running", "waiting")):
            await asyncio.sleep(2)
        idle = await _idle(house, node)
        status = Path(f"/proc/{node.process.pid}/status").read_text()
        memory = int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) // 1024
        print(f"\nidle: {idle:.1f} ms of processor a second, {memory} MiB of memory")
        print(f"{REQUESTS} of each, ms of processor each")
        print(f"{'':34}{'node':>8}{'database':>10}{'a second on one core':>22}")
        async with _signed_in(node, password) as client:
            path = await _asked(client, 0)
            kinds: dict[str, Do] = {
                "/healthz": _get("/healthz"),
                "a stylesheet": _get(await _style(client)),
                "home": _get("/"),
                "a conversation": _get(path),
                "a page of a document": _get(await _page(client, path)),
                "the list of documents": _get("/documentos"),
                "a question, its pages and stream": _question,
            }
            for name, do in kinds.items():
                await _measure(house, node, client, name, do)


async def test_bytes_of_a_passage(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path, options={"fsync": "off", "autovacuum": "off"}) as server:
        dsns = server.dsns()
        migrate(dsns.owner)
        with psycopg.connect(dsns.superuser) as conn:
            empty = _number(conn, "SELECT pg_database_size(current_database())")
        with ThreadPoolExecutor(1) as thread:
            library = thread.submit(asyncio.run, build(dsns, CHUNKS)).result()
        with psycopg.connect(dsns.superuser, autocommit=True) as conn:
            model = vector_index.Model(1, DIMENSION, library.chunks)
            print(f"\n{library.chunks} passages of some 130 words, bytes each")
            for name, tables in TABLES.items():
                size = sum(
                    _number(conn, f"SELECT coalesce(pg_total_relation_size(to_regclass('{t}')), 0)")
                    for t in tables
                )
                print(f"{name:34}{size / library.chunks:10.0f}")
            before = _number(conn, "SELECT pg_database_size(current_database())")
            await vector_index.build(dsns.owner, model, memory_mb=2048)
            after = _number(conn, "SELECT pg_database_size(current_database())")
            print(
                f"{f'index of vectors ({DIMENSION})':34}{(after - before) / library.chunks:10.0f}"
            )
            print(f"{'all of the database':34}{(after - empty) / library.chunks:10.0f}")


async def test_entries_of_the_audit_log_a_second(tmp_path: Path) -> None:
    """One after the other, over all nodes: the chain is one. With every commit on the disk."""
    with EmbeddedPostgres(tmp_path) as server:
        dsns = server.dsns()
        migrate(dsns.owner)
        for writers in (1, 8, 32):
            pool = await open_pool(dsns.app, size=writers, name="bench")
            until = time.monotonic() + 5

            async def write(pool: Pool = pool, until: float = until) -> int:
                done = 0
                while time.monotonic() < until:
                    async with as_system(pool) as conn:
                        await audit.record(conn, actor=None, action="question.asked")
                    done += 1
                return done

            written = sum(await asyncio.gather(*(write() for _ in range(writers))))
            await pool.close()
            print(f"\n{writers} writers: {written / 5:.0f} entries a second", flush=True)


async def _measure(
    house: Installation, node: Serving, client: httpx.AsyncClient, name: str, do: Do
) -> None:
    for number in range(10):
        await do(client, number)
    before = _used(house, node)
    numbers = iter(range(REQUESTS))

    async def worker() -> None:
        for number in numbers:
            await do(client, number)

    await asyncio.gather(*(worker() for _ in range(AT_ONCE)))
    after = _used(house, node)
    own, database = (1000 * (b - a) / REQUESTS for a, b in zip(before, after, strict=True))
    print(f"{name:34}{own:8.1f}{database:10.1f}{1000 / (own + database):22.0f}", flush=True)


async def _idle(house: Installation, node: Serving) -> float:
    before, began = sum(_used(house, node)), time.monotonic()
    await asyncio.sleep(10)
    return 1000 * (sum(_used(house, node)) - before) / (time.monotonic() - began)


def _used(house: Installation, node: Serving) -> tuple[float, float]:
    """Seconds of processor time of the node and of the database, sessions that ended included."""
    (root, *_) = house.postgres()
    sessions = [int(f.name) for f in Path("/proc").iterdir() if f.name.isdigit()]
    living = sum(_times(pid, 2) for pid in sessions if _parent(pid) == root)
    return _times(node.process.pid, 2), living + _times(root, 4)


def _parent(pid: int) -> int:
    return int(_fields(pid)[1])


def _times(pid: int, count: int) -> float:
    """Own time, in user and kernel mode; with 4 that of children that ended, too."""
    return sum(int(each) for each in _fields(pid)[11 : 11 + count]) / TICKS


def _fields(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ["0"] * 50


def _number(conn: psycopg.Connection, query: str) -> int:
    row = conn.execute(query.encode()).fetchone()
    assert row is not None
    return int(row[0])


async def _password(node: Serving) -> str:
    while True:
        if found := re.search(r"ana\.souza +(\S+)", node.output):
            return found[1]
        await asyncio.sleep(0.5)


def _signed_in(node: Serving, password: str) -> httpx.AsyncClient:
    headers = {"accept": "text/html"}
    with httpx.Client(base_url=node.address, headers=headers) as client:
        data = {"username": "ana.souza", "password": password}
        assert client.post("/entrar", data=data).status_code == 303
        return httpx.AsyncClient(
            base_url=node.address, headers=headers, cookies=client.cookies, timeout=60
        )


def _get(path: str) -> Do:
    async def get(client: httpx.AsyncClient, _number: int) -> None:
        answer = await client.get(path)
        assert answer.status_code == 200, (path, answer.status_code)

    return get


async def _question(client: httpx.AsyncClient, number: int) -> None:
    await _asked(client, number)


async def _asked(client: httpx.AsyncClient, number: int) -> str:
    """A question in a new conversation, watched to its end: the page, the form and the stream."""
    page = (await client.get("/")).text
    csrf = re.search(r'"X-CSRF-Token": "([^"]+)"', page)
    assert csrf
    question = QUESTIONS[number % len(QUESTIONS)]
    started = await client.post("/conversas", data={"question": question, "csrf": csrf[1]})
    assert started.status_code == 303, started.text
    path = started.headers["location"]
    found = re.search(r'id="a-([0-9a-f-]{36})"', (await client.get(path)).text)
    assert found
    answer = await client.get(f"{path}/respostas/{found[1]}/eventos")
    assert "event: done" in answer.text or answer.status_code == 200
    return path


async def _style(client: httpx.AsyncClient) -> str:
    found = re.search(r'href="(/static/[^"]+\.css[^"]*)"', (await client.get("/")).text)
    assert found
    return found[1]


async def _page(client: httpx.AsyncClient, conversation: str) -> str:
    page = (await client.get(conversation)).text
    found = re.search(r'href="(/documentos/[^"]+/pagina/\d+)\?', page)
    assert found, page
    return found[1]
