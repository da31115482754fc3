"""How far a person sees among the documents, in values that an index can be asked with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from govbot.db.access import found
from govbot.db.pool import Connection


@dataclass(frozen=True, slots=True)
class Sight:
    """How far the actor of a transaction sees, as values that an index can be asked with.

    It repeats what the policies decide and narrows nothing beyond them. `everything`: no help is
    needed; else what they see lies in `shelves` or is one of `singles`. `versions` says which
    version of a document they see: the "newest", the newest "open" to readers (they write none), or
    "mixed". `collections` are the keys of those they see.
    """

    everything: bool
    shelves: Sequence[int]
    singles: Sequence[int]
    versions: str
    collections: Mapping[UUID, int]


async def sight(conn: Connection) -> Sight:
    """How far the actor of the transaction sees."""
    cursor = await conn.execute(
        """
        WITH levels AS MATERIALIZED (SELECT l.key, l.level FROM govbot_collection_levels() l)
        SELECT govbot_is_system() OR govbot_role() = 'admin' AS everything,
               ARRAY(SELECT l.key FROM levels l WHERE l.level >= 1) AS shelves,
               EXISTS (SELECT FROM levels l WHERE l.level = 1) AS reads,
               EXISTS (SELECT FROM levels l WHERE l.level >= 2) AS writes,
               ARRAY(SELECT govbot_documents_from(1)) AS singles,
               ARRAY(SELECT c.id FROM collections c ORDER BY c.key) AS collections,
               ARRAY(SELECT c.key FROM collections c ORDER BY c.key) AS keys,
               EXISTS (SELECT FROM govbot_documents_below(2)) AS refused
        """
    )
    row = found(await cursor.fetchone())
    special = row["singles"] or row["refused"]
    versions = "mixed"
    if row["everything"] or (not special and not row["reads"]):
        versions = "newest"
    elif not special and not row["writes"]:
        versions = "open"
    return Sight(
        everything=bool(row["everything"]),
        shelves=row["shelves"],
        singles=row["singles"],
        versions=versions,
        collections=dict(zip(row["collections"], row["keys"], strict=True)),
    )
