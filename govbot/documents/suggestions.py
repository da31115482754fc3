"""What filters of lists of documents can be set to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from govbot.db.access import found
from govbot.db.pool import Connection
from govbot.documents.listing import Filter, values_of
from govbot.documents.listing_sql import MATCHES, WRITES
from govbot.documents.sight import Sight
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
              ORDER BY d.id DESC LIMIT %(sample)s),
        people AS MATERIALIZED (
            SELECT u.id, coalesce(nullif(u.name, ''), u.username) AS name FROM users u
            WHERE u.id IN (SELECT s.created_by FROM sample s WHERE s.writes))
        SELECT ARRAY(SELECT DISTINCT s.kind FROM sample s WHERE s.kind <> '' ORDER BY 1) AS kinds,
               ARRAY(SELECT DISTINCT t.tag FROM sample s, unnest(s.tags) AS t (tag)
                     ORDER BY 1 LIMIT 200) AS tags,
               ARRAY(SELECT p.id FROM people p ORDER BY lower(p.name), p.id) AS senders,
               ARRAY(SELECT p.name FROM people p ORDER BY lower(p.name), p.id) AS names
        """,
        {**values, "sample": SAMPLE},
        prepare=False,
    )
    row = found(await cursor.fetchone())
    senders = [UserId(each) for each in row["senders"]]
    return Suggestions(row["kinds"], row["tags"], list(zip(senders, row["names"], strict=True)))
