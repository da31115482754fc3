"""What changed in the settings since the last start, told by the entry of the start."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from govbot import __version__
from govbot.audit.book import Connection, record
from govbot.audit.keys import SigningKey

CHANGED: Final = "changed"
DIGEST: Final = "digest:"  # how the kept value of a secret begins


async def record_start(
    conn: Connection, values: Mapping[str, str], secrets: Mapping[str, str], key: SigningKey
) -> None:
    """Write that the service starts, with the settings that are not as they were at the last one.

    `values` and `secrets` are the settings by name, as texts; those at their defaults may be left
    out, except that a switch the database itself asks for must be there. Of secrets only that they
    changed is told, and the database keeps no more than a keyed digest of each.
    """
    digests = {name: DIGEST + key.digest(f"{name}\0{text}") for name, text in secrets.items()}
    now = {**values, **digests}
    cursor = await conn.execute("SELECT name, value FROM settings_seen")
    before = {row["name"]: row["value"] for row in await cursor.fetchall()}
    changes = {
        name: _change(before.get(name), now.get(name))
        for name in sorted({*before, *now})
        if before.get(name) != now.get(name)
    }
    for name in before.keys() - now.keys():
        await conn.execute("DELETE FROM settings_seen WHERE name = %(name)s", {"name": name})
    for name in changes.keys() & now.keys():
        await conn.execute(
            """
            INSERT INTO settings_seen (name, value) VALUES (%(name)s, %(value)s)
            ON CONFLICT (name) DO UPDATE SET value = excluded.value, at = now()
            """,
            {"name": name, "value": now[name]},
        )
    await record(
        conn,
        actor=None,
        action="service.started",
        details={"version": __version__, **({"settings": changes} if changes else {})},
    )


def _change(before: str | None, after: str | None) -> object:
    if any(value is not None and value.startswith(DIGEST) for value in (before, after)):
        return CHANGED
    return {"before": before, "after": after}
