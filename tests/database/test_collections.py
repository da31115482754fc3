"""Collections and grants: who may create, see, manage and delete them."""

from __future__ import annotations

import json

import pytest

from govbot import audit
from govbot.db.access import OPERATOR, Actor, as_actor, as_system
from govbot.db.pool import Pool
from govbot.documents import collections, grants
from govbot.documents.types import Level, Principal, Target
from govbot.errors import Conflict, Denied, GovBotError, Invalid, NotFound
from govbot.ids import CollectionId, GroupId, UserId, new_id
from tests.ingestion import Cast, Parts, count, take


async def create(pool: Pool, actor: Actor, name: str = "C") -> CollectionId:
    async with as_actor(pool, actor, write=True) as conn:
        return await collections.create_collection(conn, actor, name=name)


async def seen(pool: Pool, actor: Actor) -> dict[str, Level | None]:
    async with as_actor(pool, actor) as conn:
        return {c.name: c.level for c in await collections.list_collections(conn)}


async def grant(
    pool: Pool, actor: Actor, collection: CollectionId, principal: Principal, level: Level
) -> None:
    async with as_actor(pool, actor, write=True) as conn:
        await grants.set_grant(conn, actor, Target.collection(collection), principal, level)


@pytest.mark.parametrize("who", ["admin", "curator"])
async def test_who_creates_a_collection_manages_it(pool: Pool, cast: Cast, who: str) -> None:
    await create(pool, getattr(cast, who))
    assert (await seen(pool, getattr(cast, who)))["C"] == Level.MANAGE
    assert "C" not in await seen(pool, cast.stranger)


@pytest.mark.parametrize("who", ["writer", "reader", "stranger"])
async def test_users_do_not_create_collections(pool: Pool, cast: Cast, who: str) -> None:
    with pytest.raises(Denied):
        await create(pool, getattr(cast, who))


async def test_after_creating_the_transaction_has_the_actor_s_rights_again(
    pool: Pool, cast: Cast
) -> None:
    async with as_actor(pool, cast.curator, write=True) as conn:
        await collections.create_collection(conn, cast.curator, name="C")
        assert {c.name for c in await collections.list_collections(conn)} == {"A", "C"}


async def test_the_operator_creates_a_collection_without_an_account(pool: Pool, cast: Cast) -> None:
    collection = await create(pool, OPERATOR)
    async with as_system(pool) as conn:
        assert await grants.list_grants(conn, Target.collection(collection)) == []
    assert (await seen(pool, cast.admin))["C"] == Level.MANAGE


@pytest.mark.parametrize("name", ["a", "  A  "])
async def test_a_name_is_taken_whatever_its_capitals_and_spaces(
    pool: Pool, cast: Cast, name: str
) -> None:
    with pytest.raises(Conflict, match=name.strip()):
        await create(pool, cast.admin, name)


@pytest.mark.parametrize("name", ["", "   ", "x" * 201])
async def test_a_name_has_one_to_200_characters(pool: Pool, cast: Cast, name: str) -> None:
    with pytest.raises(Invalid):
        await create(pool, cast.admin, name)


async def test_everyone_sees_their_collections_with_their_level(pool: Pool, cast: Cast) -> None:
    assert await seen(pool, cast.admin) == {"A": Level.MANAGE, "B": Level.MANAGE}
    assert await seen(pool, cast.curator) == {"A": Level.MANAGE}
    assert await seen(pool, cast.writer) == {"A": Level.WRITE}
    assert await seen(pool, cast.reader) == {"A": Level.READ}
    assert await seen(pool, cast.stranger) == {"B": Level.READ}


async def test_a_collection_is_found_by_name_only_by_those_who_see_it(
    pool: Pool, cast: Cast
) -> None:
    async with as_actor(pool, cast.reader) as conn:
        found = await collections.collection_by_name(conn, " a ")
        assert found is not None
        assert found.id == cast.a
        assert await collections.collection_by_name(conn, "B") is None
        with pytest.raises(NotFound):
            await collections.get_collection(conn, cast.b)


async def test_documents_are_counted_without_the_trash(parts: Parts, cast: Cast) -> None:
    await take(parts, cast.curator, cast.a, "um.txt", "um")
    gone = await take(parts, cast.curator, cast.a, "dois.txt", "dois")
    async with as_system(parts.pool) as conn:
        await conn.execute(
            "UPDATE documents SET trashed_at = now() WHERE id = %(id)s", {"id": gone.document_id}
        )
    async with as_actor(parts.pool, cast.reader) as conn:
        assert (await collections.get_collection(conn, cast.a)).documents == 1


async def test_a_manager_grants_and_revokes_and_both_are_audited(pool: Pool, cast: Cast) -> None:
    principal = Principal.user(cast.stranger.id)
    await grant(pool, cast.curator, cast.a, principal, Level.READ)
    await grant(pool, cast.curator, cast.a, principal, Level.WRITE)
    assert (await seen(pool, cast.stranger))["A"] == Level.WRITE
    async with as_actor(pool, cast.curator, write=True) as conn:
        await grants.remove_grant(conn, cast.curator, Target.collection(cast.a), principal)
    assert "A" not in await seen(pool, cast.stranger)
    async with as_system(pool) as conn:
        entries = (await audit.entries(conn, action="grant.changed", actor="curator"))[::-1]
    changes = [json.loads(entry.details) for entry in entries]
    assert [(c["before"], c["after"]) for c in changes] == [
        (None, "read"),
        ("read", "write"),
        ("write", None),
    ]
    assert changes[0]["user"] == str(cast.stranger.id)


