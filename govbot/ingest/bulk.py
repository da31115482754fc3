"""One act on many documents, each decided for itself: rights, legal hold, a name that is taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from govbot.db.access import Actor, as_actor
from govbot.documents import description, secrecy, store
from govbot.documents.rights import document_levels
from govbot.documents.types import Level, Secrecy
from govbot.errors import Conflict, Denied, Invalid, NotFound
from govbot.ids import DocumentId
from govbot.ingest.receive import App, restore, retry

MOST = 500  # documents changed at once


class Act(StrEnum):
    """What can be done to many documents at once."""

    RETRY = "retry"
    TRASH = "trash"
    RESTORE = "restore"
    TAG = "tag"
    UNTAG = "untag"
    SECRECY = "secrecy"


@dataclass(slots=True)
class Result:
    """How many documents an act changed, and why others stayed as they were.

    `same`: there was nothing to change; `denied`: the actor may not; `held`: under legal hold;
    `taken`: another document has the name; `full`: it has as many tags as it may; `gone`: not there
    for the actor (any more).
    """

    done: int = 0
    same: int = 0
    denied: int = 0
    held: int = 0
    taken: int = 0
    full: int = 0
    gone: int = 0


async def act_on(
    app: App,
    actor: Actor,
    act: Act,
    ids: Sequence[DocumentId],
    *,
    tag: str = "",
    secrecy_level: Secrecy | None = None,
) -> Result:
    """Does it to each of the documents, at most MOST, in a transaction of its own each.

    Raises Invalid for too many, for an act without its tag or secrecy, or for a bad tag.
    """
    tag = " ".join(tag.split())
    _check(act, ids, tag, secrecy_level)
    result = Result()
    for document_id in dict.fromkeys(ids):
        try:
            changed = await _one(app, actor, act, document_id, tag, secrecy_level)
        except (NotFound, Denied, Invalid, Conflict) as error:
            field = _field(error)
            setattr(result, field, getattr(result, field) + 1)
        else:
            result.done += changed
            result.same += not changed
    return result


def _check(act: Act, ids: Sequence[DocumentId], tag: str, secrecy_level: Secrecy | None) -> None:
    if len(ids) > MOST:
        raise Invalid("At most %(most)d documents are changed at once.", most=MOST)
    if act in (Act.TAG, Act.UNTAG) and not tag:
        raise Invalid("A tag is missing.", code="E-EMPTY")
    if len(tag) > description.MAX_TAG:
        raise Invalid(
            "The text is longer than %(maximum)d characters.",
            code="E-LONG",
            maximum=description.MAX_TAG,
        )
    if act is Act.SECRECY and secrecy_level is None:
        raise Invalid("The secrecy is missing.", code="E-EMPTY")


def _field(error: NotFound | Denied | Invalid | Conflict) -> str:
    """Where a document that could not be changed is counted."""
    if isinstance(error, Conflict):
        return "held" if error.error_code == "E-LEGAL-HOLD" else "taken"
    if isinstance(error, NotFound):
        return "gone"
    return "denied" if isinstance(error, Denied) else "full"


async def _one(
    app: App,
    actor: Actor,
    act: Act,
    document_id: DocumentId,
    tag: str,
    secrecy_level: Secrecy | None,
) -> bool:
    """Whether something changed. Raises NotFound, Denied or Conflict."""
    if act is Act.RETRY:
        await _require_writer(app, actor, document_id)
        return await retry(app, actor, document_id)
    if act is Act.RESTORE:
        if await _require_writer(app, actor, document_id):
            await restore(app, actor, document_id)
            return True
        return False
    async with as_actor(app.pool, actor, write=True) as conn:
        document = await store.get_document(conn, document_id)
        if act is Act.TRASH:
            await store.trash_document(conn, actor, document_id)
            return document.trashed_at is None
        if act is Act.SECRECY:
            assert secrecy_level is not None  # noqa: S101 - act_on has looked
            await secrecy.set_secrecy(conn, actor, document_id, secrecy_level)
            return document.secrecy is not secrecy_level
        tags = [each for each in document.tags if each != tag]
        if act is Act.TAG:
            tags = document.tags if tag in document.tags else [*document.tags, tag]
        await description.describe(conn, actor, document_id, {"tags": tags})
        return tags != document.tags


async def _require_writer(app: App, actor: Actor, document_id: DocumentId) -> bool:
    """Whether the document is in the trash. Raises NotFound, Denied for who only reads it."""
    async with as_actor(app.pool, actor) as conn:
        document = await store.get_document(conn, document_id)
        level = (await document_levels(conn, [document_id])).get(document_id)
    if level not in (Level.WRITE, Level.MANAGE):
        raise Denied
    return document.trashed_at is not None
