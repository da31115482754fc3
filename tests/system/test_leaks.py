"""What a group may not read, and what anybody asked: looked for in every output of an installation,
its commands, its pages, its figures, and its log at the level that says most.
"""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from tests.system.installation import Installation

PASSWORD = "cavalo bateria grampo correto"
LAW = """LEI Nº 731, DE 2 DE MAIO DE 2019

Art. 1º O servidor tem direito a trinta dias de férias por ano de exercício.

Art. 2º A licença-paternidade é de vinte dias corridos, contados do nascimento do filho.
"""
# Every word here stands in no other document.
SECRET = """PORTARIA MARIMBONDO Nº 98431, DE 5 DE MAIO DE 2024

Art. 1º O codinome do projeto de drenagem é Zurbanovic, com licença-paternidade em dobro.
"""
SECRETS = ("zurbanovic", "marimbondo", "98431", "xaxim", "quimera")
PATERNITY = "Quantos dias dura a licença-paternidade?"
NEAR = "Qual é o codinome do projeto de drenagem?"
# Words of questions, answers and documents, which no log may hold.
TEXTS = (*SECRETS, "paternidade", "codinome", "drenagem", "corridos", PASSWORD.split(maxsplit=1)[0])


@dataclass(frozen=True)
class Seen:
    """The installation, and all that the server wrote while people worked with it."""

    house: Installation
    log: str
    pages: str
    figures: str


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    house = Installation(tmp_path_factory.mktemp("vazamento"))
    with house.held():
        yield _seen(house)


def _seen(house: Installation) -> Seen:
    house.ok("migrate")
    for name, collection in (("ana", "Leis"), ("rui", "Quimera")):
        house.ok("user", "add", name, "--password-stdin", stdin=PASSWORD)
        house.ok("collection", "add", collection)
        house.ok("collection", "grant", collection, "read", "--user", name)
    law = house.write("lei-731.txt", LAW)
    secret = house.write("xaxim-98431.txt", SECRET)
    with house.serving(GOVBOT_LOGGING__LEVEL="DEBUG") as server:
        for path, collection in ((law, "Leis"), (secret, "Quimera")):
            (result,) = house.lines("ingest", path, "--collection", collection, "--wait")
            assert result["state"] == "ready"
        broken = house.write("xaxim-marimbondo.pdf", "%PDF-1.7\nZurbanovic")
        assert house.govbot("ingest", broken, "-c", "Quimera", "--wait").returncode == 1
        pages = ""
        for name, questions in (("rui", (NEAR,)), ("ana", (NEAR, PATERNITY))):
            with httpx.Client(base_url=server.address, timeout=60) as client:
                pages = _worked(client, name, questions)
        figures = httpx.get(server.address + "/metrics").text
        assert server.stopped(signal.SIGTERM) == 0
        return Seen(house, server.output, pages, figures)


def _worked(client: httpx.Client, name: str, questions: tuple[str, ...]) -> str:
    """Signs in, asks, looks at every page; returns all that was shown."""
    shown = []
    client.headers["accept"] = "text/html"
    client.post("/entrar", data={"username": name, "password": "errada"})
    client.post("/entrar", data={"username": name, "password": PASSWORD})
    for question in questions:
        token = re.search(r'"X-CSRF-Token": "([^"]+)"', client.get("/").text)
        assert token
        form = {"question": question, "csrf": token[1]}
        started = client.post("/conversas", data=form)
        place = started.headers["location"]
        answer = re.search(r'id="a-([0-9a-f-]{36})"', client.get(place).text)
        assert answer
        shown.append(client.get(f"{place}/respostas/{answer[1]}/eventos").text)
        shown.append(client.get(place).text)
    for path in ("/", "/conversas?q=dias", "/documentos", "/documentos?q=xaxi", "/colecoes",
                 "/documentos/enviar", "/nada?q=paternidade"):  # fmt: skip
        shown.append(client.get(path).text)
    return "\n".join(shown)


def _found(words: tuple[str, ...], text: str) -> list[str]:
    return [word for word in words if word in text.lower()]


def test_the_words_are_there_for_those_who_may_read_them(seen: Seen) -> None:
    assert set(_found(SECRETS, json.dumps(seen.house.json("search", NEAR, "--as", "rui")))) >= {
        "zurbanovic", "marimbondo", "98431", "xaxim", "quimera",
    }  # fmt: skip
    assert "vinte dias corridos" in seen.pages


@pytest.mark.parametrize("question", [NEAR, PATERNITY])
@pytest.mark.parametrize("command", ["search", "ask"])
def test_commands_on_behalf_of_a_reader_show_nothing_hidden(
    seen: Seen, command: str, question: str
) -> None:
    done = seen.house.govbot(command, question, "--as", "ana", "--json")
    assert done.returncode == 0
    assert done.stdout
    assert _found(SECRETS, done.stdout + done.stderr) == []


def test_an_evaluation_on_behalf_of_a_reader_finds_nothing_hidden(seen: Seen) -> None:
    lines = [{"id": "1", "question": NEAR, "answers": ["Zurbanovic"], "doc": "xaxim-98431.txt"}]
    file = seen.house.write("p.jsonl", json.dumps(lines[0]) + "\n")
    figures = seen.house.json("eval", "run", file, "--as", "ana")
    assert (figures["hit@10"], figures["answer_hit"]) == (0, 0)
    figures = seen.house.json("eval", "run", file, "--as", "rui")
    assert (figures["hit@1"], figures["answer_hit"]) == (1, 1)


def test_pages_and_streams_show_a_reader_nothing_hidden(seen: Seen) -> None:
    assert _found(SECRETS, seen.pages) == []


def test_figures_name_no_document_person_or_question(seen: Seen) -> None:
    assert "govbot_questions_total" in seen.figures
    assert _found((*TEXTS, "lei-731", "ana", "rui"), seen.figures) == []


def test_the_log_at_its_most_talkative_holds_no_text_and_no_secret(seen: Seen) -> None:
    for action in ("service.ready", "document.ready", "document.failed"):
        assert f'"{action}"' in seen.log
    assert _found(TEXTS, seen.log) == []


def test_the_log_of_the_database_holds_no_text(seen: Seen) -> None:
    logs = [
        path
        for path in seen.house.data.joinpath("postgres").rglob("*.log*")
        if "pg_wal" not in path.parts
    ]
    assert logs
    assert _found(TEXTS, "\n".join(path.read_text(errors="replace") for path in logs)) == []


def test_the_audit_log_holds_no_text(seen: Seen) -> None:
    entries = seen.house.json("audit", "list", "--limit", "1000")
    asked = [entry for entry in entries if entry["action"] == "question.asked"]
    assert len(asked) >= 3
    assert _found(("paternidade", "codinome", "drenagem", "corridos"), json.dumps(asked)) == []
