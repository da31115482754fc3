"""The curators' queue: answers that were rated down, without who asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from litestar import Response
from litestar.params import FromPath, FromQuery

from govbot.db.access import as_actor
from govbot.db.pool import Connection
from govbot.documents import detail
from govbot.errors import Invalid
from govbot.feedback import gaps, reports
from govbot.feedback.reports import Quoted, Report, ReportId
from govbot.feedback.states import MAX_NOTE, Decision, State
from govbot.ids import UserId
from govbot.retrieval.retrieve import Retrieval
from govbot.web import markdown
from govbot.web.i18n import _
from govbot.web.rating import REASONS
from govbot.web.search import searched
from govbot.web.visit import CurrentVisit, Visit

PATH: Final = "/curadoria"
PAGE: Final = 30
TRIED: Final = 5  # passages shown when a question is tried again
SNIPPET: Final = 400  # characters of such a passage
STATES: Final = {
    State.OPEN: _("Open"),
    State.WORKING: _("In progress"),
    State.DONE: _("Solved"),
    State.DISMISSED: _("Dismissed"),
}
CHIPS: Final = {
    State.OPEN: "wait",
    State.WORKING: "extracting",
    State.DONE: "ready",
    State.DISMISSED: "",
}


async def listing(
    visit: CurrentVisit, situacao: FromQuery[str] = "open", antes: FromQuery[UUID | None] = None
) -> Response[str]:
    """Bad answers in one state ("" for all), the newest first; `antes` pages on."""
    state = state_of(situacao)
    async with as_actor(visit.app.pool, visit.actor) as conn:
        before = ReportId(antes) if antes else None
        found = await reports.reports(conn, state=state, limit=PAGE + 1, before=before)
        counts = await reports.count_by_state(conn)
        open_gaps = await waiting_gaps(visit, conn)
    shown = found[:PAGE]
    return visit.page(
        "curation/reports.html",
        reports=shown,
        state=state,
        counts=counts,
        open_reports=counts[State.OPEN],
        open_gaps=open_gaps,
        next=f"{PATH}?situacao={situacao}&antes={shown[-1].id}" if len(found) > PAGE else None,
        **helpers(visit),
    )


async def show(
    visit: CurrentVisit, report_id: FromPath[UUID], feito: FromQuery[str] = ""
) -> Response[str]:
    """A bad answer with its sources, and what to do about it."""
    return await _page(visit, ReportId(report_id), done=feito)


async def decide(visit: CurrentVisit, report_id: FromPath[UUID]) -> Response[Any]:
    """Sets how far it is, with a note."""
    try:
        decision = await decision_of(visit)
    except Invalid as error:
        return await _page(visit, ReportId(report_id), problem=error)
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        await reports.decide(conn, visit.actor, ReportId(report_id), decision)
    return visit.redirect(f"{PATH}/respostas/{report_id}?feito=decisao")


async def try_again(visit: CurrentVisit, report_id: FromPath[UUID]) -> Response[str]:
    """Searches for the question again, as the curator."""
    async with as_actor(visit.app.pool, visit.actor) as conn:
        question = (await reports.get_report(conn, ReportId(report_id))).question
    found = await searched(visit.app, visit.actor, question, limit=TRIED)
    if visit.wants_fragment:
        return visit.page("curation/_tried.html", tried=found, **helpers(visit))
    return await _page(visit, ReportId(report_id), tried=found)


def state_of(word: str) -> State | None:
    """The state that an address names; None for all of them."""
    return State(word) if word in set(State) else None


async def decision_of(visit: Visit) -> Decision:
    """The submitted state and note. Raises Invalid."""
    state = await visit.field("state", max_length=20)
    if state not in set(State):
        raise Invalid
    return Decision(State(state), await visit.field("note", max_length=MAX_NOTE, required=False))


async def waiting_gaps(visit: Visit, conn: Connection) -> int:
    """How many topics without answer are open for the visitor."""
    least = visit.app.settings.feedback.gap_min_people
    return (await gaps.count_by_state(conn, least_people=least))[State.OPEN]


async def decided_by(conn: Connection, person: UserId | None) -> str:
    """The name of who decided; "" for nobody."""
    return (await detail.names(conn, [person])).get(person, "") if person else ""


def helpers(visit: Visit) -> dict[str, Any]:
    """What the templates of curation call."""
    return {
        "states": STATES,
        "chips": CHIPS,
        "reasons": REASONS,
        "max_note": MAX_NOTE,
        "snippet": lambda text: text if len(text) <= SNIPPET else text[: SNIPPET - 1] + "…",
        "gaps_kept": visit.app.settings.feedback.gaps,
    }


async def _page(
    visit: Visit,
    report_id: ReportId,
    *,
    done: str = "",
    tried: Retrieval | None = None,
    problem: Invalid | None = None,
) -> Response[str]:
    async with as_actor(visit.app.pool, visit.actor) as conn:
        report = await reports.get_report(conn, report_id)
        quoted = await reports.quoted(conn, report_id)
        who = await decided_by(conn, report.decided_by)
    return visit.page(
        "curation/report.html",
        status=problem.status if problem else 200,
        report=report,
        sources=quoted,
        answer_html=_html(visit, report, quoted),
        who=who,
        done=done,
        tried=tried,
        problem=visit.language.sentence(problem) if problem else "",
        **helpers(visit),
    )


def _html(visit: Visit, report: Report, quoted: Sequence[Quoted]) -> str:
    links = {
        each.number: (
            f"/documentos/{each.version_id}/pagina/{each.page_from}",
            visit.translate(
                "Source %(number)s: %(title)s, page %(page)s",
                number=each.number,
                title=each.name,
                page=each.page_from,
            ),
        )
        for each in quoted
        if each.kind == "cited"
    }
    return markdown.to_html(report.answer, links)
