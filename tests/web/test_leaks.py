"""What only another group may read never shows: through every route, in words, counts, scores or
statuses, to somebody who reads one collection and not the other.
"""

from __future__ import annotations

import io
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from uuid import UUID

import pytest
from reportlab.pdfgen.canvas import Canvas

from govbot.chat import store as chats
from govbot.chat.live import Answers, Started
from govbot.chat.suggestions import set_suggested
from govbot.db.access import Actor, as_actor, as_system
from govbot.db.pool import Pool
from govbot.documents import collections, store
from govbot.generate import Generator, Request
from govbot.generate.extractive import ExtractiveGenerator
from govbot.ids import ConversationId, new_id
from govbot.ingest.receive import Received, receive
from govbot.retrieval.retrieve import retrieve
from govbot.sealing import Sealer
from govbot.web.routes import routes
from tests.answering import LEAVE, Desk, Dictated, withdraw
from tests.ingestion import Cast, Parts, take
from tests.web.conftest import Client, browser
from tests.web.scene import ENCODED, KEY, PASSWORD

# Words of B that stand nowhere else: in its text, title, file name, number, name and question.
SECRETS = ("zurbanovic", "marimbondo", "quimera", "98431", "98.431", "xaxim")
NEAR = "Qual é o codinome do projeto de drenagem do córrego?"  # what B answers, in A's words
PATERNITY = "Quantos dias dura a licença-paternidade?"
OWN_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b[0-9a-f]{12}\b")


@dataclass
class House:
    """An application with real answers, as far as the site needs one."""

    parts: Parts
    answers: Answers
    generator: Generator
    sealer: Sealer = field(default_factory=lambda: Sealer([KEY]))
    directory: None = None

    @property
    def app(self) -> House:
        return self

    def __getattr__(self, name: str) -> object:
        return getattr(self.parts, name)


class Repeating(Dictated):
    """A model that repeats every word it was given."""

    async def stream(self, request: Request) -> AsyncIterator[str]:
        self.requests.append(request)
        for message in request.messages:
            yield f"{message.content} [1]\n\n"


@pytest.fixture
async def house(parts: Parts, cast: Cast) -> House:
    """Collection A with one law; B is still empty."""
    await take(parts, cast.curator, cast.a, "lei-731.txt", LEAVE)
    await parts.work()
    async with as_system(parts.pool) as conn:
        await conn.execute("UPDATE users SET password_hash = %(hash)s", {"hash": ENCODED})
    generator = ExtractiveGenerator()
    answers = Answers(Desk(parts.settings, parts.pool, parts.embedder, generator))
    return House(parts, answers, generator)


@pytest.fixture
async def reader(house: House) -> AsyncIterator[Client]:
    async with signed_in(house, "reader") as client:
        yield client


@dataclass(frozen=True)
class Hidden:
    """What the reader must not find: a document of B and the stranger's answer about it."""

    received: Received
    conversation: ConversationId
    started: Started

    @property
    def ids(self) -> dict[str, UUID]:
        return {
            "document_id": self.received.document_id,
            "version_id": self.received.version_id,
            "conversation_id": self.conversation,
            "answer_id": self.started.answer_id,
            "question_id": self.started.question_id,
        }


@pytest.fixture
async def hidden(house: House, cast: Cast) -> Hidden:
    return await fill_b(house, cast)


class signed_in:  # noqa: N801 - used like a function
    """A browser of somebody of the cast, signed in, with the CSRF token in its headers."""

    def __init__(self, house: House, name: str) -> None:
        self.client, self.name = browser(house), name  # type: ignore[arg-type]

    async def __aenter__(self) -> Client:
        form = {"username": self.name, "password": PASSWORD}
        assert (await self.client.post("/entrar", data=form)).status_code == 303
        token = re.search(r'"X-CSRF-Token": "([^"]+)"', (await self.client.get("/")).text)
        assert token
        self.client.headers["x-csrf-token"] = token[1]
        return self.client

    async def __aexit__(self, *_: object) -> None:
        await self.client.aclose()


