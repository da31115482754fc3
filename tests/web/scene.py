"""A small organisation in a real database, and answers that a test writes word by word."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Literal

from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from govbot.auth import passwords
from govbot.auth.sign_in import PasswordDirectory
from govbot.chat import branches
from govbot.chat import store as chats
from govbot.chat.arrangement import Arrangement
from govbot.chat.store import Citation, Message
from govbot.chat.suggestions import set_suggested
from govbot.chat.support import Support
from govbot.config import Settings
from govbot.db.access import Actor, Role, as_actor, as_system
from govbot.db.pool import Pool
from govbot.documents.files import FileStore
from govbot.errors import NotFound
from govbot.generate.extractive import ExtractiveGenerator
from govbot.generate.pool import Pool as Models
from govbot.generate.router import pool_of
from govbot.ids import (
    CollectionId,
    ConversationId,
    DocumentId,
    MessageId,
    UserId,
    VersionId,
    new_id,
)
from govbot.sealing import Sealer, new_key
from tests.ingestion import HashEmbedder

PASSWORD = "jabuti-verde-cinco-telhas"
ENCODED = passwords.hash_password(PASSWORD)
KEY = new_key()
CAST = {
    "admin": Role.ADMIN,
    "curator": Role.CURATOR,
    "reader": Role.USER,
    "stranger": Role.USER,
    "auditor": Role.AUDITOR,
}
LAW = [
    "LEI MUNICIPAL Nº 12, DE 4 DE MARÇO DE 2021",
    "Dispõe sobre as férias dos servidores públicos do Município.",
    "Art. 1º O servidor tem direito a trinta dias de férias por ano de efetivo exercício.",
    "§ 1º As férias podem ser divididas em até três períodos, a pedido do servidor e",
    "no interesse da administração pública.",
    "Art. 2º O pagamento do adicional de férias é feito até dois dias antes do início.",
]
SECOND_PAGE = ["Art. 3º Esta lei entra em vigor na data de sua publicação."]
QUOTE = (
    "As férias podem ser divididas em até três períodos, a pedido do servidor e\n"
    "no interesse da administração pública."
)
MEMO = "Memorando interno\n\nO expediente encerra às 17 horas.\nO ponto é registrado na entrada.\n"


@dataclass(frozen=True, slots=True)
class Event:
    seq: int
    kind: Literal["status", "text", "done"]
    text: str = ""
    message: Message | None = None


@dataclass(frozen=True, slots=True)
class Started:
    question_id: MessageId
    answer_id: MessageId


@dataclass
class Script:
    """What the next answer says; `hold` keeps it unfinished until it is set or stopped."""

    texts: Sequence[str] = ("As férias podem ser divididas em **até três períodos** [1].",)
    citations: Sequence[Citation] = ()
    nearest: Sequence[Citation] = ()
    refused: bool = False
    excerpts: bool = False
    state: Literal["done", "failed"] = "done"
    error_code: str | None = None
    pause: float = 0.0
    hold: asyncio.Event | None = None
    sources: Sequence[int] = ()
    support: Sequence[Support] = ()
    watched: asyncio.Event = field(default_factory=asyncio.Event)


class ScriptedAnswers:
    """Writes real rows, like the answers of the application, but what a test tells it to say."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.script = Script()
        self.stopped: dict[MessageId, asyncio.Event] = {}
        self.scripts: dict[MessageId, Script] = {}

    async def start(
        self,
        actor: Actor,
        conversation_id: ConversationId,
        question: str,
        *,
        regenerate: MessageId | None = None,
        edit: MessageId | None = None,
        as_of: date | None = None,
        model: str = "",
    ) -> Started:
        async with as_actor(self.pool, actor, write=True) as conn:
            if edit is not None:
                question_id = await branches.edit(
                    conn, actor, conversation_id, edit, question, as_of=as_of
                )
            elif regenerate is None:
                question_id = await chats.add_question(
                    conn, actor, conversation_id, question, as_of=as_of
                )
            else:
                asked = await chats.question_of(conn, conversation_id, regenerate)
                question_id = asked.id
            answer_id = await chats.add_answer(conn, actor, conversation_id, question_id)
            await chats.set_sources(conn, answer_id, list(self.script.sources))
        self.stopped[answer_id] = asyncio.Event()
        self.scripts[answer_id] = self.script
        return Started(question_id, answer_id)

    async def events(
        self, actor: Actor, answer_id: MessageId, after: int = 0
    ) -> AsyncIterator[Event]:
        script, stop = self.scripts[answer_id], self.stopped[answer_id]
        script.watched.set()
        yield Event(after, "status", "searching")
        text = ""
        for number, text in enumerate(script.texts, after + 1):
            if stop.is_set():
                break
            yield Event(number, "text", text)
            await asyncio.sleep(script.pause)
        while script.hold and not script.hold.is_set() and not stop.is_set():
            await asyncio.sleep(0.02)
        yield Event(999, "done", message=await self._finish(actor, answer_id, script, text))

    async def stop(self, actor: Actor, answer_id: MessageId) -> None:
        async with as_actor(self.pool, actor) as conn:
            await chats.get_message(conn, answer_id)
        self.stopped[answer_id].set()

    def remember(self, actor: Actor) -> None:
        """Nothing is made findable by meaning here."""

    async def finish(self, actor: Actor, answer_id: MessageId) -> Message | None:
        """Runs an answer to its end without a browser."""
        last = None
        async for event in self.events(actor, answer_id):
            last = event.message
        return last

    async def _finish(
        self, actor: Actor, answer_id: MessageId, script: Script, text: str
    ) -> Message | None:
        stopped = self.stopped[answer_id].is_set()
        async with as_actor(self.pool, actor, write=True) as conn:
            await chats.finish_answer(
                conn,
                actor,
                answer_id,
                content=text,
                state="stopped" if stopped else script.state,
                refused=script.refused,
                excerpts=script.excerpts,
                engine="test",
                error_code=script.error_code,
                citations=script.citations,
                nearest=script.nearest,
                support=script.support,
            )
        async with as_actor(self.pool, actor) as conn:
            try:
                return await chats.get_message(conn, answer_id)
            except NotFound:
                return None


