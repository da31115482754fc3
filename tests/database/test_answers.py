"""From a question to a cited answer, over ingested documents and with every kind of generator."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from govbot import audit
from govbot.chat.answer import MAX_QUESTION, Answer, Progress, answer_stream, ask
from govbot.chat.arrangement import Arrangement
from govbot.chat.prompt import Turn, not_found_sentence
from govbot.chat.reply import Wishes
from govbot.config import load_settings
from govbot.db.access import Actor, as_system
from govbot.errors import Invalid, Unavailable
from govbot.generate import Generator, Priority, Source
from govbot.generate.router import open_generator
from tests.answering import Desk, Dictated, Library, page_text
from tests.ingestion import Cast
from tests.openai_server import OpenAIServer, Reply
from tests.tiny_gguf import END, byte_token, char_token, write_tiny_gguf

PATERNITY = "Quantos dias dura a licença-paternidade?"
INSPECTION = "Quem fiscaliza o contrato de limpeza e quando apresentam relatório mensal?"


async def test_excerpts_answer_with_a_citation_on_its_page(
    desk: Desk, library: Library, cast: Cast
) -> None:
    answer = await ask(desk, cast.reader, PATERNITY)
    assert not answer.refused
    assert answer.excerpts
    assert answer.engine == "extractive"
    assert "vinte dias corridos" in answer.text
    assert "[1]" in answer.text
    first = answer.citations[0]
    assert (first.number, first.filename, first.page_from, first.page_to) == (
        1, "lei-731.txt", 1, 1,
    )  # fmt: skip
    assert first.document_id == library.leave.document_id
    assert first.version_id == library.leave.version_id
    assert first.version == 1
    assert "vinte dias corridos" in first.quote
    assert await _quoted(desk, answer) == [c.quote for c in answer.citations]
    assert set(answer.timings) == {"retrieve_ms", "first_token_ms", "generate_ms", "total_ms"}


async def test_a_quote_over_the_break_of_a_page_says_both_pages_and_its_places_there(
    desk: Desk, library: Library, cast: Cast
) -> None:
    dictated = Dictated(
        ["O contrato de limpeza será fiscalizado por dois servidores designados, que apresentam "
         "relatório mensal de fiscalização até o quinto dia útil [1]."],
    )  # fmt: skip
    answer = await ask(desk.by(dictated), cast.reader, INSPECTION)
    (citation,) = answer.citations
    assert citation.version_id == library.cleaning.version_id
    assert (citation.page_from, citation.page_to) == (1, 2)
    first = await page_text(desk.pool, citation.version_id, 1)
    second = await page_text(desk.pool, citation.version_id, 2)
    assert citation.quote == f"{first[citation.start :]}\n{second[: citation.end]}"
    assert citation.quote.startswith("O contrato de limpeza")
    assert citation.quote.endswith("quinto dia útil.")


async def test_a_quote_of_the_second_page_of_a_passage_points_to_that_page(
    desk: Desk, library: Library, cast: Cast
) -> None:
    dictated = Dictated(["Apresentam relatório mensal de fiscalização até o quinto dia útil [1]."])
    answer = await ask(desk.by(dictated), cast.reader, INSPECTION)
    (citation,) = answer.citations
    assert (citation.page_from, citation.page_to) == (2, 2)
    second = await page_text(desk.pool, citation.version_id, 2)
    assert second[citation.start : citation.end] == citation.quote
    assert "quinto dia útil" in citation.quote


async def test_without_evidence_it_refuses_and_names_the_nearest_documents(
    desk: Desk, library: Library, cast: Cast
) -> None:
    dictated = Dictated()
    answer = await ask(desk.by(dictated), cast.reader, "Quantos dias dura a quarentena do gado?")
    assert answer.refused
    assert answer.text == not_found_sentence()
    assert answer.citations == []
    assert answer.nearest
    assert len({c.document_id for c in answer.nearest}) == len(answer.nearest) <= 3
    assert {c.filename for c in answer.nearest} <= {
        "lei-731.txt", "decreto-88.txt", "portaria-12.txt",
    }  # fmt: skip
    assert dictated.requests == []


async def test_a_model_that_gives_up_is_a_refusal_too(
    desk: Desk, library: Library, cast: Cast
) -> None:
    for said in (not_found_sentence(), ""):
        answer = await ask(desk.by(Dictated([said])), cast.reader, PATERNITY)
        assert answer.refused
        assert answer.text == not_found_sentence()
        assert answer.nearest


async def test_it_answers_from_nothing_but_what_the_asker_may_read(
    desk: Desk, library: Library, cast: Cast
) -> None:
    for actor, filename in ((cast.stranger, "outra.txt"), (cast.reader, "lei-731.txt")):
        for question in (PATERNITY, "Quando o jardim fecha?"):
            answer = await ask(desk, actor, question)
            shown = answer.citations + answer.nearest
            assert (filename == "outra.txt") == all(c.filename == "outra.txt" for c in shown)
    assert (await ask(desk, cast.stranger, PATERNITY)).refused
    assert (await ask(desk, cast.reader, "Quando o jardim fecha?")).refused
    assert not (await ask(desk, cast.stranger, "Quando o jardim fecha?")).refused


async def test_the_question_is_audited_with_chunks_and_versions_and_without_its_text(
    desk: Desk, library: Library, cast: Cast
) -> None:
    await ask(desk, cast.reader, PATERNITY)
    entry, details = await _audited(desk, cast.reader)
    assert entry.actor_name == "reader"
    assert PATERNITY not in entry.details
    assert "paternidade" not in entry.details
    assert details["sufficient"] is True
    assert str(library.leave.version_id) in details["versions"]
    assert str(library.elsewhere.version_id) not in details["versions"]
    async with as_system(desk.pool) as conn:
        cursor = await conn.execute(
            "SELECT DISTINCT version_id::text AS id FROM chunks WHERE id = ANY (%(ids)s)",
            {"ids": details["chunks"]},
        )
        assert sorted(row["id"] for row in await cursor.fetchall()) == details["versions"]


async def test_the_text_of_the_question_is_audited_where_the_settings_say_so(
    desk: Desk, library: Library, cast: Cast
) -> None:
    await ask(desk.under(GOVBOT_AUDIT__QUESTION_TEXT="true"), cast.reader, PATERNITY)
    _, details = await _audited(desk, cast.reader)
    assert details["question"] == PATERNITY


async def test_a_follow_up_finds_what_the_question_before_was_about(
    desk: Desk, library: Library, cast: Cast
) -> None:
    follow_up = "E a prestação de contas?"
    history = [Turn("Qual é o valor da diária de viagem dentro do Estado?", "Trezentos reais [1].")]
    answer = await ask(desk, cast.reader, follow_up, history=history)
    assert not answer.refused
    assert answer.citations[0].filename == "decreto-88.txt"
    assert "cinco dias úteis" in answer.text


async def test_a_model_sees_the_turns_before_without_their_marks(
    desk: Desk, library: Library, cast: Cast
) -> None:
    dictated = Dictated()
    history = [Turn("Quantos dias de férias?", "Trinta dias [1].")]
    await ask(desk.by(dictated), cast.reader, PATERNITY, history=history)
    (request,) = dictated.requests
    said = [(message.role, message.content) for message in request.messages]
    assert ("user", "Quantos dias de férias?") in said
    assert ("assistant", "Trinta dias.") in said
    assert request.owner == str(cast.reader.id)


async def test_only_sources_that_reached_the_model_may_be_cited(
    desk: Desk, library: Library, cast: Cast
) -> None:
    class Forgetful(Dictated):
        async def stream(self, request):  # type: ignore[no-untyped-def]
            request.on_sources(request.sources[:1])
            async for delta in super().stream(request):
                yield delta

    dictated = Forgetful(["Vinte dias corridos [1][2]. Nada mais [77]."])
    answer = await ask(desk.by(dictated), cast.reader, PATERNITY)
    assert answer.text == "Vinte dias corridos [1]. Nada mais."
    assert [c.number for c in answer.citations] == [1]


async def test_a_remote_server_answers_with_citations(
    desk: Desk, library: Library, cast: Cast
) -> None:
    async with OpenAIServer() as server:
        server.replies.append(Reply(["Dura vinte dias ", "corridos [", "1]."]))
        generator = _remote(server)
        answer = await ask(desk.by(generator), cast.reader, PATERNITY)
        await generator.aclose()
        (received,) = server.received
    assert answer.text == "Dura vinte dias corridos [1]."
    assert answer.engine == "openai:modelo"
    assert not answer.excerpts
    assert "vinte dias corridos" in answer.citations[0].quote
    assert "licença-paternidade é de vinte dias" in received.body["messages"][-1]["content"]
    assert "jardim" not in json.dumps(received.body, ensure_ascii=False)


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (Reply(status=401, body="{}"), "E-MODEL-KEY"),
        (Reply(status=500, body="{}"), "E-MODEL-SERVER"),
        (Reply(["Vinte"], ending="cut"), "E-MODEL-BROKEN"),
    ],
)
async def test_an_error_of_a_remote_server_keeps_its_code(
    desk: Desk, library: Library, cast: Cast, reply: Reply, code: str
) -> None:
    async with OpenAIServer() as server:
        server.replies.extend([reply] * 4)
        generator = _remote(server)
        with pytest.raises(Unavailable) as failure:
            await ask(desk.by(generator), cast.reader, PATERNITY)
        await generator.aclose()
    assert failure.value.error_code == code


async def test_a_model_in_the_process_answers_with_citations(
    desk: Desk, library: Library, cast: Cast, tmp_path: Path
) -> None:
    words = (char_token(c) for c in "Vinte[1]")
    sequence = (byte_token(10), *words, END)
    model = write_tiny_gguf(tmp_path / "m.gguf", sequence=sequence, context=16384)
    environ = {
        "GOVBOT_GENERATION__MODEL_PATH": str(model), "GOVBOT_GENERATION__CONTEXT_TOKENS": "16384",
        "GOVBOT_GENERATION__TEMPERATURE": "0",
    }  # fmt: skip
    generator = open_generator(load_settings(environ=environ).generation)
    answer = await ask(desk.by(generator).under(**environ), cast.reader, PATERNITY)
    await generator.aclose()
    assert answer.text == "Vinte[1]"
    assert answer.engine == "llama:m.gguf"
    assert [c.number for c in answer.citations] == [1]
    assert "vinte" in answer.citations[0].quote


async def test_stopping_keeps_what_is_written_and_closes_the_generator(
    desk: Desk, library: Library, cast: Cast
) -> None:
    never, stop = asyncio.Event(), asyncio.Event()
    now = asyncio.Event()
    now.set()
    dictated = Dictated(["Vinte dias corridos [1].", "Nunca dito."], pauses=[now, never])
    steps: list[Progress | Answer] = []
    async with asyncio.timeout(10):
        async for step in answer_stream(desk.by(dictated), cast.reader, PATERNITY, stop=stop):
            steps.append(step)
            if isinstance(step, Progress) and step.kind == "text":
                stop.set()
    assert [s.text for s in steps if isinstance(s, Progress)][:2] == ["searching", "writing"]
    answer = steps[-1]
    assert isinstance(answer, Answer)
    assert answer.stopped
    assert answer.text == "Vinte dias corridos [1]."
    assert [c.number for c in answer.citations] == [1]
    assert dictated.closed == 1


async def test_stopping_before_the_first_word_ends_in_no_refusal(
    desk: Desk, library: Library, cast: Cast
) -> None:
    stop = asyncio.Event()
    stop.set()
    steps = [s async for s in answer_stream(desk.by(Dictated()), cast.reader, PATERNITY, stop=stop)]
    answer = steps[-1]
    assert isinstance(answer, Answer)
    assert answer.stopped
    assert not answer.refused
    assert answer.text == ""


async def test_closing_the_steps_early_closes_the_generator_at_once(
    desk: Desk, library: Library, cast: Cast
) -> None:
    dictated = Dictated(["Vinte", " dias"], pauses=[])
    steps = answer_stream(desk.by(dictated), cast.reader, PATERNITY)
    async for step in steps:
        if isinstance(step, Progress) and step.kind == "text":
            break
    await steps.aclose()
    assert dictated.closed == 1


async def test_no_connection_is_held_while_the_text_is_written(
    desk: Desk, library: Library, cast: Cast
) -> None:
    async for step in answer_stream(desk.by(Dictated()), cast.reader, PATERNITY):
        if isinstance(step, Progress) and step.kind == "text":
            async with asyncio.timeout(5):  # a connection is cleaned on its way back
                while (stats := desk.pool.get_stats())["pool_available"] < stats["pool_size"]:
                    await asyncio.sleep(0.01)


async def test_when_the_embedder_fails_the_words_alone_find_the_answer(
    desk: Desk, library: Library, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_text: str) -> list[float]:
        raise Unavailable("down", code="E-MODEL")

    monkeypatch.setattr(desk.embedder, "embed_query", fail)
    answer = await ask(desk, cast.reader, PATERNITY)
    assert answer.citations[0].filename == "lei-731.txt"


@pytest.mark.parametrize("question", ["", "  \n ", "\x00", "a" * (MAX_QUESTION + 1)])
async def test_a_question_that_is_none_is_invalid(desk: Desk, cast: Cast, question: str) -> None:
    with pytest.raises(Invalid):
        await ask(desk, cast.reader, question)


async def _quoted(desk: Desk, answer: Answer) -> list[str]:
    """What stands in the stored pages at the places that the citations name."""
    found = []
    for c in answer.citations:
        assert c.page_from == c.page_to
        found.append((await page_text(desk.pool, c.version_id, c.page_from))[c.start : c.end])
    return found


async def _audited(desk: Desk, actor: Actor) -> tuple[audit.Entry, dict[str, object]]:
    async with as_system(desk.pool) as conn:
        (entry,) = await audit.entries(conn, action="question.asked", actor=actor.name)
    return entry, json.loads(entry.details)


def _remote(server: OpenAIServer) -> Generator:
    settings = load_settings(
        environ={
            "GOVBOT_GENERATION__BASE_URL": f"{server.url}/v1",
            "GOVBOT_GENERATION__MODEL": "modelo",
            "GOVBOT_GENERATION__API_KEY": SecretStr("chave").get_secret_value(),
        }
    )
    return open_generator(settings.generation)


async def test_prompts_begin_alike_and_every_answer_still_cites_what_it_says(
    desk: Desk, library: Library, cast: Cast
) -> None:
    """A question finds its own passage first; behind another prompt it stands where it stood
    there. Evaluations and later turns keep the order of the search."""
    learned = replace(desk, arrangement=Arrangement())
    asked = (PATERNITY, "Quanto é a diária dentro do Estado?")
    dictated = Dictated(["Nada [1]."])

    async def shown(question: str, **options: Any) -> list[str]:
        await ask(learned.by(dictated), cast.reader, question, cache="off", **options)
        return [source.text for source in dictated.requests[-1].sources]

    alone = [[s.text for s in (await _sources(desk, cast, question))] for question in asked]
    before = list(takewhile(alone[1].__contains__, alone[0]))
    assert before
    assert before != alone[1][: len(before)]
    assert await shown(asked[0]) == alone[0]
    second = await shown(asked[1])
    assert second[: len(before)] == before
    assert sorted(second) == sorted(alone[1])
    background = Wishes(priority=Priority.BACKGROUND)
    assert await shown(asked[1], wishes=background) == alone[1]
    # The cited passage is that of the mark, and so it is when the answer comes from the cache.
    place = 1 + next(at for at, text in enumerate(second) if "trezentos" in text)
    by = learned.by(Dictated([f"A diária dentro do Estado é de trezentos reais [{place}]."]))
    for _ in range(2):
        answer = await ask(by, cast.reader, asked[1])
        assert [each.filename for each in answer.citations] == ["decreto-88.txt"]
    assert answer.timings["cached"] == 1.0


async def _sources(desk: Desk, cast: Cast, question: str) -> tuple[Source, ...]:
    dictated = Dictated(["Nada [1]."])
    await ask(desk.by(dictated), cast.reader, question, cache="off")
    return dictated.requests[-1].sources
