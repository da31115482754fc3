"""Two versions of a document side by side: what was taken out, put in and changed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from govbot.chat.neutral import visible
from govbot.db.access import as_actor
from govbot.documents import changes, hits, store
from govbot.documents.changes import Budget, Change, Paragraph, Run
from govbot.documents.types import Version
from govbot.errors import NotFound
from govbot.ids import DocumentId
from govbot.web import rates, viewer_about
from govbot.web.document_words import helpers
from govbot.web.viewer_open import record_opened
from govbot.web.viewer_sheets import Sheets
from govbot.web.visit import CurrentVisit

MOST: Final = 2_000_000  # characters of each version
SHOWN: Final = 60  # changed paragraphs at once
AROUND: Final = 1  # paragraphs shown before and after a change
VersionNumber = Annotated[int | None, QueryParameter(ge=1, le=1_000_000)]


@dataclass(frozen=True, slots=True)
class Side:
    """A paragraph as one of the versions has it."""

    paragraph: Paragraph
    runs: tuple[Run, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """A paragraph in both versions; `skipped` equal ones stand between it and the row before."""

    before: Side | None
    after: Side | None
    same: bool
    skipped: int


@dataclass(frozen=True, slots=True)
class Compared:
    """The rows of one part, how many changes there are, and how many equal paragraphs follow."""

    rows: tuple[Row, ...]
    changes: int
    skipped: int


async def compare(
    visit: CurrentVisit,
    pages: NamedDependency[Sheets],
    document_id: FromPath[UUID],
    de: VersionNumber = None,
    para: VersionNumber = None,
    n: Annotated[int, QueryParameter(ge=1, le=100_000)] = 1,
) -> Response[str]:
    """Version `para` against version `de`: the newest two that the visitor may read, unless they
    say which. Raises NotFound for a version that is not among those."""
    async with pages.comparing:
        await rates.count_picture(visit.app, visit.actor)
        async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
            document = await store.get_document(conn, DocumentId(document_id))
            about = await viewer_about.about(conn, visit, document, document.version)
            pair = _chosen(about["versions"], de, para)
            texts = []
            for version in pair:
                texts.append(await hits.texts(conn, version.id, most=MOST))
                await record_opened(conn, visit.actor, version, {"compared": True})
        compared = None
        if texts:
            (old, _whole), (new, _all) = texts
            compared = await asyncio.to_thread(_compared, old, new, n)
    context: dict[str, Any] = {
        "document": document,
        "about": about,
        "pair": pair,
        "compared": compared,
        "cut": not all(whole for _pages, whole in texts),
        "n": n,
        "last": -(-compared.changes // SHOWN) if compared else 1,
        **helpers(visit),
    }
    return visit.page("viewer/compare.html", **context)


def _chosen(versions: Sequence[Version], de: int | None, para: int | None) -> Sequence[Version]:
    """The two to compare, the earlier first; none when there is only one to read."""
    if len(versions) < 2 and de is None and para is None:
        return ()
    by_number = {each.number: each for each in versions}
    newest = max(by_number, default=0) if para is None else para
    earlier = [number for number in by_number if number < newest]
    before = max(earlier, default=newest) if de is None else de
    if newest not in by_number or before not in by_number or newest == before:
        raise NotFound
    return tuple(by_number[number] for number in sorted((before, newest)))


def _compared(old: list[tuple[int, str]], new: list[tuple[int, str]], n: int) -> Compared:
    found = changes.compare(changes.paragraphs(old), changes.paragraphs(new))
    changed = [index for index, change in enumerate(found) if not change.same]
    part = changed[(n - 1) * SHOWN : n * SHOWN]
    budget = Budget()
    rows: list[Row] = []
    shown = part[0] - AROUND - 1 if part and n > 1 else -1  # the last one that was dealt with
    for index in _with_neighbours(part, len(found)):
        rows.append(_row(found[index], index - max(shown, -1) - 1, budget))
        shown = index
    last_part = n * SHOWN >= len(changed)
    rest = len(found) - shown - 1 if last_part else 0
    return Compared(tuple(rows), len(changed), rest)


def _with_neighbours(part: Sequence[int], count: int) -> list[int]:
    wanted = {near for at in part for near in range(at - AROUND, at + AROUND + 1)}
    return sorted(index for index in wanted if 0 <= index < count)


def _row(change: Change, skipped: int, budget: Budget) -> Row:
    before, after = change.before, change.after
    if before is not None and after is not None and not change.same:
        was, now = changes.words(before.text, after.text, budget)
    else:
        # Without another side the whole paragraph was taken out or put in.
        was = [Run(before.text, not change.same)] if before else []
        now = [Run(after.text, not change.same)] if after else []
    return Row(_side(before, was), _side(after, now), change.same, max(0, skipped))


def _side(paragraph: Paragraph | None, runs: Sequence[Run]) -> Side | None:
    if paragraph is None:
        return None
    return Side(paragraph, tuple(Run(visible(run.text), run.changed) for run in runs))
