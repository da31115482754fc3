"""Acts on many documents of a list: those that are ticked, or all that its filters show.

What cannot be taken back by another click is asked about first, on a page or in a dialog.
"""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from litestar import Response

from govbot.db.access import as_actor
from govbot.documents import listing
from govbot.documents.types import Secrecy
from govbot.errors import Invalid
from govbot.ids import DocumentId
from govbot.ingest import bulk
from govbot.ingest.bulk import MOST, Act
from govbot.web import access_words
from govbot.web.bulk_words import ACTS, mark_of
from govbot.web.document_query import Query, query_of
from govbot.web.i18n import _
from govbot.web.visit import CurrentVisit, Visit

AT_ONCE: Final = (Act.RETRY, Act.RESTORE)  # nothing to choose, nothing lost
TAGGING: Final = (Act.TAG, Act.UNTAG)


async def act(visit: CurrentVisit) -> Response[Any]:
    """Asks what is left to say, or does it and goes back to the list with the result."""
    fields = await visit.request.form()
    values = {name: text for name, text in fields.items() if isinstance(text, str)}
    query = query_of(values)
    known = ACTS.get(values.get("acao", ""))
    if known is None:
        raise Invalid(_("Choose what is to be done."), code="E-EMPTY")
    chosen, label = known
    everything = values.get("todos") == "1"
    ids = await _ids(visit, query, [str(each) for each in fields.getall("d", [])], everything)
    if not ids:
        raise Invalid(_("Tick at least one document of the list."), code="E-EMPTY")
    if chosen not in AT_ONCE and values.get("confirmado") != "1":
        return _question(visit, query, chosen, label, ids, values)
    result = await bulk.act_on(
        visit.app, visit.actor, chosen, ids,
        tag=values.get("nova_etiqueta", ""), secrecy_level=_secrecy(values.get("novo_sigilo", "")),
    )  # fmt: skip
    return visit.redirect(query.path(depois=query.after, lote=mark_of(chosen, result)))


async def _ids(visit: Visit, query: Query, ticked: list[str], everything: bool) -> list[DocumentId]:
    """The documents meant; of all that match the first MOST in the order of the list."""
    if everything:
        async with as_actor(visit.app.pool, visit.actor) as conn:
            return await listing.find_ids(conn, query.filter(visit), sort=query.order, limit=MOST)
    try:
        return [DocumentId(UUID(each)) for each in ticked]
    except ValueError as error:
        raise Invalid from error


def _question(
    visit: Visit,
    query: Query,
    chosen: Act,
    label: str,
    ids: list[DocumentId],
    values: dict[str, str],
) -> Response[str]:
    everything = values.get("todos") == "1"
    template = "documents/_bulk.html" if visit.wants_fragment else "documents/bulk.html"
    return visit.page(
        template,
        query=query,
        act=chosen.value,
        word=values["acao"],
        label=visit.translate(label).rstrip("…"),
        number=len(ids),
        cut=everything and len(ids) == MOST,
        everything=everything,
        ids=[] if everything else ids,
        tagging=chosen in TAGGING,
        secrecies=[(int(each), access_words.SECRECY[each]) for each in Secrecy],
        days=visit.app.settings.documents.trash_days,
    )


def _secrecy(text: str) -> Secrecy | None:
    return Secrecy(int(text)) if text in {str(int(each)) for each in Secrecy} else None