async def fill_b(house: House, cast: Cast) -> Hidden:
    """Puts the secret into B, in every place that could show it, and lets the stranger ask."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer)
    canvas.setTitle("Plano Marimbondo")
    canvas.drawString(70, 740, "PORTARIA Nº 98.431, DE 5 DE MAIO DE 2024 - PLANO MARIMBONDO")
    canvas.drawString(70, 700, "O codinome do projeto de drenagem do córrego é Zurbanovic.")
    canvas.drawString(70, 660, "A licença-paternidade de Zurbanovic dura noventa dias corridos.")
    canvas.save()

    async def stream() -> AsyncIterator[bytes]:
        yield buffer.getvalue()

    received = await receive(
        house.parts, None, collection_id=cast.b, filename="xaxim-98431.pdf", source="upload",
        stream=stream(),
    )  # fmt: skip
    await house.parts.work()
    async with as_system(house.parts.pool) as conn:
        await collections.rename_collection(
            conn, None, cast.b, name="Quimera", description="Projeto Zurbanovic"
        )
        shelf = await collections.get_collection(conn, cast.b)
        await set_suggested(conn, shelf.key, ["O que é Zurbanovic?"])
        assert (await store.get_version(conn, received.version_id)).state == "ready"
    conversation, started = await asked(house, cast.stranger, NEAR)
    async with as_actor(house.parts.pool, cast.stranger) as conn:
        (turn,) = await chats.turns(conn, conversation)
    assert "Zurbanovic" in turn.answers[0].content
    return Hidden(received, conversation, started)


async def asked(house: House, actor: Actor, question: str) -> tuple[ConversationId, Started]:
    async with as_actor(house.parts.pool, actor, write=True) as conn:
        conversation = await chats.create_conversation(conn, actor)
    started = await house.answers.start(actor, conversation, question)
    async for _ in house.answers.events(actor, started.answer_id):
        pass
    return conversation, started


def secrets_in(text: str) -> list[str]:
    return [word for word in SECRETS if word in text.lower()]


def plain(answer: object) -> tuple[int, dict[str, str], str]:
    """Status, headers and body without the ids of the request itself."""
    headers = {k: OWN_ID.sub("#", v) for k, v in answer.headers.items()}  # type: ignore[attr-defined]
    return answer.status_code, headers, OWN_ID.sub("#", answer.text)  # type: ignore[attr-defined]


def doors() -> Iterator[tuple[str, str]]:
    """Method and path of every route that names something by an id."""
    for handler in routes():
        for path in handler.paths:
            if ":uuid" in path:
                for method in sorted(handler.http_methods - {"HEAD", "OPTIONS"}):
                    yield method, path


def filled(path: str, ids: dict[str, UUID]) -> str:
    def value(match: re.Match[str]) -> str:
        return {"int": "1", "str": "colecao"}.get(match[2]) or str(ids[match[1]])

    return re.sub(r"\{(\w+):(\w+)\}", value, path)


FORM = {"question": NEAR, "title": "x", "name": "x", "level": "read", "who": "reader",
        "kind": "user", "id": "0" * 8 + "-0000-0000-0000-" + "0" * 12, "effect": "allow",
        "role": "admin", "disabled": "1", "username": "reader"}  # fmt: skip


# What else has an id of its own.
KINDS = (
    "key", "session", "pin", "report", "topic", "set", "gold", "run", "category", "transfer",
    "announcement", "share", "upload",
)  # fmt: skip


# A cancel of what is not there is done already; a part without a beginning is refused unlooked at.
ALIKE = {
    "/documentos/envios/{upload_id:uuid}/cancelar": (204, 303),
    "/documentos/envios/{upload_id:uuid}/partes": (422,),
}


async def test_what_may_not_be_read_answers_like_what_does_not_exist(
    house: House, reader: Client, cast: Cast, hidden: Hidden
) -> None:
    everything = {"collection_id": cast.b, "user_id": cast.stranger.id, "group_id": new_id()}
    others = {f"{kind}_id": new_id() for kind in KINDS}
    leaks = []
    for method, path in sorted(doors()):
        real = filled(path, {**others, **everything, **hidden.ids})
        none = filled(path, {name: new_id() for name in (*others, *everything, *hidden.ids)})
        for headers in ({}, {"hx-request": "true"}):
            data = FORM if method == "POST" else None
            given = [
                plain(await reader.request(method, place, data=data, headers=headers))
                for place in (real, none)
            ]
            if (
                given[0] != given[1]
                or given[0][0] not in (401, 403, 404, *ALIKE.get(path, ()))
                or secrets_in(f"{given[0]}")
            ):
                leaks.append((method, path, given[0][0], given[1][0]))
    assert leaks == []


PAGES = (
    "/", "/conversas", "/conversas?q=codinome", "/conversas?q=zurb", "/documentos", "/colecoes",
    "/documentos?estado=prontos", "/documentos?estado=falhas", "/documentos?estado=lixeira",
    "/documentos?q=zurb", "/documentos?q=plano", "/documentos/enviar", "/conta", "/nada",
    "/colecoes/nova", "/admin/usuarios", "/admin/auditoria",
)  # fmt: skip


async def test_no_page_changes_when_a_hidden_collection_fills(
    house: House, reader: Client, cast: Cast
) -> None:
    before = [plain(await reader.get(path)) for path in PAGES]
    await fill_b(house, cast)
    after = [plain(await reader.get(path)) for path in PAGES]
    assert after == before
    assert "lei-731.txt" in after[PAGES.index("/documentos")][2]  # the page does list something
    assert [
        secrets_in(page) for _, _, page in after if secrets_in(page) not in ([], ["zurb"])
    ] == []


async def test_no_parameter_names_what_is_hidden(
    house: House, reader: Client, cast: Cast, hidden: Hidden
) -> None:
    async with as_system(house.parts.pool) as conn:
        mine = (await store.list_documents(conn, cast.a))[0].version.id
    none = new_id()
    for path in (
        "/documentos?colecao={b}", "/documentos?depois={d}", "/documentos/enviar?colecao={b}",
        f"/documentos/{mine}/pagina/1?m={{m}}&c=1", "/conversas?before=2020-01-01T00:00:00Z",
    ):  # fmt: skip
        real = await reader.get(
            path.format(b=cast.b, d=hidden.received.document_id, m=hidden.started.answer_id)
        )
        unknown = await reader.get(path.format(b=none, d=none, m=none))
        assert real.status_code == unknown.status_code
        assert secrets_in(real.text) == []
        if "depois" not in path:  # ids have an order in time
            assert plain(real) == plain(unknown)


async def test_no_upload_goes_where_one_may_not_write(
    reader: Client, cast: Cast, hidden: Hidden
) -> None:
    given = []
    for collection in (cast.b, new_id()):
        files = {"arquivos": ("a.txt", b"Art. 1 Nada.")}
        answer = await reader.post(
            "/documentos/enviar", data={"colecao": str(collection)}, files=files
        )
        given.append(plain(answer))
    assert given[0] == given[1]
    assert given[0][0] == 404


@pytest.mark.parametrize("question", [NEAR, PATERNITY, "Quem é o responsável pelo plano?"])
async def test_the_stream_of_an_answer_holds_nothing_hidden(
    house: House, reader: Client, hidden: Hidden, question: str
) -> None:
    model = Repeating()
    for generator in (ExtractiveGenerator(), model):
        desk = Desk(house.parts.settings, house.parts.pool, house.parts.embedder, generator)
        house.answers = Answers(desk)
        started = await reader.post("/conversas", data={"question": question})
        page = await reader.get(started.headers["location"])
        answer_id = re.search(r'id="a-([0-9a-f-]{36})"', page.text)
        assert answer_id, page.text
        path = f"{started.headers['location']}/respostas/{answer_id[1]}/eventos"
        stream = await reader.get(path)
        assert "event: done" in stream.text
        assert secrets_in(stream.text) == []
        assert secrets_in((await reader.get(started.headers["location"])).text) == []
    assert secrets_in(repr(model.requests)) == []


async def test_scores_are_the_same_whether_the_hidden_collection_is_there_or_not(
    house: House, cast: Cast
) -> None:
    async def found() -> list[tuple[object, ...]]:
        rows: list[tuple[object, ...]] = []
        for question in (NEAR, PATERNITY, "licença dias córrego"):
            async with as_actor(house.parts.pool, cast.reader) as conn:
                result = await retrieve(
                    conn, question, embedder=house.parts.embedder, settings=house.parts.settings
                )
            rows += [
                (question, result.sufficient, p.filename, p.score, p.lexical, p.dense, p.coverage)
                for p in result.passages
            ]
        return rows

    before = await found()
    assert before
    await fill_b(house, cast)
    assert await found() == before


async def test_nearest_documents_of_a_refusal_are_readable_ones(
    house: House, cast: Cast, hidden: Hidden
) -> None:
    conversation, _ = await asked(house, cast.reader, NEAR)
    async with as_actor(house.parts.pool, cast.reader) as conn:
        (turn,) = await chats.turns(conn, conversation)
    answer = turn.answers[0]
    assert answer.refused
    assert {c.filename for c in answer.nearest} <= {"lei-731.txt"}


async def test_after_a_right_is_gone_nothing_of_it_is_left_in_the_history(
    house: House, cast: Cast, hidden: Hidden
) -> None:
    async with signed_in(house, "stranger") as stranger:
        conversation = f"/conversas/{hidden.conversation}"
        answer = f"{conversation}/respostas/{hidden.started.answer_id}"
        version = f"/documentos/{hidden.received.version_id}"
        cited = f"{version}/pagina/1?m={hidden.started.answer_id}&c=1"
        assert "<mark" in (await stranger.get(cited)).text
        assert (await stranger.get(f"{version}/pagina/1/imagem")).status_code == 200
        assert (await stranger.get(f"{version}/arquivo")).status_code == 200
        assert secrets_in((await stranger.get(conversation)).text)
        assert secrets_in((await stranger.get("/")).text)

        await withdraw(house.parts.pool, "stranger")

        for path in (cited, f"{version}/pagina/1", f"{version}/pagina/1/imagem",
                     f"{version}/arquivo", f"{answer}/eventos"):  # fmt: skip
            gone = await stranger.get(path)
            assert gone.status_code == 404, path
            assert secrets_in(gone.text) == []
        for path in (conversation, "/", "/conversas?q=codinome", "/documentos", "/colecoes"):
            assert secrets_in((await stranger.get(path)).text) == [], path
        again = await stranger.post(f"{answer}/refazer")
        assert again.status_code in (404, 422)
        assert secrets_in(again.text) == []
        further = await stranger.post(f"{conversation}/perguntas", data={"question": "E o plano?"})
        assert further.status_code == 303
        await house.answers.close()
        assert secrets_in((await stranger.get(conversation)).text) == []


async def test_a_model_is_not_told_of_turns_whose_documents_are_gone(
    house: House, cast: Cast, hidden: Hidden
) -> None:
    async with as_system(house.parts.pool) as conn:
        shelf = await collections.get_collection(conn, cast.a)
        await conn.execute(
            "INSERT INTO grants (id, user_id, collection_key, level)"
            " VALUES (%(id)s, %(user)s, %(key)s, 'read')",
            {"id": new_id(), "user": cast.stranger.id, "key": shelf.key},
        )
        await conn.execute(
            "DELETE FROM grants WHERE user_id = %(user)s AND collection_key <> %(key)s",
            {"user": cast.stranger.id, "key": shelf.key},
        )
    model = Repeating()
    answers = Answers(Desk(house.parts.settings, house.parts.pool, house.parts.embedder, model))
    await answers.start(cast.stranger, hidden.conversation, PATERNITY)
    await answers.close()
    assert model.requests
    assert secrets_in(repr(model.requests)) == []


async def test_open_pages_tell_nothing(house: House, cast: Cast, hidden: Hidden) -> None:
    async with browser(house) as anyone:  # type: ignore[arg-type]
        for path in ("/healthz", "/readyz", "/metrics", "/entrar", "/nada"):
            assert secrets_in((await anyone.get(path)).text) == []


async def test_the_audit_log_holds_no_text_of_questions_answers_or_documents(
    house: House, cast: Cast, hidden: Hidden, pool: Pool
) -> None:
    async with as_system(pool) as conn:
        cursor = await conn.execute("SELECT details || resource AS words FROM audit_log")
        words = " ".join(row["words"] for row in await cursor.fetchall()).lower()
    assert "drenagem" not in words
    assert "codinome" not in words


def test_every_route_with_an_id_is_tried() -> None:
    assert len(list(doors())) > 25
    names = {match for _, path in doors() for match in re.findall(r"\{(\w+):uuid\}", path)}
    assert names == {
        "conversation_id", "question_id", "answer_id", "version_id", "document_id",
        "collection_id", "user_id", "group_id", *(f"{kind}_id" for kind in KINDS),
    }  # fmt: skip
