"""The schema itself: no statement of the application goes round review and legal hold."""

from __future__ import annotations

import pytest
from psycopg.errors import IntegrityConstraintViolation

from govbot.db.access import as_actor, as_system
from govbot.documents import grants, lifecycle, store
from govbot.documents.rights import acting
from govbot.documents.types import Level, Principal, Review, Status, Target
from govbot.errors import Denied, NotFound
from govbot.ids import VersionId
from govbot.ingest import review
from tests.ingestion import Cast, Parts, count, document_of, take
from tests.lifecycle import act, drafted, published, seen

HELD = IntegrityConstraintViolation

# Round the functions, by SQL as the application's role.

FORGERIES = {
    "approve own": "UPDATE document_versions SET review = 'approved' WHERE id = %(version)s",
    "approve own under another name": """
        UPDATE document_versions SET review = 'approved', created_by = NULL
        WHERE id = %(version)s""",
    "approve in another's name": """
        UPDATE document_versions SET review = 'approved', reviewed_by = %(other)s
        WHERE id = %(version)s""",
    "give own away": "UPDATE document_versions SET created_by = %(other)s WHERE id = %(version)s",
    "another content": """
        UPDATE document_versions SET sha256 = repeat('b', 64) WHERE id = %(version)s""",
    "another collection": """
        UPDATE document_versions SET collection_key = (SELECT key FROM collections
                                                       WHERE id = %(b)s)
        WHERE id = %(version)s""",
    "another document": """
        UPDATE document_versions SET document_id = %(other)s WHERE id = %(version)s""",
    "move the document": """
        UPDATE documents SET collection_key = (SELECT key FROM collections WHERE id = %(b)s)
        WHERE id = %(document)s""",
    "another owner of the document": """
        UPDATE documents SET created_by = %(other)s WHERE id = %(document)s""",
}


@pytest.mark.parametrize("who", ["curator", "admin", "writer"])
@pytest.mark.parametrize("forgery", FORGERIES)
async def test_no_statement_of_the_uploader_approves_the_upload(
    parts: Parts, reviewed: Cast, who: str, forgery: str
) -> None:
    received = await drafted(parts, reviewed, who=who)
    actor = getattr(reviewed, who)
    async with as_system(parts.pool) as conn:
        for person in (reviewed.curator, reviewed.writer):
            await conn.execute(
                "INSERT INTO grants (id, user_id, collection_key, level)"
                " SELECT gen_random_uuid(), %(user)s, key, 'manage' FROM collections"
                " WHERE id = %(b)s",
                {"user": person.id, "b": reviewed.b},
            )
    values = {"version": received.version_id, "document": received.document_id,
              "other": reviewed.reader.id, "b": reviewed.b}  # fmt: skip
    with pytest.raises(Denied):
        async with as_actor(parts.pool, actor, write=True) as conn:
            await conn.execute(FORGERIES[forgery].encode(), values)
    document = await document_of(parts, received)
    assert (document.status, document.version.created_by) == (Status.DRAFT, actor.id)


IGNORED = {
    "status": "UPDATE documents SET status = 'published' WHERE id = %(document)s",
    "revoked": """
        UPDATE documents SET revoked_on = now(), status = 'revoked' WHERE id = %(document)s""",
    "reviewer": """
        UPDATE document_versions SET reviewed_by = %(other)s, review_note = 'Aprovado'
        WHERE id = %(version)s""",
}


@pytest.mark.parametrize("statement", IGNORED)
async def test_a_status_that_is_only_claimed_shows_nothing_to_readers(
    parts: Parts, reviewed: Cast, statement: str
) -> None:
    received = await drafted(parts, reviewed)
    async with as_actor(parts.pool, reviewed.writer, write=True) as conn:
        await conn.execute(
            IGNORED[statement].encode(),
            {"version": received.version_id, "document": received.document_id,
             "other": reviewed.curator.id},
        )  # fmt: skip
    assert await seen(parts, reviewed.reader, received.document_id) is None
    document = await document_of(parts, received)
    assert (document.status, document.version.reviewed_by) == (Status.DRAFT, None)


async def test_a_version_is_inserted_as_a_draft_of_who_inserts_it(
    parts: Parts, reviewed: Cast
) -> None:
    received = await published(parts, reviewed)
    version = VersionId(received.document_id)
    async with as_actor(parts.pool, reviewed.curator, write=True) as conn:
        await conn.execute(
            """
            INSERT INTO document_versions (id, document_id, document_key, collection_key, number,
                                           sha256, size_bytes, mime, review, created_by,
                                           reviewed_by)
            SELECT id, id, key, collection_key, 2, repeat('c', 64), 1, 'text/plain', 'approved',
                   %(other)s, %(me)s
            FROM documents WHERE id = %(id)s
            """,
            {"id": received.document_id, "other": reviewed.writer.id, "me": reviewed.curator.id},
        )
    async with as_system(parts.pool) as conn:
        found = await store.get_version(conn, version)
    assert (found.review, found.created_by) == (Review.DRAFT, reviewed.curator.id)


async def test_a_version_cannot_be_slipped_into_another_collection(
    parts: Parts, reviewed: Cast
) -> None:
    received = await published(parts, reviewed)
    with pytest.raises(Denied):
        async with as_actor(parts.pool, reviewed.stranger, write=True) as conn:
            await conn.execute(
                """
                INSERT INTO document_versions (id, document_id, document_key, collection_key,
                                               number, sha256, size_bytes, mime)
                SELECT %(id)s, %(id)s, 1, key, 2, repeat('c', 64), 1, 'text/plain'
                FROM collections WHERE id = %(b)s
                """,
                {"id": received.document_id, "b": reviewed.b},
            )


