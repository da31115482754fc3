"""What is known about the document beside its page: as much as its reader may know."""

from __future__ import annotations

from typing import Any

from govbot.db.pool import Connection
from govbot.documents import detail, lifecycle, store
from govbot.documents.rights import document_level
from govbot.documents.types import Document, Review, State, Version
from govbot.web import access_words, document_words
from govbot.web.visit import Visit

_READ = (State.READY, State.SUPERSEDED)


async def about(
    conn: Connection, visit: Visit, document: Document, version: Version
) -> dict[str, Any]:
    """For the templates of the viewer; who sent a version only for those who write the document."""
    writes = document_words.writes(await document_level(conn, document))
    versions = [each for each in await store.versions_of(conn, document.id) if each.pages]
    readable = [each for each in versions if writes or each.state in _READ]
    sender = version.created_by if writes else None
    return {
        "name": document.title or document.filename,
        "kind": document_words.norm_name(visit, document),
        "validity": document_words.validity(visit, document),
        "secrecy": access_words.secrecy_name(visit, document.secrecy) if document.secrecy else "",
        "revoked_by": await lifecycle.revoked_by_link(conn, document),
        "revokes": await lifecycle.revokes(conn, document),
        "versions": readable,
        "sent_by": (await detail.names(conn, [sender])).get(sender) if sender else None,
        "writes": writes,
        "asked": document.served is not None and document.trashed_at is None,
        "undecided": version.review is not Review.APPROVED,
    }
