"""Files of one conversation: for their owner alone, in that conversation alone, gone with it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from govbot import audit
from govbot.chat import pins, store
from govbot.chat.answer import ask
from govbot.chat.live import Answers
from govbot.chat.store import Message
from govbot.db.access import OPERATOR, Actor, as_actor, as_system
from govbot.db.pool import Connection
from govbot.documents import attached, collections, disposal, listing
from govbot.documents import store as documents
from govbot.documents.types import State
from govbot.errors import BadDocument, Conflict, Denied, NotFound, TooLarge
from govbot.ids import ConversationId, DocumentId
from govbot.ingest.attach import attach, detach
from govbot.ingest.work import list_work
from govbot.persons import subject
from govbot.persons.erase import erase
from govbot.retrieval.retrieve import find
from govbot.retrieval.scope import Scope
from tests.answering import Desk, Dictated, Library, rows
from tests.ingestion import Cast, Parts, inconsistencies

OWN = """CONTRATO PARTICULAR

Cláusula 1ª O aluguel da bicicleta zumbaia custa quarenta reais por semana, de João da Silva Xavier.

Cláusula 2ª A bicicleta zumbaia é devolvida na segunda-feira.
"""
QUESTION = "Quanto custa o aluguel da bicicleta zumbaia por semana?"


@pytest.fixture
def own(tmp_path: Path) -> Path:
    file = tmp_path / "contrato-zumbaia.txt"
    file.write_text(OWN)
    return file


async def _chat(parts: Parts, actor: Actor) -> ConversationId:
    async with as_actor(parts.pool, actor, write=True) as conn:
        return await store.create_conversation(conn, actor)


async def _asked(answers: Answers, actor: Actor, chat: ConversationId, question: str) -> Message:
    started = await answers.start(actor, chat, question)
    message = None
    async for event in answers.events(actor, started.answer_id):
        message = event.message
    assert message is not None
    return message


async def test_a_file_answers_in_its_conversation_and_shows_to_nobody_else(
    parts: Parts, desk: Desk, library: Library, cast: Cast, own: Path
) -> None:
    reader = cast.reader
    chat, elsewhere = await _chat(parts, reader), await _chat(parts, reader)
    file = await attach(parts, reader, chat, filename="contrato zumbaia.txt", content=own)
    assert file.state is State.QUEUED
    again = await attach(parts, reader, chat, filename="outro nome.txt", content=own)
    assert again.id == file.id
    await parts.work()
    async with as_actor(parts.pool, reader) as conn:
        (ready,) = await attached.attached(conn, chat)
        assert (await store.get_conversation(conn, chat)).title == "contrato zumbaia.txt"
    assert (ready.state, ready.pages) == (State.READY, 1)

    dictated = Dictated(["O aluguel da bicicleta zumbaia custa quarenta reais por semana [1]."])
    answers = Answers(desk.by(dictated))
    answer = await _asked(answers, reader, chat, QUESTION)
    assert [each.filename for each in answer.citations] == ["contrato zumbaia.txt"]
    async with as_actor(parts.pool, reader, write=True) as conn:
        await pins.pin(conn, reader, answer.id, 1)
        (pinned,) = await pins.pins(conn, chat)
        assert pinned.passage is not None
        assert "quarenta" in await documents.page_text(conn, ready.version_id, 1)
    # In another conversation of the same person it is not found, nor by anybody else's question.
    assert (await _asked(answers, reader, elsewhere, QUESTION)).citations == []
    await answers.close()
    key = answer.citations[0].document_key
    for actor in (cast.admin, cast.curator, cast.writer, cast.stranger, OPERATOR):
        for scope in (Scope(conversation=chat), Scope((0,), (key,), chat)):
            found = await find(
                parts.pool, actor, QUESTION, embedder=parts.embedder, settings=parts.settings,
                scope=scope,
            )  # fmt: skip
            assert all(each.document_key != key for each in found.passages), actor.name
    assert await _seen(parts, cast, file.id, key) == []
    # Nothing of it is counted with the collections, and the log does not know its name.
    async with as_system(parts.pool) as conn:
        cursor = await conn.execute("SELECT FROM cached_answers")
        assert await cursor.fetchone() is None  # but for the conversation without files, refused
        wrong = await inconsistencies(conn)
        for table in ("term_stats", "collection_stats"):
            cursor = await conn.execute(f"SELECT FROM {table} WHERE collection_key = 0".encode())
            assert await cursor.fetchone() is None
        cursor = await conn.execute("SELECT details::text, resource FROM audit_log")
        told = str(await cursor.fetchall())
    assert wrong == []
    assert "zumbaia" not in told
    assert "conversation.file-attached" in await _actions(parts)


async def _seen(
    parts: Parts, cast: Cast, document_id: DocumentId, key: int
) -> list[tuple[str, str]]:
    """Where somebody finds the file: nowhere. Its owner finds it in no list either."""
    found = []
    for actor in (cast.reader, cast.admin, cast.curator, cast.writer, cast.stranger, OPERATOR):
        async with as_actor(parts.pool, actor) as conn:
            everything = listing.Filter()
            lists = {
                "documents": [each.id for each in await documents.list_documents(conn)],
                "page": [each.id for each in await listing.list_page(conn, everything, limit=99)],
                "work": [each.document_id for each in await list_work(conn)],
            }
            found += [(actor.name, name) for name, ids in lists.items() if document_id in ids]
            if 0 in {each.key for each in await collections.list_collections(conn)}:
                found.append((actor.name, "collections"))
            if actor not in (cast.reader, OPERATOR):
                found += [(actor.name, table) for table in await _tables(conn, key)]
                with pytest.raises(NotFound):
                    await documents.get_document(conn, document_id)
    for actor in (cast.admin, OPERATOR):
        async with as_actor(parts.pool, actor, write=True) as conn:
            if await subject.search(conn, "João da Silva Xavier", by=actor):
                found.append((actor.name, "search for a person"))
    return found


async def _tables(conn: Connection, key: int) -> list[str]:
    """Tables in which the actor sees a row of the document."""
    columns = {"documents": "key"}
    found = []
    for table in ("documents", "document_versions", "version_pages", "chunks", "postings",
                  "chunk_vectors", "personal_data", "citations"):  # fmt: skip
        column = columns.get(table, "document_key")
        query = f"SELECT FROM {table} WHERE {column} = %(key)s".encode()
        if await (await conn.execute(query, {"key": key})).fetchone() is not None:
            found.append(table)
    return found


async def _actions(parts: Parts) -> set[str]:
    async with as_system(parts.pool) as conn:
        cursor = await conn.execute("SELECT DISTINCT action FROM audit_log")
        return {row["action"] for row in await cursor.fetchall()}


async def test_a_file_goes_with_its_conversation_its_owner_or_at_a_word(
    parts: Parts, desk: Desk, library: Library, cast: Cast, own: Path
) -> None:
    reader = cast.reader
    chat, other, last = [await _chat(parts, reader) for _ in range(3)]
    file = await attach(parts, reader, chat, filename="contrato.txt", content=own)
    await attach(parts, reader, other, filename="contrato.txt", content=own)
    await parts.work()
    answers = Answers(desk.by(Dictated(["Custa quarenta reais por semana [1]."])))
    answer = await _asked(answers, reader, chat, QUESTION)
    assert answer.citations
    await answers.close()
    for stranger in (cast.writer, cast.admin):
        with pytest.raises(NotFound):
            await detach(parts, stranger, chat, file.id)
    with pytest.raises(NotFound):
        await detach(parts, reader, other, file.id)
    original = parts.files.path_of(await _sha(parts, file.id))
    await detach(parts, reader, chat, file.id)
    async with as_actor(parts.pool, reader) as conn:
        assert await attached.attached(conn, chat) == []
        (turn,) = await store.turns(conn, chat)
        assert turn.answers[-1].hidden
    assert original.exists()  # the other conversation has the same content
    async with as_actor(parts.pool, reader, write=True) as conn:
        contents = await attached.originals_of(conn, [other])
        await store.delete(conn, reader, other)
    assert await disposal.remove_originals(parts.pool, parts.files, contents) == 1
    assert not original.exists()
    assert await _left(parts) == 0
    # Erased with the person, also what is not read yet; the queue forgets it.
    await attach(parts, reader, last, filename="contrato.txt", content=own)
    assert await _left(parts) > 0
    report = await erase(parts.pool, reader.id, by=None)
    assert report.kept["documents"] == 0
    assert await _left(parts) == 0
    await parts.work()


async def _sha(parts: Parts, document_id: DocumentId) -> str:
    async with as_system(parts.pool) as conn:
        return (await documents.get_document(conn, document_id)).version.sha256


async def _left(parts: Parts) -> int:
    """Rows of files of conversations in all tables that could hold some."""
    async with as_system(parts.pool) as conn:
        cursor = await conn.execute(
            """
            SELECT (SELECT count(*) FROM documents WHERE collection_key = 0)
                 + (SELECT count(*) FROM document_versions WHERE collection_key = 0)
                 + (SELECT count(*) FROM version_pages WHERE collection_key = 0)
                 + (SELECT count(*) FROM chunks WHERE collection_key = 0)
                 + (SELECT count(*) FROM postings WHERE collection_key = 0)
                 + (SELECT count(*) FROM chunk_vectors WHERE collection_key = 0) AS n
            """
        )
        row = await cursor.fetchone()
    assert row is not None
    return int(row["n"])


async def test_files_have_limits_and_an_owner_that_nobody_gets_round(
    parts: Parts, cast: Cast, own: Path, tmp_path: Path
) -> None:
    settings = parts.settings.model_copy(
        update={
            "attachments": parts.settings.attachments.model_copy(
                update={"files": 2, "max_mb": 1, "pages": 1}
            )
        }
    )
    parts = parts.with_settings(settings)
    reader, chat = cast.reader, await _chat(parts, cast.reader)
    big, bad, long = tmp_path / "big.txt", tmp_path / "bad.pdf", tmp_path / "long.txt"
    big.write_text("a " * 600_000)
    bad.write_bytes(b"\x7fELF\x02\x01\x01" + bytes(100))
    long.write_text("Primeira página.\n\fSegunda página.\n")
    with pytest.raises(TooLarge):
        await attach(parts, reader, chat, filename="big.txt", content=big)
    with pytest.raises(BadDocument):
        await attach(parts, reader, chat, filename="bad.pdf", content=bad)
    for other in (cast.writer, cast.admin):
        with pytest.raises(NotFound):
            await attach(parts, other, chat, filename="contrato.txt", content=own)
    file = await attach(parts, reader, chat, filename="contrato.txt", content=own)
    await attach(parts, reader, chat, filename="long.txt", content=long)
    more = tmp_path / "more.txt"
    more.write_text("Mais um arquivo.")
    with pytest.raises(Conflict):
        await attach(parts, reader, chat, filename="more.txt", content=more)
    await parts.work()
    async with as_actor(parts.pool, reader) as conn:
        states = {each.filename: each.state for each in await attached.attached(conn, chat)}
    assert states == {"contrato.txt": State.READY, "long.txt": State.FAILED}
    # Statements of others, and of its owner, that would change whose it is.
    attacks = (
        (cast.admin, "UPDATE documents SET created_by = %(me)s WHERE id = %(id)s RETURNING 1"),
        (cast.admin, "DELETE FROM documents WHERE id = %(id)s RETURNING 1"),
        (cast.curator, "UPDATE documents SET conversation_id = %(chat)s RETURNING 1"),
        (reader, "UPDATE documents SET trashed_at = now() WHERE id = %(id)s RETURNING 1"),
        (reader, "UPDATE documents SET collection_key = 1 WHERE id = %(id)s RETURNING 1"),
        (
            cast.writer,
            "INSERT INTO documents (id, collection_key, conversation_id, path, filename, source)"
            " VALUES (gen_random_uuid(), 0, %(chat)s, 'x', 'x', 'attachment') RETURNING 1",
        ),
        (
            reader,
            "INSERT INTO documents (id, collection_key, conversation_id, path, filename, source)"
            " VALUES (gen_random_uuid(), 1, %(chat)s, 'x', 'x', 'attachment') RETURNING 1",
        ),
        (
            cast.writer,
            "INSERT INTO document_versions (id, document_id, document_key, collection_key, number,"
            " sha256, size_bytes, mime) SELECT gen_random_uuid(), %(id)s, d.key, 0, 2,"
            " repeat('a', 64), 1, 'text/plain' FROM documents d WHERE d.id = %(id)s RETURNING 1",
        ),
        (
            cast.admin,
            "INSERT INTO grants (id, user_id, collection_key, level)"
            " VALUES (gen_random_uuid(), %(me)s, 0, 'read') RETURNING 1",
        ),
        (cast.admin, "UPDATE collections SET name = 'x' WHERE key = 0 RETURNING 1"),
    )
    for actor, statement in attacks:
        values = {"id": file.id, "chat": chat, "me": actor.id}
        try:
            async with as_actor(parts.pool, actor, write=True) as conn:
                cursor = await conn.execute(statement.encode(), values)
                changed = await cursor.fetchall()
        except (Denied, psycopg.errors.CheckViolation):
            changed = []
        assert changed == [], statement
    # A disabled account reads nothing of its own either.
    async with as_system(parts.pool) as conn:
        await conn.execute(
            "UPDATE users SET disabled_at = now() WHERE id = %(id)s", {"id": reader.id}
        )
    assert await rows(parts.pool, reader, "SELECT FROM documents WHERE collection_key = 0") == []


async def test_a_process_that_dies_while_a_file_comes_loses_and_doubles_nothing(
    parts: Parts, cast: Cast, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, chat = cast.reader, await _chat(parts, cast.reader)

    async def dies(*_args: object, **_kwargs: object) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(audit, "record", dies)
        with pytest.raises(RuntimeError):
            await attach(parts, reader, chat, filename="contrato.txt", content=own)
    assert await _left(parts) == 0
    async with as_system(parts.pool) as conn:
        cursor = await conn.execute("SELECT FROM procrastinate_jobs WHERE status = 'todo'")
        assert await cursor.fetchall() == []
    await attach(parts, reader, chat, filename="contrato.txt", content=own)
    await parts.work()
    async with as_actor(parts.pool, reader) as conn:
        assert [each.state for each in await attached.attached(conn, chat)] == [State.READY]


async def test_the_operator_at_the_command_line_is_not_answered_from_files_of_people(
    parts: Parts, desk: Desk, cast: Cast, own: Path
) -> None:
    chat = await _chat(parts, cast.reader)
    await attach(parts, cast.reader, chat, filename="contrato.txt", content=own)
    await parts.work()
    answer = await ask(replace(desk), OPERATOR, QUESTION)
    assert answer.refused
    assert [each.filename for each in answer.nearest] == []
