"""Whether the document of a source still counts today, in words."""

from __future__ import annotations

from datetime import date

from govbot.chat.store import Citation
from govbot.web.visit import Visit


def words(visit: Visit, citation: Citation) -> str:
    """That the document of a source does not count any more today; "" while it does."""
    today = date.today()
    if citation.revoked_on is not None and citation.revoked_on <= today:
        day = visit.language.short_date(citation.revoked_on)
        return visit.translate("revoked since %(day)s", day=day)
    if citation.valid_to is not None and citation.valid_to < today:
        day = visit.language.short_date(citation.valid_to)
        return visit.translate("in force until %(day)s", day=day)
    return ""
