"""Figures of use, for administrators and, of what they manage, for curators."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

from litestar import Response
from litestar.params import FromPath, FromQuery

from govbot.analytics import categories, figures
from govbot.analytics.categories import CategoryId
from govbot.analytics.figures import Day, Figures, Period
from govbot.analytics.svg import Series, columns, lines
from govbot.analytics.table import to_csv, unanswered_rate
from govbot.db.access import Role, as_actor
from govbot.db.pool import Connection
from govbot.documents import collections
from govbot.documents.types import Collection, Level
from govbot.errors import Conflict, GovBotError, Invalid
from govbot.ids import CollectionId
from govbot.web.i18n import _
from govbot.web.visit import CurrentVisit, Visit

PATH: Final = "/analises"
PERIODS: Final = {7: _("7 days"), 30: _("30 days"), 90: _("90 days"), 365: _("1 year")}
USUAL: Final = 30


async def show(
    visit: CurrentVisit, periodo: FromQuery[int] = USUAL, colecao: FromQuery[UUID | None] = None
) -> Response[str]:
    """The figures of the last days, of all collections or of one."""
    length = periodo if periodo in PERIODS else USUAL
    async with as_actor(visit.app.pool, visit.actor) as conn:
        period, shelves = await _period(visit, conn, length, colecao)
        least = visit.app.settings.feedback.min_group
        found = await figures.figures(conn, period, least_people=least)
    query = f"periodo={length}" + (f"&colecao={colecao}" if colecao else "")
    return visit.page(
        "analytics/page.html",
        found=found,
        period=period,
        periods=PERIODS,
        length=length,
        shelves=shelves,
        chosen=colecao,
        csv=f"{PATH}/csv?{query}",
        least_people=least,
        sentiment=bool(visit.app.settings.analytics.sentiment_model),
        asked_chart=_asked(visit, found.days),
        times_chart=_times(visit, found.days),
        **_words(visit, found),
    )


async def download(
    visit: CurrentVisit, periodo: FromQuery[int] = USUAL, colecao: FromQuery[UUID | None] = None
) -> Response[str]:
    """The figures of each day, for a spreadsheet."""
    length = periodo if periodo in PERIODS else USUAL
    async with as_actor(visit.app.pool, visit.actor) as conn:
        period, _shelves = await _period(visit, conn, length, colecao)
        _total, daily = await figures.days(conn, period)
    separator = ";" if visit.language.code == "pt-BR" else ","
    name = f"govbot-{period.first.isoformat()}-{period.last.isoformat()}.csv"
    return Response(
        "\ufeff" + to_csv(daily, separator=separator),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


async def category_list(visit: CurrentVisit) -> Response[str]:
    """The categories that questions are sorted into."""
    return await _categories(visit)


async def add_category(visit: CurrentVisit) -> Response[Any]:
    """A new category; questions asked from now on may get it."""
    fields = await visit.form()
    name, description = fields.get("name", ""), fields.get("description", "")
    try:
        async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
            await categories.add(conn, visit.actor, name, description)
    except (Invalid, Conflict) as error:
        return await _categories(visit, name, description, error)
    return visit.redirect(f"{PATH}/categorias")


async def remove_category(visit: CurrentVisit, category_id: FromPath[UUID]) -> Response[Any]:
    """Takes a category away; its questions are without one then."""
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        await categories.remove(conn, visit.actor, CategoryId(category_id))
    return visit.redirect(f"{PATH}/categorias")


async def _categories(
    visit: Visit, name: str = "", description: str = "", problem: GovBotError | None = None
) -> Response[str]:
    async with as_actor(visit.app.pool, visit.actor) as conn:
        known = await categories.categories(conn)
    return visit.page(
        "analytics/categories.html",
        status=problem.status if problem else 200,
        known=known,
        name=name,
        description=description,
        problem=visit.language.sentence(problem) if problem else "",
    )


async def _period(
    visit: Visit, conn: Connection, length: int, collection: UUID | None
) -> tuple[Period, list[Collection]]:
    """The days up to today, and what may be chosen. Raises NotFound for another collection."""
    shelves = [
        shelf
        for shelf in await collections.list_collections(conn)
        if shelf.level is Level.MANAGE or visit.may(Role.ADMIN)
    ]
    key = None
    if collection is not None:
        key = (await collections.get_collection(conn, CollectionId(collection))).key
    today = date.today()
    return Period(today - timedelta(days=length - 1), today, key), shelves


def _asked(visit: Visit, days: Sequence[Day]) -> str:
    return columns(
        visit.translate("Questions per day"),
        visit.translate(
            "Answered, without answer, and stopped or failed. The table has the figures."
        ),
        [visit.language.short_date(each.day)[:5] for each in days],
        [
            Series(visit.translate("answered"), "c1", [each.answered for each in days]),
            Series(visit.translate("without answer"), "c2", [each.refused for each in days]),
            Series(
                visit.translate("stopped or failed"),
                "c3",
                [each.stopped + each.failed for each in days],
            ),
        ],
    )


def _times(visit: Visit, days: Sequence[Day]) -> str:
    return lines(
        visit.translate("Response time"),
        visit.translate("Seconds until the answer is complete. The table has the figures."),
        [visit.language.short_date(each.day)[:5] for each in days],
        [
            Series(visit.translate("half of the answers"), "c1", _seconds(days, "p50_ms")),
            Series(visit.translate("95 of 100 answers"), "c2", _seconds(days, "p95_ms")),
        ],
    )


def _seconds(days: Sequence[Day], name: str) -> list[float | None]:
    values = [getattr(each, name) for each in days]
    return [None if value is None else round(value / 1000, 2) for value in values]


def _words(visit: Visit, found: Figures) -> dict[str, Any]:
    language = visit.language

    def seconds(value: float | None) -> str:
        return "—" if value is None else f"{language.number(round(value / 1000, 1))} s"

    def percent(value: float | None) -> str:
        return "—" if value is None else f"{language.number(round(100 * value, 1))} %"

    rated = found.total.up + found.total.down
    return {
        "seconds": seconds,
        "percent": percent,
        "rate": unanswered_rate,
        "liked": found.total.up / rated if rated else None,
    }
