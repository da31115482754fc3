"""Dates as browsers send them."""

from __future__ import annotations

from datetime import date

from govbot.errors import Invalid
from govbot.web.i18n import _


def day_of(text: str) -> date | None:
    """The day that a date field holds; None when it is empty. Raises Invalid E-DATE."""
    if not text.strip():
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError as error:
        raise Invalid(_("This is not a date."), code="E-DATE") from error
