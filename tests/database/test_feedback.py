"""Ratings, reports and gaps: who learns what, asked of the database by each of the cast."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import psycopg
import pytest

from govbot.chat import store as chats
from govbot.chat.cited import Citation
from govbot.db.access import Actor, Role, as_actor, as_system
from govbot.db.pool import Pool
from govbot.errors import Denied, Invalid, NotFound
from govbot.feedback import gaps, gathering, ratings, reports
from govbot.feedback.gaps import Topic
from govbot.feedback.ratings import DOWN, UP, Rating
from govbot.feedback.states import Decision, Reason, State
from govbot.ids import MessageId, UserId, new_id
from govbot.persons import erase
from tests.ingestion import HashEmbedder
from tests.troupe import SECRET_A, Shelf, Troupe

BAD = Rating(DOWN, Reason.OUTDATED, "Veja com joao@exemplo.gov.br")
TODAY = date(2026, 3, 10)


async def answered(pool: Pool, who: Actor, question: str, *shelves: Shelf) -> MessageId:
    """A finished answer made from the documents of these shelves."""
    async with as_actor(pool, who, write=True) as conn:
        conversation = await chats.create_conversation(conn, who)
        asked = await chats.add_question(conn, who, conversation, question)
        answer = await chats.add_answer(conn, who, conversation, asked)
        await chats.set_sources(conn, answer, [shelf.document_key for shelf in shelves])
        await chats.finish_answer(
            conn, who, answer, content="São mil e duzentas [1].", state="done",
            citations=[cited(number, shelf) for number, shelf in enumerate(shelves, 1)],
        )  # fmt: skip
    return answer


def cited(number: int, shelf: Shelf) -> Citation:
    return Citation(
        number=number, document_id=shelf.document_id, document_key=shelf.document_key,
        version_id=shelf.version_id, filename="", title="", version=1, page_from=1, page_to=1,
        heading="", quote=shelf.text[:20], start=0, end=20,
    )  # fmt: skip


async def rated(pool: Pool, who: Actor, answer: MessageId, rating: Rating = BAD) -> None:
    async with as_actor(pool, who, write=True) as conn:
        await ratings.rate(conn, who, answer, rating)


async def seen(pool: Pool, who: Actor) -> list[reports.Report]:
    async with as_actor(pool, who) as conn:
        return await reports.reports(conn)


async def test_a_thumb_down_shows_question_answer_and_sources_to_the_curator_but_not_the_person(
    pool: Pool, troupe: Troupe
) -> None:
    answer = await answered(pool, troupe.reader, "Meu CPF é 123.456.789-09. Limite?", troupe.a)
    await rated(pool, troupe.reader, answer)
    [report] = await seen(pool, troupe.curator)
    assert (report.reason, report.state, report.answer) == (
        Reason.OUTDATED, State.OPEN, "São mil e duzentas [1].",
    )  # fmt: skip
    assert report.question == "Meu CPF é ***.456.789-**. Limite?"
    assert "joao@" not in report.comment
    async with as_actor(pool, troupe.curator) as conn:
        [source] = await reports.quoted(conn, report.id)
        assert source.quote == SECRET_A[:20]
        # Not the conversation, nor whose it is.
        with pytest.raises(NotFound):
            await chats.get_message(conn, answer)
        assert await ratings.of_messages(conn, [answer]) == {}
        cursor = await conn.execute("SELECT * FROM answer_reports")
        [row] = await cursor.fetchall()
        assert str(troupe.reader.id) not in str(row)
    assert [each.id for each in await seen(pool, troupe.admin)] == [report.id]
    for who in (troupe.reader, troupe.stranger, troupe.auditor):
        assert await seen(pool, who) == []


async def test_a_curator_who_may_not_read_one_of_the_sources_learns_nothing(
    pool: Pool, troupe: Troupe
) -> None:
    async with as_system(pool) as conn:
        await conn.execute(
            "INSERT INTO grants (id, user_id, collection_key, level)"
            " VALUES (%(id)s, %(user)s, %(key)s, 'read')",
            {"id": new_id(), "user": troupe.reader.id, "key": troupe.b.collection_key},
        )
    both = await answered(pool, troupe.reader, "Limite e codinome?", troupe.a, troupe.b)
    await rated(pool, troupe.reader, both)
    assert await seen(pool, troupe.curator) == []
    [report] = await seen(pool, troupe.admin)
    async with as_actor(pool, troupe.curator, write=True) as conn:
        assert sum((await reports.count_by_state(conn)).values()) == 0
        for act in (reports.get_report(conn, report.id), decide(conn, troupe.curator, report.id)):
            with pytest.raises(NotFound):
                await act
    async with as_system(pool) as conn:
        await conn.execute("UPDATE documents SET secrecy = 3")
    assert await seen(pool, troupe.admin) == []


async def decide(conn: Any, who: Actor, report: reports.ReportId) -> None:
    await reports.decide(conn, who, report, Decision(State.DONE))


async def test_a_rating_is_changed_and_withdrawn_and_goes_with_the_conversation(
    pool: Pool, troupe: Troupe
) -> None:
    reader = troupe.reader
    answer = await answered(pool, reader, "Limite?", troupe.a)
    await rated(pool, reader, answer)
    [report] = await seen(pool, troupe.curator)
    async with as_actor(pool, troupe.curator, write=True) as conn:
        await reports.decide(conn, troupe.curator, report.id, Decision(State.WORKING, "Vejo."))
    await rated(pool, reader, answer, Rating(UP))
    assert await seen(pool, troupe.curator) == []
    async with as_actor(pool, reader, write=True) as conn:
        assert await ratings.of_messages(conn, [answer]) == {answer: Rating(UP)}
        await ratings.withdraw(conn, reader, answer)
        with pytest.raises(NotFound):
            await ratings.withdraw(conn, reader, answer)
    await rated(pool, reader, answer)
    async with as_actor(pool, reader, write=True) as conn:
        [conversation] = await chats.list_conversations(conn)
        await chats.delete(conn, reader, conversation.id)
    assert await seen(pool, troupe.admin) == []


async def test_only_one_s_own_finished_answers_are_rated_and_nobody_s_thumb_is_forged(
    pool: Pool, troupe: Troupe
) -> None:
    answer = await answered(pool, troupe.reader, "Limite?", troupe.a)
    for who in (troupe.stranger, troupe.curator, troupe.admin):
        with pytest.raises(NotFound):
            await rated(pool, who, answer)
        with pytest.raises(Denied):
            async with as_actor(pool, who, write=True) as conn:
                await conn.execute(
                    "INSERT INTO answer_ratings (message_id, user_id, rating)"
                    " VALUES (%(id)s, %(user)s, 1)",
                    {"id": answer, "user": who.id},
                )
    await rated(pool, troupe.reader, answer)
    with pytest.raises(Denied):
        async with as_actor(pool, troupe.curator, write=True) as conn:
            await conn.execute("UPDATE answer_reports SET answer = 'outra'")
    for wrong in ((DOWN, None, ""), (UP, Reason.WRONG, ""), (DOWN, Reason.WRONG, "x" * 1001)):
        with pytest.raises(Invalid):
            Rating(*wrong)
    with pytest.raises(Invalid):
        Decision(State.DISMISSED)
    # Who lost a source may still take the rating back.
    async with as_system(pool) as conn:
        await conn.execute("DELETE FROM grants")
    with pytest.raises(NotFound):
        await rated(pool, troupe.reader, answer)
    async with as_actor(pool, troupe.reader, write=True) as conn:
        await ratings.withdraw(conn, troupe.reader, answer)
    assert await seen(pool, troupe.admin) == []


# Questions without answer ----------------------------------------------------------------------

PARKING = ("Quantas vagas no estacionamento?", "O estacionamento tem quantas vagas?")


async def missed(pool: Pool, who: Actor, question: str, *shelves: Shelf, day: date = TODAY) -> None:
    async with as_actor(pool, who, write=True) as conn:
        await gaps.record(conn, question, [each.document_key for each in shelves], day=day)


async def shown(pool: Pool, who: Actor, least: int = 2) -> list[Topic]:
    async with as_actor(pool, who) as conn:
        return await gaps.topics(conn, least_people=least)


async def second_reader(pool: Pool, troupe: Troupe) -> Actor:
    actor = Actor(UserId(new_id()), "leitora", Role.USER)
    async with as_system(pool) as conn:
        await conn.execute(
            "INSERT INTO users (id, username, name, role) VALUES (%(id)s, 'leitora', 'L', 'user')",
            {"id": actor.id},
        )
        await conn.execute(
            "INSERT INTO grants (id, user_id, collection_key, level)"
            " VALUES (%(id)s, %(user)s, %(key)s, 'read')",
            {"id": new_id(), "user": actor.id, "key": troupe.a.collection_key},
        )
    return actor


class Room:
    """What grouping needs of the application."""

    def __init__(self, pool: Pool) -> None:
        from govbot.config import Settings

        self.pool, self.embedder, self.settings = pool, HashEmbedder(), Settings()


async def test_a_topic_is_shown_only_when_different_people_asked_and_only_to_its_curators(
    pool: Pool, troupe: Troupe
) -> None:
    room, other = Room(pool), await second_reader(pool, troupe)
    await missed(pool, troupe.reader, PARKING[0], troupe.a)
    await missed(pool, troupe.reader, PARKING[1], troupe.a)
    await missed(pool, troupe.reader, PARKING[1], troupe.a)
    assert await gathering.gather(room) == 2
    assert await shown(pool, troupe.curator) == []
    assert await shown(pool, troupe.admin) == []
    await missed(pool, other, "Quantas vagas há no estacionamento? CPF 123.456.789-09", troupe.a)
    await missed(pool, other, "Qual o valor da diária?", troupe.a)
    await gathering.gather(room)
    [topic] = await shown(pool, troupe.curator)
    assert (topic.people, topic.asked, topic.state) == (2, 3, State.OPEN)
    assert topic.question in PARKING
    async with as_actor(pool, troupe.curator) as conn:
        _topic, said = await gaps.get_topic(conn, topic.id, least_people=2)
        cursor = await conn.execute("SELECT count(*) AS n FROM gap_questions")
        assert await cursor.fetchone() == {"n": 0}  # not past the functions
    assert "123.456.789" not in str(said)
    assert [each.id for each in await shown(pool, troupe.admin)] == [topic.id]
    for who in (troupe.reader, troupe.stranger, troupe.auditor):
        assert await shown(pool, who) == []
        async with as_actor(pool, who, write=True) as conn:
            with pytest.raises(NotFound):
                await gaps.decide(
                    conn, who, topic.id, Decision(State.DONE), least_people=2
                )  # fmt: skip
    async with as_system(pool) as conn:
        await conn.execute("UPDATE gap_questions SET secrecy = 2")
    assert await shown(pool, troupe.curator) == []


async def test_what_came_near_documents_of_others_is_not_for_this_curator(
    pool: Pool, troupe: Troupe
) -> None:
    other = await second_reader(pool, troupe)
    for who, shelves in ((troupe.reader, [troupe.a, troupe.b]), (other, [troupe.a, troupe.b])):
        await missed(pool, who, "Qual o codinome?", *shelves)
    for who in (troupe.reader, other):
        await missed(pool, who, "Qual a cor do crachá?")
    await gathering.gather(Room(pool))
    assert await shown(pool, troupe.curator) == []
    assert len(await shown(pool, troupe.admin)) == 2


async def test_a_month_later_nobody_is_found_from_a_question_and_one_person_stays_one(
    pool: Pool, troupe: Troupe, owner_pool: Pool
) -> None:
    room = Room(pool)
    later = TODAY + timedelta(days=40)
    await missed(pool, troupe.reader, PARKING[0], troupe.a)
    await gathering.gather(room)
    before = await askers(owner_pool)
    await gathering.keep_up(room, today=later)
    assert await askers(owner_pool) != before
    async with owner_pool.connection() as conn:
        cursor = await conn.execute("SELECT count(*) AS n FROM gap_salts")
        assert await cursor.fetchone() == {"n": 0}
    # The same person in the next month is not a second one.
    await missed(pool, troupe.reader, PARKING[1], troupe.a, day=later)
    await gathering.gather(room)
    assert await shown(pool, troupe.curator) == []
    [topic] = await shown(pool, troupe.curator, least=1)
    assert (topic.people, topic.asked) == (1, 2)
    await gathering.keep_up(room, today=TODAY + timedelta(days=800))
    assert await shown(pool, troupe.admin, least=1) == []


async def askers(owner_pool: Pool) -> list[bytes]:
    async with owner_pool.connection() as conn:
        cursor = await conn.execute("SELECT asker FROM gap_questions")
        return [bytes(row["asker"]) for row in await cursor.fetchall()]


async def test_what_is_solved_opens_again_when_it_is_asked_again_and_erasure_forgets(
    pool: Pool, troupe: Troupe
) -> None:
    room, other = Room(pool), await second_reader(pool, troupe)
    for who in (troupe.reader, other):
        await missed(pool, who, PARKING[0], troupe.a)
    await gathering.gather(room)
    [topic] = await shown(pool, troupe.curator)
    async with as_actor(pool, troupe.curator, write=True) as conn:
        done = Decision(State.DONE, "Portaria 5 enviada.")
        await gaps.decide(conn, troupe.curator, topic.id, done, least_people=2)
    await missed(pool, other, PARKING[1], troupe.a, day=date.today() + timedelta(days=2))
    await gathering.gather(room)
    [topic] = await shown(pool, troupe.curator)
    assert (topic.state, topic.note, topic.decided_by) == (
        State.OPEN, "Portaria 5 enviada.", troupe.curator.id,
    )  # fmt: skip
    report = await erase.erase(pool, other.id, by=None)
    assert report.removed["gap_questions"] == 2
    assert await shown(pool, troupe.curator) == []


async def test_the_application_cannot_count_people_by_itself(pool: Pool, troupe: Troupe) -> None:
    for statement in (
        "SELECT govbot_gap_asker(govbot_actor(), current_date)",
        "SELECT salt FROM gap_salts",
        "INSERT INTO gap_questions (id, question, asker, collections, secrecy)"
        " VALUES (gen_random_uuid(), 'x', '', '{}', 0)",
        "SELECT govbot_forget_gaps(govbot_actor())",
        "SELECT govbot_end_gap_months('2100-01-01')",
    ):
        with pytest.raises((Denied, psycopg.Error)):
            async with as_actor(pool, troupe.admin, write=True) as conn:
                await conn.execute(statement.encode())
