"""Conversations: whose they are, and what of them is hidden when rights change."""

from __future__ import annotations

import pytest

from govbot import audit
from govbot.chat import store, underway
from govbot.chat.store import Citation
from govbot.db.access import Actor, as_actor, as_system
from govbot.db.pool import Pool
from govbot.errors import NotFound
from govbot.ids import ConversationId, MessageId, new_id
from tests.troupe import SECRET_A, Troupe


def _citation(troupe: Troupe) -> Citation:
    shelf = troupe.a
    return Citation(
        1, shelf.document_id, shelf.document_key, shelf.version_id, "norma-a.txt",
        "Norma Coleção A", 1,
        1, 1, "", shelf.text, 0, len(shelf.text),
    )  # fmt: skip


async def _asked(pool: Pool, troupe: Troupe, actor: Actor) -> tuple[ConversationId, MessageId]:
    async with as_actor(pool, actor, write=True) as conn:
        conversation = await store.create_conversation(conn, actor)
        question = await store.add_question(conn, actor, conversation, "Qual é o limite?")
        answer = await store.add_answer(conn, actor, conversation, question)
        await store.set_sources(conn, answer, [troupe.a.document_key])
        await store.finish_answer(
            conn, actor, answer, content=f"{SECRET_A} [1]", state="done", engine="extractive",
            citations=[_citation(troupe)],
        )  # fmt: skip
    return conversation, answer


async def test_the_owner_reads_question_answer_and_citation(pool: Pool, troupe: Troupe) -> None:
    conversation, answer = await _asked(pool, troupe, troupe.reader)
    async with as_actor(pool, troupe.reader) as conn:
        (turn,) = await store.turns(conn, conversation)
        citation = await store.get_citation(conn, answer, 1)
        (listed,) = await store.list_conversations(conn)
    assert turn.question.content == "Qual é o limite?"
    assert turn.answers[0].content == f"{SECRET_A} [1]"
    assert citation == turn.answers[0].citations[0] == _citation(troupe)
    assert listed.title == "Qual é o limite?"


@pytest.mark.parametrize("name", ["curator", "stranger", "auditor", "admin"])
async def test_nobody_else_finds_the_conversation(pool: Pool, troupe: Troupe, name: str) -> None:
    conversation, answer = await _asked(pool, troupe, troupe.reader)
    async with as_actor(pool, troupe[name], write=True) as conn:
        assert await store.list_conversations(conn) == []
        for attempt in (
            store.turns(conn, conversation),
            store.get_message(conn, answer),
            store.get_citation(conn, answer, 1),
            store.rename(conn, troupe[name], conversation, "meu"),
            store.delete(conn, troupe[name], conversation),
            store.add_question(conn, troupe[name], conversation, "?"),
        ):
            with pytest.raises(NotFound):
                await attempt


@pytest.mark.parametrize("change", ["revoke", "deny", "trash", "disable"])
async def test_losing_a_document_hides_the_answers_made_from_it(
    pool: Pool, troupe: Troupe, change: str
) -> None:
    conversation, answer = await _asked(pool, troupe, troupe.reader)
    values = {"user": troupe.reader.id, "key": troupe.a.document_key, "id": new_id()}
    statement = {
        "revoke": "DELETE FROM grants WHERE user_id = %(user)s",
        "deny": "INSERT INTO grants (id, user_id, document_key, level, effect)"
        " VALUES (%(id)s, %(user)s, %(key)s, 'read', 'deny')",
        "trash": "UPDATE documents SET trashed_at = now() WHERE key = %(key)s",
        "disable": "UPDATE users SET disabled_at = now() WHERE id = %(user)s",
    }[change]
    async with as_system(pool) as conn:
        await conn.execute(statement.encode(), values)
    async with as_actor(pool, troupe.reader) as conn:
        (turn,) = await store.turns(conn, conversation)
        assert turn.answers[0].hidden
        assert turn.answers[0].content == ""
        assert SECRET_A not in repr(turn)
        with pytest.raises(NotFound):
            await store.get_message(conn, answer)
        with pytest.raises(NotFound):
            await store.get_citation(conn, answer, 1)


async def test_giving_the_right_back_shows_the_answer_again(pool: Pool, troupe: Troupe) -> None:
    conversation, _ = await _asked(pool, troupe, troupe.reader)
    async with as_system(pool) as conn:
        await conn.execute("UPDATE grants SET effect = 'deny'")
        await conn.execute("UPDATE grants SET effect = 'allow'")
    async with as_actor(pool, troupe.reader) as conn:
        (turn,) = await store.turns(conn, conversation)
    assert not turn.answers[0].hidden


async def test_a_conversation_is_renamed_and_deleted(pool: Pool, troupe: Troupe) -> None:
    conversation, answer = await _asked(pool, troupe, troupe.reader)
    async with as_actor(pool, troupe.reader, write=True) as conn:
        await store.rename(conn, troupe.reader, conversation, "  Limites   de compra ")
        await store.rename(conn, troupe.reader, conversation, "   ")
        assert (await store.get_conversation(conn, conversation)).title == "Limites de compra"
        await store.delete(conn, troupe.reader, conversation)
        with pytest.raises(NotFound):
            await store.get_message(conn, answer)
    async with as_system(pool) as conn:
        found = [entry.action for entry in await audit.entries(conn)]
    assert found[:2] == ["conversation.deleted", "conversation.renamed"]


async def test_answers_under_way_at_a_crash_are_closed_and_only_those(
    pool: Pool, troupe: Troupe
) -> None:
    _, done = await _asked(pool, troupe, troupe.reader)
    async with as_actor(pool, troupe.reader, write=True) as conn:
        conversation = await store.create_conversation(conn, troupe.reader)
        question = await store.add_question(conn, troupe.reader, conversation, "E agora?")
        running = await store.add_answer(conn, troupe.reader, conversation, question)
        await store.save_text(conn, running, "Começo")
    async with as_system(pool) as conn:
        assert await underway.close_interrupted(conn) == 1
    async with as_actor(pool, troupe.reader) as conn:
        closed = await store.get_message(conn, running)
        assert (closed.state, closed.error_code) == ("failed", "E-INTERRUPTED")
        assert closed.content == "Começo"
        assert (await store.get_message(conn, done)).state == "done"


async def test_a_finished_answer_does_not_change_any_more(pool: Pool, troupe: Troupe) -> None:
    _, answer = await _asked(pool, troupe, troupe.reader)
    async with as_actor(pool, troupe.reader, write=True) as conn:
        await store.save_text(conn, answer, "outro")
        await store.finish_answer(conn, troupe.reader, answer, content="outro", state="failed")
        assert (await store.get_message(conn, answer)).content == f"{SECRET_A} [1]"
