"""What a conversation remembers: search in one's own history, pinned passages."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from govbot.chat import pins, recall, store
from govbot.chat.live import Answers, Started
from govbot.db.access import Actor, as_actor, as_system
from govbot.documents import grants, personal
from govbot.documents.types import Level, Principal, Target
from govbot.errors import Conflict, Denied, NotFound
from govbot.ids import ConversationId, new_id
from govbot.privacy import Kind
from tests.answering import LEAVE, Desk, Dictated, Library, rows, withdraw
from tests.ingestion import Cast, HashEmbedder, Parts, take

PATERNITY = "Quantos dias dura a licença-paternidade?"
TRAVEL = "Quando é entregue a prestação de contas da viagem?"


async def _conversation(desk: Desk, actor: Actor) -> ConversationId:
    async with as_actor(desk.pool, actor, write=True) as conn:
        return await store.create_conversation(conn, actor)


async def _asked(
    answers: Answers, actor: Actor, conversation: ConversationId, question: str
) -> Started:
    started = await answers.start(actor, conversation, question)
    async for _event in answers.events(actor, started.answer_id):
        pass
    return started


async def _found(desk: Desk, actor: Actor, query: str, *, similar: bool = False) -> list[str]:
    found = await recall.search(desk, actor, query, limit=10)
    return [each.title for each in found if each.similar == similar]


async def test_ones_own_history_is_found_by_words_and_meaning_and_nobody_elses(
    desk: Desk, library: Library, cast: Cast
) -> None:
    answers = Answers(desk.by(Dictated(["Vinte dias corridos após o nascimento [1]."])))
    first = await _conversation(desk, cast.reader)
    started = await _asked(answers, cast.reader, first, PATERNITY)
    travel = await _conversation(desk, cast.reader)
    await _asked(answers, cast.reader, travel, TRAVEL)
    await answers.close()
    # Words of question and answer together, without accents, the last one only begun.
    assert await _found(desk, cast.reader, "licenca nascimen") == [PATERNITY]
    both, *_similar = await recall.search(desk, cast.reader, "LICENÇA nascimento", limit=10)
    assert (both.id, both.question_id) == (first, started.question_id)
    assert [piece.text for piece in both.snippet if piece.found] != []
    # Half of the words in one question is something similar.
    some = await recall.search(desk, cast.reader, "licença prestação", limit=10)
    assert {(each.title, each.similar) for each in some} == {(PATERNITY, True), (TRAVEL, True)}
    assert await _found(desk, cast.reader, "paz nascimento colheita") == []
    assert await _found(desk, cast.reader, "prestação") == [TRAVEL]
    assert await _found(desk, cast.reader, "'; & | ! :* \\ \x00") == []
    # A title that was given is found by any part of it.
    async with as_actor(desk.pool, cast.reader, write=True) as conn:
        await store.rename(conn, cast.reader, travel, "Acerto de diárias")
    assert await _found(desk, cast.reader, "CERTO DE DIARIA") == ["Acerto de diárias"]
    assert await _found(desk, cast.reader, "%") == []
    for other in (cast.writer, cast.admin, cast.stranger):
        assert await recall.search(desk, other, "licença", limit=10) == []
    # By meaning: the questions have vectors by now; those of another model are made again.
    for embedder in (desk.embedder, HashEmbedder("other", 24)):
        under = Desk(desk.settings, desk.pool, embedder, desk.generator)
        await recall.remember(under, cast.reader)
        assert await recall.remember(under, cast.reader) == 0
        similar = await recall.search(under, cast.reader, f"afinal {PATERNITY}", limit=10)
        assert (similar[0].title, similar[0].similar) == (PATERNITY, True)
        assert await recall.search(under, cast.writer, f"afinal {PATERNITY}", limit=10) == []
    assert len(await rows(desk.pool, cast.reader, "SELECT message_id FROM message_vectors")) == 2
    assert await rows(desk.pool, cast.writer, "SELECT message_id FROM message_vectors") == []
    with pytest.raises(Denied):
        async with as_actor(desk.pool, cast.writer, write=True) as conn:
            await conn.execute(
                "INSERT INTO message_vectors (message_id, user_id, fingerprint, embedding)"
                " VALUES (%(id)s, %(user)s, 'x', '[1]')",
                {"id": started.question_id, "user": cast.writer.id},
            )
    # What the documents of an answer say is not found any more when they are out of reach.
    assert await _found(desk, cast.reader, "corridos") == ["Acerto de diárias", PATERNITY]
    await withdraw(desk.pool, "reader")
    assert await _found(desk, cast.reader, "corridos") == []
    (left,) = await recall.search(desk, cast.reader, "licença-paternidade", limit=10)
    assert "corridos" not in "".join(piece.text for piece in left.snippet)


async def test_a_pinned_passage_comes_first_while_it_may_be_read(
    desk: Desk, library: Library, cast: Cast, parts: Parts
) -> None:
    dictated = Dictated()
    desk = desk.by(dictated)
    answers = Answers(desk)
    conversation = await _conversation(desk, cast.reader)
    started = await _asked(answers, cast.reader, conversation, PATERNITY)
    async with as_actor(desk.pool, cast.reader, write=True) as conn:
        for _twice in range(2):
            assert await pins.pin(conn, cast.reader, started.answer_id, 1) == conversation
        (pin,) = await pins.pins(conn, conversation)
    assert pin.passage is not None
    assert "vinte dias corridos" in pin.passage.text
    assert pin.passage.document_id == library.leave.document_id
    # It leads what the model gets for a question that says nothing of it, under its own bond.
    await _asked(answers, cast.reader, conversation, "Quando o jardim zoológico fecha mesmo?")
    sources = dictated.requests[-1].sources
    assert sources[0].text == pin.passage.text
    assert len({source.text for source in sources}) == len(sources)
    # Nobody else sees it or takes it away; an unread passage cannot be pinned by its place.
    for other in (cast.writer, cast.admin):
        assert await rows(desk.pool, other, "SELECT id FROM pinned_passages") == []
        async with as_actor(desk.pool, other, write=True) as conn:
            for attempt in (
                pins.unpin(conn, other, conversation, pin.id),
                pins.pin(conn, other, started.answer_id, 1),
            ):
                with pytest.raises(NotFound):
                    await attempt
    for actor, version in (
        (cast.reader, library.elsewhere.version_id), (cast.writer, library.leave.version_id),
    ):  # fmt: skip
        with pytest.raises((Denied, psycopg.Error)):
            async with as_actor(desk.pool, actor, write=True) as conn:
                await conn.execute(
                    "INSERT INTO pinned_passages (id, conversation_id, user_id, version_id,"
                    " page_from, page_to, start_offset, end_offset)"
                    " VALUES (%(id)s, %(c)s, %(u)s, %(v)s, 1, 1, 0, 9)",
                    {"id": new_id(), "c": conversation, "u": actor.id, "v": version},
                )
    # Out of reach, replaced or back again: what may be found now decides.
    target = Target.document(library.leave.document_id)
    principal = Principal.user(cast.reader.id)
    async with as_system(desk.pool) as conn:
        await grants.set_grant(conn, None, target, principal, Level.READ, effect="deny")
    assert await _pinned(desk, cast.reader, conversation) == [None]
    await _asked(answers, cast.reader, conversation, "Quem fiscaliza o contrato de limpeza?")
    assert all("paternidade" not in source.text for source in dictated.requests[-1].sources)
    async with as_system(desk.pool) as conn:
        await grants.remove_grant(conn, None, target, principal, effect="deny")
    assert await _pinned(desk, cast.reader, conversation) == [pin.passage.text]
    await take(parts, cast.curator, cast.a, "lei-731.txt", LEAVE.replace("vinte", "trinta"))
    await parts.work()
    assert await _pinned(desk, cast.reader, conversation) == [None]
    async with as_actor(desk.pool, cast.reader, write=True) as conn:
        await pins.unpin(conn, cast.reader, conversation, pin.id)
        assert await pins.pins(conn, conversation) == []
    await answers.close()


async def test_at_most_five_passages_are_pinned_and_masks_hold_for_them(
    desk: Desk, cast: Cast, parts: Parts
) -> None:
    for number in range(6):
        await take(
            parts, cast.curator, cast.a, f"portaria-{number}.txt",
            f"Art. 1º A garagem {number} é de Ana Souza, CPF 529.982.247-25, para a frota.",
        )  # fmt: skip
    await parts.work()
    said = " ".join(f"A garagem é de Ana Souza, para a frota [{n}]." for n in range(1, 7))
    answers = Answers(desk.by(Dictated([said])))
    conversation = await _conversation(desk, cast.reader)
    started = await _asked(answers, cast.reader, conversation, "De quem é a garagem da frota?")
    await answers.close()

    async def pin(number: int) -> str:
        try:
            async with as_actor(desk.pool, cast.reader, write=True) as conn:
                await pins.pin(conn, cast.reader, started.answer_id, number)
        except Conflict as error:
            return error.error_code
        return ""

    assert sorted(await asyncio.gather(*(pin(n) for n in range(1, 7)))) == [*[""] * 5, "E-PINS"]
    async with as_system(desk.pool) as conn:
        await personal.set_masks(conn, None, cast.a, [Kind.CPF])
    shown = await _pinned(desk, cast.reader, conversation)
    assert len(shown) == 5
    assert all(text and "529.982.247-25" not in text for text in shown)


async def _pinned(desk: Desk, actor: Actor, conversation: ConversationId) -> list[str | None]:
    async with as_actor(desk.pool, actor) as conn:
        found = await pins.pins(conn, conversation)
    return [pin.passage.text if pin.passage else None for pin in found]
