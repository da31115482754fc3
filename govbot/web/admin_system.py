"""The page of the system: how every part does, and what to do about it. For administrators."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from litestar import Response
from litestar.di import NamedDependency

from govbot.auth import roles
from govbot.installation import health
from govbot.installation.health import Finding
from govbot.web.admin_system_words import LINKS, PARTS, REMEDIES, SENTENCES
from govbot.web.visit import CurrentVisit, Visit

Check = Callable[[], bool]


async def show(visit: CurrentVisit, worker_alive: NamedDependency[Check]) -> Response[str]:
    """Looks at all parts now."""
    roles.require(roles.may_manage_accounts(visit.actor))
    found = await health.examine(visit.app, worker_alive=worker_alive)
    order = {"problem": 0, "note": 1, "ok": 2}
    return visit.page(
        "admin/system.html",
        findings=sorted(found, key=lambda each: order[each.level]),
        worst=health.worst(found),
        at=datetime.now(UTC),
        **words(visit),
    )


def words(visit: Visit) -> dict[str, Any]:
    """What templates need to tell a finding."""
    return {
        "part": lambda finding: visit.translate(PARTS[finding.part]),
        "told": lambda finding: told(visit, finding),
        "remedy": lambda finding: _remedy(visit, finding),
        "link": lambda finding: LINKS.get(finding.part, ""),
    }


def told(visit: Visit, finding: Finding) -> str:
    """What was found, in words."""
    if finding.error is not None and finding.code == "error":
        return visit.language.sentence(finding.error)
    text = visit.translate(SENTENCES[finding.code], **_facts(visit, finding))
    if finding.error is not None:
        text += " " + visit.language.sentence(finding.error)
    return text


def _remedy(visit: Visit, finding: Finding) -> str:
    """What to do about it; empty where nothing has to be done."""
    remedy = REMEDIES.get(finding.code, "")
    return visit.translate(remedy, **_facts(visit, finding)) if remedy else ""


def _facts(visit: Visit, finding: Finding) -> dict[str, str]:
    facts: dict[str, str] = {"never": ""}
    for name, value in finding.facts.items():
        if isinstance(value, datetime):
            facts[name] = visit.language.moment(value)
        elif isinstance(value, int | float):
            facts[name] = visit.language.number(value)
        else:
            facts[name] = "—" if value in (None, "") else str(value)
    return facts
