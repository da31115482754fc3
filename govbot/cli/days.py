"""Days on the command line, written as 2020-01-31."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import typer

from govbot.errors import Invalid

AsOf = Annotated[
    str | None,
    typer.Option(
        "--as-of", metavar="DATE", help="Ask about what was in force that day (2020-01-31)."
    ),
]


def day_of(text: str | None) -> date | None:
    """The day that is written; None for none. Raises Invalid E-DATE."""
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise Invalid(
            "%(text)s is not a date: write it as 2020-01-31.", code="E-DATE", text=text
        ) from error
