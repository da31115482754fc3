"""A question edited and sent again: branches, and what follows the one that is shown."""

from __future__ import annotations

import pytest

from govbot.chat import branches, pins, recall, store
from govbot.chat.branches import Place
from govbot.chat.live import Answers
from govbot.db.access import Actor, as_actor
from govbot.errors import NotFound
from govbot.ids import ConversationId, MessageId, new_id
from tests.answering import Desk, Dictated, Library, rows
from tests.ingestion import Cast

PATERNITY = "Quantos dias dura a licença-paternidade?"
LEAVE = "Quantos dias de férias tem o servidor?"


async def _say(
    answers: Answers,
    actor: Actor,
    conversation: ConversationId,
    question: str,
    edit: MessageId | None = None,
) -> tuple[MessageId, MessageId]:
    started = await answers.start(actor, conversation, question, edit=edit)
    async for _event in answers.events(actor, started.answer_id):
        pass
    return started.question_id, started.answer_id


async def test_an_edited_question_opens_a_branch_that_everything_follows(
    desk: Desk, library: Library, cast: Cast
) -> None:
    reader, dictated = cast.reader, Dictated(["Vinte dias corridos [1]."])
    answers = Answers(desk.by(dictated))
    async with as_actor(desk.pool, reader, write=True) as conn:
        chat = await store.create_conversation(conn, reader)
    first, _answer = await _say(answers, reader, chat, "A quem dirijo o requerimento?")
    old, old_answer = await _say(answers, reader, chat, PATERNITY)
    async with as_actor(desk.pool, reader, write=True) as conn:
        await pins.pin(conn, reader, old_answer, 1)
    later, _answer = await _say(answers, reader, chat, "E para quem adota uma criança pequena?")
    new, _answer = await _say(answers, reader, chat, LEAVE, edit=old)

    async def shown() -> list[MessageId]:
        async with as_actor(desk.pool, reader) as conn:
            return [turn.question.id for turn in await store.turns(conn, chat)]

    assert await shown() == [first, new]
    async with as_actor(desk.pool, reader) as conn:
        turns = await store.turns(conn, chat)
        assert await pins.pins(conn, chat) == []
        every = await store.turns(conn, chat, every=True)
    assert [list(turn.versions) for turn in turns] == [[first], [old, new]]
    assert [turn.question.id for turn in every] == [first, old, later, new]
    # The model saw the question before, and nothing of the branch that was left.
    prompt = "\n".join(message.content for message in dictated.requests[-1].messages)
    assert "requerimento" in prompt
    assert "paternidade?" not in prompt.partition("requerimento")[0]
    assert "adota" not in prompt
    found = await recall.search(desk, reader, "adota criança", limit=5)
    assert [each for each in found if not each.similar] == []
    # A further question belongs to the branch; the other one keeps its own end.
    end, _answer = await _say(answers, reader, chat, "E o prazo do requerimento?")
    assert await shown() == [first, new, end]
    async with as_actor(desk.pool, reader, write=True) as conn:
        await branches.show(conn, chat, old)
    assert await shown() == [first, old, later]
    async with as_actor(desk.pool, reader) as conn:
        assert len(await pins.pins(conn, chat)) == 1
    assert [each.question_id for each in await recall.search(desk, reader, "adota", limit=5)][
        :1
    ] == [later]
    # The answer of a branch that is not shown is written anew where it stands.
    again = await answers.start(reader, chat, "", regenerate=(await _answer_of(desk, reader, new)))
    async for _event in answers.events(reader, again.answer_id):
        pass
    assert await shown() == [first, new, end]
    await answers.close()
    # Nobody else turns the pages of a conversation, nor edits in it.
    for other in (cast.writer, cast.admin):
        with pytest.raises(NotFound):
            async with as_actor(desk.pool, other, write=True) as conn:
                await branches.show(conn, chat, old)
        with pytest.raises(NotFound):
            async with as_actor(desk.pool, other, write=True) as conn:
                await branches.edit(conn, other, chat, old, "Outra?")
    with pytest.raises(NotFound):
        async with as_actor(desk.pool, reader, write=True) as conn:
            await branches.edit(conn, reader, chat, MessageId(new_id()), "Outra?")
    assert await shown() == [first, new, end]


async def _answer_of(desk: Desk, actor: Actor, question: MessageId) -> MessageId:
    query = "SELECT id FROM messages WHERE reply_to = %(id)s"
    (row,) = await rows(desk.pool, actor, query, id=question)
    return MessageId(row["id"])


def test_a_path_goes_down_to_a_question_and_on_to_the_newest_end() -> None:
    a, b, c, d, e, f = (MessageId(new_id()) for _ in range(6))
    tree = [
        Place(a, None, True),
        Place(b, a, False),
        Place(c, b, False),
        Place(d, b, False),
        Place(e, a, True),
        Place(f, d, False),
    ]
    assert branches.path(tree, d) == [a, b, d]
    assert branches.path(tree, None) == []
    assert branches.whole_path(tree, b) == [a, b, d, f]
    assert branches.whole_path(tree, c) == [a, b, c]
    assert branches.whole_path(tree, a) == [a, e]
