"""Gold questions: who sees which, what comes in and goes out, what goes with a document."""

from __future__ import annotations

from typing import LiteralString

import pytest

from govbot.db.access import OPERATOR, Actor, Role, as_actor, as_system
from govbot.db.pool import Pool
from govbot.errors import Conflict, Denied, Invalid, NotFound
from govbot.eval import background, gold, runs
from govbot.eval.gold import GoldId
from govbot.eval.gold_lines import export_lines, import_lines
from govbot.ids import UserId, new_id
from govbot.jobs.queue import Queue
from tests.troupe import Troupe

ABOUT_A = "Qual o limite da coleção A?"
ABOUT_B = "Qual o codinome reservado?"
ABOUT_NONE = "Qual o telefone do protocolo?"
SET = "Férias"


@pytest.fixture
async def other(pool: Pool, troupe: Troupe) -> Actor:
    """A curator who manages the other collection alone."""
    actor = Actor(UserId(new_id()), "vizinha", Role.CURATOR)
    async with as_system(pool) as conn:
        await conn.execute(
            "INSERT INTO users (id, username, name, role)"
            " VALUES (%(id)s, 'vizinha', 'Vizinha', 'curator')",
            {"id": actor.id},
        )
        await conn.execute(
            "INSERT INTO grants (id, user_id, collection_key, level)"
            " VALUES (%(id)s, %(user)s, %(key)s, 'manage')",
            {"id": new_id(), "user": actor.id, "key": troupe.b.collection_key},
        )
    return actor


@pytest.fixture
async def asked(pool: Pool, troupe: Troupe, other: Actor) -> dict[str, GoldId]:
    """One question about each collection, one about none."""
    made = {}
    for actor, text, documents in (
        (troupe.curator, ABOUT_A, [troupe.a.document_id]),
        (other, ABOUT_B, [troupe.b.document_id]),
        (troupe.curator, ABOUT_NONE, []),
    ):
        async with as_actor(pool, actor, write=True) as conn:
            made[text] = await gold.add(
                conn, actor, set_name=SET, question=text, answers=["x"], document_ids=documents
            )
    return made


async def seen(pool: Pool, actor: Actor) -> set[str]:
    async with as_actor(pool, actor) as conn:
        return {
            each.question
            for found in await gold.sets(conn)
            for each in await gold.questions(conn, found.id)
        }


async def test_a_question_is_there_for_those_who_manage_its_documents(
    pool: Pool, troupe: Troupe, other: Actor, asked: dict[str, GoldId]
) -> None:
    assert await seen(pool, troupe.curator) == {ABOUT_A, ABOUT_NONE}
    assert await seen(pool, other) == {ABOUT_B, ABOUT_NONE}
    assert await seen(pool, troupe.admin) == {ABOUT_A, ABOUT_B, ABOUT_NONE}
    for name in ("reader", "stranger", "auditor"):
        assert await seen(pool, troupe[name]) == set(), name
        async with as_actor(pool, troupe[name]) as conn:
            assert await gold.sets(conn) == []
    async with as_actor(pool, other) as conn:
        assert [each.questions for each in await gold.sets(conn)] == [2]
        with pytest.raises(NotFound):
            await gold.get(conn, asked[ABOUT_A])
    # A right that ends takes the questions along at once.
    async with as_system(pool) as conn:
        await conn.execute("DELETE FROM grants WHERE user_id = %(id)s", {"id": other.id})
    assert await seen(pool, other) == {ABOUT_NONE}


async def test_nobody_writes_questions_about_what_others_manage(
    pool: Pool, troupe: Troupe, other: Actor, asked: dict[str, GoldId]
) -> None:
    with pytest.raises(NotFound):
        async with as_actor(pool, troupe.curator, write=True) as conn:
            await gold.add(
                conn, troupe.curator, set_name=SET, question="?", answers=[],
                document_ids=[troupe.b.document_id],
            )  # fmt: skip
    attacks: tuple[tuple[Actor, LiteralString], ...] = (
        (troupe.curator, "INSERT INTO gold_questions (id, set_id, question, document_keys,"
         " created_by) SELECT gen_random_uuid(), s.id, 'x', ARRAY[%(b)s::int], %(me)s"
         " FROM gold_sets s"),
        (troupe.curator, "INSERT INTO gold_questions (id, set_id, question, created_by)"
         " SELECT gen_random_uuid(), s.id, 'x', %(admin)s FROM gold_sets s"),
        (troupe.reader, "INSERT INTO gold_sets (id, name, created_by)"
         " VALUES (gen_random_uuid(), 'x', %(me)s)"),
        (troupe.curator, "UPDATE gold_questions SET document_keys = ARRAY[%(b)s::int]"),
        (troupe.curator, "INSERT INTO eval_runs (id, source, state, queued, asked_as, created_by,"
         " figures) VALUES (gen_random_uuid(), 'x', 'done', true, %(me)s, %(me)s,"
         " '{\"mrr@10\": 1}')"),
        (troupe.curator, "INSERT INTO eval_runs (id, source, queued, asked_as, created_by)"
         " VALUES (gen_random_uuid(), 'x', true, NULL, %(me)s)"),
        (troupe.curator, "INSERT INTO eval_runs (id, source, queued, asked_as, created_by,"
         " purpose) VALUES (gen_random_uuid(), 'x', true, %(me)s, %(me)s, 'gate')"),
        (troupe.admin, "INSERT INTO eval_acceptances (id, fingerprint, digest)"
         " VALUES (gen_random_uuid(), '{}', 'x')"),
    )  # fmt: skip
    for actor, statement in attacks:
        with pytest.raises(Denied):
            async with as_actor(pool, actor, write=True) as conn:
                await conn.execute(
                    statement,
                    {"b": troupe.b.document_key, "me": actor.id, "admin": troupe.admin.id},
                )
    async with as_actor(pool, troupe.curator, write=True) as conn:
        cursor = await conn.execute(
            "DELETE FROM gold_questions WHERE id = %(id)s", {"id": asked[ABOUT_B]}
        )
        assert cursor.rowcount == 0
        found = await gold.find_set(conn, SET)
        assert found is not None
        with pytest.raises(Denied):
            await gold.delete_set(conn, troupe.curator, found.id)


