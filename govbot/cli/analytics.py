"""`govbot analytics`: figures of use, for spreadsheets and programs."""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from govbot.cli import current_settings, output, run_async

if TYPE_CHECKING:
    from govbot.analytics.figures import Day

app = typer.Typer(no_args_is_help=True, help="Export figures of use.")


@app.callback()
def _group() -> None:
    """Keeps `export` a command of its own."""


@app.command()
def export(
    days: Annotated[int, typer.Option(min=1, max=3650, help="Days back from today.")] = 90,
    collection: Annotated[
        str | None, typer.Option("--collection", "-c", help="Only this collection.")
    ] = None,
    file: Annotated[Path | None, typer.Option("--output", "-o", help="Write to this file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of CSV.")] = False,
) -> None:
    """Figures of each day: questions by outcome, response times, ratings. No text, no person."""
    from govbot.analytics.table import to_csv

    daily = run_async(_daily, days, collection)
    if as_json:
        output.print_json([asdict(each) for each in daily])
    elif file is not None:
        file.write_text(to_csv(daily), "utf-8", newline="")
    else:
        sys.stdout.write(to_csv(daily))


async def _daily(days: int, collection: str | None) -> list[Day]:
    from govbot.analytics import figures
    from govbot.app import open_store
    from govbot.db.access import as_system
    from govbot.documents import collections
    from govbot.errors import NotFound

    today = date.today()
    async with open_store(current_settings()) as pool, as_system(pool) as conn:
        key = None
        if collection is not None:
            shelf = await collections.collection_by_name(conn, collection)
            if shelf is None:
                raise NotFound
            key = shelf.key
        period = figures.Period(today - timedelta(days=days - 1), today, key)
        _total, daily = await figures.days(conn, period)
    return daily
