"""The cache of answers, used and attacked: nobody gets what their own documents do not hold."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from govbot import audit
from govbot.chat import cached, store
from govbot.chat.answer import Answer, ask
from govbot.chat.live import Answers
from govbot.chat.prompt import Turn
from govbot.config import Settings
from govbot.db.access import Actor, as_actor, as_system
from govbot.db.pool import Pool
from govbot.documents import grants, personal
from govbot.documents import store as documents
from govbot.documents.types import Level, Principal, Target
from govbot.generate import Request, State, Status
from govbot.ids import DocumentId, MessageId
from govbot.ingest.receive import Received
from govbot.privacy import Kind
from tests.answering import LEAVE, Desk, Dictated, Library, rows
from tests.ingestion import Cast, Parts, add_person, count, take

PATERNITY = "Quantos dias dura a licença-paternidade?"
SAME = "  QUANTOS dias  dura a Licença-Paternidade?"
NEAR = "A licença-paternidade dura quantos dias?"
TABLE = "cached_answers"


def with_answers(desk: Desk, **changes: object) -> Desk:
    settings: Settings = desk.settings.model_copy(
        update={"answers": desk.settings.answers.model_copy(update=changes)}
    )
    return replace(desk, settings=settings)


async def test_the_same_question_about_the_same_passages_is_answered_at_once(
    desk: Desk, library: Library, cast: Cast
) -> None:
    dictated = Dictated(["Vinte ", "dias corridos [1]. Nada mais [77]."])
    desk = desk.by(dictated)
    first = await ask(desk, cast.reader, PATERNITY)
    second = await ask(desk, cast.writer, SAME)
    assert len(dictated.requests) == 1
    assert replace(second, timings={}) == replace(first, timings={})
    assert second.citations
    assert (first.timings.get("cached"), second.timings["cached"]) == (None, 1.0)
    # It is audited like any other, with the passages that were handed out.
    async with as_system(desk.pool) as conn:
        entries = await audit.entries(conn, action="question.asked")
    details = [json.loads(entry.details) for entry in entries]
    assert sorted(entry.actor_name for entry in entries) == ["reader", "writer"]
    assert details[0]["chunks"] == details[1]["chunks"] != []
    # Whatever else makes an answer makes another key.
    yesterday = date.today() - timedelta(days=1)
    turn = [Turn("Quem tem direito?", "O servidor.", (1,))]
    for other in (
        ask(desk, cast.reader, "Quantas semanas dura a licença-paternidade?"),
        ask(desk, cast.reader, PATERNITY, as_of=yesterday),
        ask(desk, cast.reader, PATERNITY, history=turn),
        ask(desk, cast.reader, PATERNITY, history=[replace(turn[0], sources=(2,))]),
        ask(desk, cast.reader, PATERNITY, cache="off"),
        ask(desk.under(GOVBOT_LANGUAGE="en"), cast.reader, PATERNITY),
        ask(desk.under(GOVBOT_GENERATION__TEMPERATURE="0.5"), cast.reader, PATERNITY),
        ask(desk.by(replace(dictated, name="another")), cast.reader, PATERNITY),
        ask(with_answers(desk, cache="off"), cast.reader, PATERNITY),
        ask(with_answers(desk, cache_hours=0), cast.reader, PATERNITY),
    ):
        before = len(dictated.requests)
        await other
        assert len(dictated.requests) == before + 1
    # Written again, it takes the place of the one before.
    dictated.deltas = ["São vinte dias corridos [1]."]
    assert (await ask(desk, cast.reader, PATERNITY, cache="renew")).text == dictated.deltas[0]
    dictated.deltas = ["Outra coisa."]
    assert (await ask(desk, cast.writer, PATERNITY)).text == "São vinte dias corridos [1]."
    # What cites nothing is not kept, nor are excerpts.
    before_count = await count(desk, TABLE)  # type: ignore[arg-type]
    await ask(desk, cast.reader, "Quem tem direito a trinta dias de férias?")
    await ask(desk.by(Dictated(["Vinte dias [1]."], excerpts=True)), cast.reader, NEAR)
    assert await count(desk, TABLE) == before_count  # type: ignore[arg-type]


async def test_ones_own_cache_serves_nobody_else_and_near_questions_are_a_setting(
    desk: Desk, library: Library, cast: Cast
) -> None:
    dictated = Dictated()
    own = with_answers(desk.by(dictated), cache="own")
    for actor, written in ((cast.reader, 1), (cast.writer, 2), (cast.reader, 2), (cast.writer, 2)):
        await ask(own, actor, PATERNITY)
        assert len(dictated.requests) == written
    assert await rows(desk.pool, cast.curator, "SELECT key FROM cached_answers") == []
    # The hashed vectors of the tests do not see the order of words.
    near = with_answers(desk.by(dictated), cache_similarity=0.6)
    first = await ask(near, cast.reader, PATERNITY)
    assert len(dictated.requests) == 3
    again = await ask(near, cast.writer, NEAR)
    assert len(dictated.requests) == 3
    assert [c.quote for c in again.citations] == [c.quote for c in first.citations]
    # A number or a negation makes another question of it, however near.
    await ask(near, cast.reader, "Quantos dias não dura a licença-paternidade?")
    assert len(dictated.requests) == 4


async def test_what_a_reader_loses_is_gone_from_their_cache_at_once(
    desk: Desk, library: Library, cast: Cast, parts: Parts
) -> None:
    dictated = Dictated()
    desk = desk.by(dictated)
    await ask(desk, cast.reader, PATERNITY)
    seen = "SELECT content FROM cached_answers"
    assert len(await rows(desk.pool, cast.writer, seen)) == 1
    for blind in (cast.stranger, Actor(cast.stranger.id, "x", cast.admin.role)):
        assert await rows(desk.pool, blind, seen) == []
    # One of the documents behind it is refused to the writer: no row, no answer of it.
    async with as_system(desk.pool) as conn:
        target = Target.document(library.cleaning.document_id)
        await grants.set_grant(
            conn, None, target, Principal.user(cast.writer.id), Level.READ, effect="deny"
        )
    assert await rows(desk.pool, cast.writer, seen) == []
    await ask(desk, cast.writer, PATERNITY)
    assert len(dictated.requests) == 2
    # Even with the key in hand there is nothing for who may not read it.
    (entry,) = await rows(
        desk.pool, cast.reader,
        "SELECT key, context FROM cached_answers WHERE user_id = %(id)s", id=cast.reader.id,
    )  # fmt: skip
    key = cached.Key(bytes(entry["key"]), bytes(entry["context"]))
    async with as_actor(desk.pool, cast.reader) as conn:
        assert await cached.same(conn, key) is not None
    for actor in (cast.stranger, cast.writer):
        async with as_actor(desk.pool, actor, write=True) as conn:
            assert await cached.same(conn, key) is None
            await conn.execute("DELETE FROM cached_answers")
    left = await rows(desk.pool, cast.curator, "SELECT user_id FROM cached_answers")
    assert left == [{"user_id": cast.reader.id}]
    # What another version or the trash takes out of the search takes its answers along.
    await take(parts, cast.curator, cast.a, "lei-731.txt", LEAVE.replace("vinte", "trinta"))
    await parts.work()
    assert await count(parts, TABLE) == 0
    await ask(desk, cast.reader, PATERNITY)
    assert len(dictated.requests) == 3
    async with as_actor(desk.pool, cast.curator, write=True) as conn:
        await documents.trash_document(conn, cast.curator, library.leave.document_id)
    assert await count(parts, TABLE) == 0


async def test_masking_makes_another_answer_and_expired_ones_go(
    desk: Desk, cast: Cast, parts: Parts, owner_pool: Pool
) -> None:
    await take(
        parts, cast.curator, cast.a, "lista.txt",
        "Art. 1º A responsável pela frota é Ana Souza, CPF 529.982.247-25, lotada na garagem.",
    )  # fmt: skip
    await parts.work()
    parrot = Parrot()
    desk = desk.by(parrot)
    question = "Quem é responsável pela frota?"
    assert "529.982.247-25" in (await ask(desk, cast.reader, question)).text
    async with as_system(desk.pool) as conn:
        await personal.set_masks(conn, None, cast.a, [Kind.CPF])
    masked = await ask(desk, cast.reader, question)
    assert parrot.written == 2
    assert "529.982.247-25" not in masked.text
    async with owner_pool.connection() as owner:
        await owner.execute("UPDATE cached_answers SET expires_at = now() - interval '1 s'")
    await ask(desk, cast.reader, question)
    assert parrot.written == 3
    assert await count(parts, TABLE) == 1
    async with as_system(desk.pool) as conn:
        assert await cached.trim(conn, at_most=1) == 0


async def test_writing_again_passes_the_cache_by_and_a_bad_answer_is_forgotten(
    desk: Desk, library: Library, cast: Cast
) -> None:
    dictated = Dictated()
    desk = desk.by(dictated)
    answers = Answers(desk)
    async with as_actor(desk.pool, cast.reader, write=True) as conn:
        conversation = await store.create_conversation(conn, cast.reader)
    started = await answers.start(cast.reader, conversation, PATERNITY)
    await _finish(answers, cast.reader, started.answer_id)
    dictated.deltas = ["São vinte dias corridos [1]."]
    again = await answers.start(cast.reader, conversation, PATERNITY, regenerate=started.answer_id)
    await _finish(answers, cast.reader, again.answer_id)
    assert len(dictated.requests) == 2
    async with as_actor(desk.pool, cast.writer, write=True) as conn:
        other = await store.create_conversation(conn, cast.writer)
    served = await answers.start(cast.writer, other, PATERNITY)
    await _finish(answers, cast.writer, served.answer_id)
    await answers.close()
    assert len(dictated.requests) == 2
    async with as_actor(desk.pool, cast.writer, write=True) as conn:
        message = await store.get_message(conn, served.answer_id)
        assert message.content == dictated.deltas[0]
        assert message.sources
        await cached.forget(conn, served.answer_id)
    assert await rows(desk.pool, cast.reader, "SELECT key FROM cached_answers") == []
    # Whoever deletes their conversation takes what was written in it out of the cache.
    await ask(desk, cast.reader, NEAR)
    third = await Answers(desk).start(cast.reader, conversation, "Quem fiscaliza a limpeza?")
    assert third.answer_id
    async with as_actor(desk.pool, cast.reader, write=True) as conn:
        await store.delete(conn, cast.reader, conversation)
    left = await rows(desk.pool, cast.reader, "SELECT message_id FROM cached_answers")
    assert left == [{"message_id": None}]


@dataclass
class Parrot:
    """A model that repeats every passage it was given."""

    name: str = "parrot"
    excerpts: bool = False
    written: int = 0
    given: list[Request] = field(default_factory=list)

    async def stream(self, request: Request) -> AsyncIterator[str]:
        self.written += 1
        yield " ".join(f"{source.text} [{source.number}]" for source in request.sources)

    def status(self) -> Status:
        return Status(State.READY)

    async def aclose(self) -> None:
        pass


async def test_no_reader_ever_gets_words_of_a_document_that_they_cannot_read(
    desk: Desk, cast: Cast, parts: Parts
) -> None:
    names = ("amarelo", "bordado", "castanho", "dourado")
    texts = [f"Art. 1º O prazo do recurso {name} é de dez dias na garagem." for name in names]
    taken: list[Received] = [
        await take(parts, cast.curator, cast.a, f"{name}.txt", text)
        for name, text in zip(names, texts, strict=True)
    ]
    await parts.work()
    async with as_system(desk.pool) as conn:
        people = [await add_person(conn, f"pessoa-{n}", cast.reader.role) for n in range(3)]
    parrot = Parrot()
    dice = random.Random(12)
    hits = answered = 0
    for _ in range(60):
        actor, got = dice.choice(people), dice.choice(taken)
        if dice.random() < 0.4:
            await _change(desk, actor, got.document_id, dice)
        settings = with_answers(desk.by(parrot), cache_similarity=dice.choice([0, 0.3]))
        question = dice.choice(["Qual o prazo do recurso?", "O prazo do recurso, qual é?"])
        before = parrot.written
        answer: Answer = await ask(settings, actor, question)
        readable = await _readable(desk, actor)
        for name, document in zip(names, taken, strict=True):
            if document.document_id not in readable:
                assert name not in answer.text
                assert document.document_id not in {c.document_id for c in answer.citations}
        answered += not answer.refused
        hits += not answer.refused and parrot.written == before
    assert answered > 25
    assert hits > 10


async def _change(desk: Desk, actor: Actor, document: DocumentId, dice: random.Random) -> None:
    target, principal = Target.document(document), Principal.user(actor.id)
    async with as_system(desk.pool) as conn:
        effect = dice.choice(["allow", "allow", "deny"])
        await grants.set_grant(conn, None, target, principal, Level.READ, effect=effect)  # type: ignore[arg-type]
        if effect == "allow":
            await conn.execute(
                "DELETE FROM grants WHERE user_id = %(user)s AND effect = 'deny'"
                " AND document_key = (SELECT key FROM documents WHERE id = %(id)s)",
                {"user": actor.id, "id": document},
            )


async def _readable(desk: Desk, actor: Actor) -> set[DocumentId]:
    found = await rows(desk.pool, actor, "SELECT id FROM documents")
    return {DocumentId(row["id"]) for row in found}


async def _finish(answers: Answers, actor: Actor, answer_id: MessageId) -> None:
    async for _event in answers.events(actor, answer_id):
        pass
