"""What filters of lists of documents can be set to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from govbot.db.access import found
from govbot.db.pool import Connection
from govbot.documents.listing import Filter, Sight, values_of
from govbot.documents.listing_sql import MATCHES, WRITES
from govbot.ids import CollectionId, UserId

SAMPLE: Final = 400  # the newest documents, among which suggestions are looked for


@dataclass(frozen=True, slots=True)
class Suggestions:
    """Values that filters can take, found among the newest documents."""

    kinds: Sequence[str]
    tags: Sequence[str]
    senders: Sequence[tuple[UserId, str]]


async def suggestions(
    conn: Connection, collection_id: CollectionId | None = None, *, seen: Sight | None = None
) -> Suggestions:
    """Kinds, tags and senders of the newest documents within reach, each by alphabet.

    Senders are those of documents that the actor may write.
    """
    values = await values_of(conn, Filter(collection=collection_id), seen)
    if values is None:
        return Suggestions((), (), ())
    cursor = await conn.execute(
        "WITH sample AS MATERIALIZED (SELECT d.kind, d.tags, d.created_by, "  # noqa: S608 - constants
        + WRITES
        + " AS writes FROM document_listings d WHERE "
        + MATCHES
        + """
              ORDER BY d.id DESC LIMIT %(sample)s)
        SELECT ARRAY(SELECT DISTINCT s.kind FROM sample s WHERE s.kind <> '' ORDER BY 1) AS kinds,
               ARRAY(SELECT DISTINCT t.tag FROM sample s, unnest(s.tags) AS t (tag)
                     ORDER BY 1 LIMIT 200) AS tags,
               ARRAY(SELECT DISTINCT s.created_by FROM sample s
                     WHERE s.writes AND s.created_by IS NOT NULL) AS senders
        """,
        {**values, "sample": SAMPLE},
        prepare=False,
    )
    row = found(await cursor.fetchone())
    return Suggestions(row["kinds"], row["tags"], await _named(conn, row["senders"]))


async def _named(conn: Connection, people: Sequence[UserId]) -> list[tuple[UserId, str]]:
    cursor = await conn.execute(
        """
        SELECT u.id, coalesce(nullif(u.name, ''), u.username) AS name FROM users u
        WHERE u.id = ANY(%(ids)s::uuid[])
        ORDER BY lower(coalesce(nullif(u.name, ''), u.username)), u.id
        """,
        {"ids": list(people)},
    )
    return [(UserId(row["id"]), str(row["name"])) for row in await cursor.fetchall()]
