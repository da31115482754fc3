"""Whatever happens to grants, secrecy and documents, no door gives more or less than the rules."""

from __future__ import annotations

from govbot.db.dsns import Dsns
from govbot.db.pool import open_pool
from tests.access.histories import play
from tests.access.world import World
from tests.ingestion import Parts

HISTORIES, STEPS = 4, 40


async def test_no_door_differs_from_the_rules_in_any_history(parts: Parts, dsns: Dsns) -> None:
    facts = await open_pool(dsns.superuser, size=1, name="facts")
    world = World(parts, facts)
    await play(world, histories=HISTORIES, steps=STEPS)
    await facts.close()
    assert world.steps > HISTORIES * STEPS / 2
