"""Answers under way: watched, resumed, left, stopped, limited, lost, closed with the service."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from govbot import metrics
from govbot.chat import store
from govbot.chat.live import PER_USER, AnswerEvent, Answers, Started, close_interrupted
from govbot.db.access import Actor, as_actor, as_system
from govbot.errors import Busy, NotFound, Unavailable
from govbot.generate.extractive import ExtractiveGenerator
from govbot.ids import ConversationId, MessageId, new_id
from tests.answering import Desk, Dictated, Library, withdraw
from tests.ingestion import Cast

PATERNITY = "Quantos dias dura a licença-paternidade?"
TRAVEL = "Quando é entregue a prestação de contas da viagem?"


@dataclass
class Held:
    """A dictated answer whose words wait for `say`."""

    generator: Dictated
    gates: list[asyncio.Event]

    def say(self, count: int | None = None) -> None:
        for gate in self.gates[:count]:
            gate.set()


def held(*deltas: str, failure: Exception | None = None) -> Held:
    gates = [asyncio.Event() for _ in deltas]
    return Held(Dictated(deltas, pauses=gates, failure=failure), gates)


@pytest.fixture
async def conversation(desk: Desk, library: Library, cast: Cast) -> ConversationId:
    return await _conversation(desk, cast.reader)


async def test_events_tell_the_status_then_the_whole_text_then_the_stored_answer(
    desk: Desk, cast: Cast, conversation: ConversationId
) -> None:
    answers = Answers(desk)
    started = await answers.start(cast.reader, conversation, PATERNITY)
    events = await _events(answers, cast.reader, started)
    await answers.close()
    assert [e.kind for e in events][-1] == "done"
    assert events[0].kind == "status"
    assert [e.seq for e in events] == sorted({e.seq for e in events})
    message = events[-1].message
    assert message is not None
    assert message.state == "done"
    assert message.engine == "extractive"
    assert message.excerpts
    assert "vinte dias corridos" in message.content
    assert message.citations[0].filename == "lei-731.txt"
    async with as_actor(desk.pool, cast.reader) as conn:
        (turn,) = await store.turns(conn, conversation)
    assert turn.question.content == PATERNITY
    assert turn.question.id == started.question_id
    assert turn.answers == [message]


async def test_a_second_page_gets_the_text_so_far_and_what_follows(
    desk: Desk, cast: Cast, conversation: ConversationId
) -> None:
    words = held("Vinte ", "dias ", "corridos [1].")
    answers = Answers(desk.by(words.generator))
    started = await answers.start(cast.reader, conversation, PATERNITY)
    words.say(2)
    first = await _until_text(answers, cast.reader, started, "Vinte dias")
    late = await _until_text(answers, cast.reader, started, "Vinte dias")
    assert late.seq == first.seq
    words.say()
    resumed = await _events(answers, cast.reader, started, after=first.seq)
    await answers.close()
    assert all(event.seq > first.seq for event in resumed)
    assert resumed[-1].message is not None
    assert resumed[-1].message.content == "Vinte dias corridos [1]."


async def test_a_finished_answer_can_still_be_watched_to_its_end(
    desk: Desk, cast: Cast, conversation: ConversationId
) -> None:
    answers = Answers(desk)
    started = await answers.start(cast.reader, conversation, PATERNITY)
    await answers.close()
    for service in (answers, Answers(desk)):
        (event,) = await _events(service, cast.reader, started, after=7)
        assert event.kind == "done"
        assert event.seq > 7
        assert event.message is not None
        assert event.message.state == "done"


async def test_the_answer_goes_on_when_the_browser_leaves(
    desk: Desk, cast: Cast, conversation: ConversationId
) -> None:
    words = held("Vinte dias ", "corridos [1].")
    answers = Answers(desk.by(words.generator))
    started = await answers.start(cast.reader, conversation, PATERNITY)
    words.say(1)
    await _until_text(answers, cast.reader, started, "Vinte dias")  # and nobody watches any more
    words.say()
    await answers.close()
    message = await _message(desk, cast.reader, started.answer_id)
    assert message.state == "done"
    assert message.content == "Vinte dias corridos [1]."
    assert [c.number for c in message.citations] == [1]


async def test_the_answer_is_stored_while_it_grows(
    desk: Desk, cast: Cast, conversation: ConversationId, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("govbot.chat.live.SAVE_EVERY_S", 0.0)
    monkeypatch.setattr("govbot.chat.live.POLL_S", 0.02)
    words = held("Vinte dias ", "corridos [1].")
    answers = Answers(desk.by(words.generator))
    started = await answers.start(cast.reader, conversation, PATERNITY)
    other_node = Answers(desk)
    words.say(1)
    event = await _until_text(other_node, cast.reader, started, "Vinte dias")
    words.say()
    events = await _events(other_node, cast.reader, started, after=event.seq)
    await answers.close()
    assert events[-1].message is not None
    assert events[-1].message.content == "Vinte dias corridos [1]."


async def test_stopping_keeps_the_text_so_far_with_its_citations(
    desk: Desk, cast: Cast, conversation: ConversationId
) -> None:
    words = held("Vinte dias corridos [1].", "Nunca dito.")
    answers = Answers(desk.by(words.generator))
    started = await answers.start(cast.reader, conversation, PATERNITY)
    words.say(1)
    await _until_text(answers, cast.reader, started, "Vinte")
    await answers.stop(cast.reader, started.answer_id)
    last = (await _events(answers, cast.reader, started))[-1]
    assert last.message is not None
    assert last.message.state == "stopped"
    assert last.message.content == "Vinte dias corridos [1]."
    assert [c.number for c in last.message.citations] == [1]
    assert words.generator.closed == 1
    await answers.stop(cast.reader, started.answer_id)  # again: nothing happens
    await answers.close()


async def test_one_person_has_at_most_three_answers_under_way(
    desk: Desk, cast: Cast, conversation: ConversationId
) -> None:
    words = held("Vinte dias [1].")
    answers = Answers(desk.by(words.generator))
    asked = await asyncio.gather(
        *(answers.start(cast.reader, conversation, PATERNITY) for _ in range(PER_USER + 2)),
        return_exceptions=True,
    )
    refused = [each for each in asked if isinstance(each, Busy)]
    assert len(refused) == 2
    assert {error.error_code for error in refused} == {"E-ANSWERS"}
    other = await _conversation(desk, cast.stranger)
    await answers.start(cast.stranger, other, "Quando o jardim fecha?")
    words.say()
    for started in asked:
        if isinstance(started, Started):
            await _events(answers, cast.reader, started)
    await answers.start(cast.reader, conversation, PATERNITY)
    await answers.close()
    async with as_actor(desk.pool, cast.reader) as conn:
        assert len(await store.turns(conn, conversation)) == PER_USER + 1


async def test_others_do_not_find_an_answer_under_way(
    desk: Desk, cast: Cast, conversation: ConversationId
) -> None:
    words = held("Vinte dias [1].")
    answers = Answers(desk.by(words.generator))
    started = await answers.start(cast.reader, conversation, PATERNITY)
    for other in (cast.curator, cast.stranger, cast.admin):
        with pytest.raises(NotFound):
            await _events(answers, other, started)
        with pytest.raises(NotFound):
            await answers.stop(other, started.answer_id)
        with pytest.raises(NotFound):
            await answers.start(other, conversation, PATERNITY)
        with pytest.raises(NotFound):
            await answers.start(other, conversation, "", regenerate=started.answer_id)
    unknown = MessageId(new_id())
    with pytest.raises(NotFound):
        await answers.stop(cast.reader, unknown)
    with pytest.raises(NotFound):
        await _events(answers, cast.reader, Started(unknown, unknown))
    words.say()
    await answers.close()
    assert (await _message(desk, cast.reader, started.answer_id)).state == "done"


async def test_an_answer_written_again_stands_beside_the_first(
    desk: Desk, cast: Cast, conversation: ConversationId
) -> None:
    answers = Answers(desk)
    first = await answers.start(cast.reader, conversation, PATERNITY)
    await _events(answers, cast.reader, first)
    again = Answers(desk.by(Dictated(["De novo: vinte dias [1]."])))
    second = await again.start(cast.reader, conversation, "", regenerate=first.answer_id)
    await _events(again, cast.reader, second)
    await answers.close()
    await again.close()
    assert second.question_id == first.question_id
    async with as_actor(desk.pool, cast.reader) as conn:
        (turn,) = await store.turns(conn, conversation)
    assert [answer.id for answer in turn.answers] == [first.answer_id, second.answer_id]
    assert turn.answers[0].content != turn.answers[1].content
    assert all(answer.citations for answer in turn.answers)


async def test_the_turns_before_reach_the_model_without_the_one_that_is_written_again(
    desk: Desk, cast: Cast, conversation: ConversationId
) -> None:
    dictated = Dictated(["Vinte dias [1]."])
    answers = Answers(desk.by(dictated))
    await _asked(answers, cast.reader, conversation, PATERNITY)
    second = await _asked(answers, cast.reader, conversation, TRAVEL)
    again = await answers.start(cast.reader, conversation, "", regenerate=second.answer_id)
    await _events(answers, cast.reader, again)
    await answers.close()
    for request in dictated.requests[1:]:
        questions = [m.content for m in request.messages if m.role == "user"]
        assert questions[0] == PATERNITY
        assert len(questions) == 2
        assert TRAVEL in questions[1]


async def test_closing_lets_answers_end_in_the_time_given_and_stops_the_others(
    desk: Desk, cast: Cast, conversation: ConversationId
) -> None:
    words = held("Vinte dias corridos [1].", "Nunca dito.")
    answers = Answers(desk.by(words.generator))
    started = await answers.start(cast.reader, conversation, PATERNITY)
    words.say(1)
    await _until_text(answers, cast.reader, started, "Vinte")
    watching = asyncio.create_task(_events(answers, cast.reader, started))
    async with asyncio.timeout(10):
        await answers.close(grace_s=0.1)
        events = await watching
    message = await _message(desk, cast.reader, started.answer_id)
    assert message.state == "stopped"
    assert message.content == "Vinte dias corridos [1]."
    assert events[-1].message == message
    assert words.generator.closed == 1


@pytest.mark.parametrize("failing", [True, False])
async def test_an_answer_whose_documents_are_lost_meanwhile_is_hidden_and_ends(
    desk: Desk, cast: Cast, conversation: ConversationId, failing: bool
) -> None:
    words = held("Vinte dias [1].", failure=Unavailable(code="E-MODEL") if failing else None)
    answers = Answers(desk.by(words.generator))
    started = await answers.start(cast.reader, conversation, PATERNITY)
    await _until_writing(words)
    await withdraw(desk.pool, "reader")
    words.say()
    last = (await _events(answers, cast.reader, started))[-1]
    await answers.close()
    assert last.kind == "done"
    assert last.message is None
    with pytest.raises(NotFound):
        await _events(answers, cast.reader, started)
    async with as_actor(desk.pool, cast.reader) as conn:
        (turn,) = await store.turns(conn, conversation)
    assert turn.answers[0].hidden
    assert turn.answers[0].content == ""
    assert turn.answers[0].citations == turn.answers[0].nearest == []
    await _grant_back(desk, cast)
    assert (await _message(desk, cast.reader, started.answer_id)).state == "failed"


async def test_an_answer_is_hidden_with_the_documents_of_the_turns_its_model_read(
    desk: Desk, library: Library, cast: Cast, conversation: ConversationId
) -> None:
    narrow = desk.under(GOVBOT_RETRIEVAL__PASSAGES="1")
    answers = Answers(narrow.by(Dictated(["Vinte dias [1]."])))
    await _asked(answers, cast.reader, conversation, PATERNITY)
    second = await _asked(answers, cast.reader, conversation, TRAVEL)
    await answers.close()
    message = await _message(desk, cast.reader, second.answer_id)
    assert [c.filename for c in message.citations] == ["decreto-88.txt"]
    async with as_system(desk.pool) as conn:
        await conn.execute(
            "INSERT INTO grants (id, user_id, document_key, level, effect)"
            " SELECT %(id)s, %(user)s, d.key, 'read', 'deny'"
            " FROM documents d WHERE d.filename = 'lei-731.txt'",
            {"id": new_id(), "user": cast.reader.id},
        )
    with pytest.raises(NotFound):
        await _message(desk, cast.reader, second.answer_id)


async def test_excerpts_need_only_their_own_documents(
    desk: Desk, library: Library, cast: Cast, conversation: ConversationId
) -> None:
    narrow = desk.under(GOVBOT_RETRIEVAL__PASSAGES="1")
    answers = Answers(narrow.by(ExtractiveGenerator()))
    await _asked(answers, cast.reader, conversation, PATERNITY)
    second = await _asked(answers, cast.reader, conversation, TRAVEL)
    await answers.close()
    message = await _message(desk, cast.reader, second.answer_id)
    async with as_system(desk.pool) as conn:
        cursor = await conn.execute("SELECT key FROM documents WHERE filename = 'decreto-88.txt'")
        row = await cursor.fetchone()
    assert row is not None
    assert list(message.sources) == [row["key"]]


@pytest.mark.parametrize(
    ("failure", "code"),
    [(Unavailable(code="E-MODEL-TIME"), "E-MODEL-TIME"), (RuntimeError("boom"), "E-INTERNAL")],
)
async def test_a_failure_is_stored_with_its_code_and_what_was_written(
    desk: Desk, cast: Cast, conversation: ConversationId, failure: Exception, code: str
) -> None:
    generator = Dictated(["Vinte dias [1]."], failure=failure)
    before = _outcomes(generator.name, "failed")
    answers = Answers(desk.by(generator))
    started = await answers.start(cast.reader, conversation, PATERNITY)
    last = (await _events(answers, cast.reader, started))[-1]
    await answers.close()
    assert last.message is not None
    assert last.message.state == "failed"
    assert last.message.error_code == code
    assert last.message.content == "Vinte dias [1]."
    assert _outcomes(generator.name, "failed") == before + 1


async def test_answers_that_a_crash_left_are_marked_at_the_next_start(
    desk: Desk, cast: Cast, conversation: ConversationId
) -> None:
    async with as_actor(desk.pool, cast.reader, write=True) as conn:
        question = await store.add_question(conn, cast.reader, conversation, PATERNITY)
        answer = await store.add_answer(conn, cast.reader, conversation, question)
        await store.save_text(conn, answer, "Vinte d")
    done = await _asked(Answers(desk), cast.reader, conversation, TRAVEL)
    await close_interrupted(desk)
    message = await _message(desk, cast.reader, answer)
    assert (message.state, message.error_code) == ("failed", "E-INTERRUPTED")
    assert message.content == "Vinte d"
    assert (await _message(desk, cast.reader, done.answer_id)).state == "done"


def _outcomes(engine: str, outcome: str) -> float:
    labels = {"engine": engine, "outcome": outcome}
    return metrics.registry.get_sample_value("govbot_questions_total", labels) or 0


async def _conversation(desk: Desk, actor: Actor) -> ConversationId:
    async with as_actor(desk.pool, actor, write=True) as conn:
        return await store.create_conversation(conn, actor)


async def _asked(
    answers: Answers, actor: Actor, conversation: ConversationId, question: str
) -> Started:
    started = await answers.start(actor, conversation, question)
    await _events(answers, actor, started)
    return started


async def _events(
    answers: Answers, actor: Actor, started: Started, after: int = 0
) -> Sequence[AnswerEvent]:
    async with asyncio.timeout(20):
        return [e async for e in answers.events(actor, started.answer_id, after)]


async def _until_text(
    answers: Answers, actor: Actor, started: Started, beginning: str
) -> AnswerEvent:
    async with asyncio.timeout(20):
        async for event in answers.events(actor, started.answer_id):
            if event.kind == "text" and event.text.startswith(beginning):
                return event
    raise AssertionError("the text did not come")


async def _until_writing(words: Held) -> None:
    async with asyncio.timeout(20):
        while not words.generator.requests:
            await asyncio.sleep(0.01)


async def _message(desk: Desk, actor: Actor, answer_id: MessageId) -> store.Message:
    async with as_actor(desk.pool, actor) as conn:
        return await store.get_message(conn, answer_id)


async def _grant_back(desk: Desk, cast: Cast) -> None:
    async with as_system(desk.pool) as conn:
        await conn.execute(
            "INSERT INTO grants (id, user_id, collection_key, level)"
            " SELECT %(id)s, %(user)s, c.key, 'read' FROM collections c WHERE c.id = %(a)s",
            {"id": new_id(), "user": cast.reader.id, "a": cast.a},
        )
