"""What stands around the field for a question: where answers are looked for, attached files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode
from uuid import UUID

from govbot.chat import choice
from govbot.chat.choice import Chosen
from govbot.db.pool import Connection
from govbot.documents import attached
from govbot.documents.attached import Attached
from govbot.ids import ConversationId
from govbot.web.uploads import KINDS
from govbot.web.visit import Visit

FIELDS = {"collection": "colecao", "document": "documento"}


@dataclass(frozen=True, slots=True)
class Chip:
    """Something chosen, and the address that takes it back: a form's for a conversation, a link's
    for one that has not begun."""

    chosen: Chosen
    field: str
    leave: str


@dataclass(frozen=True, slots=True)
class Composer:
    """What the templates of the composer show; `shelves` are the collections to choose from."""

    shelves: Sequence[Chosen]
    chips: Sequence[Chip]
    files: Sequence[Attached]
    most_files: int
    max_mb: int
    pages: int
    kinds: str = KINDS
    draft: str = ""

    @property
    def picked(self) -> frozenset[int]:
        """Keys of the collections chosen."""
        return frozenset(c.chosen.key for c in self.chips if c.chosen.kind == "collection")

    @property
    def reading(self) -> bool:
        """Whether a file is not ready yet."""
        return any(file.under_way for file in self.files)


async def of_conversation(
    visit: Visit, conn: Connection, conversation_id: ConversationId, *, draft: str = ""
) -> Composer:
    """The composer of a conversation of the visitor."""
    base = f"/conversas/{conversation_id}/fontes"
    chips = [
        Chip(each, FIELDS[each.kind], f"{base}/{FIELDS[each.kind]}/{each.key}/retirar")
        for each in await choice.chosen(conn, conversation_id)
    ]
    files = await attached.attached(conn, conversation_id)
    return await _composer(visit, conn, chips, files, draft)


async def of_new(
    visit: Visit, conn: Connection, collections: Iterable[UUID], documents: Iterable[UUID]
) -> Composer:
    """The composer of a conversation that has not begun, with what the address chooses; what the
    visitor may not read is left out as if it were not there."""
    found = await choice.named(conn, list(collections)[: choice.MOST], list(documents)[:20])
    chips = [
        Chip(each, FIELDS[each.kind], _address(other for other in found if other != each))
        for each in found
    ]
    return await _composer(visit, conn, chips, (), "")


async def picked_in_form(visit: Visit, conn: Connection) -> list[Chosen]:
    """What the submitted form chooses, as far as the visitor may read it."""
    fields = await visit.request.form()
    return await choice.named(
        conn,
        _ids(fields.getall(FIELDS["collection"], [])),
        _ids(fields.getall(FIELDS["document"], [])),
    )


async def _composer(
    visit: Visit,
    conn: Connection,
    chips: Sequence[Chip],
    files: Sequence[Attached],
    draft: str,
) -> Composer:
    limits = visit.app.settings.attachments
    return Composer(
        await choice.shelves(conn),
        chips,
        files,
        most_files=limits.files,
        max_mb=min(limits.max_mb, visit.app.settings.web.max_upload_mb),
        pages=limits.pages,
        draft=draft,
    )


def _address(chosen: Iterable[Chosen]) -> str:
    fields = [(FIELDS[each.kind], str(each.id)) for each in chosen]
    return f"/?{urlencode(fields)}" if fields else "/"


def _ids(values: Sequence[object]) -> list[UUID]:
    """The values that are ids; at most as many as may be chosen, and one more to tell so."""
    found: list[UUID] = []
    for value in values[: choice.MOST + 1]:
        try:
            found.append(UUID(str(value)))
        except ValueError:
            continue
    return found
