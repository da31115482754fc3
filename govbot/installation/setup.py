"""The first days of an installation: what has to be there before people can use it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from govbot.config import Settings
from govbot.db.pool import Connection
from govbot.generate.members import ModelState

State = Literal["done", "skipped", "open"]
STEPS: Final = ("organisation", "collection", "documents", "people", "model")
GUIDE: Final = "guide"  # left for later


@dataclass(frozen=True, slots=True)
class Setup:
    """Where each step stands, in order. `fresh`: nothing was begun and the guide was not left."""

    steps: dict[str, State]
    left: bool
    fresh: bool

    @property
    def open(self) -> list[str]:
        """The steps that are neither done nor skipped."""
        return [step for step, state in self.steps.items() if state == "open"]

    @property
    def done(self) -> bool:
        """Whether nothing is left to do."""
        return not self.open


async def is_fresh(conn: Connection) -> bool:
    """Whether an administrator should be led through the steps: no collection, guide not left."""
    cursor = await conn.execute(
        """
        SELECT NOT EXISTS (SELECT FROM collections)
               AND NOT EXISTS (SELECT FROM setup_steps s) AS fresh
        """
    )
    row = await cursor.fetchone()
    return bool(row and row["fresh"])


async def standing(conn: Connection, settings: Settings, models: tuple[ModelState, ...]) -> Setup:
    """Where the steps stand, as an administrator or the system."""
    cursor = await conn.execute(
        """
        SELECT EXISTS (SELECT FROM collections) AS collection,
               EXISTS (SELECT FROM documents) AS documents,
               (SELECT count(*) > 1 FROM (SELECT FROM users u WHERE u.disabled_at IS NULL LIMIT 2)
                AS few) AS people,
               ARRAY(SELECT s.step FROM setup_steps s) AS skipped
        """
    )
    row = await cursor.fetchone() or {}
    done = {
        "organisation": settings.organisation != "GovBot",
        "collection": row["collection"],
        "documents": row["documents"],
        "people": row["people"],
        "model": any(model.kind != "extractive" for model in models),
    }
    skipped = set(row["skipped"])
    steps: dict[str, State] = {
        step: "done" if done[step] else "skipped" if step in skipped else "open" for step in STEPS
    }
    return Setup(steps, GUIDE in skipped, not row["collection"] and not skipped)


async def skip(conn: Connection, step: str) -> None:
    """Leaves a step out (GUIDE: the whole guide, until it is opened again)."""
    await conn.execute(
        "INSERT INTO setup_steps (step) VALUES (%(step)s) ON CONFLICT DO NOTHING", {"step": step}
    )


async def take_up(conn: Connection, step: str) -> None:
    """Puts a step that was left out back on the list."""
    await conn.execute("DELETE FROM setup_steps WHERE step = %(step)s", {"step": step})
