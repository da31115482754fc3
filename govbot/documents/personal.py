"""Where personal data stands in the pages of a version; never its value."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from govbot import audit
from govbot.db.access import Actor
from govbot.db.pool import Connection
from govbot.documents.collections import get_collection
from govbot.documents.rights import manages
from govbot.documents.types import Version
from govbot.errors import Denied
from govbot.ids import CollectionId, VersionId
from govbot.privacy import EVERY_KIND, Finding, Kind, find, mask

# Raise it when the detection gets better: stored pages are looked through again.
LOOK = 1
BATCH = 5000
AROUND = 40  # characters of text shown before and after a masked sample


class PageText(Protocol):
    """A page with its text."""

    @property
    def number(self) -> int: ...
    @property
    def text(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Found:
    """A finding on a page; offsets are in the text of that page."""

    page: int
    finding: Finding


@dataclass(frozen=True, slots=True)
class Sample:
    """A place as the curator sees it: everything personal in `text` is masked."""

    kind: Kind
    page: int
    text: str


@dataclass(frozen=True, slots=True)
class Overview:
    """How much of each kind a version holds, and on which pages; `looked`: it was searched."""

    looked: bool
    counts: dict[Kind, int]
    pages: dict[Kind, list[int]]

    @property
    def total(self) -> int:
        return sum(self.counts.values())


def look(pages: Sequence[PageText]) -> list[Found]:
    """What is personal on these pages. Pure: about 80 µs for each page of a norm."""
    return [Found(page.number, finding) for page in pages for finding in find(page.text)]


async def replace(conn: Connection, version: Version, found: Sequence[Found]) -> None:
    """Stores what was found on the pages of a version, in their transaction, as the system.

    The version itself is not touched: its row must stay free for who cancels the work.
    """
    await conn.execute("DELETE FROM personal_data WHERE version_id = %(id)s", {"id": version.id})
    for start in range(0, len(found), BATCH):
        part = found[start : start + BATCH]
        await conn.execute(
            """
            INSERT INTO personal_data (version_id, document_key, kind, page, start_offset,
                                       end_offset)
            SELECT %(version)s, %(document)s, f.kind, f.page, f.start_offset, f.end_offset
            FROM unnest(%(kinds)s::text[], %(pages)s::int[], %(starts)s::int[], %(ends)s::int[])
                 AS f (kind, page, start_offset, end_offset)
            """,
            {
                "version": version.id,
                "document": version.document_key,
                "kinds": [each.finding.kind.value for each in part],
                "pages": [each.page for each in part],
                "starts": [each.finding.start for each in part],
                "ends": [each.finding.end for each in part],
            },
        )


async def mark_looked(conn: Connection, version_id: VersionId) -> None:
    """Notes that the pages of a version were looked through by today's detection."""
    await conn.execute(
        "UPDATE document_versions SET personal_look = %(look)s WHERE id = %(id)s",
        {"id": version_id, "look": LOOK},
    )


async def not_looked(conn: Connection, limit: int) -> list[VersionId]:
    """Versions whose stored pages were not looked through, or by an earlier detection."""
    cursor = await conn.execute(
        """
        SELECT v.id FROM document_versions v
        WHERE v.personal_look < %(look)s AND v.pages > 0
          AND v.state IN ('ready', 'superseded', 'failed', 'cancelled')
        ORDER BY v.personal_look, v.id
        LIMIT %(limit)s
        """,
        {"look": LOOK, "limit": limit},
    )
    return [VersionId(row["id"]) for row in await cursor.fetchall()]


async def overview(conn: Connection, version_id: VersionId, *, pages: int = 30) -> Overview:
    """What a version holds, as far as the actor may see it; at most `pages` pages of each kind."""
    cursor = await conn.execute(
        """
        SELECT f.kind, count(*) AS n, array_agg(DISTINCT f.page ORDER BY f.page) AS pages
        FROM personal_data f
        WHERE f.version_id = %(id)s
        GROUP BY f.kind
        ORDER BY count(*) DESC, f.kind
        """,
        {"id": version_id},
    )
    rows = await cursor.fetchall()
    cursor = await conn.execute(
        "SELECT personal_look FROM document_versions WHERE id = %(id)s", {"id": version_id}
    )
    row = await cursor.fetchone()
    return Overview(
        looked=bool(row and row["personal_look"]),
        counts={Kind(each["kind"]): int(each["n"]) for each in rows},
        pages={Kind(each["kind"]): list(each["pages"])[:pages] for each in rows},
    )


