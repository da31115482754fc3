"""Documents and versions as `govbot document` prints them in JSON; the names are stable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from govbot.documents.types import Document, Version


def facts_of(document: Document) -> dict[str, Any]:
    """A document with what is said of its newest version."""
    return {
        "id": document.id,
        "title": document.title,
        "collection": document.collection,
        "path": document.path,
        "status": document.status,
        "secrecy": int(document.secrecy),
        "state": document.version.state,
        "version": document.version.number,
        "review": document.version.review,
        "served": document.served,
        "kind": document.kind,
        "number": document.norm_number,
        "year": document.year,
        "signed_on": document.signed_on,
        "issuer": document.issuer,
        "summary": document.summary,
        "tags": document.tags,
        "valid_from": document.valid_from,
        "valid_to": document.valid_to,
        "revoked_on": document.revoked_on,
        "legal_hold": document.legal_hold,
        "trashed_at": document.trashed_at,
    }


def facts_of_version(version: Version) -> dict[str, Any]:
    """One version."""
    return {
        "id": version.id,
        "number": version.number,
        "state": version.state,
        "review": version.review,
        "review_note": version.review_note,
        "pages": version.pages,
        "sha256": version.sha256,
        "created_at": version.created_at,
        "error_code": version.error_code,
        "error": version.error,
    }
