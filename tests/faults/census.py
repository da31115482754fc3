"""What has to be true of an installation after a fault, whatever it was: nothing is lost, nothing
is there twice, nothing is half done."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.rows import dict_row

from govbot.db.access import as_system
from govbot.db.embedded import EmbeddedPostgres
from govbot.db.pool import open_pool
from tests.ingestion import inconsistencies
from tests.system.installation import Installation

Database = psycopg.Connection[dict[str, Any]]


@dataclass
class Ledger:
    """What the service has said yes to. Threads write into it; each key is written once."""

    files: dict[str, str] = field(default_factory=dict)  # SHA-256 to the name it was sent under
    conversations: dict[str, str] = field(default_factory=dict)  # path to the question


@contextmanager
def looking(house: Installation) -> Iterator[Database]:
    """The database as its superuser sees it, beside the service."""
    with (
        EmbeddedPostgres(house.data) as server,
        psycopg.connect(server.dsns().superuser, row_factory=dict_row, autocommit=True) as conn,
    ):
        yield conn


def settle(house: Installation, within_s: float = 1200) -> float:
    """Seconds until every document and every job had come to its end."""
    began = time.monotonic()
    with looking(house) as conn:
        while left := _under_way(conn):
            assert time.monotonic() - began < within_s, f"{left} never came to their end"
            time.sleep(0.3)
    return time.monotonic() - began


def _under_way(conn: Database) -> int:
    row = conn.execute(
        "SELECT (SELECT count(*) FROM document_versions"
        "        WHERE state IN ('queued', 'extracting', 'embedding'))"
        "     + (SELECT count(*) FROM procrastinate_jobs) AS n"
    ).fetchone()
    return int(row["n"]) if row else 0


def assert_nothing_lost(house: Installation, ledger: Ledger) -> None:
    """Against the ledger and against itself; all documents have come to their end."""
    with looking(house) as conn:
        _files(conn, house, ledger.files)
        _audited(conn, ledger.files)
        _conversations(conn, ledger.conversations)
        left = conn.execute("SELECT id, status FROM procrastinate_jobs").fetchall()
        assert left == [], left
    assert asyncio.run(_recounted(house)) == []
    house.ok("audit", "verify")


def _files(conn: Database, house: Installation, files: Mapping[str, str]) -> None:
    """Each accepted file is one version, ready, with its original and its passages."""
    rows = conn.execute(
        """
        SELECT v.sha256, v.state, v.error_code, v.chunks, d.filename
        FROM document_versions v JOIN documents d ON d.key = v.document_key
        """
    ).fetchall()
    found = sorted(row["sha256"] for row in rows if row["sha256"] in files)
    assert found == sorted(files), "accepted files are missing, or there twice"
    bad = [row for row in rows if row["state"] != "ready" or not row["chunks"]]
    assert bad == [], bad
    store = house.data / "files"
    for sha256 in files:
        path = store / sha256[:2] / sha256[2:4] / sha256
        assert hashlib.sha256(path.read_bytes()).hexdigest() == sha256, sha256
    known = {row["sha256"] for row in rows}
    there = {path.name for path in store.glob("??/??/*")}
    # What was sent and never answered may lie there until the daily sweep; nothing is missing.
    assert known <= there


def _audited(conn: Database, files: Mapping[str, str]) -> None:
    """Each accepted file is in the audit log, once."""
    rows = conn.execute(
        "SELECT details::jsonb ->> 'sha256' AS sha256, count(*) AS n FROM audit_log"
        " WHERE action = 'document.uploaded' GROUP BY 1"
    ).fetchall()
    entries = {row["sha256"]: row["n"] for row in rows}
    assert {sha256: entries.get(sha256, 0) for sha256 in files} == dict.fromkeys(files, 1)


def _conversations(conn: Database, paths: Mapping[str, str]) -> None:
    """Each accepted question is there once, with an answer that is done."""
    for path, question in paths.items():
        rows = conn.execute(
            """
            SELECT q.content,
                   (SELECT array_agg(a.state ORDER BY a.created_at)
                    FROM messages a WHERE a.reply_to = q.id) AS answers
            FROM messages q
            WHERE q.conversation_id = %(id)s AND q.role = 'user'
            """,
            {"id": path.rsplit("/", 1)[1]},
        ).fetchall()
        assert [row["content"] for row in rows] == [question], (path, rows)
        assert rows[0]["answers"][-1] == "done", (path, rows)
        assert "running" not in rows[0]["answers"], (path, rows)


async def _recounted(house: Installation) -> list[str]:
    with EmbeddedPostgres(house.data) as server:
        pool = await open_pool(server.dsns().app, size=2, name="census")
        try:
            async with as_system(pool) as conn:
                return await inconsistencies(conn)
        finally:
            await pool.close()
