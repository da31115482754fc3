"""Secrecy against clearance: who is not cleared has no document, whatever their grants and role."""

from __future__ import annotations

import json
from uuid import UUID

import pytest

from govbot import audit
from govbot.auth import users
from govbot.chat import store as chat
from govbot.db.access import Actor, as_actor, as_system
from govbot.db.pool import Pool
from govbot.documents import collections, grants, store
from govbot.documents.rights import acting
from govbot.documents.secrecy import set_secrecy
from govbot.documents.types import Level, Principal, Secrecy, Target
from govbot.errors import Conflict, Denied, GovBotError, Invalid, NotFound
from govbot.ids import DocumentId, UserId
from tests.ingestion import Cast, Parts, assert_consistent, count, take
from tests.lifecycle import audited, seen


async def made(parts: Parts, cast: Cast, secrecy: Secrecy = Secrecy.PUBLIC) -> DocumentId:
    received = await take(parts, cast.writer, cast.a)
    await parts.work()
    async with as_system(parts.pool) as conn:
        await set_secrecy(conn, None, received.document_id, secrecy)
    return received.document_id


async def clear(pool: Pool, person: Actor, clearance: int) -> None:
    async with as_system(pool) as conn:
        await users.set_clearance(conn, person.id, clearance)


async def outcome(pool: Pool, actor: Actor | None, document_id: DocumentId, to: Secrecy) -> str:
    try:
        async with acting(pool, actor, write=True) as conn:
            await set_secrecy(conn, actor, document_id, to)
    except GovBotError as error:
        return error.error_code if error.error_code == "E-CLEARANCE" else type(error).__name__
    return "done"


@pytest.mark.parametrize("who", ["admin", "curator", "writer", "reader"])
@pytest.mark.parametrize("clearance", [0, 2, 3])
async def test_a_document_is_there_for_those_who_are_cleared_for_it(
    parts: Parts, cast: Cast, who: str, clearance: int
) -> None:
    document_id = await made(parts, cast, Secrecy.RESERVED)
    await clear(parts.pool, getattr(cast, who), clearance)
    found = await seen(parts, getattr(cast, who), document_id)
    assert (found is not None) is (clearance >= 2)
    assert await seen(parts, cast.stranger, document_id) is None


async def test_clearance_alone_opens_nothing(parts: Parts, cast: Cast) -> None:
    document_id = await made(parts, cast, Secrecy.SECRET)
    await clear(parts.pool, cast.stranger, 4)
    assert await seen(parts, cast.stranger, document_id) is None


@pytest.mark.parametrize(
    ("who", "clearance", "before", "after", "expected"),
    [
        ("curator", 3, 0, 3, "done"),
        ("curator", 3, 3, 0, "done"),
        ("curator", 2, 0, 3, "E-CLEARANCE"),
        ("curator", 2, 3, 0, "NotFound"),
        ("admin", 0, 0, 1, "E-CLEARANCE"),
        ("admin", 1, 0, 1, "done"),
        ("writer", 4, 0, 1, "Denied"),
        ("reader", 4, 1, 0, "Denied"),
        ("stranger", 4, 0, 1, "NotFound"),
        (None, 0, 0, 4, "done"),
        (None, 0, 4, 0, "done"),
    ],
)
async def test_who_manages_a_document_sets_its_secrecy_up_to_their_own_clearance(
    parts: Parts,
    cast: Cast,
    who: str | None,
    clearance: int,
    before: int,
    after: int,
    expected: str,
) -> None:
    document_id = await made(parts, cast, Secrecy(before))
    actor = getattr(cast, who) if who else None
    if actor:
        await clear(parts.pool, actor, clearance)
    assert await outcome(parts.pool, actor, document_id, Secrecy(after)) == expected
    async with as_system(parts.pool) as conn:
        now = (await store.get_document(conn, document_id)).secrecy
    assert now == (after if expected == "done" else before)