async def test_a_group_gives_its_members_a_level(pool: Pool, cast: Cast) -> None:
    group = GroupId(new_id())
    async with as_system(pool) as conn:
        await conn.execute(
            "INSERT INTO groups (id, name) VALUES (%(id)s, 'Jurídico')", {"id": group}
        )
        await conn.execute(
            "INSERT INTO memberships (group_id, user_id) VALUES (%(g)s, %(u)s)",
            {"g": group, "u": cast.stranger.id},
        )
    await grant(pool, cast.curator, cast.a, Principal.group(group), Level.READ)
    assert (await seen(pool, cast.stranger))["A"] == Level.READ
    async with as_actor(pool, cast.curator) as conn:
        names = [
            (g.principal.kind, g.name)
            for g in await grants.list_grants(conn, Target.collection(cast.a))
        ]
    assert names == [
        ("group", "Jurídico"),
        ("user", "curator"),
        ("user", "reader"),
        ("user", "writer"),
    ]


async def test_a_denial_wins_over_a_permission(pool: Pool, cast: Cast) -> None:
    async with as_actor(pool, cast.curator, write=True) as conn:
        await grants.set_grant(
            conn,
            cast.curator,
            Target.collection(cast.a),
            Principal.user(cast.writer.id),
            Level.WRITE,
            effect="deny",
        )
    assert await seen(pool, cast.writer) == {"A": Level.READ}


@pytest.mark.parametrize(
    ("who", "error"), [("writer", Denied), ("reader", Denied), ("stranger", NotFound)]
)
async def test_who_does_not_manage_a_collection_changes_nothing_in_it(
    pool: Pool, cast: Cast, who: str, error: type[GovBotError]
) -> None:
    actor = getattr(cast, who)
    with pytest.raises(error):
        await grant(pool, actor, cast.a, Principal.user(actor.id), Level.MANAGE)
    with pytest.raises(error):
        await _remove(pool, actor, cast.a, Principal.user(cast.curator.id))
    with pytest.raises(error):
        await _delete(pool, actor, cast.a)
    with pytest.raises(error):
        await _rename(pool, actor, cast.a, "Novo")
    async with as_actor(pool, actor) as conn:
        assert await grants.list_grants(conn, Target.collection(cast.a)) == []


async def test_a_manager_of_one_collection_grants_nothing_in_another(
    pool: Pool, cast: Cast
) -> None:
    with pytest.raises(NotFound):
        await grant(pool, cast.curator, cast.b, Principal.user(cast.curator.id), Level.READ)


async def test_a_grant_to_nobody_is_not_found(pool: Pool, cast: Cast) -> None:
    with pytest.raises(NotFound):
        await grant(pool, cast.curator, cast.a, Principal.user(UserId(new_id())), Level.READ)


async def test_a_grant_that_is_not_there_is_not_removed(pool: Pool, cast: Cast) -> None:
    with pytest.raises(NotFound):
        await _remove(pool, cast.curator, cast.a, Principal.user(cast.stranger.id))


async def test_a_manager_renames_a_collection(pool: Pool, cast: Cast) -> None:
    await _rename(pool, cast.curator, cast.a, "Leis")
    assert "Leis" in await seen(pool, cast.reader)
    with pytest.raises(Conflict):
        await _rename(pool, cast.curator, cast.a, "b")


async def test_a_collection_with_documents_is_deleted_only_on_request(
    parts: Parts, cast: Cast
) -> None:
    await take(parts, cast.curator, cast.a)
    await parts.work()
    with pytest.raises(Conflict, match="1 documents"):
        await _delete(parts.pool, cast.curator, cast.a)
    orphans = await _delete(parts.pool, cast.curator, cast.a, with_documents=True)
    assert len(orphans) == 1
    for table in ("documents", "chunks", "postings", "term_stats", "version_pages"):
        assert await count(parts, table) == 0
    assert "A" not in await seen(parts.pool, cast.admin)


async def test_originals_that_another_collection_has_are_kept(parts: Parts, cast: Cast) -> None:
    await take(parts, cast.admin, cast.a, text="mesmo texto")
    await take(parts, cast.admin, cast.b, text="mesmo texto")
    assert await _delete(parts.pool, cast.curator, cast.a, with_documents=True) == []


async def _remove(pool: Pool, actor: Actor, collection: CollectionId, principal: Principal) -> None:
    async with as_actor(pool, actor, write=True) as conn:
        await grants.remove_grant(conn, actor, Target.collection(collection), principal)


async def _delete(
    pool: Pool, actor: Actor, collection: CollectionId, *, with_documents: bool = False
) -> list[str]:
    async with as_actor(pool, actor, write=True) as conn:
        return await collections.delete_collection(
            conn, actor, collection, with_documents=with_documents
        )


async def _rename(pool: Pool, actor: Actor, collection: CollectionId, name: str) -> None:
    async with as_actor(pool, actor, write=True) as conn:
        await collections.rename_collection(conn, actor, collection, name=name, description="")
