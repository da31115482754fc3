"""Runs made by the worker, the gate of changes, and a new embedder on trial."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from govbot.chat.arrangement import Arrangement
from govbot.config import Settings, load_settings
from govbot.db.access import OPERATOR, Actor, as_actor, as_system
from govbot.db.pool import Pool
from govbot.errors import Conflict, Denied, Invalid, NotFound
from govbot.eval import background, compare, gate, gold, runs
from govbot.eval.fingerprint import Fingerprint, fingerprint
from govbot.eval.trial import trial_of
from govbot.generate import Generator
from govbot.generate.extractive import ExtractiveGenerator
from govbot.ingest.reindex import reindex
from govbot.jobs.queue import Queue
from govbot.jobs.worker import Worker
from govbot.models.embedder import Embedder
from tests.database.library import FixedEmbedder, Library
from tests.troupe import Troupe

SET = "Referência"
QUESTIONS = {
    "Qual o prazo de recurso?": (["dez dias"], [1]),
    "Quem mede a obra?": (["o fiscal"], [2]),
    "Qual o telefone do helicóptero amarelo?": ([], []),
}


@dataclass
class Bureau:
    """What an evaluation needs of an App."""

    pool: Pool
    queue: Queue
    settings: Settings
    embedder: Embedder
    generator: Generator
    reranker: None = None
    entailment: None = None
    arrangement: Arrangement = field(default_factory=Arrangement)

    async def work(self) -> None:
        async def task() -> None:
            await background.work(self)

        await Worker(self.queue, {background.TASK: task}).run_until_empty()


@pytest.fixture
async def bureau(pool: Pool, queue: Queue) -> Bureau:
    library = Library(pool)
    await library.model()
    await library.document(
        "Normas",
        "lei.txt",
        "O prazo de recurso é de dez dias, contados da publicação.",
        "Quem mede a obra é o fiscal, a cada mês.",
        vectors=[(0, 1, 0), (1, 0, 0)],
    )
    async with as_system(pool) as conn:  # what citations open
        await conn.execute(
            "INSERT INTO version_pages (version_id, document_key, collection_key, number, text)"
            " SELECT c.version_id, c.document_key, c.collection_key, c.page_from, c.text"
            " FROM chunks c JOIN documents d ON d.key = c.document_key"
            " WHERE d.filename = 'lei.txt'"
        )
    settings = load_settings(environ={"GOVBOT_EVALUATION__SET": SET})
    return Bureau(pool, queue, settings, FixedEmbedder(weight=0.1), ExtractiveGenerator())


@pytest.fixture
async def asked(pool: Pool, bureau: Bureau) -> gold.GoldSetId:
    async with as_system(pool) as conn:
        cursor = await conn.execute("SELECT id FROM documents WHERE filename = 'lei.txt'")
        law = [row["id"] for row in await cursor.fetchall()]
        for question, (answers, pages) in QUESTIONS.items():
            await gold.add(
                conn, OPERATOR, set_name=SET, question=question, answers=answers,
                document_ids=law if answers else [], pages=pages,
            )  # fmt: skip
        return await gold.set_named(conn, OPERATOR, SET)


async def wanted(pool: Pool, actor: Actor, set_id: gold.GoldSetId) -> runs.Wanted:
    async with as_actor(pool, actor) as conn:
        questions = [each.as_question() for each in await gold.questions(conn, set_id)]
    asker = None if actor is OPERATOR else actor.id
    return runs.Wanted(SET, questions, set_id=set_id, queued=True, asked_as=asker)


async def test_a_run_is_made_in_slices_with_the_rights_of_who_asked(
    pool: Pool, bureau: Bureau, asked: gold.GoldSetId, troupe: Troupe,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(background, "SLICE_S", 0.0)  # one question at a time
    for actor in (troupe.admin, troupe.curator):
        plan = await wanted(pool, actor, asked)
        async with as_actor(pool, actor, write=True) as conn:
            await background.ask_for(conn, bureau.queue, actor, plan)
    await bureau.work()
    async with as_actor(pool, troupe.admin) as conn:
        of_curator, of_admin = await runs.listing(conn)
        rows = await runs.outcomes(conn, of_admin.id)
    assert (of_admin.state, of_admin.done, of_admin.total) == ("done", 3, 3)
    assert (of_admin.figure("hit@1"), of_admin.figure("refusal")) == (1.0, 1.0)
    assert (of_admin.figure("cite_opens"), of_admin.error_of("hit@1")) == (1.0, 0.0)
    assert [row.refused for row in rows] == [False, False, True]
    assert of_admin.fingerprint["embedder"].startswith("fixed ")
    # The curator manages neither document: one question, about none.
    assert (of_curator.total, of_curator.figure("refused_right")) == (1, 1.0)
    async with as_actor(pool, troupe.curator) as conn:
        with pytest.raises(NotFound):
            await runs.get(conn, of_admin.id)
        assert await runs.outcomes(conn, of_admin.id) == []
        assert await runs.texts(conn, of_admin.id) == {}
        assert (await runs.get(conn, of_curator.id)).author == "Curator"
    async with as_actor(pool, troupe.auditor) as conn:
        assert await runs.listing(conn) == []


async def test_a_run_that_is_cancelled_or_whose_asker_left_has_no_figures(
    pool: Pool, bureau: Bureau, asked: gold.GoldSetId, troupe: Troupe
) -> None:
    plan = await wanted(pool, troupe.admin, asked)
    made = []
    for _ in range(2):
        async with as_actor(pool, troupe.admin, write=True) as conn:
            made.append(await background.ask_for(conn, bureau.queue, troupe.admin, plan))
    async with as_system(pool) as conn:
        await runs.cancel(conn, troupe.admin, made[0])
        await conn.execute(
            "UPDATE users SET disabled_at = now() WHERE id = %(id)s", {"id": troupe.admin.id}
        )
    await bureau.work()
    async with as_system(pool) as conn:
        states = {run.id: run.state for run in await runs.listing(conn)}
        assert [states[run_id] for run_id in made] == ["cancelled", "failed"]
        actions = {entry["action"] for entry in await _audit(pool, conn)}
        assert {"eval.started", "eval.cancelled"} <= actions
        with pytest.raises(Invalid):
            await runs.create(conn, None, replace(plan, questions=[]))


async def _audit(pool: Pool, conn: object) -> list[dict[str, str]]:
    cursor = await conn.execute("SELECT action FROM audit_log")  # type: ignore[attr-defined]
    return list(await cursor.fetchall())


async def standing(bureau: Bureau) -> tuple[gate.Standing, Fingerprint]:
    async with as_system(bureau.pool) as conn:
        made_with = await fingerprint(conn, bureau)
        return await gate.standing(conn, bureau.settings, made_with), made_with


async def measure(bureau: Bureau) -> None:
    async with as_system(bureau.pool) as conn:
        made_with = await fingerprint(conn, bureau)
        for _ in range(2):  # one is enough
            await background.measure(conn, bureau.queue, bureau.settings, made_with)
    await bureau.work()


class Silent(ExtractiveGenerator):
    """Another model, which never finds an answer."""

    name = "silent"
    excerpts = False

    async def stream(self, request: object):  # type: ignore[no-untyped-def]
        yield "Não encontrei a resposta nos documentos consultados."


async def test_a_change_that_answers_worse_is_told_refused_and_taken_only_by_force(
    bureau: Bureau, asked: gold.GoldSetId, troupe: Troupe
) -> None:
    pool = bureau.pool
    assert (await standing(bureau))[0].state == "first"
    await measure(bureau)
    assert (await standing(bureau))[0].state == "accepted"
    worse = replace(bureau, generator=Silent())
    found, _ = await standing(worse)
    assert (found.state, found.changed) == ("unknown", ["generator"])
    with pytest.raises(Conflict, match="generator"):
        gate.require(bureau.settings, found)
    await measure(worse)
    found, made_with = await standing(worse)
    assert [(fall.measure, fall.before, fall.after) for fall in found.falls] == [
        ("answer_hit", 1.0, 0.0)
    ]
    with pytest.raises(Conflict, match=r"answer_hit 1\.000 -> 0\.000"):
        gate.require(bureau.settings, found)
    async with as_actor(pool, troupe.admin) as conn:
        assert await gate.has_fallen(conn)
        warned = await gate.warning(conn)
        assert warned is not None
        assert warned.verdict == "failed"
    async with as_actor(pool, troupe.curator) as conn:
        assert await gate.accepted(conn) is None
    async with as_system(pool) as conn:
        good, bad = (await runs.listing(conn, purpose="gate"))[::-1]
        compared = compare.compare(
            await runs.outcomes(conn, good.id), await runs.outcomes(conn, bad.id)
        )
        assert len(compared.worse) == 2
        await gate.accept(conn, OPERATOR, made_with, found.run, forced=True)
    assert (await standing(worse))[0].state == "accepted"
    # Back to the one before: better than what was accepted, and known.
    assert (await standing(bureau))[0].state == "passed"
    async with as_actor(pool, troupe.admin) as conn:
        assert not await gate.has_fallen(conn)


async def test_a_configuration_that_changes_in_the_middle_of_a_run_is_measured_anew(
    bureau: Bureau, asked: gold.GoldSetId, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "SLICE_S", 0.0)
    async with as_system(bureau.pool) as conn:
        made_with = await fingerprint(conn, bureau)
        await background.measure(conn, bureau.queue, bureau.settings, made_with)
    await background.work(bureau)  # a first slice
    worse = replace(bureau, generator=Silent())
    await measure(worse)
    async with as_system(bureau.pool) as conn:
        later, earlier = await runs.listing(conn)
        assert (earlier.state, later.state) == ("cancelled", "done")
        accepted = await gate.accepted(conn)
    assert accepted is not None
    assert accepted.fingerprint["generator"].startswith("silent")


async def test_the_gate_sleeps_without_a_set_and_says_when_the_set_is_missing(
    bureau: Bureau,
) -> None:
    assert (await standing(bureau))[0].state == "no-set"
    for environ in ({}, {"GOVBOT_EVALUATION__SET": SET, "GOVBOT_EVALUATION__GATE": "off"}):
        sleeping = replace(bureau, settings=load_settings(environ=environ))
        assert (await standing(sleeping))[0].state == "off"
        gate.require(sleeping.settings, gate.Standing("off"))
    with pytest.raises(Conflict):
        gate.require(bureau.settings, gate.Standing("no-set"), measured=True)


async def test_a_run_asked_for_somebody_else_is_denied(
    pool: Pool, bureau: Bureau, asked: gold.GoldSetId, troupe: Troupe
) -> None:
    plan = await wanted(pool, OPERATOR, asked)
    with pytest.raises(Denied):
        async with as_actor(pool, troupe.curator, write=True) as conn:
            await runs.create(conn, troupe.curator, plan)


async def test_vectors_that_find_less_are_not_switched_to_unless_forced(
    bureau: Bureau, asked: gold.GoldSetId
) -> None:
    """The new embedder decides alone, and puts everything in one place but the wrong one."""
    settings = load_settings(
        environ={"GOVBOT_EVALUATION__SET": SET, "GOVBOT_EVALUATION__GATE": "refuse"}
    )
    strict = replace(bureau, settings=settings)
    await measure(strict)
    changed = replace(strict, embedder=Contrary())
    trial = await trial_of(changed)
    assert trial is not None
    with pytest.raises(Conflict, match="old ones"):
        await reindex(changed, approve=trial)
    await trial.record()
    assert await active(bureau.pool) == strict.embedder.fingerprint
    forced = await trial_of(changed, force=True)
    assert forced is not None
    assert (await reindex(changed, approve=forced)).made == 0  # they were kept
    await forced.record()
    assert await active(bureau.pool) == changed.embedder.fingerprint
    assert (await standing(changed))[0].state == "accepted"
    async with as_system(bureau.pool) as conn:
        reference = await gate.accepted(conn)
    assert reference is not None
    assert reference.forced
    assert await trial_of(changed) is None


class Contrary(FixedEmbedder):
    """Near to a question is what shares no word with it."""

    name = "contrary"
    fingerprint = "contrary-space"

    def __init__(self) -> None:
        super().__init__(weight=1.0)

    async def embed_query(self, text: str) -> list[float]:
        return [1.0, 0.0, 0.0] if "prazo" in text else [0.0, 1.0, 0.0]

    async def embed_passages(self, texts):  # type: ignore[no-untyped-def]
        return [[0.0, 1.0, 0.0] if "prazo" in text else [1.0, 0.0, 0.0] for text in texts]


async def active(pool: Pool) -> str:
    async with as_system(pool) as conn:
        cursor = await conn.execute(
            "SELECT fingerprint FROM embedding_models WHERE state = 'active'"
        )
        (row,) = await cursor.fetchall()
    return str(row["fingerprint"])
