"""Everything that is kept about one account, as data and as a page to read."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import Any, Final, LiteralString

from govbot import audit
from govbot.chat import pins, store
from govbot.chat.support import told
from govbot.db.access import Actor
from govbot.db.pool import Connection
from govbot.errors import NotFound
from govbot.feedback import ratings
from govbot.feedback.ratings import Rating
from govbot.ids import ConversationId, MessageId, UserId
from govbot.persons.words import words

# What each part is read with, as the system. Hashes, seeds and tokens are no answer to anybody.
PARTS: Final[Mapping[str, LiteralString]] = {
    "account": """
        SELECT u.id, u.username, u.name, u.email, u.role, u.source, u.external_id, u.clearance,
               u.language, u.theme, u.created_at, u.synced_at, u.disabled_at
        FROM users u WHERE u.id = %(id)s
    """,
    "groups": """
        SELECT g.name, m.source, m.created_at
        FROM memberships m JOIN groups g ON g.id = m.group_id
        WHERE m.user_id = %(id)s ORDER BY g.name
    """,
    "grants": """
        SELECT c.name AS collection, d.filename AS document, g.level, g.effect, g.created_at
        FROM grants g
        LEFT JOIN collections c ON c.key = g.collection_key
        LEFT JOIN documents d ON d.key = g.document_key
        WHERE g.user_id = %(id)s ORDER BY g.created_at, g.id
    """,
    "sessions": """
        SELECT s.method, s.factor, s.ip, s.user_agent, s.created_at, s.last_seen_at, s.expires_at
        FROM sessions s WHERE s.user_id = %(id)s ORDER BY s.created_at
    """,
    "second_factor": """
        SELECT t.created_at, t.confirmed_at,
               (SELECT count(*) FROM recovery_codes r
                WHERE r.user_id = t.user_id AND r.used_at IS NULL) AS recovery_codes_left
        FROM totp t WHERE t.user_id = %(id)s
    """,
    "api_keys": """
        SELECT k.name, k.handle, k.scopes, k.created_at, k.expires_at, k.revoked_at,
               k.last_used_at, k.last_used_ip
        FROM api_keys k WHERE k.user_id = %(id)s ORDER BY k.created_at
    """,
    "uploads": """
        SELECT d.filename, c.name AS collection, v.number AS version, v.created_at, d.trashed_at
        FROM document_versions v
        JOIN documents d ON d.id = v.document_id
        JOIN collections c ON c.key = d.collection_key
        WHERE v.created_by = %(id)s OR (d.created_by = %(id)s AND v.number = 1)
        ORDER BY v.created_at, v.id
    """,
    "reviews": """
        SELECT d.filename, v.number AS version, v.review, v.review_note, v.reviewed_at
        FROM document_versions v JOIN documents d ON d.id = v.document_id
        WHERE v.reviewed_by = %(id)s ORDER BY v.reviewed_at, v.id
    """,
    # Who else acted on the account is somebody else's data.
    "audit": """
        SELECT a.seq, a.at, a.action, a.resource, a.details,
               CASE WHEN a.actor_id = %(id)s THEN a.ip ELSE '' END AS ip,
               a.actor_id IS NOT DISTINCT FROM %(id)s::uuid AS own_act
        FROM audit_log a
        WHERE a.actor_id = %(id)s OR a.resource = 'user:' || %(id)s::text
           OR position(%(id)s::text IN a.details) > 0
        ORDER BY a.seq
    """,
}
ORDER: Final = (
    "account", "groups", "grants", "sessions", "second_factor", "api_keys", "conversations",
    "uploads", "reviews", "audit", "notes",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Dossier:
    """What is kept about an account, by part; values are plain JSON."""

    name: str
    username: str
    parts: Mapping[str, Sequence[Mapping[str, Any]]]
    made_at: datetime


async def collect(
    conn: Connection,
    user_id: UserId,
    *,
    by: Actor | None,
    conversations: bool = True,
    language: str = "pt-BR",
    now: datetime | None = None,
) -> Dossier:
    """Reads everything about an account, as the system, and writes down that it was handed over.

    Without `conversations` only their number is told: an administrator reads nobody's. Answers
    show as far as the person may still read the documents they were made from. Raises NotFound.
    """
    parts: dict[str, Sequence[Mapping[str, Any]]] = {}
    for name, query in PARTS.items():
        cursor = await conn.execute(query, {"id": user_id})
        parts[name] = [_plain(row) for row in await cursor.fetchall()]
    if not parts["account"]:
        raise NotFound
    text = words(language)
    notes = [text["note.documents"]]
    if conversations:
        parts["conversations"] = await _conversations(conn, user_id)
        notes.insert(0, text["note.hidden"])
    else:
        count = await count_conversations(conn, user_id)
        notes.insert(0, text["note.left_out"].format(count=count))
    parts["notes"] = [{"note": note} for note in notes]
    account = parts["account"][0]
    await audit.record(
        conn,
        actor=by,
        action="person.exported",
        resource=f"user:{user_id}",
        details={"username": account["username"], "conversations": conversations},
    )
    return Dossier(account["name"], account["username"], parts, now or datetime.now(UTC))


def archive(dossier: Dossier, *, language: str = "pt-BR") -> bytes:
    """A ZIP of one JSON file for each part and a page that shows them all."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("index.html", page(dossier, language=language))
        for name in ORDER:
            rows = dossier.parts.get(name, [])
            file.writestr(f"{name}.json", json.dumps(rows, ensure_ascii=False, indent=2) + "\n")
    return packed.getvalue()


