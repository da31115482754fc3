"""Settings that change while the service runs: each change stays, the latest of a key counts."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from govbot import audit, logs
from govbot.config import Settings
from govbot.config.changeable import KEYS, current, fixed_by, lay, lay_stored
from govbot.config.load import value_of
from govbot.db.access import OPERATOR, Actor, as_actor, as_system
from govbot.db.pool import Connection, Pool
from govbot.errors import Conflict, GovBotError, NotFound

log = logging.getLogger(__name__)

LOOK_S: Final = 2.0  # how long other nodes may know of a change no more than before
_LOCK: Final = 7_032_001  # changes come one after the other


class Holder(Protocol):
    """Who holds the settings: code reads them from here at each use."""

    settings: Settings

    @property
    def pool(self) -> Pool: ...


@dataclass(frozen=True, slots=True)
class Change:
    """One change. `value` None: back to what holds without changes. `by` empty: erased, or the
    operator."""

    id: int
    key: str
    value: Any
    before: Any
    by: str
    at: datetime


async def fill(settings: Settings, pool: Pool) -> Settings:
    """The settings with the changes that are stored."""
    async with as_system(pool) as conn:
        return lay_stored(settings, await _stored(conn))


async def follow(holder: Holder, *, every_s: float = LOOK_S) -> None:
    """Takes up what other nodes change, for as long as the service runs."""
    seen = -1
    while True:
        try:
            seen = await refresh(holder, seen)
        except GovBotError as error:
            log.debug("Settings are looked at later: %s", error)
        await asyncio.sleep(every_s)


async def refresh(holder: Holder, seen: int) -> int:
    """Reads the changes anew where there are others than up to number `seen`; the newest number."""
    async with as_system(holder.pool) as conn:
        cursor = await conn.execute("SELECT coalesce(max(id), 0) AS newest FROM setting_changes")
        row = await cursor.fetchone()
        newest = int(row["newest"]) if row else 0
        if newest == seen:
            return seen
        stored = await _stored(conn)
    holder.settings = lay_stored(holder.settings, stored)
    logs.adjust(holder.settings)
    return newest


async def change(holder: Holder, actor: Actor, wishes: Mapping[str, object]) -> list[str]:
    """Sets settings to values or texts (None: as without changes); the keys that changed.

    All of them or none. Raises NotFound for what cannot change while the service runs, Conflict for
    what file or environment hold, BadConfig for a value that is not allowed.
    """
    for key in wishes:
        _require_free(holder.settings, key)
    async with as_actor(holder.pool, actor, write=True) as conn:
        await conn.execute("SELECT pg_advisory_xact_lock(%(lock)s)", {"lock": _LOCK})
        stored = await _stored(conn)
        before = lay_stored(holder.settings, stored)
        for key, given in wishes.items():
            stored.pop(key, None)
            value = None if given is None else value_of(key, given, key)
            if value is not None and value != current(holder.settings.base, key):
                stored[key] = value
        after = lay(holder.settings, _allowed(holder.settings, stored, wishes))
        changed = [key for key in wishes if current(before, key) != current(after, key)]
        for key in changed:
            await _write(conn, actor, key, stored.get(key), before, after)
    holder.settings = after
    return changed


async def undo(holder: Holder, actor: Actor, change_id: int) -> str:
    """Gives a setting the value that it had before a change; its key. Raises NotFound."""
    async with as_actor(holder.pool, actor) as conn:
        cursor = await conn.execute(
            "SELECT c.key, c.before FROM setting_changes c WHERE c.id = %(id)s", {"id": change_id}
        )
        row = await cursor.fetchone()
    if row is None:
        raise NotFound
    key = str(row["key"])
    _require_free(holder.settings, key)
    initial = current(holder.settings.base, key)
    await change(holder, actor, {key: None if row["before"] == initial else row["before"]})
    return key


async def history(
    conn: Connection, *, key: str = "", before: int | None = None, limit: int = 50
) -> list[Change]:
    """The newest changes first; `before` is the number to go on from."""
    cursor = await conn.execute(
        """
        SELECT c.id, c.key, c.value, c.before, coalesce(u.name, '') AS by, c.changed_at AS at
        FROM setting_changes c
        LEFT JOIN users u ON u.id = c.changed_by
        WHERE (%(key)s = '' OR c.key = %(key)s)
          AND (%(before)s::bigint IS NULL OR c.id < %(before)s::bigint)
        ORDER BY c.id DESC
        LIMIT %(limit)s
        """,
        {"key": key, "before": before, "limit": limit},
    )
    return [Change(**row) for row in await cursor.fetchall()]


def _require_free(settings: Settings, key: str) -> None:
    if key not in KEYS:
        raise NotFound
    if place := fixed_by(settings, key):
        raise Conflict(
            "%(key)s is set by %(place)s: change it there.",
            code="E-SETTING-FIXED",
            key=key,
            place=place,
        )


def _allowed(
    settings: Settings, stored: Mapping[str, object], wishes: Mapping[str, object]
) -> dict[str, object]:
    """What is stored, without what fails by itself since an upgrade; wishes must not fail."""
    laid = lay_stored(settings, {k: v for k, v in stored.items() if k not in wishes})
    kept = {key: value for key, value in stored.items() if laid.origin(key) != "default"}
    return kept | {key: stored[key] for key in wishes if key in stored}


async def _stored(conn: Connection) -> dict[str, object]:
    """The latest value of each key that was changed, as system or administrator."""
    cursor = await conn.execute(
        "SELECT DISTINCT ON (c.key) c.key, c.value FROM setting_changes c ORDER BY c.key, c.id DESC"
    )
    rows = await cursor.fetchall()
    return {row["key"]: row["value"] for row in rows if row["value"] is not None}


async def _write(
    conn: Connection,
    actor: Actor,
    key: str,
    value: object,
    before: Settings,
    after: Settings,
) -> None:
    was, now = current(before, key), current(after, key)
    is_set = after.origin(key) != "default"
    await conn.execute(
        """
        INSERT INTO setting_changes (key, value, before, changed_by)
        VALUES (%(key)s, %(value)s::jsonb, %(before)s::jsonb, %(by)s)
        """,
        {
            "key": key,
            "value": json.dumps(now) if is_set else None,
            "before": json.dumps(was),
            "by": None if actor is OPERATOR else actor.id,
        },
    )
    await audit.record(
        conn,
        actor=actor,
        action="setting.changed",
        resource=f"setting:{key}",
        details={"setting": key, "before": was, "after": now},
    )
