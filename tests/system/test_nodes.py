"""Two nodes on one PostgreSQL with one data folder and no model of their own, as two processes."""

from __future__ import annotations

import asyncio
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import httpx
import psycopg
import pytest

from govbot.auth import users
from govbot.config import load_settings
from govbot.db.access import OPERATOR, Role, as_system
from govbot.db.dsns import Dsns
from govbot.db.pool import Pool, open_pool
from govbot.documents import collections, grants
from govbot.documents.types import Level, Principal, Target
from govbot.installation import changes
from tests.embedding_server import EmbeddingServer
from tests.model_server import ModelServer
from tests.system.installation import Installation, Serving, free_port, through

PASSWORD = "cavalo bateria grampo correto"
PEOPLE = ("ana", "bia", "caio")
PER_MINUTE = 12
LAW = """LEI Nº 731, DE 2 DE MAIO DE 2019

Art. 1º O servidor tem direito a trinta dias de férias por ano de exercício.

Art. 2º A licença-paternidade é de vinte dias corridos, contados do nascimento do filho.
"""
UNDER_WAY = "SELECT count(*) FROM messages WHERE state = 'running' AND content <> ''"
PATERNITY = "Quantos dias dura a licença-paternidade?"


@dataclass
class Pair:
    """Both nodes, with the servers that write and embed for them."""

    house: Installation
    dsns: Dsns
    model: ModelServer
    a: Serving
    b: Serving

    def number(self, query: str) -> int:
        """What the database says, as its superuser: a command would take a second."""
        with psycopg.connect(self.dsns.superuser) as conn:
            row = conn.execute(query.encode()).fetchone()
        assert row is not None
        return int(row[0])

    def taken_in(self) -> bool:
        return self.number("SELECT count(*) FROM procrastinate_jobs") == 0


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, module_dsns: Dsns) -> Iterator[Pair]:
    house = Installation(tmp_path_factory.mktemp("nodes"), through(module_dsns))
    with ExitStack() as stack:
        model = stack.enter_context(ModelServer())
        embedder = stack.enter_context(EmbeddingServer())
        house.settings |= {
            "GOVBOT_GENERATION__BASE_URL": model.url,
            "GOVBOT_GENERATION__MODEL": "modelo",
            "GOVBOT_EMBEDDER__KIND": "openai",
            "GOVBOT_EMBEDDER__BASE_URL": f"{embedder.url}/v1",
            "GOVBOT_EMBEDDER__MODEL": "modelo",
            "GOVBOT_DATABASE__POOL_SIZE": "4",
            "GOVBOT_LIMITS__QUESTIONS_PER_MINUTE": str(PER_MINUTE),
            "GOVBOT_LOGGING__FORMAT": "json",
        }
        asyncio.run(_people(module_dsns))
        law = house.write("lei 731.txt", LAW)
        house.ok("ingest", law, "--collection", "Leis")  # waits for a node
        nodes = [house.serve(), house.serve()]
        for node in nodes:
            stack.callback(node.end)
            node.wait_ready()
        pair = Pair(house, module_dsns, model, *nodes)
        _until(pair.taken_in)
        yield pair


def test_both_are_listed_and_one_of_them_does_what_is_done_once(pair: Pair) -> None:
    listed = pair.house.json("nodes", "list")
    assert [node["lives"] for node in listed] == [True, True]
    assert sorted(duty for node in listed for duty in node["duties"]) == ["models", "timers"]
    assert len({node["name"] for node in listed}) == 2


def test_a_node_whose_models_are_elsewhere_loads_none(pair: Pair) -> None:
    for node in (pair.a, pair.b):
        maps = Path(f"/proc/{node.process.pid}/maps").read_text()
        assert not re.findall(r"libtorch|libllama|libggml", maps)


def test_who_signs_in_at_one_is_signed_in_at_the_other_and_out_too(pair: Pair) -> None:
    with _signed_in(pair.a, "ana") as ana, _at(pair.b, ana) as elsewhere:
        assert elsewhere.get("/").status_code == 200
        elsewhere.post("/sair", data={"csrf": _csrf(elsewhere)})
        assert ana.get("/").status_code == 303


