"""Figures of use: who sees which, what is left out, and that nothing leads back to a person."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from govbot.analytics import categories, facts, figures
from govbot.analytics.categories import Classifier
from govbot.analytics.facts import Fact
from govbot.analytics.figures import Figures, Period
from govbot.analytics.table import to_csv
from govbot.chat import store as chats
from govbot.db.access import Actor, Role, as_actor, as_system
from govbot.db.pool import Pool
from govbot.errors import Conflict, Denied, GovBotError, NotFound
from govbot.feedback import gathering, ratings
from govbot.feedback.ratings import DOWN, UP, Rating
from govbot.feedback.states import Reason
from govbot.ids import UserId, new_id
from tests.database.test_feedback import Room, answered
from tests.ingestion import HashEmbedder
from tests.troupe import Shelf, Troupe

TODAY = date(2026, 3, 10)
MONTH = Period(date(2026, 3, 1), date(2026, 3, 31))


async def told(pool: Pool, who: Actor, *shelves: Shelf, day: date = TODAY, ms: int = 900) -> None:
    keys = [each.document_key for each in shelves]
    outcome: facts.Outcome = "answered" if shelves else "refused"
    async with as_actor(pool, who, write=True) as conn:
        await facts.record(conn, Fact(outcome, "llama", keys, {"total_ms": ms}), day=day)


async def seen(pool: Pool, who: Actor, period: Period = MONTH) -> Figures:
    async with as_actor(pool, who) as conn:
        return await figures.figures(conn, period, least_people=2)


async def member(pool: Pool, name: str, group: object) -> Actor:
    actor = Actor(UserId(new_id()), name, Role.USER)
    async with as_system(pool) as conn:
        await conn.execute(
            "INSERT INTO users (id, username, name, role) VALUES (%(id)s, %(name)s, 'M', 'user')",
            {"id": actor.id, "name": name},
        )
        await conn.execute(
            "INSERT INTO memberships (group_id, user_id) VALUES (%(group)s, %(id)s)",
            {"group": group, "id": actor.id},
        )
    return actor


async def test_figures_are_those_of_what_one_manages_and_groups_of_few_are_left_out(
    pool: Pool, troupe: Troupe
) -> None:
    large, small = new_id(), new_id()
    async with as_system(pool) as conn:
        for group, name in ((large, "Finanças"), (small, "Gabinete")):
            await conn.execute(
                "INSERT INTO groups (id, name) VALUES (%(id)s, %(name)s)",
                {"id": group, "name": name},
            )
    people = [await member(pool, name, large) for name in ("um", "dois")]
    alone = await member(pool, "tres", small)
    for who, ms in ((people[0], 500), (people[0], 700), (people[1], 900), (alone, 2000)):
        await told(pool, who, troupe.a, ms=ms)
    await told(pool, alone, troupe.b)
    await told(pool, alone)
    admin = await seen(pool, troupe.admin)
    assert (admin.total.questions, admin.total.answered, admin.total.refused) == (6, 5, 1)
    assert admin.people == 3
    assert [(each.name, each.questions) for each in admin.groups] == [("Finanças", 3)]
    assert {each.name for each in admin.collections} == {"Coleção A", "Coleção B"}
    assert len(admin.documents) == 2
    curator = await seen(pool, troupe.curator)
    assert curator.total.questions == 4
    assert curator.total.p50_ms == 800
    assert [each.name for each in curator.collections] == ["Coleção A"]
    assert [each.questions for each in curator.documents] == [4]
    assert [each.name for each in curator.groups] == ["Finanças"]
    assert len(curator.days) == 31
    for who in (troupe.reader, troupe.stranger, troupe.auditor):
        assert (await seen(pool, who)).total.questions == 0
    # Above one's clearance there is nothing to count.
    async with as_system(pool) as conn:
        await conn.execute("UPDATE documents SET secrecy = 2")
    await told(pool, people[0], troupe.a)
    assert (await seen(pool, troupe.curator)).total.questions == 4
    lines = to_csv(curator.days, separator=";").splitlines()
    assert len(lines) == 32
    assert lines[10] == "2026-03-10;4;4;0;0;0;0;800;1835;0;0"


async def test_deleting_a_conversation_changes_no_figure_and_withdrawing_a_thumb_does(
    pool: Pool, troupe: Troupe
) -> None:
    reader, today = troupe.reader, date.today()
    period = Period(today - timedelta(days=1), today)
    first = await answered(pool, reader, "Limite?", troupe.a)
    second = await answered(pool, reader, "Limite do exercício?", troupe.a)
    async with as_actor(pool, reader, write=True) as conn:
        await ratings.rate(conn, reader, first, Rating(UP))
        await ratings.rate(conn, reader, second, Rating(UP))
        await ratings.rate(conn, reader, second, Rating(DOWN, Reason.WRONG))
    assert [(t.up, t.down) for t in [(await seen(pool, troupe.curator, period)).total]] == [(1, 1)]
    async with as_actor(pool, reader, write=True) as conn:
        await ratings.withdraw(conn, reader, second)
        for conversation in await chats.list_conversations(conn):
            await chats.delete(conn, reader, conversation.id)
    total = (await seen(pool, troupe.curator, period)).total
    assert (total.up, total.down) == (1, 0)


async def test_facts_hold_no_person_and_at_the_end_of_the_month_no_way_to_one(
    pool: Pool, troupe: Troupe, owner_pool: Pool
) -> None:
    await told(pool, troupe.reader, troupe.a)
    await told(pool, troupe.reader, troupe.a)
    async with owner_pool.connection() as conn:
        cursor = await conn.execute("SELECT * FROM question_facts")
        before = await cursor.fetchall()
    assert str(troupe.reader.id) not in str(before)
    assert (await seen(pool, troupe.curator)).people == 1
    await gathering.keep_up(Room(pool), today=TODAY + timedelta(days=40))
    async with owner_pool.connection() as conn:
        cursor = await conn.execute("SELECT DISTINCT asker FROM question_facts")
        after = await cursor.fetchall()
    assert len(after) == 1
    assert after[0]["asker"] not in {row["asker"] for row in before}
    for statement in (
        "DELETE FROM question_facts",
        "INSERT INTO rating_facts (day, collections, secrecy, rating, n)"
        " VALUES (now(), '{}', 0, 1, 1)",
    ):
        with pytest.raises(Denied):
            async with as_actor(pool, troupe.admin, write=True) as conn:
                await conn.execute(statement.encode())


async def test_questions_get_the_category_that_is_clearly_nearest_or_none(
    pool: Pool, troupe: Troupe
) -> None:
    async with as_actor(pool, troupe.admin, write=True) as conn:
        leave = await categories.add(
            conn, troupe.admin, "Férias", "férias, licença, afastamento, abono do servidor"
        )
        await categories.add(conn, troupe.admin, "Viagens", "diárias, passagens, prestação")
        known = await categories.categories(conn)
    for embedder in (HashEmbedder(), None):
        classifier = Classifier(embedder)
        question = "Quantos dias de férias e licença tem o servidor?"
        assert await classifier.category(question, known) == leave
        assert await classifier.category(question, []) is None
    # By stems alone: vectors that tests make up are alike by chance.
    assert await Classifier(None).category("Quem conserta o elevador?", known) is None
    for who, error in ((troupe.curator, Denied), (troupe.admin, Conflict)):
        with pytest.raises(error):
            async with as_actor(pool, who, write=True) as conn:
                await categories.add(conn, who, "Férias", "outra")
    async with as_actor(pool, troupe.curator, write=True) as conn:
        with pytest.raises(NotFound):
            await categories.remove(conn, troupe.curator, leave)


class Sour:
    """A model that does not work."""

    async def judge(self, text: str) -> str:
        raise GovBotError

    async def aclose(self) -> None: ...


async def test_a_mood_that_is_not_known_keeps_nothing_waiting() -> None:
    assert await Classifier(None, Sour()).mood("Que demora!") == ""
    assert await Classifier(None).mood("Que demora!") == ""