@dataclass
class SmallApp:
    """What the web door asks of the application."""

    settings: Settings
    pool: Pool
    files: FileStore
    answers: ScriptedAnswers
    embedder: HashEmbedder | None = field(default=None, kw_only=True)
    generator: Models = field(default_factory=lambda: pool_of(ExtractiveGenerator()), kw_only=True)
    sealer: Sealer = field(default_factory=lambda: Sealer([KEY]), kw_only=True)
    directory: PasswordDirectory | None = field(default=None, kw_only=True)
    reranker: None = field(default=None, kw_only=True)
    entailment: None = field(default=None, kw_only=True)
    arrangement: Arrangement = field(default_factory=Arrangement, kw_only=True)


@dataclass
class Scene:
    """The application, its people and two documents in a collection that `reader` may read."""

    app: SmallApp
    actors: dict[str, Actor]
    collection_key: int
    law: VersionId
    law_key: int
    memo: VersionId
    memo_key: int

    def citation(self, number: int = 1, **changes: Any) -> Citation:
        text = "\n".join(LAW)
        start = text.index(QUOTE)
        values: dict[str, Any] = {
            "number": number,
            "document_id": DocumentId(new_id()),
            "document_key": self.law_key,
            "version_id": self.law,
            "filename": "lei-12.pdf",
            "title": "Lei das férias",
            "version": 1,
            "page_from": 1,
            "page_to": 1,
            "heading": "Art. 1º › § 1º",
            "quote": QUOTE,
            "start": start,
            "end": start + len(QUOTE),
        }
        return Citation(**{**values, **changes})