async def samples(
    conn: Connection, version_id: VersionId, *, offset: int = 0, limit: int = 20
) -> list[Sample]:
    """Places in their order, with the words around them, masked in every kind."""
    cursor = await conn.execute(
        """
        SELECT f.kind, f.page, f.start_offset, f.end_offset, p.text
        FROM personal_data f
        JOIN version_pages p ON p.version_id = f.version_id AND p.number = f.page
        WHERE f.version_id = %(id)s
        ORDER BY f.page, f.start_offset
        OFFSET %(offset)s LIMIT %(limit)s
        """,
        {"id": version_id, "offset": offset, "limit": limit},
    )
    shown = []
    for row in await cursor.fetchall():
        # The whole page is masked before it is cut, so that no half of a value escapes.
        text = mask(row["text"], EVERY_KIND)
        start, end = max(0, row["start_offset"] - AROUND), row["end_offset"] + AROUND
        cut = " ".join(text[start:end].split())
        shown.append(Sample(Kind(row["kind"]), row["page"], cut))
    return shown


async def places(
    conn: Connection, version_id: VersionId, pages: Sequence[int], kinds: Collection[Kind]
) -> dict[int, list[Finding]]:
    """Where data of these kinds stands on these pages, by page."""
    if not kinds:
        return {}
    cursor = await conn.execute(
        """
        SELECT f.page, f.kind, f.start_offset, f.end_offset
        FROM personal_data f
        WHERE f.version_id = %(id)s AND f.page = ANY(%(pages)s::int[])
          AND f.kind = ANY(%(kinds)s::text[])
        ORDER BY f.page, f.start_offset
        """,
        {
            "id": version_id,
            "pages": list(pages),
            "kinds": sorted(kind.value for kind in kinds),
        },
    )
    found: dict[int, list[Finding]] = {}
    for row in await cursor.fetchall():
        finding = Finding(Kind(row["kind"]), row["start_offset"], row["end_offset"])
        found.setdefault(row["page"], []).append(finding)
    return found


async def masked_kinds(
    conn: Connection, document_keys: Sequence[int]
) -> dict[int, frozenset[Kind]]:
    """What is not shown of each of these documents by the settings of their collections."""
    cursor = await conn.execute(
        """
        SELECT k.key, govbot_masked_kinds(ARRAY[k.key]) AS kinds
        FROM unnest(%(keys)s::int[]) AS k (key)
        """,
        {"keys": sorted(set(document_keys))},
    )
    return {row["key"]: frozenset(map(Kind, row["kinds"])) for row in await cursor.fetchall()}


async def masks_of(conn: Connection, collection_id: CollectionId) -> frozenset[Kind]:
    """What a collection hides; nothing when the actor may not see it."""
    cursor = await conn.execute(
        "SELECT mask_personal FROM collections WHERE id = %(id)s", {"id": collection_id}
    )
    row = await cursor.fetchone()
    return frozenset(map(Kind, row["mask_personal"])) if row else frozenset()


async def set_masks(
    conn: Connection, actor: Actor | None, collection_id: CollectionId, kinds: Collection[Kind]
) -> None:
    """Chooses what answers, citations and search results of a collection hide, at once.

    Raises NotFound, or Denied for who does not manage the collection.
    """
    collection = await get_collection(conn, collection_id)
    if not await manages(conn, collection.key):
        raise Denied
    before = await masks_of(conn, collection_id)
    if before == frozenset(kinds):
        return
    await conn.execute(
        "UPDATE collections SET mask_personal = %(kinds)s WHERE id = %(id)s",
        {"id": collection_id, "kinds": sorted(kind.value for kind in kinds)},
    )
    await audit.record(
        conn,
        actor=actor,
        action="collection.masks",
        resource=str(collection_id),
        details={
            "name": collection.name,
            "before": ", ".join(sorted(before)),
            "after": ", ".join(sorted(kinds)),
        },
    )
