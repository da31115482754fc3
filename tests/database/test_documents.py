"""Lists, permissions, the trash, and what a version's text becomes in the tables."""

from __future__ import annotations

import pytest

from govbot import audit
from govbot.db.access import OPERATOR, Actor, as_actor, as_system
from govbot.documents import listing, store
from govbot.documents.content import replace_chunks
from govbot.documents.types import State
from govbot.errors import Denied, GovBotError, Invalid, NotFound
from govbot.extract import Extracted
from govbot.ids import DocumentId, VersionId, new_id
from tests.ingestion import Cast, Parts, assert_consistent, count, document_of, take


async def listed(parts: Parts, actor: Actor, **options: object) -> list[str]:
    async with as_actor(parts.pool, actor) as conn:
        found = await store.list_documents(conn, **options)  # type: ignore[arg-type]
    return [document.filename for document in found]


@pytest.fixture
async def three(parts: Parts, cast: Cast) -> list[DocumentId]:
    """One, two, three in A, the oldest first."""
    names = ("one.txt", "two.txt", "three.txt")
    return [
        (await take(parts, cast.curator, cast.a, name, f"texto {name}")).document_id
        for name in names
    ]


async def test_the_list_shows_the_newest_first_in_pages(
    parts: Parts, cast: Cast, three: list[DocumentId]
) -> None:
    async with as_actor(parts.pool, cast.reader) as conn:
        first = await store.list_documents(conn, cast.a, limit=2)
        rest = await store.list_documents(conn, cast.a, limit=2, after=first[-1].id)
    assert [d.filename for d in (*first, *rest)] == ["three.txt", "two.txt", "one.txt"]
    assert {d.id for d in (*first, *rest)} == set(three)


@pytest.mark.parametrize(
    ("who", "names"),
    [
        ("admin", ["b.txt", "three.txt", "two.txt", "one.txt"]),
        ("curator", ["three.txt", "two.txt", "one.txt"]),
        ("writer", ["three.txt", "two.txt", "one.txt"]),
        ("reader", ["three.txt", "two.txt", "one.txt"]),
        ("stranger", ["b.txt"]),
    ],
)
async def test_everyone_sees_and_counts_the_documents_of_their_collections(
    parts: Parts, cast: Cast, three: list[DocumentId], who: str, names: list[str]
) -> None:
    await take(parts, cast.admin, cast.b, "b.txt", "texto b")
    actor = getattr(cast, who)
    assert await listed(parts, actor) == names
    async with as_actor(parts.pool, actor) as conn:
        counted = await listing.counts(conn)
        assert (counted.all, counted.states[State.QUEUED]) == (len(names), len(names))


async def test_the_list_can_be_narrowed(parts: Parts, cast: Cast, three: list[DocumentId]) -> None:
    await take(parts, cast.admin, cast.b, "Licitação.txt", "texto b")
    assert await listed(parts, cast.admin, collection_id=cast.b) == ["Licitação.txt"]
    assert await listed(parts, cast.admin, text="licitacao") == ["Licitação.txt"]
    assert await listed(parts, cast.admin, text="%") == []
    assert await listed(parts, cast.admin, states=[State.READY]) == []
    assert len(await listed(parts, cast.admin, states=[State.READY, State.QUEUED])) == 4


@pytest.mark.parametrize("limit", [0, 501])
async def test_a_page_has_a_sensible_size(parts: Parts, cast: Cast, limit: int) -> None:
    with pytest.raises(Invalid):
        await listed(parts, cast.admin, limit=limit)


async def test_what_one_may_not_see_is_not_found(
    parts: Parts, cast: Cast, three: list[DocumentId]
) -> None:
    async with as_actor(parts.pool, cast.reader) as conn:
        document = await store.get_document(conn, three[0])
        assert (await store.get_version(conn, document.version.id)).number == 1
    async with as_actor(parts.pool, cast.stranger) as conn:
        with pytest.raises(NotFound):
            await store.get_document(conn, three[0])
        with pytest.raises(NotFound):
            await store.get_version(conn, document.version.id)
        with pytest.raises(NotFound):
            await store.page_text(conn, document.version.id, 1)
        assert await store.versions_of(conn, three[0]) == []
        assert await store.get_versions(conn, [document.version.id]) == []


