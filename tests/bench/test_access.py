"""Random histories of access against the reference model; `make bench-access` plays 20 000 steps.

GOVBOT_BENCH_STEPS asks for another number.
"""

from __future__ import annotations

import os
import time

from govbot.db.dsns import Dsns
from govbot.db.pool import open_pool
from tests.access.histories import play
from tests.access.world import World
from tests.ingestion import Parts

STEPS = int(os.environ.get("GOVBOT_BENCH_STEPS", "20000"))
LENGTH = 50  # steps of a history


async def test_no_door_differs_from_the_rules_in_20_000_steps(parts: Parts, dsns: Dsns) -> None:
    facts = await open_pool(dsns.superuser, size=1, name="facts")
    world = World(parts, facts)
    started = time.perf_counter()
    while world.steps < STEPS:
        left = max(1, (STEPS - world.steps) // LENGTH)
        await play(world, histories=min(left, 40), steps=LENGTH)
        seconds = time.perf_counter() - started
        print(f"{world.steps} steps, {world.compared} comparisons, {seconds:.0f} s", flush=True)
    await facts.close()
    done = ", ".join(f"{name} {count}" for name, count in sorted(world.outcomes.items()))
    print(f"0 differences; acts: {done}")
    assert world.steps >= STEPS
