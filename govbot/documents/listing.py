"""Lists of documents: filtered, sorted, paged and counted without looking at every document.

What is filtered and sorted by stands in `document_listings` (triggers of migration 0031), the
policies decide what is there at all. Plans are made anew for each list, with its values known:
conditions that do not apply vanish, and those that do find their index.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final, LiteralString

from psycopg import sql

from govbot.db.access import found
from govbot.db.pool import Connection
from govbot.documents import lives
from govbot.documents.listing_sql import COUNTED, COUNTS, MATCHES, REACHED, counted
from govbot.documents.rows import DOCUMENT, document_of
from govbot.documents.sight import Sight, sight
from govbot.documents.types import Document, Secrecy, State
from govbot.ids import CollectionId, DocumentId, UserId

MOST_COUNTED = 1000
MOST_FOUND = 1500  # by an index of words or tags; more are so frequent that a list meets them soon
FEW = 5000  # are sorted for a page
MOST_ODD = 3000  # documents not simply ready, looked at to count them
UNDER_WAY: Final = (State.QUEUED, State.EXTRACTING, State.EMBEDDING)


class Sort(StrEnum):
    """The order of a list; the first is by the moment a document was added."""

    NEWEST = "newest"
    OLDEST = "oldest"
    NAME = "name"
    NAME_DOWN = "name-down"
    LARGEST = "largest"
    SMALLEST = "smallest"
    LONGEST = "longest"
    SHORTEST = "shortest"


class Personal(StrEnum):
    """What a list of documents with personal data is narrowed to."""

    ANY = "any"
    IDENTIFYING = "identifying"


@dataclass(frozen=True, slots=True)
class Filter:
    """What a list shows. Empty values do not narrow.

    `states` is of the version that the actor sees; every word of `text` stands in the file name,
    the title or the norm's kind, number or year; `sender` (who added it), `personal` and drafts are
    shown of documents that the actor may write alone.
    """

    collection: CollectionId | None = None
    states: Sequence[State] = ()
    life: lives.Life | None = None
    text: str = ""
    tag: str = ""
    kind: str = ""
    year: int | None = None
    sender: UserId | None = None
    personal: Personal | None = None
    secrecy: Secrecy | None = None
    trashed: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list; `matching` is how many documents all its pages hold, up to
    MOST_COUNTED + 1, where that was asked."""

    ids: Sequence[DocumentId]
    more: bool
    matching: int | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """How many documents stand where, by what the actor sees, each up to MOST_COUNTED + 1."""

    all: int
    states: dict[State, int]
    lives: dict[lives.Life, int]
    trashed: int

    @property
    def under_way(self) -> int:
        return sum(self.states[state] for state in UNDER_WAY)


async def list_page(
    conn: Connection,
    wanted: Filter,
    *,
    sort: Sort = Sort.NEWEST,
    after: DocumentId | None = None,
    limit: int,
) -> list[Document]:
    """At most `limit` documents in the order of `sort`, those behind the document `after`."""
    return await load(conn, await find_ids(conn, wanted, sort=sort, after=after, limit=limit))


async def find_ids(
    conn: Connection,
    wanted: Filter,
    *,
    sort: Sort = Sort.NEWEST,
    after: DocumentId | None = None,
    limit: int,
    seen: Sight | None = None,
) -> list[DocumentId]:
    """The same as ids alone. Nothing when the collection or `after` is not there for the actor.

    `seen` is the sight of the actor, looked up unless it is given.
    """
    values = await values_of(conn, wanted, seen)
    return [] if values is None else await _select(conn, values, sort, after, limit)


async def find_page(
    conn: Connection,
    wanted: Filter,
    *,
    sort: Sort = Sort.NEWEST,
    after: DocumentId | None = None,
    size: int,
    count: bool,
    seen: Sight | None = None,
) -> Page:
    """One page of at most `size` documents and, to `count`, how many documents match."""
    values = await values_of(conn, wanted, seen)
    if values is None:
        return Page((), more=False, matching=0 if count else None)
    if values["marked"] and replace(wanted, text="", tag="") == Filter():
        matching = None
        if count:
            some = {**values, "keys": values["marked"]}
            matching = await _bounded(conn, MATCHES, some, MOST_COUNTED)
        if matching is None or matching > MOST_COUNTED:
            async with _in_order(conn):
                walked = await _select(conn, values, sort, after, size + 1)
            return Page(walked[:size], more=len(walked) > size, matching=matching)
    most = MOST_COUNTED if count else size
    ids: list[DocumentId] | None = None
    if _ORDERS[sort][0] is not None and not values["everything"]:
        ids = await _select_few(conn, values, sort, after, most + 1)
    if ids is None:
        ids = await _select(conn, values, sort, after, most + 1)
    return Page(ids[:size], more=len(ids) > size, matching=len(ids) if count else None)