async def test_what_does_not_exist_is_not_found(parts: Parts, cast: Cast) -> None:
    async with as_actor(parts.pool, cast.admin) as conn:
        with pytest.raises(NotFound):
            await store.get_document(conn, DocumentId(new_id()))
        with pytest.raises(NotFound):
            await store.get_version(conn, VersionId(new_id()))


async def test_a_single_document_that_was_granted_is_seen_without_its_collection(
    parts: Parts, cast: Cast, three: list[DocumentId]
) -> None:
    async with as_system(parts.pool) as conn:
        document = await store.get_document(conn, three[0])
        await conn.execute(
            "INSERT INTO grants (id, user_id, document_key, level)"
            " VALUES (%(id)s, %(user)s, %(key)s, 'read')",
            {"id": new_id(), "user": cast.stranger.id, "key": document.key},
        )
    async with as_actor(parts.pool, cast.stranger) as conn:
        seen = await store.list_documents(conn)
    assert [(d.filename, d.collection_id, d.collection) for d in seen] == [("one.txt", None, "")]


@pytest.mark.parametrize("who", ["admin", "curator", "writer"])
async def test_writers_may_move_a_document_to_the_trash(parts: Parts, cast: Cast, who: str) -> None:
    received = await take(parts, cast.curator, cast.a)
    await parts.work()
    actor = getattr(cast, who)
    async with as_actor(parts.pool, actor, write=True) as conn:
        await store.trash_document(conn, actor, received.document_id)
        assert await _actor(conn) == str(actor.id)
    assert await listed(parts, actor) == []
    assert await listed(parts, actor, trashed=True) == ["lei.txt"]
    assert await listed(parts, cast.reader, trashed=True) == []
    assert [await count(parts, t) for t in ("chunks", "postings", "chunk_vectors")] == [0, 0, 0]
    assert await count(parts, "version_pages") == 1
    await assert_consistent(parts)
    async with as_system(parts.pool) as conn:
        entries = await audit.entries(conn, action="document.deleted")
    assert [(e.actor_id, e.resource) for e in entries] == [(actor.id, str(received.document_id))]


@pytest.mark.parametrize(("who", "error"), [("reader", Denied), ("stranger", NotFound)])
async def test_who_may_not_write_moves_nothing_to_the_trash(
    parts: Parts, cast: Cast, who: str, error: type[GovBotError]
) -> None:
    received = await take(parts, cast.curator, cast.a)
    await parts.work()
    with pytest.raises(error):
        await _trash(parts, getattr(cast, who), received.document_id)
    assert (await document_of(parts, received)).served == 1
    assert await count(parts, "chunks") == 1


async def test_trashing_twice_is_once(parts: Parts, cast: Cast) -> None:
    received = await take(parts, cast.curator, cast.a)
    for _ in range(2):
        await _trash(parts, OPERATOR, received.document_id)
    async with as_system(parts.pool) as conn:
        assert len(await audit.entries(conn, action="document.deleted")) == 1


async def test_text_is_replaced_as_a_whole_or_not_at_all(parts: Parts, cast: Cast) -> None:
    received = await take(parts, cast.curator, cast.a)
    await parts.work()
    second = await take(parts, cast.curator, cast.a, "lei.txt", "Outro texto")
    version = (await document_of(parts, second)).version
    async with as_system(parts.pool) as conn:
        stored = await replace_chunks(
            conn, version, title="t", reading=Extracted((), "", {}), chunks=[], vectors=None
        )
        assert stored
        await conn.rollback()
    assert (await document_of(parts, received)).served == 1
    assert await count(parts, "chunks") == 1
    await assert_consistent(parts)


async def _trash(parts: Parts, actor: Actor, document_id: DocumentId) -> None:
    async with as_actor(parts.pool, actor, write=True) as conn:
        await store.trash_document(conn, actor, document_id)


async def _actor(conn: store.Connection) -> str:
    cursor = await conn.execute("SELECT current_setting('govbot.actor') AS actor")
    row = await cursor.fetchone()
    assert row is not None
    return str(row["actor"])
