"""Which documents a model may learn from. What it learned, everybody who asks it may be told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, LiteralString

from govbot.db.pool import Connection
from govbot.documents.types import Secrecy
from govbot.errors import NotFound
from govbot.retrieval.masking import masked
from govbot.retrieval.passages import Passage, passage_of

_PASSAGE: Final[LiteralString] = """
    SELECT ch.id AS chunk_id, d.id AS document_id, ch.document_key, ch.version_id,
           c.name AS collection, d.filename, d.title, v.number AS version, ch.page_from, ch.page_to,
           ch.heading, ch.text, ch.start_offset AS start, ch.end_offset AS "end",
           0.0::float8 AS score, 0.0::float8 AS lexical, 0.0::float8 AS dense,
           0.0::float8 AS coverage, ch.ord, d.valid_from, d.valid_to, d.revoked_on
    FROM chunks ch
    JOIN document_versions v ON v.id = ch.version_id
    JOIN documents d ON d.key = ch.document_key
    JOIN collections c ON c.key = d.collection_key
"""


@dataclass(frozen=True, slots=True)
class Reach:
    """The keys of the documents, and what was asked for."""

    documents: frozenset[int]
    collections: tuple[str, ...]
    max_secrecy: Secrecy


async def reach_of(
    conn: Connection, names: Sequence[str] | None, max_secrecy: Secrecy = Secrecy.PUBLIC
) -> Reach:
    """Published documents in force of these collections (None: of all), as secret as told at most.

    Documents with grants of their own are left out: not everybody who reads their collection reads
    them. So is what is in the trash. Raises NotFound for an unknown collection.
    """
    cursor = await conn.execute("SELECT c.key, c.name FROM collections c ORDER BY c.name")
    known = {str(row["name"]): int(row["key"]) for row in await cursor.fetchall()}
    wanted = list(known) if names is None else [" ".join(name.split()) for name in names]
    for name in wanted:
        if name not in known:
            raise NotFound('There is no collection "%(name)s".', name=name)
    cursor = await conn.execute(
        """
        SELECT d.key FROM documents d
        WHERE d.collection_key = ANY (%(collections)s) AND d.secrecy <= %(secrecy)s
          AND d.status = 'published' AND d.trashed_at IS NULL
          AND govbot_in_force(d.valid_from, d.valid_to, d.revoked_on, current_date)
          AND NOT EXISTS (SELECT FROM grants g WHERE g.document_key = d.key)
        """,
        {"collections": [known[name] for name in wanted], "secrecy": int(max_secrecy)},
    )
    keys = frozenset(int(row["key"]) for row in await cursor.fetchall())
    return Reach(keys, tuple(wanted), max_secrecy)


async def passages_in(
    conn: Connection,
    reach: Reach,
    *,
    keys: Sequence[int] = (),
    filenames: Sequence[str] = (),
    pages: Sequence[int] = (),
) -> list[Passage]:
    """The passages of these documents within reach, masked, in their order; on `pages`, if any."""
    cursor = await conn.execute(
        _PASSAGE
        + """
        WHERE d.key = ANY (%(reach)s)
          AND (d.key = ANY (%(keys)s) OR d.filename = ANY (%(names)s))
          AND (cardinality(%(pages)s::int[]) = 0
               OR EXISTS (SELECT FROM unnest(%(pages)s::int[]) AS p (number)
                          WHERE p.number BETWEEN ch.page_from AND ch.page_to))
        ORDER BY ch.document_key, ch.ord
        """,
        {
            "reach": sorted(reach.documents),
            "keys": list(keys),
            "names": list(filenames),
            "pages": list(pages),
        },
    )
    return await masked(conn, [passage_of(row) for row in await cursor.fetchall()])


async def passages_around(
    conn: Connection, reach: Reach, spans: Sequence[dict[str, Any]]
) -> list[Passage | None]:
    """For each span of a version's text the passage within reach that holds it, masked, or None.

    A span has `version_id`, `page_from`, `start_offset`, `page_to` and `end_offset`.
    """
    found: list[Passage | None] = []
    for span in spans:
        cursor = await conn.execute(
            _PASSAGE
            + """
            WHERE d.key = ANY (%(reach)s) AND ch.version_id = %(version_id)s
              AND (ch.page_from, ch.start_offset) <= (%(page_from)s, %(start_offset)s)
              AND (ch.page_to, ch.end_offset) >= (%(page_to)s, %(end_offset)s)
            ORDER BY ch.ord DESC
            LIMIT 1
            """,
            {**span, "reach": sorted(reach.documents)},
        )
        rows = [passage_of(row) for row in await cursor.fetchall()]
        shown = await masked(conn, rows)
        found.append(shown[0] if shown else None)
    return found


async def every_passage(conn: Connection, reach: Reach) -> list[Passage]:
    """All passages within reach, masked, in the order of documents."""
    cursor = await conn.execute(
        _PASSAGE + " WHERE d.key = ANY (%(reach)s) ORDER BY ch.document_key, ch.ord",
        {"reach": sorted(reach.documents)},
    )
    return await masked(conn, [passage_of(row) for row in await cursor.fetchall()])
