"""Numbers for the home page of administration, each cheap to count."""

from __future__ import annotations

from dataclasses import dataclass

from govbot.db.pool import Connection


@dataclass(frozen=True, slots=True)
class Overview:
    """How much there is of everything. `changed`: settings that differ from the installation's."""

    people: int
    groups: int
    grants: int
    keys: int
    collections: int
    documents: int
    waiting: int
    failed: int
    paused: bool
    folders: int
    folders_failing: bool
    reports: int
    announcements: int
    changed: int
    entries: int


async def look(conn: Connection) -> Overview:
    """What an administrator sees of it."""
    cursor = await conn.execute(
        """
        SELECT (SELECT count(*) FROM users u WHERE u.disabled_at IS NULL) AS people,
               (SELECT count(*) FROM groups) AS groups,
               (SELECT count(*) FROM grants) AS grants,
               (SELECT count(*) FROM api_keys k WHERE k.revoked_at IS NULL
                  AND (k.expires_at IS NULL OR k.expires_at > now())) AS keys,
               (SELECT count(*) FROM collections) AS collections,
               (SELECT count(*) FROM documents d WHERE d.trashed_at IS NULL) AS documents,
               (SELECT count(*) FROM document_versions v
                WHERE v.state IN ('queued', 'extracting', 'embedding')) AS waiting,
               (SELECT count(*) FROM document_versions v JOIN documents d ON d.id = v.document_id
                WHERE v.state = 'failed' AND d.trashed_at IS NULL) AS failed,
               EXISTS (SELECT FROM queue_control q WHERE q.paused_at IS NOT NULL) AS paused,
               (SELECT count(*) FROM watched_folders) AS folders,
               EXISTS (SELECT FROM watched_folders w WHERE w.error_code IS NOT NULL)
                   AS folders_failing,
               (SELECT count(*) FROM answer_reports r WHERE r.state = 'open') AS reports,
               (SELECT count(*) FROM announcements a WHERE a.shown_from <= now()
                  AND (a.shown_until IS NULL OR a.shown_until > now())) AS announcements,
               (SELECT count(*) FROM (
                    SELECT DISTINCT ON (c.key) c.value FROM setting_changes c
                    ORDER BY c.key, c.id DESC) latest
                WHERE latest.value IS NOT NULL) AS changed,
               coalesce((SELECT max(l.seq) FROM audit_log l), 0) AS entries
        """
    )
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - counts always give a row
    return Overview(**row)
