"""Announcements: what people see at the top of the pages for a while, until they put it away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from govbot import audit
from govbot.db.access import Actor, Role, found
from govbot.db.pool import Connection
from govbot.errors import Invalid
from govbot.ids import new_id

SEVERITIES: Final = ("info", "warning", "danger")
MAX_TEXT: Final = 500
MOST: Final = 3  # shown at once


@dataclass(frozen=True, slots=True)
class Announcement:
    """One announcement. `roles` empty: for everybody; `until` None: until somebody ends it."""

    id: UUID
    text_pt: str
    text_en: str
    severity: str
    roles: tuple[str, ...]
    dismissible: bool
    since: datetime
    until: datetime | None
    author: str

    def text(self, language: str) -> str:
        """The text in a language, or else in the other one."""
        first, second = self.text_pt, self.text_en
        if not language.startswith("pt"):
            first, second = second, first
        return first or second

    def state(self, now: datetime) -> str:
        """planned, shown or over."""
        if self.since > now:
            return "planned"
        return "over" if self.until is not None and self.until <= now else "shown"


@dataclass(frozen=True, slots=True)
class Wish:
    """What an announcement shall be."""

    text_pt: str
    text_en: str
    severity: str
    roles: Sequence[str]
    dismissible: bool
    since: datetime
    until: datetime | None


async def current(conn: Connection, actor: Actor) -> list[Announcement]:
    """What the actor shall see now, the most severe first."""
    cursor = await conn.execute(
        """
        SELECT a.id, a.text_pt, a.text_en, a.severity, a.roles, a.dismissible, a.shown_from,
               a.shown_until, '' AS author
        FROM announcements a
        WHERE a.shown_from <= now() AND (a.shown_until IS NULL OR a.shown_until > now())
          AND (a.roles = '{}' OR %(role)s = ANY (a.roles))
          AND NOT (a.dismissible AND EXISTS (
              SELECT FROM announcement_dismissals d
              WHERE d.announcement_id = a.id AND d.user_id = %(user)s))
        ORDER BY array_position(ARRAY['danger', 'warning', 'info'], a.severity), a.shown_from DESC
        LIMIT %(most)s
        """,
        {"role": actor.role.value, "user": actor.id, "most": MOST},
    )
    return [_announcement(row) for row in await cursor.fetchall()]


async def all_of(conn: Connection, *, limit: int = 50) -> list[Announcement]:
    """Every announcement, the latest first; for administrators."""
    cursor = await conn.execute(
        """
        SELECT a.id, a.text_pt, a.text_en, a.severity, a.roles, a.dismissible, a.shown_from,
               a.shown_until, coalesce(u.name, '') AS author
        FROM announcements a
        LEFT JOIN users u ON u.id = a.created_by
        ORDER BY a.shown_from DESC, a.id
        LIMIT %(limit)s
        """,
        {"limit": limit},
    )
    return [_announcement(row) for row in await cursor.fetchall()]


async def get(conn: Connection, announcement_id: UUID) -> Announcement:
    """One announcement; for administrators. Raises NotFound."""
    cursor = await conn.execute(
        """
        SELECT a.id, a.text_pt, a.text_en, a.severity, a.roles, a.dismissible, a.shown_from,
               a.shown_until, '' AS author
        FROM announcements a WHERE a.id = %(id)s
        """,
        {"id": announcement_id},
    )
    return _announcement(found(await cursor.fetchone()))


async def publish(conn: Connection, actor: Actor, wish: Wish) -> UUID:
    """Writes an announcement; its id. Raises Invalid."""
    announcement_id = new_id()
    await conn.execute(
        """
        INSERT INTO announcements (id, text_pt, text_en, severity, roles, dismissible, shown_from,
                                   shown_until, created_by)
        VALUES (%(id)s, %(text_pt)s, %(text_en)s, %(severity)s, %(roles)s::text[], %(dismissible)s,
                %(since)s, %(until)s, %(by)s)
        """,
        {**_checked(wish), "id": announcement_id, "by": actor.id},
    )
    await _record(conn, actor, "announcement.published", announcement_id, wish)
    return announcement_id


async def change(conn: Connection, actor: Actor, announcement_id: UUID, wish: Wish) -> None:
    """Changes an announcement; who put it away does not see it again. Raises Invalid, NotFound."""
    cursor = await conn.execute(
        """
        UPDATE announcements
        SET text_pt = %(text_pt)s, text_en = %(text_en)s, severity = %(severity)s,
            roles = %(roles)s::text[], dismissible = %(dismissible)s, shown_from = %(since)s,
            shown_until = %(until)s
        WHERE id = %(id)s RETURNING id
        """,
        {**_checked(wish), "id": announcement_id},
    )
    found(await cursor.fetchone())
    await _record(conn, actor, "announcement.changed", announcement_id, wish)


async def delete(conn: Connection, actor: Actor, announcement_id: UUID) -> None:
    """Takes an announcement away for good. Raises NotFound."""
    cursor = await conn.execute(
        "DELETE FROM announcements WHERE id = %(id)s RETURNING text_pt, text_en",
        {"id": announcement_id},
    )
    row = found(await cursor.fetchone())
    await audit.record(
        conn,
        actor=actor,
        action="announcement.deleted",
        resource=f"announcement:{announcement_id}",
        details={"text": row["text_pt"] or row["text_en"]},
    )


async def dismiss(conn: Connection, actor: Actor, announcement_id: UUID) -> None:
    """Puts an announcement away for the actor. Raises NotFound for one that they do not see."""
    cursor = await conn.execute(
        "SELECT a.dismissible FROM announcements a WHERE a.id = %(id)s", {"id": announcement_id}
    )
    if not found(await cursor.fetchone())["dismissible"]:
        raise Invalid("This announcement stays until it is over.", code="E-ANNOUNCEMENT")
    await conn.execute(
        """
        INSERT INTO announcement_dismissals (announcement_id, user_id)
        VALUES (%(id)s, %(user)s) ON CONFLICT DO NOTHING
        """,
        {"id": announcement_id, "user": actor.id},
    )


def _checked(wish: Wish) -> dict[str, object]:
    """The values of a wish. Raises Invalid E-ANNOUNCEMENT."""
    texts = (wish.text_pt.strip(), wish.text_en.strip())
    if not any(texts) or any(len(text) > MAX_TEXT for text in texts):
        raise Invalid("Write a text of at most 500 characters.", code="E-ANNOUNCEMENT")
    if wish.severity not in SEVERITIES or not set(wish.roles) <= {role.value for role in Role}:
        raise Invalid("Choose one of the offered values.", code="E-ANNOUNCEMENT")
    if wish.until is not None and wish.until <= wish.since:
        raise Invalid("The end must be after the beginning.", code="E-ANNOUNCEMENT")
    return {
        "text_pt": texts[0],
        "text_en": texts[1],
        "severity": wish.severity,
        "roles": sorted(set(wish.roles)),
        "dismissible": wish.dismissible,
        "since": wish.since,
        "until": wish.until,
    }


async def _record(
    conn: Connection, actor: Actor, action: str, announcement_id: UUID, wish: Wish
) -> None:
    await audit.record(
        conn,
        actor=actor,
        action=action,
        resource=f"announcement:{announcement_id}",
        details={
            "text": wish.text_pt or wish.text_en,
            "severity": wish.severity,
            "roles": sorted(wish.roles),
            "from": wish.since.isoformat(timespec="minutes"),
            "until": wish.until.isoformat(timespec="minutes") if wish.until else "",
        },
    )


def _announcement(row: dict[str, object]) -> Announcement:
    values = dict(row)
    since, until = values.pop("shown_from"), values.pop("shown_until")
    roles: object = values.pop("roles")
    return Announcement(**values, since=since, until=until, roles=tuple(roles))  # type: ignore[arg-type]
