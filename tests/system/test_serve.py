"""`govbot serve` from the first start to the ways it ends: orders, signals and a kill -9."""

from __future__ import annotations

import re
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.system.installation import Installation, Serving

PASSWORD = "cavalo bateria grampo correto"
LAW = """LEI Nº 731, DE 2 DE MAIO DE 2019

Art. 1º O servidor tem direito a trinta dias de férias por ano de exercício.

Art. 2º A licença-paternidade é de vinte dias corridos, contados do nascimento do filho.
"""
PATERNITY = "Quantos dias dura a licença-paternidade?"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """One reader and one law, ready."""
    house = Installation(tmp_path_factory.mktemp("com espaço"))
    with house.held():
        house.ok("migrate")
        house.ok("user", "add", "rui", "--password-stdin", stdin=PASSWORD)
        house.ok("collection", "add", "Leis")
        house.ok("collection", "grant", "Leis", "read", "--user", "rui")
        house.lines("ingest", house.write("lei 731.txt", LAW), "--collection", "Leis", "--wait")
    return house


@pytest.fixture(scope="class")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Installation, Serving]]:
    """The demonstration on a fresh machine, served; it takes in its documents until it ends."""
    house = Installation(tmp_path_factory.mktemp("demo"))
    with house.serving("--demo") as server:
        yield house, server


class TestDemo:
    def test_the_demo_tells_its_steps_its_address_and_its_users(
        self, demo: tuple[Installation, Serving]
    ) -> None:
        house, server = demo
        _until(lambda: "Ctrl-C stops everything" in server.output)
        output = server.output
        assert f"GovBot is ready: {server.address}" in output
        for words in ("Creating the database", "Schema 0001", "Document 1/", "ana.souza",
                      "bruno.lima", str(house.data / "demo-users.txt")):  # fmt: skip
            assert words in output

    def test_a_demo_user_signs_in_asks_and_reads_the_cited_page(
        self, demo: tuple[Installation, Serving]
    ) -> None:
        _, server = demo
        _until(lambda: "Ctrl-C stops everything" in server.output)
        password = _demo_password(server, "ana.souza")
        _until(lambda: _ready_documents(server) >= 1, 120)  # the first one is the law on leave
        with _signed_in(server, "ana.souza", password) as client:
            answer = _asked(client, "Quantos dias de férias o servidor tem por ano?")
            assert "data-answer=" in answer
            path = re.search(r'href="(/documentos/[^"]+/pagina/\d+\?m=[^"]+)"', answer)
            assert path, answer
            page = client.get(path[1].replace("&amp;", "&"))
            assert page.status_code == 200
            assert "<mark" in page.text

    def test_health_and_figures_are_open_and_pages_are_not(
        self, demo: tuple[Installation, Serving]
    ) -> None:
        _, server = demo
        for path in ("/healthz", "/readyz", "/metrics"):
            assert httpx.get(server.address + path).status_code == 200
        assert "govbot_" in httpx.get(server.address + "/metrics").text
        closed = httpx.get(server.address + "/documentos", headers={"accept": "text/html"})
        assert closed.status_code == 303
        assert closed.headers["location"].startswith("/entrar")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_everything_in_order_the_database_too(
    house: Installation, number: signal.Signals
) -> None:
    with house.serving() as server:
        assert house.postgres()
        assert server.stopped(number) == 0
        assert house.postgres() == []
        assert "Traceback" not in server.output
        assert " ERROR" not in server.output


def test_a_signal_while_an_answer_streams_ends_in_order(house: Installation) -> None:
    with house.serving() as server, _signed_in(server, "rui", PASSWORD) as client:
        started = client.post("/conversas", data={"question": PATERNITY, "csrf": _csrf(client)})
        with client.stream("GET", _events_path(client, started)) as events:
            assert events.status_code == 200
            assert server.stopped(signal.SIGINT, within_s=25) == 0
        assert "Traceback" not in server.output
    assert house.postgres() == []


def test_after_a_kill_nothing_blocks_the_next_start(house: Installation) -> None:
    with house.serving() as server:
        server.stopped(signal.SIGKILL)
    with house.serving() as server, _signed_in(server, "rui", PASSWORD) as client:
        assert "vinte dias corridos" in _asked(client, PATERNITY)
    assert house.postgres() == []


def test_a_port_in_use_is_one_sentence(house: Installation) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        done = house.govbot("serve", GOVBOT_WEB__PORT=port)
    assert done.returncode == 1
    assert done.stdout == ""
    (sentence,) = done.stderr.splitlines()
    assert f"port {port}" in sentence
    assert "web.port" in sentence
    assert house.postgres() == []


def test_an_older_schema_is_refused_with_the_command_to_run(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    fresh = Installation(tmp_path_factory.mktemp("novo"))
    done = fresh.govbot("serve")
    assert done.returncode == 1
    assert "govbot migrate" in done.stderr.splitlines()[-1]
    assert fresh.postgres() == []


@contextmanager
def _signed_in(server: Serving, username: str, password: str) -> Iterator[httpx.Client]:
    headers = {"accept": "text/html"}
    with httpx.Client(base_url=server.address, headers=headers, timeout=60) as client:
        answer = client.post("/entrar", data={"username": username, "password": password})
        assert answer.status_code == 303, answer.text
        yield client


def _csrf(client: httpx.Client) -> str:
    found = re.search(r'"X-CSRF-Token": "([^"]+)"', client.get("/").text)
    assert found
    return found[1]


def _asked(client: httpx.Client, question: str) -> str:
    """Asks in a new conversation and returns the finished answer's HTML."""
    started = client.post("/conversas", data={"question": question, "csrf": _csrf(client)})
    assert started.status_code == 303, started.text
    kind = ""
    with client.stream("GET", _events_path(client, started)) as events:
        data: list[str] = []
        for line in events.iter_lines():
            if line.startswith("event:"):
                kind = line[6:].strip()
            elif line.startswith("data:") and kind == "done":
                data.append(line[5:])
            elif not line and data:
                return "\n".join(data)
    raise AssertionError("the answer has no end")


def _events_path(client: httpx.Client, started: httpx.Response) -> str:
    page = client.get(started.headers["location"]).text
    found = re.search(r'id="a-([0-9a-f-]{36})"', page)
    assert found, page
    return f"{started.headers['location']}/respostas/{found[1]}/eventos"


def _demo_password(server: Serving, username: str) -> str:
    found = re.search(rf"^\s+{re.escape(username)}\s+(\S+)", server.output, re.MULTILINE)
    assert found, server.output
    return found[1]


def _ready_documents(server: Serving) -> float:
    figures = httpx.get(server.address + "/metrics").text
    found = re.search(r'govbot_ingest_documents_total\{state="ready"\} (\S+)', figures)
    return float(found[1]) if found else 0


def _until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.2)