async def test_the_statistics_move_with_the_secrecy(parts: Parts, cast: Cast) -> None:
    document_id = await made(parts, cast)
    await take(parts, cast.writer, cast.a, "outra.txt", "Art. 2º As licitações serão abertas.")
    await parts.work()
    for degree in (Secrecy.SECRET, Secrecy.RESTRICTED, Secrecy.PUBLIC):
        async with as_system(parts.pool) as conn:
            await set_secrecy(conn, None, document_id, degree)
        await assert_consistent(parts)
    async with as_system(parts.pool) as conn:
        await set_secrecy(conn, None, document_id, Secrecy.SECRET)
        await store.trash_document(conn, None, document_id)
    await assert_consistent(parts)


@pytest.mark.parametrize("who", ["admin", "reader"])
async def test_no_count_tells_of_what_is_too_secret(parts: Parts, cast: Cast, who: str) -> None:
    await made(parts, cast, Secrecy.SECRET)
    async with as_actor(parts.pool, getattr(cast, who)) as conn:
        for table in ("term_stats", "chunks", "postings", "chunk_vectors",
                      "documents", "document_versions", "version_pages"):  # fmt: skip
            row = await (
                await conn.execute(f"SELECT count(*) AS n FROM {table}".encode())
            ).fetchone()
            assert row == {"n": 0}, table
        row = await (await conn.execute("SELECT sum(chunks) AS n FROM collection_stats")).fetchone()
        assert row == {"n": 0}


async def test_an_answer_hides_while_its_document_is_too_secret(parts: Parts, cast: Cast) -> None:
    document_id = await made(parts, cast)
    async with as_actor(parts.pool, cast.reader, write=True) as conn:
        document = await store.get_document(conn, document_id)
        conversation = await chat.create_conversation(conn, cast.reader)
        question = await chat.add_question(conn, cast.reader, conversation, "Quais?")
        answer = await chat.add_answer(conn, cast.reader, conversation, question)
        await chat.set_sources(conn, answer, [document.key])
        await chat.finish_answer(conn, cast.reader, answer, content="As públicas.", state="done")
    for degree, hidden in ((Secrecy.SECRET, True), (Secrecy.PUBLIC, False)):
        async with as_system(parts.pool) as conn:
            await set_secrecy(conn, None, document_id, degree)
        async with as_actor(parts.pool, cast.reader, write=True) as conn:
            shown = (await chat.turns(conn, conversation))[0].answers[0]
            assert (shown.hidden, shown.content) == (hidden, "" if hidden else "As públicas.")
            # Nor does a change that asks for no row bring it back.
            blind = await conn.execute("UPDATE messages SET error_code = 'x'")
            assert blind.rowcount == (1 if hidden else 2)


async def test_an_answer_stays_bound_to_its_sources(parts: Parts, cast: Cast) -> None:
    document_id = await made(parts, cast)
    async with as_actor(parts.pool, cast.reader, write=True) as conn:
        key = (await store.get_document(conn, document_id)).key
        conversation = await chat.create_conversation(conn, cast.reader)
        question = await chat.add_question(conn, cast.reader, conversation, "Quais?")
        answer = await chat.add_answer(conn, cast.reader, conversation, question)
        await chat.set_sources(conn, answer, [key])
    with pytest.raises(Denied):
        async with as_actor(parts.pool, cast.reader, write=True) as conn:
            await conn.execute("UPDATE messages SET sources = '{}'")


@pytest.mark.parametrize("degree", [1, 4])
async def test_nobody_brings_in_a_secret_that_they_may_not_make(
    parts: Parts, cast: Cast, degree: int
) -> None:
    await clear(parts.pool, cast.writer, 4)
    for person in (cast.writer, cast.curator):  # one may not manage, the other is not cleared
        with pytest.raises(Denied):
            async with as_actor(parts.pool, person, write=True) as conn:
                await conn.execute(
                    "INSERT INTO documents (id, collection_key, path, filename, source, secrecy)"
                    " SELECT gen_random_uuid(), key, 'x', 'x', 'upload', %(degree)s"
                    " FROM collections",
                    {"degree": degree},
                )


