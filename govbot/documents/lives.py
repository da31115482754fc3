"""Where documents are in their life, as lists filter and count them (see listing.py)."""

from __future__ import annotations

from enum import StrEnum


class Life(StrEnum):
    """What a list may be narrowed to, by the newest version and by today's date."""

    DRAFT = "draft"
    IN_REVIEW = "in_review"
    ENDED = "ended"
