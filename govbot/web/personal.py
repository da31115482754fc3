"""Personal data of a document in words: the kinds, and what its page shows of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from govbot.db.pool import Connection
from govbot.documents import personal, store
from govbot.documents.types import Document, Secrecy, Version
from govbot.privacy import Kind
from govbot.web.i18n import _
from govbot.web.visit import Visit

if TYPE_CHECKING:
    from govbot.web.document import Held

KINDS: dict[Kind, str] = {
    Kind.CPF: _("CPF"),
    Kind.RG: _("RG (identity card)"),
    Kind.PIS: _("PIS, PASEP, NIT or NIS"),
    Kind.VOTER: _("Voter registration"),
    Kind.EMAIL: _("E-mail address"),
    Kind.PHONE: _("Telephone number"),
    Kind.CARD: _("Payment card"),
    Kind.CNPJ: _("CNPJ (organisations)"),
}
# Addresses and telephones of an office stand in most public documents: alone they say little.
_TELLING = frozenset(Kind) - {Kind.EMAIL, Kind.PHONE, Kind.CNPJ}


async def block(visit: Visit, conn: Connection, held: Held) -> dict[str, Any]:
    """What the page of a document shows of it, to those who write in its collection."""
    if not held.writes:
        return {"personal": None}
    version = await read_version(conn, held.document)
    overview = await personal.overview(conn, version.id, pages=8)
    return {
        "personal": overview,
        "personal_version": version,
        "personal_kind": lambda kind: visit.translate(KINDS[kind]),
        "personal_advised": advised(held, overview),
    }


def advised(held: Held, overview: personal.Overview) -> bool:
    """Whether to propose a higher secrecy: what identifies people stands in a public document."""
    return (
        held.manages
        and held.document.secrecy == Secrecy.PUBLIC
        and any(kind in _TELLING for kind in overview.counts)
    )


async def read_version(conn: Connection, document: Document) -> Version:
    """The newest version whose text is stored, else the newest."""
    versions = await store.versions_of(conn, document.id)
    return next((each for each in versions if each.pages), document.version)