def page(dossier: Dossier, *, language: str = "pt-BR") -> str:
    """The export as one HTML page without script, style or links."""
    text = words(language)
    title = escape(text["export"].format(name=dossier.name))
    made = escape(text["made"].format(moment=dossier.made_at.isoformat(timespec="seconds")))
    sections = "\n".join(
        f"<h2>{escape(text[name])}</h2>\n{_rows(dossier.parts.get(name, []), text['empty'])}"
        for name in ORDER
    )
    lang = "en" if language.lower().startswith("en") else "pt-BR"
    return (
        f'<!doctype html>\n<html lang="{lang}">\n<meta charset="utf-8">\n<title>{title}</title>\n'
        f"<h1>{title}</h1>\n<p>{made}</p>\n{sections}\n</html>\n"
    )


async def count_conversations(conn: Connection, user_id: UserId) -> int:
    """How many conversations an account has."""
    cursor = await conn.execute(
        "SELECT govbot_count_conversations(%(id)s) AS count", {"id": user_id}
    )
    row = await cursor.fetchone()
    return int(row["count"]) if row else 0


@asynccontextmanager
async def rights_of(conn: Connection, user_id: UserId) -> AsyncIterator[None]:
    """The block runs with the rights of an account inside a transaction of the system.

    Conversations belong to their owner alone; even the service has no other way to them.
    """
    await conn.execute("SELECT set_config('govbot.actor', %(id)s, true)", {"id": str(user_id)})
    yield
    await conn.execute("SELECT set_config('govbot.actor', 'system', true)")


async def _conversations(conn: Connection, user_id: UserId) -> list[Mapping[str, Any]]:
    async with rights_of(conn, user_id):
        cursor = await conn.execute(
            "SELECT id, title, created_at, updated_at FROM conversations ORDER BY created_at, id"
        )
        found: list[Mapping[str, Any]] = []
        for row in await cursor.fetchall():
            turns = await store.turns(conn, ConversationId(row["id"]), every=True)
            rated = await ratings.of_messages(
                conn, [answer.id for turn in turns for answer in turn.answers]
            )
            pinned = [_pinned(each) for each in await pins.pins(conn, ConversationId(row["id"]))]
            said = [_turn(turn, rated) for turn in turns]
            found.append({**_plain(row), "turns": said, "pinned": pinned})
    return found


def _pinned(pin: pins.Pin) -> dict[str, Any]:
    document = pin.passage.title or pin.passage.filename if pin.passage else None
    return {"document": document, "page": pin.page}


def _turn(turn: store.Turn, rated: Mapping[MessageId, Rating]) -> dict[str, Any]:
    return {
        "asked_at": turn.question.created_at.isoformat(),
        "question": turn.question.content,
        "answers": [
            {
                "answer": answer.content,
                "state": answer.state,
                **_rating(rated.get(answer.id)),
                "citations": [
                    {
                        "number": citation.number,
                        "document": citation.title or citation.filename,
                        "version": citation.version,
                        "page": citation.page_from,
                        "quote": citation.quote,
                    }
                    for citation in answer.citations
                ],
                "support": told(answer.content, answer.support),
            }
            for answer in turn.answers
            if not answer.hidden
        ],
    }


def _rating(rating: Rating | None) -> dict[str, Any]:
    if rating is None:
        return {}
    return {
        "rating": rating.value,
        "reason": rating.reason.value if rating.reason else None,
        "comment": rating.comment,
    }


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row without anything that JSON does not know."""
    return {
        name: value
        if value is None or isinstance(value, bool | int | float | str | list)
        else value.isoformat()
        if isinstance(value, datetime)
        else str(value)
        for name, value in row.items()
    }


def _rows(rows: Sequence[Mapping[str, Any]], empty: str) -> str:
    return "\n".join(_value(row) for row in rows) or f"<p>{escape(empty)}</p>"


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        shown = (
            f"<dt>{escape(str(name))}</dt><dd>{_value(each)}</dd>" for name, each in value.items()
        )
        return f"<dl>{''.join(shown)}</dl>"
    if isinstance(value, list):
        return f"<ul>{''.join(f'<li>{_value(each)}</li>' for each in value)}</ul>"
    return "—" if value is None else escape(str(value)).replace("\n", "<br>")
