"""How the stored vectors stand to the embedder, as `govbot doctor` and the system's page tell."""

from __future__ import annotations

from collections.abc import Callable

from govbot.config import Settings
from govbot.db.access import as_system
from govbot.db.pool import Pool
from govbot.errors import Conflict, GovBotError
from govbot.ingest.vector_index import standing
from govbot.models.embedder import open_embedder

Identity = tuple[str, str] | None  # name and fingerprint


async def vectors(
    pool: Pool, settings: Settings, running: Callable[[], Identity] | None = None
) -> str:
    """How many there are and by which model; raises Conflict where something should be done.

    `running` tells which embedder is open; without it the configured one is opened for a moment.
    Another model than the configured one: no document can be taken in, see ensure_model.
    """
    async with as_system(pool) as conn:
        cursor = await conn.execute(
            """
            SELECT c.n AS chunks, m.name, m.fingerprint,
                   (SELECT count(*) FROM chunk_vectors v WHERE v.model_id = m.id) AS n
            FROM (SELECT count(*) AS n FROM chunks) c
            LEFT JOIN embedding_models m ON m.state = 'active'
            """
        )
        row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - a count always gives a row
    try:
        wanted = await _identity(settings) if running is None else running()
    except GovBotError:  # what is wrong with the embedder is told below
        return f"{row['n']} by {row['name']}" if row["name"] else "none yet"
    if row["name"] is None and (wanted is None or not row["chunks"]):
        return "none yet" if wanted else "none: words search alone"
    if row["name"] is not None and wanted != (row["name"], row["fingerprint"]):
        raise Conflict(
            "They were made with %(active)s and the settings name %(wanted)s: run "
            "`govbot reindex`, or set embedder.model back.",
            active=row["name"],
            wanted=wanted[0] if wanted else "none",
        )
    if row["n"] < row["chunks"]:
        raise Conflict(
            "%(missing)s passages have no vector, as they came in without an embedder: run "
            "`govbot reindex`.",
            missing=row["chunks"] - row["n"],
        )
    return f"{row['n']} by {row['name']}; {await _vector_index(pool, settings, row['n'])}"


async def _identity(settings: Settings) -> Identity:
    """Name and fingerprint of the configured embedder."""
    embedder = open_embedder(settings)
    if embedder is None:
        return None
    await embedder.aclose()
    return embedder.name, embedder.fingerprint


async def _vector_index(pool: Pool, settings: Settings, vectors: int) -> str:
    """Where the index of vectors stands."""
    async with as_system(pool) as conn:
        found = await standing(conn)
    if found is None and vectors < settings.retrieval.index_from:
        return f"no index is needed below {settings.retrieval.index_from}"
    if found is None:
        return "no index yet: `govbot serve` makes it"
    if found.complete:
        return f"index of {found.megabytes} MB"
    if found.share is None:
        return "index incomplete: `govbot serve` makes it again"
    return f"index being made: {found.phase}, {found.share:.0%}"
