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
from tests.system.installation import Installation, Serving, through

PASSWORD = "cavalo bateria grampo correto"
PEOPLE = ("ana", "bia", "caio")
PER_MINUTE = 12
LAW = """LEI Nº 731, DE 2 DE MAIO DE 2019

Art. 1º O servidor tem direito a trinta dias de férias por ano de exercício.

Art. 2º A licença-paternidade é de vinte dias corridos, contados do nascimento do filho.
"""
PATERNITY = "Quantos dias dura a licença-paternidade?"


@dataclass
class Pair:
    """Both nodes, with the servers that write and embed for them."""

    house: Installation
    dsns: Dsns
    model: ModelServer
    a: Serving
    b: Serving

    def nodes(self) -> list[dict[str, object]]:
        found: list[dict[str, object]] = self.house.json("nodes", "list")
        return found


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
        _until(lambda: "0 waiting" in house.ok("jobs", "list"))
        yield pair


def test_both_are_listed_and_one_of_them_does_what_is_done_once(pair: Pair) -> None:
    listed = pair.nodes()
    assert [node["lives"] for node in listed] == [True, True]
    assert sorted(duty for node in listed for duty in node["duties"]) == ["models", "timers"]  # type: ignore[attr-defined]
    assert len({str(node["name"]) for node in listed}) == 2


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
            for kind, data in _events(stream):
                seen.append((kind, data))
                if kind == "text" and len(seen) == 1:
                    stop = path.replace("/eventos", "/parar")
                    assert elsewhere.post(stop, data={"csrf": _csrf(elsewhere)}).is_success
    assert [kind for kind, _ in seen] == ["text", "done"]
    assert 'data-answer="stopped"' in seen[-1][1]


@pytest.mark.parametrize("same_key", [False, True])
def test_a_node_with_another_key_or_another_folder_does_not_start(
    pair: Pair, tmp_path: Path, same_key: bool
) -> None:
    stray = Installation(tmp_path, dict(pair.house.settings))
    if same_key:
        stray.settings["GOVBOT_SECURITY__KEY"] = (pair.house.data / "secret.key").read_text()
    done = stray.govbot("serve", GOVBOT_WEB__PORT="0")
    assert done.returncode == 1
    assert ("E-NODE-FILES" if same_key else "E-NODE-KEY") in done.stderr.splitlines()[-1]


def test_no_question_is_lost_when_a_node_is_killed(pair: Pair) -> None:
    """Last, as it leaves one node. Documents that wait are taken in, too."""
    pair.model.slow.set()
    with ExitStack() as stack:
        clients = [stack.enter_context(_signed_in(pair.a, name)) for name in PEOPLE]
        paths = [_ask(client, PATERNITY) for client in clients]
        laws = [pair.house.write(f"lei {n}.txt", f"{LAW}\nArt. {n}º Nada.") for n in range(3, 9)]
        pair.house.ok("ingest", *laws, "--collection", "Leis")
        _until(lambda: _running(pair) == 3)
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
    _until(lambda: pair.nodes()[0]["lives"] is False)
    assert set(pair.nodes()[1]["duties"]) == {"models", "timers"}  # type: ignore[arg-type]
    _until(lambda: "0 running, 0 waiting, 0 failed" in pair.house.ok("jobs", "list"))


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


def _running(pair: Pair) -> int:
    return sum(int(str(node["answers"])) for node in pair.nodes())


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