async def test_the_name_of_a_secret_document_is_free_for_others(parts: Parts, cast: Cast) -> None:
    document_id = await made(parts, cast, Secrecy.SECRET)
    again = await take(parts, cast.writer, cast.a, text="Art. 1º Outro texto.")
    assert again.document_id != document_id
    assert not again.duplicate
    same = await take(parts, cast.writer, cast.a)
    assert not same.duplicate
    assert await count(parts, "documents") == 2


async def test_who_sees_both_adds_the_new_version_to_the_more_secret_one(
    parts: Parts, cast: Cast
) -> None:
    document_id = await made(parts, cast, Secrecy.SECRET)
    await take(parts, cast.writer, cast.a, text="Art. 1º Outro texto.")
    await clear(parts.pool, cast.curator, 3)
    newest = await take(parts, cast.curator, cast.a, text="Art. 1º Novo segredo.")
    assert newest.document_id == document_id
    async with acting(parts.pool, cast.curator, write=True) as conn:
        with pytest.raises(Conflict):
            await set_secrecy(conn, cast.curator, document_id, Secrecy.PUBLIC)


@pytest.mark.parametrize("who", ["curator", "admin"])
async def test_a_collection_with_hidden_documents_is_not_deleted_over_them(
    parts: Parts, cast: Cast, who: str
) -> None:
    await made(parts, cast, Secrecy.SECRET)
    actor = getattr(cast, who)
    with pytest.raises(Conflict) as refused:
        async with as_actor(parts.pool, actor, write=True) as conn:
            await collections.delete_collection(conn, actor, cast.a, with_documents=True)
    assert refused.value.error_code == "E-NOT-MANAGED"
    assert await count(parts, "documents") == 1
    async with as_system(parts.pool) as conn:
        await collections.delete_collection(conn, None, cast.a, with_documents=True)
    assert await count(parts, "documents") == 0


async def test_nobody_raises_their_own_clearance(parts: Parts, cast: Cast) -> None:
    async with as_actor(parts.pool, cast.admin, write=True) as conn:
        with pytest.raises(Denied):
            await users.set_clearance(conn, cast.admin.id, 4, by=cast.admin)
        await users.set_clearance(conn, cast.reader.id, 2, by=cast.admin)
        assert (await users.get(conn, cast.reader.id)).clearance == 2
    with pytest.raises(Denied):
        async with as_actor(parts.pool, cast.admin, write=True) as conn:
            await conn.execute("UPDATE users SET clearance = 4")


async def test_a_clearance_goes_from_0_to_4_and_belongs_to_somebody(
    parts: Parts, cast: Cast
) -> None:
    async with as_system(parts.pool) as conn:
        for clearance in (-1, 5):
            with pytest.raises(Invalid):
                await users.set_clearance(conn, cast.reader.id, clearance)
        with pytest.raises(NotFound):
            await users.set_clearance(conn, UserId(UUID(int=7)), 1)
    with pytest.raises(NotFound):
        async with as_actor(parts.pool, cast.curator, write=True) as conn:
            await users.set_clearance(conn, cast.reader.id, 1, by=cast.curator)


async def test_changes_are_in_the_audit_log_with_before_and_after(parts: Parts, cast: Cast) -> None:
    document_id = await made(parts, cast)
    await clear(parts.pool, cast.curator, 3)
    async with as_actor(parts.pool, cast.curator, write=True) as conn:
        await set_secrecy(conn, cast.curator, document_id, Secrecy.RESERVED)
        await grants.set_grant(
            conn,
            cast.curator,
            Target.document(document_id),
            Principal.user(cast.stranger.id),
            Level.READ,
            effect="deny",
        )
    async with as_system(parts.pool) as conn:
        secret = (await audit.entries(conn, action="document.secrecy"))[0]
        grant = (await audit.entries(conn, action="grant.changed"))[0]
    assert json.loads(secret.details).items() >= {"before": 0, "after": 2, "version": 1}.items()
    assert grant.resource == str(document_id)
    expected = {"effect": "deny", "before": None, "after": "read", "filename": "lei.txt"}
    assert json.loads(grant.details).items() >= expected.items()
    assert "user.clearance-changed" in await audited(parts)
