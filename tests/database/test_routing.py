"""Which model wrote an answer: kept with it, counted without the person, shown to nobody else."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from govbot.chat import routing, store
from govbot.chat.answer import ask
from govbot.chat.live import Answers
from govbot.chat.reply import Wishes
from govbot.config.generation import Generation
from govbot.db.access import as_actor, as_system
from govbot.errors import Denied, Invalid, Unavailable
from govbot.generate import Generator, Routed
from govbot.generate.members import Entry
from govbot.generate.pool import Pool
from tests.answering import Desk, Dictated, Library, rows
from tests.ingestion import Cast

PATERNITY = "Qual o prazo da licença-paternidade?"
COMPARED = "Compare a licença-paternidade com as férias do servidor."


@pytest.fixture
def voices() -> dict[str, Dictated]:
    said = ["A licença-paternidade é de vinte dias corridos [1]."]
    return {name: Dictated(said, name=name) for name in ("rapido", "grande", "sob-pedido")}


@pytest.fixture
def models(voices: dict[str, Dictated]) -> Pool:
    def opening(entry: Entry) -> Generator:
        return voices[entry.name]

    entries = [
        Entry("rapido", "openai", Generation(), tier="fast"),
        Entry("grande", "openai", Generation(), tier="quality"),
        Entry("sob-pedido", "openai", Generation(), tier="quality", offered=True),
    ]
    return Pool(entries, opening=opening)


async def test_the_decision_stands_with_the_answer_and_in_the_counts_of_administrators(
    desk: Desk, cast: Cast, library: Library, models: Pool
) -> None:
    answers = Answers(replace(desk, generator=models))
    async with as_actor(desk.pool, cast.reader, write=True) as conn:
        conversation = await store.create_conversation(conn, cast.reader)
    started = [await answers.start(cast.reader, conversation, PATERNITY)]
    started.append(await answers.start(cast.reader, conversation, COMPARED, model="sob-pedido"))
    with pytest.raises(Invalid, match="no such model"):
        await answers.start(cast.reader, conversation, PATERNITY, model="grande")
    await answers.close(grace_s=30)
    async with as_actor(desk.pool, cast.reader) as conn:
        found = [await store.get_message(conn, each.answer_id) for each in started]
    assert [each.engine for each in found] == ["rapido", "sob-pedido"]
    assert [each.routed for each in found] == [
        Routed("rapido", "simple"),
        Routed("sob-pedido", "chosen"),
    ]
    async with as_actor(desk.pool, cast.admin) as conn:
        counted = await routing.counts(conn, since=date.today())
    assert {(each.model, each.reason, each.answers) for each in counted} == {
        ("rapido", "simple", 1),
        ("sob-pedido", "chosen", 1),
    }
    for person in (cast.reader, cast.curator, cast.stranger):
        assert await rows(desk.pool, person, "SELECT * FROM routing_days") == []
    others = await rows(desk.pool, cast.admin, "SELECT routing FROM messages")
    assert others == []
    with pytest.raises(Denied):
        async with as_system(desk.pool) as conn:
            await conn.execute("INSERT INTO routing_days VALUES ('2026-01-01', 'a', 'b', 1)")


async def test_an_answer_by_a_stand_in_is_not_cached_and_marks_count_for_the_last_who_wrote(
    desk: Desk, cast: Cast, library: Library, models: Pool, voices: dict[str, Dictated]
) -> None:
    house = replace(desk, generator=models)
    voices["rapido"].failure = Unavailable(code="E-MODEL-SERVER")
    voices["rapido"].deltas = ()
    first = await ask(house, cast.reader, PATERNITY)
    assert first.routed == Routed("grande", "fallback-failed", (), ("rapido E-MODEL-SERVER",))
    assert [each.number for each in first.citations] == [1]
    voices["rapido"].failure = None
    voices["rapido"].deltas = voices["grande"].deltas
    second = await ask(house, cast.reader, PATERNITY)
    assert (second.engine, second.timings.get("cached")) == ("rapido", None)
    third = await ask(house, cast.reader, PATERNITY)
    assert (third.timings.get("cached"), third.routed) == (1.0, None)
    by_admin = await ask(house, cast.curator, PATERNITY, wishes=Wishes(model="sob-pedido"))
    assert (by_admin.engine, by_admin.timings.get("cached")) == ("sob-pedido", None)
