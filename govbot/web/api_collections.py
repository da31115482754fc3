"""Collections in the API: made, changed and deleted, and who has them."""

from __future__ import annotations

from uuid import UUID

from litestar import Response
from litestar.params import FromPath, JSONBody
from msgspec import UNSET

from govbot.auth import roles
from govbot.db.access import as_actor
from govbot.db.pool import Connection
from govbot.documents import collections, disposal, grants
from govbot.documents.types import Collection, Grant, Level, Target
from govbot.errors import Denied, NotFound
from govbot.ids import CollectionId
from govbot.web import principals
from govbot.web.api_call import CurrentCall, words
from govbot.web.api_change_types import (
    CollectionChange,
    GrantItem,
    GrantPage,
    NewCollection,
    NewGrant,
)
from govbot.web.api_documents import collection_item
from govbot.web.api_types import CollectionItem


async def create_collection(
    call: CurrentCall, data: JSONBody[NewCollection]
) -> Response[CollectionItem]:
    """Makes a collection, for curators and administrators. A name that is taken is a conflict, so
    that sending it twice makes one."""
    roles.require(roles.may_create_collections(call.actor))
    async with as_actor(call.app.pool, call.actor, write=True) as conn:
        made = await collections.create_collection(
            conn, call.actor, name=words(data.name), description=words(data.description)
        )
    async with as_actor(call.app.pool, call.actor) as conn:
        item = collection_item(await collections.get_collection(conn, made))
    location = f"/api/v1/collections/{made}"
    return Response(item, status_code=201, headers={"Location": location})


async def change_collection(
    call: CurrentCall, collection_id: FromPath[UUID], data: JSONBody[CollectionChange]
) -> CollectionItem:
    """Changes a collection that the person manages; all of it or nothing."""
    found = CollectionId(collection_id)
    async with as_actor(call.app.pool, call.actor, write=True) as conn:
        before = await _managed(conn, found)
        if data.name is not UNSET or data.description is not UNSET:
            name = before.name if data.name is UNSET else words(data.name)
            described = data.description
            description = before.description if described is UNSET else words(described)
            await collections.rename_collection(
                conn, call.actor, found, name=name, description=description
            )
        if data.needs_review is not UNSET:
            await collections.set_review(conn, call.actor, found, data.needs_review)
        if data.instructions is not UNSET:
            await collections.set_instructions(conn, call.actor, found, data.instructions)
    async with as_actor(call.app.pool, call.actor) as conn:
        return collection_item(await collections.get_collection(conn, found))


async def delete_collection(call: CurrentCall, collection_id: FromPath[UUID]) -> None:
    """Deletes a collection without documents (what lies in the trash goes with it)."""
    async with as_actor(call.app.pool, call.actor, write=True) as conn:
        found = await _managed(conn, CollectionId(collection_id))
        orphans = await collections.delete_collection(conn, call.actor, found.id)
    await disposal.remove_originals(call.app.pool, call.app.files, orphans)


async def list_grants(call: CurrentCall, collection_id: FromPath[UUID]) -> GrantPage:
    """Who has the collection, for those who manage it."""
    found = CollectionId(collection_id)
    async with as_actor(call.app.pool, call.actor) as conn:
        await _managed(conn, found)
        given = await grants.list_grants(conn, Target.collection(found))
    return GrantPage([_grant(each) for each in given])


async def set_grant(
    call: CurrentCall, collection_id: FromPath[UUID], data: JSONBody[NewGrant]
) -> GrantPage:
    """Gives a person or group a level, in place of an earlier one; a second time does nothing."""
    found = CollectionId(collection_id)
    target = Target.collection(found)
    async with as_actor(call.app.pool, call.actor, write=True) as conn:
        await _managed(conn, found)
        principal = await principals.principal(conn, words(data.who))
        await grants.set_grant(conn, call.actor, target, principal, data.level, effect=data.effect)
        given = await grants.list_grants(conn, target)
    return GrantPage([_grant(each) for each in given])


async def remove_grant(
    call: CurrentCall, collection_id: FromPath[UUID], grant_id: FromPath[UUID]
) -> None:
    """Takes a grant away."""
    found = CollectionId(collection_id)
    target = Target.collection(found)
    async with as_actor(call.app.pool, call.actor, write=True) as conn:
        await _managed(conn, found)
        for each in await grants.list_grants(conn, target):
            if each.id == grant_id:
                await grants.remove_grant(
                    conn, call.actor, target, each.principal, effect=each.effect
                )
                return
        raise NotFound


async def _managed(conn: Connection, collection_id: CollectionId) -> Collection:
    """The collection. Raises NotFound, or Denied for who does not manage it."""
    found = await collections.get_collection(conn, collection_id)
    if found.level is not Level.MANAGE:
        raise Denied
    return found


def _grant(found: Grant) -> GrantItem:
    principal = found.principal
    return GrantItem(
        found.id, principal.kind, principal.id, found.name, found.level, found.effect,
        found.created_at,
    )  # fmt: skip