def test_questions_are_counted_for_both_together(pair: Pair) -> None:
    with _signed_in(pair.a, "limitada") as one, _at(pair.b, one) as two:
        data = {"question": PATERNITY, "csrf": _csrf(one)}
        statuses = [
            client.post(f"/conversas/{uuid4()}/perguntas", data=data).status_code
            for _ in range(PER_MINUTE // 2 + 1)
            for client in (one, two)
        ]
    assert statuses[:PER_MINUTE] == [404] * PER_MINUTE
    assert 429 in statuses[PER_MINUTE:]


def test_a_setting_that_changes_holds_at_both_within_seconds(pair: Pair) -> None:
    asyncio.run(_set(pair.dsns, organisation="Câmara de Aurora"))
    for node in (pair.a, pair.b):
        _until(lambda n=node: "Câmara de Aurora" in httpx.get(f"{n.address}/entrar").text)


def test_an_answer_is_watched_and_stopped_at_the_node_that_does_not_write_it(pair: Pair) -> None:
    pair.model.slow.set()
    with _signed_in(pair.a, "bia") as bia, _at(pair.b, bia) as elsewhere:
        path = _ask(bia, PATERNITY)
        seen = []
        with elsewhere.stream("GET", path, headers={"Last-Event-ID": "5000"}) as stream:
            for kind, html in _events(stream):
                seen.append((kind, html))
                if kind == "text" and len(seen) == 1:
                    stop = path.replace("/eventos", "/parar")
                    data = {"csrf": _csrf(elsewhere)}
                    assert elsewhere.post(stop, data=data).status_code == 303
    assert {kind for kind, _ in seen[:-1]} == {"text"}
    assert seen[-1][0] == "done"
    assert 'data-answer="stopped"' in seen[-1][1]


def test_a_node_with_another_key_does_not_start(pair: Pair, tmp_path: Path) -> None:
    stray = Installation(tmp_path, dict(pair.house.settings))
    done = stray.govbot("serve", GOVBOT_WEB__PORT=str(free_port()))
    assert done.returncode == 1
    assert "E-NODE-KEY" in done.stderr.splitlines()[-1]


def test_no_question_is_lost_when_a_node_is_killed(pair: Pair) -> None:
    """Last, as it leaves one node. Documents that wait are taken in, too."""
    pair.model.slow.set()
    with ExitStack() as stack:
        clients = [stack.enter_context(_signed_in(pair.a, name)) for name in PEOPLE]
        paths = [_ask(client, PATERNITY) for client in clients]
        laws = [pair.house.write(f"lei {n}.txt", f"{LAW}\nArt. {n}º Nada.") for n in range(3, 6)]
        pair.house.ok("ingest", *laws, "--collection", "Leis")
        _until(lambda: pair.number(UNDER_WAY) == len(PEOPLE))
        pair.a.send(signal.SIGKILL)
        pair.a.process.wait(10)
        pair.model.slow.clear()
        died = time.monotonic()
        for client, path in zip(clients, paths, strict=True):
            with _at(pair.b, client) as client_b:
                with client_b.stream("GET", path, headers={"Last-Event-ID": "40"}) as stream:
                    kind, data = list(_events(stream))[-1]
                assert kind == "done"
                assert 'data-answer="done"' in data
                assert "vinte dias corridos" in data
    assert time.monotonic() - died < 30
    _until(pair.taken_in)
    assert pair.number("SELECT count(*) FROM document_versions WHERE state <> 'ready'") == 0
    listed = {node["lives"]: node for node in pair.house.json("nodes", "list")}
    assert listed[False]["answers"] == 0
    assert sorted(listed[True]["duties"]) == ["models", "timers"]


async def _people(dsns: Dsns) -> None:
    pool = await open_pool(dsns.app, size=2, name="test-people")
    try:
        await _fill(pool)
    finally:
        await pool.close()


async def _fill(pool: Pool) -> None:
    async with as_system(pool) as conn:
        found = await collections.create_collection(conn, None, name="Leis")
        encoded = ""
        for name in (*PEOPLE, "limitada"):
            user_id = await users.create_user(
                conn,
                username=name,
                name=name,
                password=PASSWORD,
                role=Role.USER,
                encoded=encoded,
            )
            principal = Principal.user(user_id)
            await grants.set_grant(conn, None, Target.collection(found), principal, Level.READ)


async def _set(dsns: Dsns, **wishes: object) -> None:
    @dataclass
    class Holder:
        settings: object
        pool: Pool

    pool = await open_pool(dsns.app, size=2, name="test-settings")
    try:
        await changes.change(Holder(load_settings(environ={}), pool), OPERATOR, wishes)  # type: ignore[arg-type]
    finally:
        await pool.close()


@contextmanager
def _signed_in(node: Serving, username: str) -> Iterator[httpx.Client]:
    headers = {"accept": "text/html"}
    with httpx.Client(base_url=node.address, headers=headers, timeout=60) as client:
        answer = client.post("/entrar", data={"username": username, "password": PASSWORD})
        assert answer.status_code == 303, answer.text
        yield client


def _at(node: Serving, client: httpx.Client) -> httpx.Client:
    """The same browser, sent to another node."""
    return httpx.Client(
        base_url=node.address, headers={"accept": "text/html"}, cookies=client.cookies, timeout=60
    )


def _csrf(client: httpx.Client) -> str:
    found = re.search(r'"X-CSRF-Token": "([^"]+)"', client.get("/").text)
    assert found
    return found[1]


def _ask(client: httpx.Client, question: str) -> str:
    """Asks in a new conversation; the path of its stream."""
    started = client.post("/conversas", data={"question": question, "csrf": _csrf(client)})
    assert started.status_code == 303, started.text
    page = client.get(started.headers["location"]).text
    found = re.search(r'id="a-([0-9a-f-]{36})"', page)
    assert found, page
    return f"{started.headers['location']}/respostas/{found[1]}/eventos"


def _events(stream: httpx.Response) -> Iterator[tuple[str, str]]:
    kind, data = "", []
    for line in stream.iter_lines():
        if line.startswith("event:"):
            kind = line[6:].strip()
        elif line.startswith("data:"):
            data.append(line[5:])
        elif not line and data:
            yield kind, "\n".join(data)
            if kind == "done":
                return
            kind, data = "", []


def _until(condition: Callable[[], bool], within_s: float = 30) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.2)