async def _bounded(
    conn: Connection, condition: LiteralString, values: dict[str, Any], most: int
) -> int:
    """How many documents the condition is true of, up to `most` + 1."""
    query = sql.SQL("SELECT {}").format(counted(condition, "found"))
    cursor = await conn.execute(query, {**values, "limit": most + 1}, prepare=False)
    return int(found(await cursor.fetchone())["found"])


@asynccontextmanager
async def _in_order(conn: Connection) -> AsyncIterator[None]:
    """Lists go along the index of their order until they are full, whatever the planner thinks.

    It takes every word for a rare one, and reads and sorts all documents for one page.
    """
    names = ("enable_sort", "enable_bitmapscan")
    query = "SELECT " + ", ".join(f"set_config('{name}', %(on)s, true)" for name in names)
    await conn.execute(query, {"on": "off"})
    yield
    await conn.execute(query, {"on": "on"})


async def _select(
    conn: Connection, values: dict[str, Any], sort: Sort, after: DocumentId | None, limit: int
) -> list[DocumentId]:
    """Along the index of the order, or of what narrows the list."""
    source = sql.SQL("SELECT d.id FROM document_listings d WHERE {0}").format(sql.SQL(MATCHES))
    cursor = await conn.execute(
        source + _place(sort, after),
        {**values, "after": after, "limit": limit},
        prepare=False,
    )
    return [DocumentId(row["id"]) for row in await cursor.fetchall()]


async def _select_few(
    conn: Connection, values: dict[str, Any], sort: Sort, after: DocumentId | None, limit: int
) -> list[DocumentId] | None:
    """The same of an actor who sees no more than FEW documents (None: they see more): these are
    read and sorted sooner than found along an index, between those that they do not see."""
    source = sql.SQL(
        """
        WITH reached AS MATERIALIZED (
            SELECT d.* FROM document_listings d WHERE {0} LIMIT %(few)s + 1
        )
        SELECT CASE WHEN (SELECT count(*) FROM reached) <= %(few)s THEN ARRAY(
            SELECT d.id FROM reached d WHERE {1}{2}
        ) END AS ids
        """
    ).format(sql.SQL(REACHED), sql.SQL(MATCHES), _place(sort, after))
    cursor = await conn.execute(
        source, {**values, "after": after, "limit": limit, "few": FEW}, prepare=False
    )
    ids = found(await cursor.fetchone())["ids"]
    return None if ids is None else [DocumentId(each) for each in ids]


def _place(sort: Sort, after: DocumentId | None) -> sql.Composed:
    """What follows the conditions: behind which document, in which order, how many."""
    column, compare, direction = _ORDERS[sort]
    place: sql.Composable = sql.SQL("")
    if after is not None and column is None:
        place = sql.SQL(" AND d.id {} %(after)s::uuid").format(compare)
    elif after is not None and column is not None:
        place = sql.SQL(
            " AND (d.{0}, d.id) {1}"
            " (SELECT a.{0}, a.id FROM document_listings a WHERE a.id = %(after)s)"
        ).format(column, compare)
    order = sql.SQL("d.id {0}").format(direction)
    if column is not None:
        order = sql.SQL("d.{0} {1}, d.id {1}").format(column, direction)
    return sql.SQL("{0} ORDER BY {1} LIMIT %(limit)s").format(place, order)


async def load(conn: Connection, ids: Sequence[DocumentId]) -> list[Document]:
    """These documents in this order, as far as the actor sees them."""
    cursor = await conn.execute(
        DOCUMENT + " WHERE d.id = ANY(%(ids)s::uuid[])", {"ids": list(ids)}, prepare=True
    )
    loaded = {row["id"]: document_of(row) for row in await cursor.fetchall()}
    return [loaded[each] for each in ids if each in loaded]


async def counts(
    conn: Connection,
    collection_id: CollectionId | None = None,
    *,
    most: int = MOST_COUNTED,
    totals: bool = True,
    seen: Sight | None = None,
) -> Counts:
    """What filters by state, life and trash would show, each counted up to `most` + 1.

    Without `totals`, what is ready or ended or in the trash is not counted beyond the first.
    Nearly all documents of a library are ready: the others are looked at one by one, as long as
    they are few; after a large import each state is counted for itself.
    """
    values = await values_of(conn, Filter(collection=collection_id), seen)
    if values is None:
        return Counts(0, dict.fromkeys(State, 0), dict.fromkeys(lives.Life, 0), 0)
    values |= {"limit": most + 1, "total": most + 1 if totals else 1, "odd": MOST_ODD + 1}
    cursor = await conn.execute(COUNTS, values, prepare=False)
    row = found(await cursor.fetchone())
    if row["odd"] > MOST_ODD:
        row |= await _each(conn, values)
    else:
        row["ready"] = row["plain"] + row["odd"] - row["unready"]
    return Counts(
        all=min(row["plain"] + row["odd"], most + 1),
        states={state: min(row.get(state.value, 0), most + 1) for state in State},
        lives={life: min(row[life.value], most + 1) for life in lives.Life},
        trashed=row["trashed"],
    )