async def make_scene(pool: Pool, folder: Path, **settings: Any) -> Scene:
    files = FileStore(folder / "files")
    files.prepare()
    # Tests of the second factor turn it on.
    settings = {"auth": {"second_factor": "off"}, **settings}
    app = SmallApp(
        Settings(data_dir=folder, organisation="Prefeitura de Aurora", **settings),
        pool,
        files,
        ScriptedAnswers(pool),
    )
    actors = {name: Actor(UserId(new_id()), name, role) for name, role in CAST.items()}
    source = folder / "source"
    source.write_bytes(law_pdf())
    stored = [await files.put(source, max_bytes=10_000_000)]
    source.write_text(MEMO)
    stored.append(await files.put(source, max_bytes=10_000_000))
    async with as_system(pool) as conn:
        await _add_people(conn, actors)
        collection_key = await _add_collection(conn, "Legislação", actors["reader"])
        law_id, law_key = await _add_document(
            conn, collection_key, "lei-12.pdf", "Lei das férias", stored[0].sha256,
            "application/pdf", ["\n".join(LAW), "\n".join(SECOND_PAGE)],
        )  # fmt: skip
        await set_suggested(conn, collection_key, ["Em quantos períodos divido as férias?"])
        memo_id, memo_key = await _add_document(
            conn, collection_key, "memorando.txt", "", stored[1].sha256, "text/plain", [MEMO]
        )
    return Scene(app, actors, collection_key, law_id, law_key, memo_id, memo_key)


async def revoke(scene: Scene) -> None:
    """Takes the collection from everybody who was allowed to read it."""
    async with as_system(scene.app.pool) as conn:
        await conn.execute("DELETE FROM grants")


@cache
def law_pdf() -> bytes:
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=A4)
    for lines in (LAW, SECOND_PAGE):
        canvas.setFont("Times-Roman", 13)
        for number, line in enumerate(lines):
            canvas.drawString(70, 740 - 34 * number, line)
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


async def _add_people(conn: Any, actors: dict[str, Actor]) -> None:
    for actor in actors.values():
        await conn.execute(
            "INSERT INTO users (id, username, name, role, password_hash)"
            " VALUES (%(id)s, %(username)s, %(name)s, %(role)s, %(hash)s)",
            {
                "id": actor.id,
                "username": actor.name,
                "name": f"{actor.name.title()} Souza",
                "role": actor.role.value,
                "hash": ENCODED,
            },
        )


async def _add_collection(conn: Any, name: str, reader: Actor) -> int:
    cursor = await conn.execute(
        "INSERT INTO collections (id, name) VALUES (%(id)s, %(name)s) RETURNING key",
        {"id": CollectionId(new_id()), "name": name},
    )
    key = int((await cursor.fetchone())["key"])
    await conn.execute(
        "INSERT INTO grants (id, user_id, collection_key, level)"
        " VALUES (%(id)s, %(user)s, %(key)s, 'read')",
        {"id": new_id(), "user": reader.id, "key": key},
    )
    return key


async def _add_document(
    conn: Any, collection: int, filename: str, title: str, sha: str, mime: str, pages: list[str]
) -> tuple[VersionId, int]:
    document, version = new_id(), VersionId(new_id())
    cursor = await conn.execute(
        "INSERT INTO documents (id, collection_key, path, filename, title, source)"
        " VALUES (%(id)s, %(key)s, %(name)s, %(name)s, %(title)s, 'upload') RETURNING key",
        {"id": document, "key": collection, "name": filename, "title": title},
    )
    key = int((await cursor.fetchone())["key"])
    await conn.execute(
        "INSERT INTO document_versions (id, document_id, document_key, collection_key, number,"
        " sha256, size_bytes, mime, state, pages) VALUES (%(id)s, %(document)s, %(key)s,"
        " %(collection)s, 1, %(sha)s, 1, %(mime)s, 'ready', %(pages)s)",
        {
            "id": version,
            "document": document,
            "key": key,
            "collection": collection,
            "sha": sha,
            "mime": mime,
            "pages": len(pages),
        },
    )
    for number, text in enumerate(pages, 1):
        await conn.execute(
            "INSERT INTO version_pages (version_id, document_key, collection_key, number, text)"
            " VALUES (%(id)s, %(key)s, %(collection)s, %(number)s, %(text)s)",
            {"id": version, "key": key, "collection": collection, "number": number, "text": text},
        )
    return version, key
