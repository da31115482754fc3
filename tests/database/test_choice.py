"""Answers from chosen collections and documents: a choice narrows and never widens."""

from __future__ import annotations

import pytest

from govbot.chat import choice, store
from govbot.chat.live import Answers
from govbot.db.access import Actor, as_actor, as_system
from govbot.documents import collections, grants
from govbot.documents.types import Level, Principal, Target
from govbot.errors import Conflict, Denied
from govbot.ids import ConversationId
from govbot.retrieval.retrieve import find
from govbot.retrieval.scope import EVERYTHING, Scope
from tests.answering import Desk, Dictated, Library, rows
from tests.ingestion import Cast

PATERNITY = "Quantos dias dura a licença-paternidade?"
GARDEN = "A que horas fecha o jardim?"


async def _found(desk: Desk, actor: Actor, question: str, scope: Scope) -> set[str]:
    found = await find(
        desk.pool,
        actor,
        question,
        embedder=desk.embedder,
        settings=desk.settings,
        scope=scope,
    )
    return {passage.filename for passage in found.passages}


async def test_a_choice_narrows_what_is_read_and_never_widens_it(
    desk: Desk, library: Library, cast: Cast
) -> None:
    reader = cast.reader
    async with as_system(desk.pool) as conn:
        a = await collections.get_collection(conn, cast.a)
        b = await collections.get_collection(conn, cast.b)
        cursor = await conn.execute("SELECT key, filename FROM documents")
        keys = {row["filename"]: row["key"] for row in await cursor.fetchall()}
    every = {"lei-731.txt", "decreto-88.txt", "portaria-12.txt"}
    question = "O que diz o art. 1º sobre o servidor, a diária, a limpeza e o jardim?"
    for actor, scope, expected in (
        (reader, EVERYTHING, every),
        (reader, Scope((a.key,)), every),
        (reader, Scope((b.key,)), set()),
        (reader, Scope((a.key, b.key)), every),
        (reader, Scope((), (keys["decreto-88.txt"],)), {"decreto-88.txt"}),
        (reader, Scope((), (keys["outra.txt"],)), set()),
        (reader, Scope((b.key,), (keys["lei-731.txt"],)), {"lei-731.txt"}),
        (reader, Scope((a.key,), (keys["lei-731.txt"],)), every),
        (reader, Scope(()), set()),
        (reader, Scope((0,)), set()),
        (cast.stranger, Scope((a.key,)), set()),
        (cast.stranger, Scope((b.key,), (keys["lei-731.txt"],)), {"outra.txt"}),
        (cast.admin, Scope((b.key,)), {"outra.txt"}),
    ):
        assert await _found(desk, actor, question, scope) == expected, (actor.name, scope)
    # One document of a collection that the person does not read otherwise, and a denied one.
    async with as_system(desk.pool) as conn:
        principal = Principal.user(reader.id)
        other = Target.document(library.elsewhere.document_id)
        await grants.set_grant(conn, None, other, principal, Level.READ)
        refused = Target.document(library.cleaning.document_id)
        await grants.set_grant(conn, None, refused, principal, Level.READ, effect="deny")
    single = Scope((), (keys["outra.txt"], keys["portaria-12.txt"]))
    assert await _found(desk, reader, question, single) == {"outra.txt"}
    assert await _found(desk, reader, question, Scope((a.key,))) == every - {"portaria-12.txt"}


async def test_a_choice_is_kept_with_its_conversation_and_what_is_gone_does_not_widen_it(
    desk: Desk, library: Library, cast: Cast
) -> None:
    reader, dictated = cast.reader, Dictated(["Às dezoito horas [1]."])
    answers = Answers(desk.by(dictated))
    async with as_system(desk.pool) as conn:
        shelf = await collections.create_collection(conn, None, name="C")
        await grants.set_grant(
            conn, None, Target.collection(shelf), Principal.user(reader.id), Level.READ
        )
    async with as_actor(desk.pool, reader, write=True) as conn:
        chat = await store.create_conversation(conn, reader)
        single = [library.leave.document_id, library.elsewhere.document_id]
        picked = await choice.named(conn, [cast.a, cast.b, shelf], single)
        # What may not be read cannot be chosen.
        assert [each.name for each in picked if each.kind == "collection"] == ["A", "C"]
        assert len(picked) == 3
        await choice.choose(conn, reader, chat, [each for each in picked if each.name == "C"])
    assert await _answer(answers, reader, chat, PATERNITY) == (True, 0)
    async with as_system(desk.pool) as conn:
        await collections.delete_collection(conn, None, shelf, with_documents=True)
    assert await _answer(answers, reader, chat, PATERNITY) == (True, 0)
    async with as_actor(desk.pool, reader, write=True) as conn:
        (gone,) = await choice.chosen(conn, chat)
        assert (gone.id, gone.name) == (None, "")
        await choice.leave(conn, reader, chat, gone.kind, gone.key)
        assert await choice.chosen(conn, chat) == []
    refused, requests = await _answer(answers, reader, chat, PATERNITY)
    assert (refused, requests) != (True, 0)
    # Whose conversation it is not can neither choose nor see what was chosen.
    async with as_actor(desk.pool, reader, write=True) as conn:
        await choice.choose(conn, reader, chat, [each for each in picked if each.name == "A"])
    for other in (cast.writer, cast.admin):
        async with as_actor(desk.pool, other) as conn:
            assert await choice.chosen(conn, chat) == []
        with pytest.raises(Denied):
            async with as_actor(desk.pool, other, write=True) as conn:
                await choice.choose(conn, other, chat, picked[:1])
    unread = choice.Chosen("collection", 10_000, cast.b, "B")
    with pytest.raises(Denied):
        async with as_actor(desk.pool, reader, write=True) as conn:
            await choice.choose(conn, reader, chat, [unread])
    many = [choice.Chosen("document", key, None, "") for key in range(21)]
    with pytest.raises((Conflict, Denied)):
        async with as_actor(desk.pool, reader, write=True) as conn:
            await choice.choose(conn, reader, chat, many)
    await answers.close()
    assert len(await rows(desk.pool, reader, "SELECT FROM conversation_scope")) == 1


async def _answer(
    answers: Answers, actor: Actor, chat: ConversationId, question: str
) -> tuple[bool, int]:
    """Whether the question was refused, and how many documents came near it."""
    started = await answers.start(actor, chat, question)
    message = None
    async for event in answers.events(actor, started.answer_id):
        message = event.message
    assert message is not None
    return message.refused, len(message.nearest) + len(message.citations)
