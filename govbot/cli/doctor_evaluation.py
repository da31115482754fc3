"""How the gate of changes stands to the settings, as `govbot doctor` tells it; loads no model."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass

from govbot.config import Settings
from govbot.db.access import as_system
from govbot.db.pool import Pool
from govbot.errors import Conflict, NotFound
from govbot.eval import gate
from govbot.eval.fingerprint import fingerprint
from govbot.generate import Generator
from govbot.generate.router import open_pool
from govbot.models.embedder import Embedder, open_embedder
from govbot.models.reranker import Reranker, open_reranker

TOLD = {
    "off": "no set watches changes (evaluation.set)",
    "first": "no configuration was accepted yet: the service measures this one",
    "accepted": "the configuration in the settings is the accepted one",
    "passed": "the configuration in the settings answers as well as the accepted one",
}


@dataclass(frozen=True, slots=True)
class _Parts:
    settings: Settings
    embedder: Embedder | None
    reranker: Reranker | None
    generator: Generator


async def evaluation(pool: Pool, settings: Settings) -> str:
    """How it stands; raises Conflict or NotFound where something should be done."""
    async with AsyncExitStack() as stack:
        embedder, reranker = open_embedder(settings), open_reranker(settings)
        generator = open_pool(settings.generation)
        for part in (embedder, reranker, generator):
            if part is not None:
                stack.push_async_callback(part.aclose)
        parts = _Parts(settings, embedder, reranker, generator)
        async with as_system(pool) as conn:
            found = await gate.standing(conn, settings, await fingerprint(conn, parts))
    if found.state == "no-set":
        raise NotFound(
            'evaluation.set: there is no gold set "%(set)s" with questions.',
            set=settings.evaluation.set,
        )
    if found.state == "unknown" and settings.evaluation.gate == "warn":
        raise Conflict(
            "These settings were not measured yet (changed: %(changed)s): the service does it.",
            code="E-GATE",
            changed=", ".join(found.changed),
        )
    gate.require(settings, found)
    return TOLD[found.state]
