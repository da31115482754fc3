"""The models of the OpenAI-compatible routes: everything that may be read, or one collection."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from litestar.params import PathParameter

from govbot.db.access import as_actor
from govbot.db.pool import Connection
from govbot.documents import collections
from govbot.documents.types import Collection
from govbot.errors import NotFound
from govbot.ids import CollectionId
from govbot.web.api_call import Call, CurrentCall, words
from govbot.web.i18n import _
from govbot.web.openai_types import Model, ModelList

ALL = "govbot"


async def list_models(call: CurrentCall) -> ModelList:
    """What can be asked: `govbot`, and `govbot:<name>` for each collection that may be read."""
    async with as_actor(call.app.pool, call.actor) as conn:
        found = await collections.list_collections(conn)
    return ModelList([Model(ALL, 0), *map(_model, found)])


async def get_model(
    call: CurrentCall, model: Annotated[str, PathParameter(min_length=1, max_length=300)]
) -> Model:
    """One of them."""
    shelf = await chosen(call, model.removeprefix("/"))
    return Model(ALL, 0) if shelf is None else _model(shelf)


async def chosen(call: Call, model: str) -> Collection | None:
    """The collection that a model stands for; None: all that may be read.

    Raises NotFound E-NO-SUCH-MODEL, the same for what is not there and what may not be read.
    """
    kind, colon, name = words(model).partition(":")
    if kind.casefold() == ALL and not colon:
        return None
    if kind.casefold() == ALL:
        async with as_actor(call.app.pool, call.actor) as conn:
            found = await _collection(conn, name.strip())
        if found is not None:
            return found
    raise unknown_model()


def unknown_model() -> NotFound:
    """What a model gets that is not there."""
    return NotFound(
        _("This model does not exist, or is not yours to use."),
        code="E-NO-SUCH-MODEL",
        param="model",
    )


async def _collection(conn: Connection, name: str) -> Collection | None:
    found = await collections.collection_by_name(conn, name)
    if found is None:
        try:
            return await collections.get_collection(conn, CollectionId(UUID(name)))
        except (ValueError, NotFound):
            return None
    return found


def _model(shelf: Collection) -> Model:
    return Model(f"{ALL}:{shelf.name}", int(shelf.created_at.timestamp()))