async def _each(conn: Connection, values: dict[str, Any]) -> dict[str, int]:
    """All of COUNTED, each up to the limit."""
    parts = sql.SQL(", ").join(counted(condition, name) for name, condition in COUNTED.items())
    cursor = await conn.execute(sql.SQL("SELECT {}").format(parts), values, prepare=False)
    return dict(found(await cursor.fetchone()))


async def values_of(conn: Connection, wanted: Filter, seen: Sight | None) -> dict[str, Any] | None:
    """The parameters of MATCHES; None when the actor can see nothing that matches: no collection,
    or what only those who write are shown.

    `keys` are the documents that an index finds by words and tag, None where that is no help;
    `marked` are some of them, where there are more than MOST_FOUND.
    """
    seen = seen or await sight(conn)
    collection = None if wanted.collection is None else seen.collections.get(wanted.collection)
    if wanted.collection is not None and collection is None:
        return None
    if seen.versions == "open" and _for_writers(wanted):
        return None
    looked: dict[str, Any] = {"patterns": [], "keys": None, "marked": None}
    if wanted.text.strip() or wanted.tag:
        looked = await _looked_up(conn, wanted)
    return {
        "everything": seen.everything,
        "shelves": seen.shelves,
        "singles": seen.singles,
        "sight": seen.versions,
        "collection": collection,
        **looked,
        "states": [state.value for state in wanted.states],
        "life": wanted.life.value if wanted.life else "",
        "tag": wanted.tag,
        "kind": wanted.kind,
        "year": wanted.year,
        "sender": wanted.sender,
        "personal": {None: 0, Personal.ANY: 1, Personal.IDENTIFYING: 2}[wanted.personal],
        "secrecy": None if wanted.secrecy is None else int(wanted.secrecy),
        "trashed": wanted.trashed,
    }


def _for_writers(wanted: Filter) -> bool:
    """Whether it shows documents only to those who may write them."""
    drafts = wanted.life in (lives.Life.DRAFT, lives.Life.IN_REVIEW)
    return drafts or wanted.sender is not None or wanted.personal is not None


async def _looked_up(conn: Connection, wanted: Filter) -> dict[str, Any]:
    """Patterns of the words, and what `values_of` says of documents."""
    cursor = await conn.execute(
        """
        WITH words AS MATERIALIZED (
            SELECT coalesce(array_agg(w.word), '{}') AS words,
                   coalesce(array_agg('%%' || regexp_replace(w.word, '([\\%%_])', '\\\1', 'g')
                                      || '%%'), '{}') AS patterns,
                   bool_or(length(w.word) > 2) AS long
            FROM regexp_split_to_table(govbot_fold(%(words)s), ' ') AS w (word)
            WHERE w.word <> ''
        )
        SELECT w.patterns,
               CASE WHEN w.long OR %(tag)s::text <> '' THEN ARRAY(
                   SELECT govbot_documents_marked(w.words, w.patterns, %(tag)s::text, %(most)s)
               ) END AS keys
        FROM words w
        """,
        {
            "words": " ".join(wanted.text.split()[:10]),
            "tag": wanted.tag,
            "most": MOST_FOUND + 1,
        },
        prepare=False,
    )
    row = found(await cursor.fetchone())
    row["marked"] = None
    if row["keys"] is not None and len(row["keys"]) > MOST_FOUND:
        row["marked"], row["keys"] = row["keys"], None
    return row


_DOWN: Final = (sql.SQL("<"), sql.SQL("DESC"))
_UP: Final = (sql.SQL(">"), sql.SQL("ASC"))
# By sort: the column (None: the id alone), how what follows compares, and the direction.
_ORDERS: Final[dict[Sort, tuple[sql.Identifier | None, sql.SQL, sql.SQL]]] = {
    Sort.NEWEST: (None, *_DOWN),
    Sort.OLDEST: (None, *_UP),
    Sort.NAME: (sql.Identifier("name"), *_UP),
    Sort.NAME_DOWN: (sql.Identifier("name"), *_DOWN),
    Sort.LARGEST: (sql.Identifier("size_bytes"), *_DOWN),
    Sort.SMALLEST: (sql.Identifier("size_bytes"), *_UP),
    Sort.LONGEST: (sql.Identifier("pages"), *_DOWN),
    Sort.SHORTEST: (sql.Identifier("pages"), *_UP),
}