async def test_an_approval_is_not_taken_back(parts: Parts, reviewed: Cast) -> None:
    received = await published(parts, reviewed)
    with pytest.raises(Denied):
        async with as_actor(parts.pool, reviewed.curator, write=True) as conn:
            await conn.execute(
                "UPDATE document_versions SET review = 'draft' WHERE id = %(id)s",
                {"id": received.version_id},
            )


async def test_the_service_cannot_approve_by_statement(parts: Parts, reviewed: Cast) -> None:
    received = await drafted(parts, reviewed)
    with pytest.raises(Denied):
        async with as_system(parts.pool) as conn:
            await conn.execute(
                "UPDATE document_versions SET review = 'approved' WHERE id = %(id)s",
                {"id": received.version_id},
            )


@pytest.mark.parametrize(
    ("who", "statement", "error"),
    [
        ("writer", "UPDATE documents SET legal_hold = '' WHERE id = %(id)s", Denied),
        ("writer", "UPDATE documents SET legal_hold = '', trashed_at = now() WHERE id = %(id)s",
         Denied),
        ("curator", "UPDATE documents SET trashed_at = now() WHERE id = %(id)s", HELD),
        ("curator", "UPDATE documents SET legal_hold = '', trashed_at = now() WHERE id = %(id)s",
         HELD),
        (None, "UPDATE documents SET trashed_at = now() WHERE id = %(id)s", HELD),
        (None, "DELETE FROM documents WHERE id = %(id)s", HELD),
        (None, "DELETE FROM document_versions WHERE document_id = %(id)s", HELD),
    ],
)  # fmt: skip
async def test_no_statement_deletes_what_is_under_legal_hold(
    parts: Parts, cast: Cast, who: str | None, statement: str, error: type[Exception]
) -> None:
    received = await take(parts, cast.writer, cast.a)
    await act(parts, cast.curator, "set_legal_hold", received.document_id, "Processo 1")
    values = {"id": received.document_id}
    with pytest.raises(error):
        async with acting(parts.pool, getattr(cast, who) if who else None, write=True) as conn:
            await conn.execute(statement.encode(), values)
    document = await document_of(parts, received)
    assert (document.legal_hold, document.trashed_at) == ("Processo 1", None)


@pytest.mark.parametrize(("level", "draft"), [("read", False), ("write", True), ("manage", True)])
async def test_a_grant_on_the_document_alone_shows_its_draft_to_writers(
    parts: Parts, reviewed: Cast, level: str, draft: bool
) -> None:
    received = await drafted(parts, reviewed)
    async with as_system(parts.pool) as conn:
        await grants.set_grant(
            conn,
            None,
            Target.document(received.document_id),
            Principal.user(reviewed.stranger.id),
            Level(level),
        )
    assert (await seen(parts, reviewed.stranger, received.document_id) is not None) is draft
    await review.approve(parts, reviewed.curator, received.version_id)
    await parts.work()
    assert await seen(parts, reviewed.stranger, received.document_id) is not None
    assert await count(parts, "chunks") == 1


async def test_who_manages_one_document_alone_decides_about_it(
    parts: Parts, reviewed: Cast
) -> None:
    received = await drafted(parts, reviewed)
    other = await take(parts, reviewed.writer, reviewed.a, "b.txt", "Outro rascunho.")
    async with as_system(parts.pool) as conn:
        await grants.set_grant(
            conn,
            None,
            Target.document(received.document_id),
            Principal.user(reviewed.stranger.id),
            Level.MANAGE,
        )
    async with as_actor(parts.pool, reviewed.stranger) as conn:
        assert [d.id for d in await lifecycle.reviews(conn, limit=9)] == []
    await act(parts, reviewed.writer, "submit", received.version_id)
    async with as_actor(parts.pool, reviewed.stranger) as conn:
        assert [d.id for d in await lifecycle.reviews(conn, limit=9)] == [received.document_id]
        assert await lifecycle.count_reviews(conn) == 1
    await review.approve(parts, reviewed.stranger, received.version_id)
    await act(parts, reviewed.stranger, "set_legal_hold", received.document_id, "Processo 9")
    with pytest.raises(NotFound):
        await review.approve(parts, reviewed.stranger, other.version_id)
    assert (await document_of(parts, received)).legal_hold == "Processo 9"


@pytest.mark.parametrize("level", ["read", "write", "manage"])
async def test_a_denial_on_the_document_takes_decisions_from_who_manages_the_collection(
    parts: Parts, reviewed: Cast, level: str
) -> None:
    received = await drafted(parts, reviewed)
    async with as_system(parts.pool) as conn:
        await grants.set_grant(
            conn,
            None,
            Target.document(received.document_id),
            Principal.user(reviewed.curator.id),
            Level(level),
            effect="deny",
        )
    with pytest.raises(Denied if level == "manage" else NotFound):
        await review.approve(parts, reviewed.curator, received.version_id)
    async with as_actor(parts.pool, reviewed.curator, write=True) as conn:
        assert (await conn.execute("DELETE FROM grants WHERE effect = 'deny'")).rowcount == 0
    assert (await document_of(parts, received)).status == Status.DRAFT