async def test_questions_are_changed_removed_and_never_there_twice(
    pool: Pool, troupe: Troupe, other: Actor, asked: dict[str, GoldId]
) -> None:
    curator = troupe.curator
    async with as_actor(pool, curator, write=True) as conn:
        with pytest.raises(Conflict):
            await gold.add(conn, curator, set_name=SET, question=f" {ABOUT_A.upper()} ", answers=[])
        # What one does not see does not answer back.
        await gold.add(conn, curator, set_name=SET, question=ABOUT_B, answers=[])
        await gold.change(
            conn, curator, asked[ABOUT_A], question="Qual?", answers=["b", " "], pages=[3, 2, 3],
            tags=["lei", "lei "],
        )  # fmt: skip
        changed = await gold.get(conn, asked[ABOUT_A])
        assert (changed.answers, changed.pages, changed.tags) == (("b",), (2, 3), ("lei",))
        assert [each.id for each in changed.documents] == [troupe.a.document_id]
        await gold.remove(conn, curator, asked[ABOUT_NONE])
    for wrong in ({"question": " "}, {"question": "?", "pages": [0]}, {"question": "x" * 4001}):
        with pytest.raises(Invalid):
            async with as_actor(pool, curator, write=True) as conn:
                await gold.add(conn, curator, set_name=SET, answers=[], **wrong)
    with pytest.raises(Invalid):
        async with as_actor(pool, curator, write=True) as conn:
            await gold.set_named(conn, curator, "x" * 81)
    async with as_actor(pool, troupe.admin) as conn:
        cursor = await conn.execute(
            "SELECT action, details FROM audit_log WHERE action LIKE 'gold.%' ORDER BY seq"
        )
        entries = await cursor.fetchall()
    assert {"gold.set-created", "gold.added", "gold.changed", "gold.removed"} == {
        entry["action"] for entry in entries
    }
    assert not any(text in str(entries) for text in (ABOUT_A, ABOUT_B, "Qual?"))


async def test_lines_come_in_with_their_documents_and_go_out_again(
    pool: Pool, troupe: Troupe, other: Actor
) -> None:
    lines = [
        '{"id": "1", "question": "Limite?", "answers": ["mil"], "doc": "norma-a.txt", "page": 1}',
        '{"id": "2", "question": "Codinome?", "answers": ["Guará"], "doc": "norma-b.txt"}',
        '{"id": "3", "question": "Telefone?", "answers": [], "tags": ["nada"]}',
        '{"id": "4", "question": "limite?", "answers": []}',
    ]
    async with as_actor(pool, troupe.curator, write=True) as conn:
        done = await import_lines(conn, troupe.curator, SET, lines)
        assert (done.added, done.known, done.unresolved) == (3, 1, 1)
    # A name that could be somebody else's document is no way to it, nor shown to others.
    assert await seen(pool, other) == {"Telefone?"}
    assert await seen(pool, troupe.admin) == {"Limite?", "Codinome?", "Telefone?"}
    async with as_actor(pool, troupe.curator, write=True) as conn:
        found = await gold.find_set(conn, SET)
        assert found is not None
        written = await gold.questions(conn, found.id)
        assert [each.document_keys for each in written] == [(troupe.a.document_key,), (), ()]
        assert [each.id for each in (q.as_question() for q in written)] == ["1", "2", "3"]
        again = await import_lines(conn, troupe.curator, "Cópia", export_lines(written))
        assert (again.added, again.unresolved) == (3, 1)
    with pytest.raises(Invalid):
        async with as_actor(pool, troupe.curator, write=True) as conn:
            await import_lines(conn, troupe.curator, SET, ["{}"])


async def test_with_a_document_deleted_for_good_go_the_questions_about_it(
    pool: Pool, queue: Queue, troupe: Troupe, asked: dict[str, GoldId]
) -> None:
    async with as_actor(pool, troupe.admin, write=True) as conn:
        question = await gold.get(conn, asked[ABOUT_A])
        run_id = await background.ask_for(
            conn, queue, troupe.admin,
            runs.Wanted(SET, [question.as_question()], set_id=question.set_id, queued=True,
                        asked_as=troupe.admin.id),
        )  # fmt: skip
    async with as_actor(pool, troupe.curator) as conn:
        assert (await runs.get(conn, run_id)).source == SET
    async with as_system(pool) as conn:
        await conn.execute("SELECT govbot_unindex_document(%(k)s)", {"k": troupe.a.document_key})
        for statement in (
            "DELETE FROM chunks WHERE document_key = %(k)s",
            "DELETE FROM version_pages WHERE document_key = %(k)s",
            "DELETE FROM document_versions WHERE document_key = %(k)s",
            "DELETE FROM documents WHERE key = %(k)s",
        ):
            await conn.execute(statement.encode(), {"k": troupe.a.document_key})
        assert await gold.find_set(conn, SET) is not None
    assert await seen(pool, OPERATOR) == {ABOUT_B, ABOUT_NONE}
    # Its run is left to administrators: nobody can say any more who managed the document.
    async with as_actor(pool, troupe.curator) as conn:
        with pytest.raises(NotFound):
            await runs.get(conn, run_id)
