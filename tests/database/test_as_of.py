"""Questions about what was in force on a day: today by default, another one when it is said."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import pytest

from govbot import audit
from govbot.chat import store
from govbot.chat.answer import ask
from govbot.chat.live import Answers
from govbot.chat.prompt import not_found_sentence
from govbot.db.access import OPERATOR, Actor, as_actor, as_system
from govbot.ids import ConversationId
from govbot.retrieval.passages import Passage
from govbot.retrieval.retrieve import Mode, retrieve
from tests.answering import Desk, Dictated, Library, rows
from tests.ingestion import Cast, assert_consistent
from tests.lifecycle import act

PATERNITY = "Quantos dias dura a licença-paternidade?"
DAY = date(2020, 1, 1)
EVE = DAY - timedelta(days=1)
TODAY = date.today()
LONG_AGO = date(1950, 1, 1)


async def find(
    desk: Desk,
    actor: Actor,
    as_of: date | None = None,
    *,
    mode: Mode = "hybrid",
    exact_scan_limit: int | None = None,
) -> list[Passage]:
    settings = desk.settings
    if exact_scan_limit is not None:
        settings = settings.model_copy(
            update={
                "retrieval": settings.retrieval.model_copy(
                    update={"exact_scan_limit": exact_scan_limit}
                )
            }
        )
    async with as_actor(desk.pool, actor) as conn:
        found = await retrieve(
            conn,
            PATERNITY,
            embedder=desk.embedder,
            settings=settings,
            mode=mode,
            as_of=as_of,
        )
    return found.passages


def names(passages: Sequence[Passage]) -> set[str]:
    return {passage.filename for passage in passages}


async def revoked(desk: Desk, library: Library, cast: Cast, on: date = DAY) -> None:
    await act(desk, cast.curator, "revoke", library.leave.document_id, on=on)


async def dated(
    desk: Desk, library: Library, cast: Cast, first: date | None, last: date | None
) -> None:
    await act(desk, cast.curator, "set_validity", library.leave.document_id,
              valid_from=first, valid_to=last)  # fmt: skip


@pytest.mark.parametrize("mode", ["hybrid", "lexical", "dense"])
@pytest.mark.parametrize("exact_scan_limit", [50_000, 0])
async def test_a_revoked_document_is_not_found_from_that_day_on(
    desk: Desk, library: Library, cast: Cast, mode: Mode, exact_scan_limit: int
) -> None:
    await revoked(desk, library, cast)
    for actor in (cast.reader, cast.curator, OPERATOR):
        for day in (None, DAY, TODAY):
            found = await find(desk, actor, day, mode=mode, exact_scan_limit=exact_scan_limit)
            assert "lei-731.txt" not in names(found)
        found = await find(desk, actor, EVE, mode=mode, exact_scan_limit=exact_scan_limit)
        assert "lei-731.txt" in names(found)


async def test_a_revocation_to_come_changes_nothing_yet(
    desk: Desk, library: Library, cast: Cast
) -> None:
    await revoked(desk, library, cast, TODAY + timedelta(days=1))
    assert "lei-731.txt" in names(await find(desk, cast.reader))


@pytest.mark.parametrize(
    ("first", "last", "day", "there"),
    [
        (DAY, None, EVE, False),
        (DAY, None, DAY, True),
        (DAY, None, None, True),
        (None, DAY, DAY, True),
        (None, DAY, DAY + timedelta(days=1), False),
        (None, DAY, None, False),
        (DAY, DAY, DAY, True),
        (TODAY + timedelta(days=9), None, None, False),
        (None, None, LONG_AGO, True),
    ],
)
async def test_the_days_of_validity_count_from_the_first_to_the_last(
    desk: Desk,
    library: Library,
    cast: Cast,
    first: date | None,
    last: date | None,
    day: date | None,
    there: bool,
) -> None:
    await dated(desk, library, cast, first, last)
    assert ("lei-731.txt" in names(await find(desk, cast.reader, day))) is there


async def test_whoever_has_a_grant_on_the_document_alone_finds_it_only_while_in_force(
    desk: Desk, library: Library, cast: Cast
) -> None:
    await revoked(desk, library, cast)
    async with as_system(desk.pool) as conn:
        await conn.execute(
            "INSERT INTO grants (id, user_id, document_key, level)"
            " SELECT gen_random_uuid(), %(user)s, key, 'read' FROM documents WHERE id = %(id)s",
            {"user": cast.stranger.id, "id": library.leave.document_id},
        )
    assert "lei-731.txt" not in names(await find(desk, cast.stranger))
    assert "lei-731.txt" in names(await find(desk, cast.stranger, EVE))


async def test_the_day_is_forgotten_with_the_transaction(
    desk: Desk, library: Library, cast: Cast
) -> None:
    await revoked(desk, library, cast)
    await find(desk, cast.reader, EVE)
    async with as_actor(desk.pool, cast.reader) as conn:
        cursor = await conn.execute("SELECT govbot_as_of() AS day, current_date AS today")
        row = await cursor.fetchone()
    assert row is not None
    assert row["day"] == row["today"]


@pytest.mark.parametrize("table", ["chunks", "postings", "chunk_vectors"])
async def test_what_is_not_in_force_is_withheld_by_the_policies_themselves(
    desk: Desk, library: Library, cast: Cast, table: str
) -> None:
    query = (
        f"SELECT count(*) AS n FROM {table} t JOIN documents d ON d.key = t.document_key"
        " WHERE d.filename = 'lei-731.txt'"
    )
    assert (await rows(desk.pool, cast.reader, query))[0]["n"] > 0
    await revoked(desk, library, cast)
    assert (await rows(desk.pool, cast.reader, query))[0]["n"] == 0


async def test_a_revoked_document_is_still_read_and_keeps_its_passages(
    desk: Desk, library: Library, cast: Cast, parts: Any
) -> None:
    await revoked(desk, library, cast)
    query = "SELECT text FROM version_pages WHERE version_id = %(id)s"
    assert await rows(desk.pool, cast.reader, query, id=library.leave.version_id)
    await assert_consistent(parts)
    await act(parts, cast.curator, "unrevoke", library.leave.document_id)
    assert "lei-731.txt" in names(await find(desk, cast.reader))


async def test_a_passage_says_until_when_its_document_was_in_force(
    desk: Desk, library: Library, cast: Cast
) -> None:
    await dated(desk, library, cast, LONG_AGO, TODAY)
    await revoked(desk, library, cast)
    found = await find(desk, cast.reader, EVE)
    passage = next(p for p in found if p.filename == "lei-731.txt")
    assert (passage.valid_from, passage.valid_to, passage.revoked_on) == (LONG_AGO, TODAY, DAY)
    assert passage.ended(TODAY) == EVE
    assert passage.ended(EVE) is None


# Answers.


async def test_an_answer_about_another_day_says_so_and_cites_what_was_in_force(
    desk: Desk, library: Library, cast: Cast
) -> None:
    await revoked(desk, library, cast)
    answer = await ask(desk, cast.reader, PATERNITY, as_of=EVE)
    assert answer.text.startswith("Segundo os documentos em vigor em 31/12/2019:\n\n")
    assert "vinte dias corridos" in answer.text
    assert answer.citations[0].revoked_on == DAY
    async with as_system(desk.pool) as conn:
        (entry,) = await audit.entries(conn, action="question.asked")
    assert '"as_of":"2019-12-31"' in entry.details


async def test_what_is_not_in_force_any_more_answers_nothing_today(
    desk: Desk, library: Library, cast: Cast
) -> None:
    await revoked(desk, library, cast)
    answer = await ask(desk, cast.reader, PATERNITY)
    assert "vinte dias" not in answer.text
    answer = await ask(desk, cast.reader, PATERNITY, as_of=DAY)
    assert "vinte dias" not in answer.text
    if answer.refused:
        assert answer.text.endswith(not_found_sentence())


async def test_the_model_is_told_the_day_and_what_ended_since(
    desk: Desk, library: Library, cast: Cast
) -> None:
    await revoked(desk, library, cast)
    dictated = Dictated()
    await ask(desk.by(dictated), cast.reader, PATERNITY, as_of=EVE)
    prompt = dictated.requests[0].messages[-1].content
    assert "Pergunta sobre o que estava em vigor em 31/12/2019:" in prompt
    assert 'situação="deixou de vigorar após 31/12/2019"' in prompt


async def test_a_question_keeps_its_day_when_it_is_asked_again(
    desk: Desk, library: Library, cast: Cast
) -> None:
    await revoked(desk, library, cast)
    async with as_actor(desk.pool, cast.reader, write=True) as conn:
        conversation = await store.create_conversation(conn, cast.reader)
    answers = Answers(desk)
    started = await answers.start(cast.reader, conversation, PATERNITY, as_of=EVE)
    await _end(answers, cast.reader, started.answer_id)
    again = await answers.start(cast.reader, conversation, "", regenerate=started.answer_id)
    await _end(answers, cast.reader, again.answer_id)
    await answers.close()
    (turn,) = await _turns(desk, cast.reader, conversation)
    assert turn.question.as_of == EVE
    assert len(turn.answers) == 2
    assert all("vinte dias corridos" in answer.content for answer in turn.answers)
    assert turn.answers[-1].citations[0].revoked_on == DAY


async def test_the_audit_of_a_question_about_today_names_no_day(
    desk: Desk, library: Library, cast: Cast
) -> None:
    await ask(desk, cast.reader, PATERNITY)
    async with as_system(desk.pool) as conn:
        (entry,) = await audit.entries(conn, action="question.asked")
    assert "as_of" not in entry.details


async def _end(answers: Answers, actor: Actor, answer_id: Any) -> None:
    async for _ in answers.events(actor, answer_id):
        pass


async def _turns(desk: Desk, actor: Actor, conversation: ConversationId) -> list[store.Turn]:
    async with as_actor(desk.pool, actor) as conn:
        return await store.turns(conn, conversation)
