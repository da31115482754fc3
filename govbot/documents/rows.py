"""Rows of documents and versions: the columns that are read, and what becomes of them."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from govbot.documents.types import Document, Review, Secrecy, State, Status, Version

VERSION = """
    SELECT v.id, v.document_id, v.document_key, v.collection_key, v.number, v.sha256, v.size_bytes,
           v.mime, v.state, v.review, v.reviewed_by, v.review_note, v.pages, v.pages_done,
           v.ocr_pages, v.unread_pages, v.attachments, v.chunks, v.error_code, v.error, v.attempts,
           v.created_at,
           v.created_by, v.started_at, v.finished_at
    FROM document_versions v
"""
DOCUMENT = """
    SELECT d.id, d.key, c.id AS collection_id, d.collection_key, c.name AS collection, d.path,
           d.filename, d.title, d.source, d.status, d.secrecy, d.kind,
           d.number AS norm_number, d.year, d.signed_on, d.issuer, d.summary, d.tags,
           d.valid_from, d.valid_to, d.revoked_on, d.revoked_by,
           d.legal_hold, d.folder, d.created_at, d.created_by AS added_by, d.trashed_at,
           (SELECT max(r.number) FROM document_versions r
            WHERE r.document_id = d.id AND r.state = 'ready' AND r.review = 'approved'
              AND d.trashed_at IS NULL) AS served,
           v.id AS v_id, v.number, v.sha256, v.size_bytes, v.mime, v.state, v.review, v.reviewed_by,
           v.review_note, v.pages, v.pages_done, v.ocr_pages, v.unread_pages, v.attachments,
           v.chunks, v.error_code, v.error, v.attempts, v.created_at AS v_created_at,
           v.created_by, v.started_at, v.finished_at
    FROM documents d
    LEFT JOIN collections c ON c.key = d.collection_key
    JOIN LATERAL (
        SELECT n.id, n.number, n.sha256, n.size_bytes, n.mime, n.state, n.review, n.reviewed_by,
               n.review_note, n.pages, n.pages_done, n.ocr_pages, n.unread_pages, n.attachments,
               n.chunks, n.error_code, n.error, n.attempts, n.created_at, n.created_by,
               n.started_at, n.finished_at
        FROM document_versions n
        WHERE n.document_id = d.id
        ORDER BY n.number DESC
        LIMIT 1
    ) v ON true
"""


def version_of(row: dict[str, Any]) -> Version:
    """A row of VERSION."""
    return Version(**{**row, "state": State(row["state"]), "review": Review(row["review"])})


def document_of(row: dict[str, Any]) -> Document:
    """A row of DOCUMENT."""
    version = Version(
        id=row["v_id"],
        document_id=row["id"],
        document_key=row["key"],
        collection_key=row["collection_key"],
        state=State(row["state"]),
        review=Review(row["review"]),
        created_at=row["v_created_at"],
        **{name: row[name] for name in _VERSION_FIELDS},
    )
    return Document(
        collection=row["collection"] or "",
        status=Status(row["status"]),
        secrecy=Secrecy(row["secrecy"]),
        created_by=row["added_by"],
        version=version,
        **{name: row[name] for name in _DOCUMENT_FIELDS},
    )


_OWN_COLUMNS = {
    *("id", "document_id", "document_key", "collection_key", "state", "review", "created_at"),
}
_VERSION_FIELDS = [f.name for f in fields(Version) if f.name not in _OWN_COLUMNS]
_OWN_FIELDS = {"collection", "version", "status", "secrecy", "created_by"}
_DOCUMENT_FIELDS = [f.name for f in fields(Document) if f.name not in _OWN_FIELDS]
