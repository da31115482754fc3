"""Personal data from the file to the answer: found by place, hidden before anybody reads it."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from govbot.chat import store
from govbot.chat.answer import Answer, Progress, answer_stream
from govbot.chat.live import Answers
from govbot.db.access import Actor, as_actor, as_system
from govbot.db.dsns import Dsns
from govbot.documents import collections, personal
from govbot.documents import store as documents
from govbot.documents.types import Document
from govbot.errors import Denied
from govbot.generate import Request, State, Status
from govbot.ids import MessageId
from govbot.ingest.personal import look_through
from govbot.privacy import EVERY_KIND, Kind, find
from govbot.retrieval.masking import masked
from govbot.retrieval.retrieve import retrieve
from tests.answering import Desk, rows
from tests.ingestion import Cast, Parts, add_cast, document_of, open_parts, take
from tests.prepared import Prepared, recipe

ORDER = """PORTARIA Nº 77, DE 2 DE MAIO DE 2024

Art. 1º Fica designada a servidora Ana Lima, inscrita no CPF sob o nº 123.456.
789-09 e no PIS 120.45678.90-5, telefone (83) 99999-1234, correio ana.lima@
exemplo.gov.br, para fiscalizar o contrato de vigilância.

Art. 2º O relatório de vigilância é enviado até o quinto dia útil.
"""
QUESTION = "Quem foi designada para fiscalizar o contrato de vigilância?"
VALUES = ("12345678909", "12045678905", "83999991234", "analima@", "99999")


@dataclass
class Parrot:
    """A model that repeats all it is given, the worst one."""

    name: str = "parrot"
    excerpts: bool = False
    seen: list[str] = field(default_factory=list)

    async def stream(self, request: Request) -> AsyncIterator[str]:
        given = "\n".join(message.content for message in request.messages)
        self.seen.append(given)
        for source in request.sources:
            yield f"{source.text} [{source.number}].\n\n"

    def status(self) -> Status:
        return Status(State.READY)

    async def aclose(self) -> None:
        pass


def leaks(text: str) -> list[str]:
    """The values that stand in a text, whatever punctuation and breaks of lines are in them."""
    bare = re.sub(r"[^0-9a-z@]", "", text.lower())
    return [value for value in VALUES if value in bare]


@dataclass(frozen=True)
class Ordered:
    cast: Cast
    document: Document


@recipe("ordered")
async def fill(dsns: Dsns, data: Path) -> Ordered:
    async with open_parts(dsns, data) as parts:
        cast = await add_cast(parts.pool)
        taken = await take(parts, cast.curator, cast.a, "portaria-77.txt", ORDER)
        await parts.work()
        return Ordered(cast, await document_of(parts, taken))


@pytest.fixture
def ordered(prepared: Prepared) -> Ordered:
    found = prepared.scene
    assert isinstance(found, Ordered)
    return found


@pytest.fixture
def document(ordered: Ordered) -> Document:
    return ordered.document


async def hide(desk: Desk, cast: Cast, *kinds: Kind) -> None:
    async with as_actor(desk.pool, cast.curator, write=True) as conn:
        await personal.set_masks(conn, cast.curator, cast.a, kinds or EVERY_KIND)


async def asked(desk: Desk, actor: Actor, parrot: Parrot) -> MessageId:
    """A whole answer in a conversation; what is shown on the way must not leak either."""
    answers = Answers(desk.by(parrot))
    async with as_actor(desk.pool, actor, write=True) as conn:
        conversation = await store.create_conversation(conn, actor)
    started = await answers.start(actor, conversation, QUESTION)
    async for event in answers.events(actor, started.answer_id):
        parrot.seen.append(event.text)
    await answers.close()
    return started.answer_id


async def everything_said(desk: Desk, actor: Actor, answer: MessageId) -> str:
    """The answer and its citations as every page and program gets them."""
    async with as_actor(desk.pool, actor) as conn:
        message = await store.get_message(conn, answer)
        turns = [
            turn
            for each in await store.list_conversations(conn)
            for turn in await store.turns(conn, each.id)
        ]
        cited = [await store.get_citation(conn, answer, c.number) for c in message.citations]
    assert message.citations
    # Breaks of lines as such, or the letter of their escape would part a value.
    return f"{message}\n{turns}\n{cited}".replace("\\n", "\n")


async def test_places_are_stored_with_the_pages_and_values_are_not(
    desk: Desk, document: Document
) -> None:
    async with as_system(desk.pool) as conn:
        text = await documents.page_text(conn, document.version.id, 1)
        cursor = await conn.execute(
            "SELECT kind, page, start_offset AS start, end_offset AS stop, f::text AS row"
            " FROM personal_data f ORDER BY start_offset"
        )
        stored = await cursor.fetchall()
    assert [(Kind(f["kind"]), f["start"], f["stop"]) for f in stored] == [
        (f.kind, f.start, f.end) for f in find(text)
    ]
    assert {f["kind"] for f in stored} == {"cpf", "pis", "phone", "email"}
    assert leaks(" | ".join(f["row"] for f in stored)) == []


async def test_places_are_seen_by_who_sees_the_page(
    desk: Desk, cast: Cast, document: Document
) -> None:
    query = "SELECT kind FROM personal_data"
    assert len(await rows(desk.pool, cast.reader, query)) == 4
    assert await rows(desk.pool, cast.stranger, query) == []
    async with desk.pool.connection() as conn:
        assert await (await conn.execute(query)).fetchall() == []
    with pytest.raises(Denied):
        async with as_actor(desk.pool, cast.curator, write=True) as conn:
            await conn.execute(
                "INSERT INTO personal_data (version_id, document_key, kind, page, start_offset,"
                " end_offset) VALUES (%(id)s, 1, 'cpf', 1, 900, 910)",
                {"id": document.version.id},
            )


async def test_nothing_is_hidden_by_default(desk: Desk, cast: Cast, document: Document) -> None:
    parrot = Parrot()
    answer = await asked(desk, cast.reader, parrot)
    assert set(leaks(await everything_said(desk, cast.reader, answer))) == set(VALUES)


async def test_hidden_data_never_reaches_the_model_the_answer_the_log_or_the_audit(
    desk: Desk, cast: Cast, document: Document, caplog: pytest.LogCaptureFixture
) -> None:
    await hide(desk, cast)
    parrot = Parrot()
    with caplog.at_level(logging.DEBUG):
        answer = await asked(desk, cast.reader, parrot)
    assert leaks("".join(parrot.seen)) == []
    said = await everything_said(desk, cast.reader, answer)
    assert leaks(said) == []
    assert "***.456." in said
    assert leaks(caplog.text) == []
    async with as_system(desk.pool) as conn:
        cursor = await conn.execute("SELECT details FROM audit_log")
        assert leaks("".join(row["details"] for row in await cursor.fetchall())) == []
    # Nor does it lie in the database behind the answer.
    stored = (
        "SELECT m.content || c.quote AS said FROM messages m JOIN citations c ON m.id = message_id"
    )
    found = await rows(desk.pool, cast.reader, stored)
    assert found
    assert leaks("".join(row["said"] for row in found)) == []


async def test_places_of_citations_stay_right(desk: Desk, cast: Cast, document: Document) -> None:
    await hide(desk, cast)
    answer = await asked(desk, cast.reader, Parrot())
    async with as_actor(desk.pool, cast.reader) as conn:
        citation = (await store.get_message(conn, answer)).citations[0]
        text = await documents.page_text(conn, citation.version_id, citation.page_from)
    real = text[citation.start : citation.end]
    assert len(real) == len(citation.quote)
    assert all(a in (b, "*") for a, b in zip(citation.quote, real, strict=True))


async def test_search_results_are_hidden_too(desk: Desk, cast: Cast, document: Document) -> None:
    await hide(desk, cast, Kind.CPF)
    async with as_actor(desk.pool, cast.reader) as conn:
        found = await retrieve(conn, QUESTION, embedder=None, settings=desk.settings)
    text = "".join(passage.text for passage in found.passages)
    assert leaks(text) == ["12045678905", "83999991234", "analima@", "99999"]


async def test_old_answers_hide_what_is_hidden_now(
    desk: Desk, cast: Cast, document: Document
) -> None:
    answer = await asked(desk, cast.reader, Parrot())
    await hide(desk, cast)
    assert leaks(await everything_said(desk, cast.reader, answer)) == []


async def test_who_reads_a_single_document_gets_it_hidden_too(
    desk: Desk, cast: Cast, document: Document
) -> None:
    await hide(desk, cast)
    async with as_system(desk.pool) as conn:
        await conn.execute(
            "INSERT INTO grants (id, user_id, document_key, level)"
            " VALUES (gen_random_uuid(), %(user)s, %(key)s, 'read')",
            {"user": cast.stranger.id, "key": document.key},
        )
    parrot = Parrot()
    answer = await asked(desk, cast.stranger, parrot)
    assert leaks("".join(parrot.seen) + await everything_said(desk, cast.stranger, answer)) == []


async def test_a_value_that_the_end_of_a_passage_cuts_is_hidden(
    desk: Desk, cast: Cast, document: Document
) -> None:
    await hide(desk, cast)
    desk_without = desk
    async with as_system(desk.pool) as conn:
        await conn.execute("UPDATE collections SET mask_personal = '{}'")
        found = await retrieve(conn, QUESTION, embedder=None, settings=desk_without.settings)
    passage = next(each for each in found.passages if "123.456" in each.text)
    await hide(desk, cast)
    for cut in range(passage.text.index("123.456"), passage.text.index("789-09") + 6):
        head = replace(passage, text=passage.text[:cut])
        tail = replace(passage, text=passage.text[cut:], start=passage.start + cut)
        async with as_actor(desk.pool, cast.reader) as conn:
            shown = await masked(conn, [head, tail])
        assert len(shown[0].text + shown[1].text) == len(passage.text)
        kept = "".join(re.findall(r"\d", shown[0].text[-20:]))
        assert "12345" not in kept
        assert "9-09" not in shown[1].text


async def test_titles_and_headings_of_passages_are_hidden(
    desk: Desk, cast: Cast, document: Document
) -> None:
    async with as_system(desk.pool) as conn:
        await conn.execute(
            "UPDATE documents SET title = 'Requerimento, CPF 123.456.789-09' WHERE key = %(key)s",
            {"key": document.key},
        )
    await hide(desk, cast)
    answer = await asked(desk, cast.reader, Parrot())
    assert leaks(await everything_said(desk, cast.reader, answer)) == []


async def test_what_somebody_types_stays_theirs_and_is_hidden_in_the_audit(
    desk: Desk, cast: Cast, document: Document
) -> None:
    question = "O CPF 123.456.789-09 fiscaliza o contrato de vigilância?"
    strict = desk.under(GOVBOT_AUDIT__QUESTION_TEXT="true")
    steps: list[Progress | Answer] = []
    async for step in answer_stream(strict, cast.reader, question):
        steps.append(step)
    assert isinstance(steps[-1], Answer)
    async with as_system(desk.pool) as conn:
        cursor = await conn.execute("SELECT details FROM audit_log WHERE action = 'question.asked'")
        details = "".join(row["details"] for row in await cursor.fetchall())
    assert "***.456.789-**" in details
    assert leaks(details) == []
    async with as_actor(desk.pool, cast.reader, write=True) as conn:
        conversation = await store.create_conversation(conn, cast.reader)
        await store.add_question(conn, cast.reader, conversation, question)
        turn = (await store.turns(conn, conversation))[0]
    assert turn.question.content == question


async def test_only_managers_choose_what_is_hidden(
    desk: Desk, cast: Cast, document: Document
) -> None:
    for actor in (cast.reader, cast.writer):
        with pytest.raises(Denied):
            async with as_actor(desk.pool, actor, write=True) as conn:
                await personal.set_masks(conn, actor, cast.a, [Kind.CPF])
    await hide(desk, cast, Kind.CPF)
    async with as_actor(desk.pool, cast.reader) as conn:
        assert await personal.masks_of(conn, cast.a) == {Kind.CPF}
    async with as_system(desk.pool) as conn:
        cursor = await conn.execute(
            "SELECT details FROM audit_log WHERE action = 'collection.masks'"
        )
        assert [row["details"] for row in await cursor.fetchall()] == [
            '{"after":"cpf","before":"","name":"A"}'
        ]


async def test_stored_pages_of_before_are_looked_through(
    desk: Desk, cast: Cast, document: Document
) -> None:
    query = "SELECT kind, page, start_offset, end_offset FROM personal_data ORDER BY 2, 3"
    before = await rows(desk.pool, cast.reader, query)
    async with as_system(desk.pool) as conn:
        await conn.execute("DELETE FROM personal_data")
        await conn.execute("UPDATE document_versions SET personal_look = 0")
    assert await look_through(desk.pool) == 1
    assert await look_through(desk.pool) == 0
    assert await rows(desk.pool, cast.reader, query) == before


async def test_drafts_are_looked_through_and_a_new_version_has_its_own_places(
    parts: Parts, desk: Desk, cast: Cast, document: Document
) -> None:
    async with as_system(desk.pool) as conn:
        await collections.set_review(conn, None, cast.a, True)
    await take(parts, cast.writer, cast.a, "portaria-77.txt", "Art. 1º CPF 123.456.789-09, só.")
    await parts.work()
    async with as_actor(desk.pool, cast.curator) as conn:
        versions = await documents.versions_of(conn, document.id)
        counts = [(await personal.overview(conn, each.id)).counts for each in versions]
    assert counts[0] == {Kind.CPF: 1}
    assert sum(counts[1].values()) == 4


async def test_samples_show_the_words_around_and_no_value(
    desk: Desk, cast: Cast, document: Document
) -> None:
    async with as_actor(desk.pool, cast.curator) as conn:
        samples = await personal.samples(conn, document.version.id)
        overview = await personal.overview(conn, document.version.id)
    assert overview.looked
    assert overview.pages[Kind.CPF] == [1]
    assert leaks(" | ".join(sample.text for sample in samples)) == []
    assert "***.456. 789-**" in samples[0].text
