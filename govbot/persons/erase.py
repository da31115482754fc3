"""Erasure of a person: the account becomes a number, and what was theirs is deleted.

One transaction: a process that dies in the middle has erased nothing. What names the person stays
in the audit log alone, which nobody can change, and in documents, which are the organisation's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final, LiteralString

from govbot import audit
from govbot.auth import users
from govbot.db.access import Actor, Role, as_system
from govbot.db.pool import Connection, Pool
from govbot.documents.disposal import remove_originals
from govbot.documents.files import FileStore
from govbot.errors import Conflict
from govbot.ids import UserId
from govbot.persons.export import count_conversations, rights_of
from govbot.persons.words import words

# Tables that refer to accounts, and what becomes of the rows: a test compares with the schema.
DELETED: Final[Mapping[str, LiteralString]] = {
    "sessions": "DELETE FROM sessions WHERE user_id = %(id)s",
    "totp": "DELETE FROM totp WHERE user_id = %(id)s",
    "recovery_codes": "DELETE FROM recovery_codes WHERE user_id = %(id)s",
    "api_keys": "DELETE FROM api_keys WHERE user_id = %(id)s",
    "memberships": "DELETE FROM memberships WHERE user_id = %(id)s",
    "grants": "DELETE FROM grants WHERE user_id = %(id)s",
    "share_readers": "DELETE FROM share_readers WHERE user_id = %(id)s",
    "incoming_files": "DELETE FROM incoming_files WHERE user_id = %(id)s",
    "cached_answers": "DELETE FROM cached_answers WHERE user_id = %(id)s",
    "answer_reports": """
        UPDATE answer_reports SET decided_by = NULL WHERE decided_by = %(id)s
    """,
    "announcement_dismissals": "DELETE FROM announcement_dismissals WHERE user_id = %(id)s",
    "announcements": "UPDATE announcements SET created_by = NULL WHERE created_by = %(id)s",
    "setting_changes": "UPDATE setting_changes SET changed_by = NULL WHERE changed_by = %(id)s",
    "model_transfers": "UPDATE model_transfers SET asked_by = NULL WHERE asked_by = %(id)s",
    "gap_topics": "UPDATE gap_topics SET decided_by = NULL WHERE decided_by = %(id)s",
}
# Deleted with the rights of the person, whose alone they are; messages and their ratings go with
# their conversation.
OWN: Final = (
    "conversations", "messages", "answer_ratings", "message_vectors", "pinned_passages",
    "conversation_scope", "conversation_shares", "answers_under_way",
)  # fmt: skip
KEPT: Final[Mapping[str, LiteralString]] = {
    "documents": """
        SELECT count(*) AS n FROM documents
        WHERE conversation_id IS NULL AND (created_by = %(id)s OR trashed_by = %(id)s)
    """,
    "document_versions": """
        SELECT count(*) AS n FROM document_versions
        WHERE collection_key <> 0 AND (created_by = %(id)s OR reviewed_by = %(id)s)
    """,
    "gold_sets": "SELECT count(*) AS n FROM gold_sets WHERE created_by = %(id)s",
    "gold_questions": "SELECT count(*) AS n FROM gold_questions WHERE created_by = %(id)s",
    "eval_runs": """
        SELECT count(*) AS n FROM eval_runs WHERE created_by = %(id)s OR asked_as = %(id)s
    """,
    "eval_acceptances": """
        SELECT count(*) AS n FROM eval_acceptances WHERE accepted_by = %(id)s
    """,
    "audit_log": """
        SELECT count(*) AS n FROM audit_log
        WHERE actor_id = %(id)s OR resource = 'user:' || %(id)s::text
           OR position(%(id)s::text IN details) > 0
    """,
}


@dataclass(frozen=True, slots=True)
class Report:
    """What an erasure removed and what stays, by table with the number of rows.

    `planned`: a rehearsal that changed nothing. `user_id` is the number that is left.
    """

    user_id: UserId
    username: str
    at: datetime
    planned: bool
    removed: Mapping[str, int]
    kept: Mapping[str, int]

    def as_json(self, language: str = "pt-BR") -> dict[str, Any]:
        """The report as plain data, with the reasons for what is kept."""
        fields = asdict(self) | {"user_id": str(self.user_id), "at": self.at.isoformat()}
        return fields | {"reasons": {name: words(language)[_reason(name)] for name in self.kept}}

    def as_text(self, language: str = "pt-BR") -> str:
        """The report to be read and filed."""
        text = words(language)
        lines = [f"{text['report']}: {self.username} ({self.user_id})"]
        lines.append(text["made"].format(moment=self.at.isoformat(timespec="seconds")))
        lines += [text["planned"]] * self.planned
        lines += ["", f"{text['removed']}:"]
        lines += [f"  {number:>6}  {text[name]}" for name, number in self.removed.items()]
        lines += ["", f"{text['kept']}:"]
        for name, number in self.kept.items():
            lines += [f"  {number:>6}  {text[name]}", f"          {text[_reason(name)]}"]
        return "\n".join(lines) + "\n"


class _Rehearsal(Exception):
    def __init__(self, report: Report) -> None:
        self.report = report


async def erase(
    pool: Pool,
    user_id: UserId,
    *,
    by: Actor | None,
    rehearse: bool = False,
    language: str = "pt-BR",
    now: datetime | None = None,
    files: FileStore | None = None,
) -> Report:
    """Erases the person behind an account; `rehearse` does it and takes it back. With `files`, the
    originals that they attached to conversations leave the disk at once, else with the daily sweep.

    Raises NotFound, Conflict E-ERASED for an account erased before, Conflict E-LAST-ADMIN for the
    only administrator who can sign in.
    """
    try:
        async with as_system(pool) as conn:
            originals = await _originals(conn, user_id)
            report = await _erase(conn, user_id, by, rehearse, language, now or datetime.now(UTC))
            if rehearse:
                raise _Rehearsal(report)
    except _Rehearsal as end:
        return end.report
    if files is not None:
        await remove_originals(pool, files, originals)
    return report


async def _erase(
    conn: Connection,
    user_id: UserId,
    by: Actor | None,
    rehearse: bool,
    language: str,
    now: datetime,
) -> Report:
    await _lock(conn, user_id)
    user = await users.get(conn, user_id)
    kept = {name: await _count(conn, query, user_id) for name, query in KEPT.items()}
    removed = {"users": 1, "conversations": await count_conversations(conn, user_id)}
    async with rights_of(conn, user_id):
        await conn.execute("DELETE FROM conversations WHERE user_id = %(id)s", {"id": user_id})
    for name, query in DELETED.items():
        cursor = await conn.execute(query, {"id": user_id})
        removed[name] = cursor.rowcount
    removed["gap_questions"] = await _count(conn, "SELECT govbot_forget_gaps(%(id)s) AS n", user_id)
    removed["queue_control"] = await _forget_names(conn, user_id, user.username)
    await _make_anonymous(conn, user_id, words(language)["erased_name"])
    if not rehearse:
        await audit.record(
            conn,
            actor=by,
            action="person.erased",
            resource=f"user:{user_id}",
            details={"removed": removed, "kept": kept},
        )
    return Report(user_id, user.username, now, rehearse, removed, kept)


async def _originals(conn: Connection, user_id: UserId) -> list[str]:
    """The contents that the person attached to conversations."""
    cursor = await conn.execute(
        """
        SELECT DISTINCT v.sha256
        FROM documents d JOIN document_versions v ON v.document_id = d.id
        WHERE d.conversation_id IS NOT NULL AND d.created_by = %(id)s
        """,
        {"id": user_id},
    )
    return [str(row["sha256"]) for row in await cursor.fetchall()]


async def _lock(conn: Connection, user_id: UserId) -> None:
    """Locks the account and all administrators: two of them cannot erase each other at once."""
    cursor = await conn.execute(
        """
        SELECT u.id, u.role, u.disabled_at, u.erased_at
        FROM users u
        WHERE u.id = %(id)s OR u.role = %(admin)s
        ORDER BY u.id
        FOR UPDATE
        """,
        {"id": user_id, "admin": Role.ADMIN.value},
    )
    rows = await cursor.fetchall()
    own = [row for row in rows if row["id"] == user_id]
    if own and own[0]["erased_at"] is not None:
        raise Conflict("This person was erased already.", code="E-ERASED")
    able = [row for row in rows if row["role"] == Role.ADMIN.value and not row["disabled_at"]]
    if [row["id"] for row in able] == [user_id]:
        raise Conflict(
            "This is the last administrator: make another one first.", code="E-LAST-ADMIN"
        )


async def _forget_names(conn: Connection, user_id: UserId, username: str) -> int:
    """Where a name is written down beside the account."""
    cursor = await conn.execute(
        "UPDATE queue_control SET paused_by = %(anonymous)s WHERE paused_by = %(username)s",
        {"anonymous": _anonymous(user_id), "username": username},
    )
    await conn.execute(
        "DELETE FROM rate_buckets WHERE position(%(id)s::text IN key) > 0", {"id": str(user_id)}
    )
    return cursor.rowcount


async def _make_anonymous(conn: Connection, user_id: UserId, name: str) -> None:
    await conn.execute(
        """
        UPDATE users
        SET username = %(username)s, name = %(name)s, email = '', password_hash = NULL,
            must_change_password = false, role = 'user', clearance = 0, language = '', theme = '',
            source = 'local', external_id = NULL, synced_at = NULL, withdrawn_at = NULL,
            disabled_at = coalesce(disabled_at, now()), erased_at = now()
        WHERE id = %(id)s
        """,
        {"id": user_id, "username": _anonymous(user_id), "name": name},
    )


def _anonymous(user_id: UserId) -> str:
    return f"erased-{user_id.hex}"


async def _count(conn: Connection, query: LiteralString, user_id: UserId) -> int:
    cursor = await conn.execute(query, {"id": user_id})
    row = await cursor.fetchone()
    return int(row["n"]) if row else 0


def _reason(table: str) -> str:
    return "why.audit_log" if table == "audit_log" else "why.documents"
