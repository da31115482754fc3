"""Sentences checked against their passages, and instructions of collections, from end to end."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from govbot import audit
from govbot.chat import store
from govbot.chat.answer import Answer, Progress, answer_stream, ask
from govbot.chat.live import Answers
from govbot.chat.prompt import not_found_sentence
from govbot.chat.support import Reason, State
from govbot.db.access import OPERATOR, as_actor, as_system
from govbot.documents import collections, grants
from govbot.documents.types import Level, Principal, Target
from govbot.errors import Denied, Invalid, NotFound
from tests.answering import Desk, Dictated, Library, page_text
from tests.ingestion import Cast

PATERNITY = "Quantos dias dura a licença-paternidade?"
RIGHT = "A licença-paternidade é de 20 dias corridos [1]."
WRONG = "São noventa dias corridos [1]."


async def test_each_sentence_is_checked_told_while_it_goes_and_kept_with_the_answer(
    desk: Desk, library: Library, cast: Cast
) -> None:
    by = desk.by(Dictated([f"{RIGHT} ", WRONG]))
    steps = [step async for step in answer_stream(by, cast.reader, PATERNITY)]
    answer = steps[-1]
    assert isinstance(answer, Answer)
    assert isinstance(steps[-2], Progress)
    assert (steps[-2].kind, steps[-2].text) == ("status", "checking")
    assert [(each.state, each.reason) for each in answer.support] == [
        (State.SUPPORTED, Reason.NONE),
        (State.UNSUPPORTED, Reason.VALUE),
    ]
    assert answer.text == f"{RIGHT} {WRONG}"
    answers = Answers(by)
    async with as_actor(desk.pool, cast.reader, write=True) as conn:
        conversation = await store.create_conversation(conn, cast.reader)
    started = await answers.start(cast.reader, conversation, PATERNITY)
    async for event in answers.events(cast.reader, started.answer_id):
        last = event
    await answers.close()
    async with as_actor(desk.pool, cast.reader) as conn:
        kept = await store.get_message(conn, started.answer_id)
        ((turn),) = await store.turns(conn, conversation)
    assert last.message is not None
    assert list(kept.support) == answer.support == list(turn.answers[-1].support)
    assert list(last.message.support) == answer.support


async def test_by_setting_what_is_not_supported_is_left_out_and_nothing_left_is_a_refusal(
    desk: Desk, library: Library, cast: Cast
) -> None:
    strict = desk.under(GOVBOT_ANSWERS__UNSUPPORTED="drop")
    answer = await ask(strict.by(Dictated([f"{WRONG} ", RIGHT])), cast.reader, PATERNITY)
    assert answer.text == RIGHT
    assert [each.state for each in answer.support] == [State.SUPPORTED]
    assert [answer.text[each.start : each.end] for each in answer.support] == [RIGHT]
    refused = await ask(strict.by(Dictated([WRONG], name="other")), cast.reader, PATERNITY)
    assert refused.refused
    assert refused.text == not_found_sentence()
    assert refused.support == []
    excerpts = await ask(strict, cast.reader, PATERNITY)
    assert excerpts.excerpts
    assert {each.state for each in excerpts.support} == {State.SUPPORTED}


async def test_every_citation_of_a_set_opens_the_page_that_holds_its_quote(
    desk: Desk, library: Library, cast: Cast
) -> None:
    """`govbot eval run` measures the same over a set: cite_opens."""
    questions = [
        PATERNITY, "Quantos dias de férias tem o servidor?", "Qual o valor da diária no Estado?",
        "Quem fiscaliza o contrato de limpeza e quando apresentam relatório mensal?",
        "Quando se presta contas da viagem?",
    ]  # fmt: skip
    cited = 0
    for question in questions:
        answer = await ask(desk, cast.reader, question)
        for each in answer.citations:
            cited += 1
            pages = [
                await page_text(desk.pool, each.version_id, number)
                for number in range(each.page_from, each.page_to + 1)
            ]
            end = each.end if len(pages) == 1 else sum(len(p) + 1 for p in pages[:-1]) + each.end
            assert "\n".join(pages)[each.start : end] == each.quote
            assert each.quote.strip()
    assert cited >= len(questions)


async def test_instructions_reach_the_model_for_who_reads_the_collection_and_nobody_else(
    desk: Desk, library: Library, cast: Cast
) -> None:
    secret = "Escreva sempre o número da lei e lembre o prazo que consta na portaria interna."
    async with as_actor(desk.pool, cast.curator, write=True) as conn:
        await collections.set_instructions(conn, cast.curator, cast.a, f"  {secret}\r\n")
        await collections.set_instructions(conn, cast.curator, cast.a, secret)
        with pytest.raises(Invalid):
            await collections.set_instructions(conn, cast.curator, cast.a, "a" * 2001)
    for actor, error in ((cast.reader, Denied), (cast.stranger, NotFound)):
        async with as_actor(desk.pool, actor, write=True) as conn:
            with pytest.raises(error):
                await collections.set_instructions(conn, actor, cast.a, "Não cite nada.")
    async with as_system(desk.pool) as conn:
        (entry,) = await audit.entries(conn, action="collection.instructions")
        target = Target.document(library.leave.document_id)
        stranger = Principal.user(cast.stranger.id)
        await grants.set_grant(conn, OPERATOR, target, stranger, Level.READ)
    assert json.loads(entry.details)["before"] == ""
    assert json.loads(entry.details)["after"] == secret
    dictated = Dictated([f"{RIGHT} {secret} Fim."])
    # Who was given one document does not see its collection, nor what it asks for.
    for actor, told in ((cast.reader, True), (cast.stranger, False)):
        answer = await ask(desk.by(dictated), actor, PATERNITY)
        messages = "\n".join(each.content for each in dictated.requests[-1].messages)
        assert (secret in messages) is told
        assert (secret in answer.text) is not told
        assert "[omitido por segurança]" in answer.text or not told
    other = replace(dictated, requests=[])
    async with as_actor(desk.pool, cast.curator, write=True) as conn:
        await collections.set_instructions(conn, cast.curator, cast.a, "")
    await ask(desk.by(other), cast.reader, PATERNITY)
    assert "rientaç" not in other.requests[-1].messages[-1].content
