"""Topics that people asked about in vain, for curators."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Response
from litestar.params import FromPath, FromQuery

from govbot.db.access import as_actor
from govbot.errors import Invalid
from govbot.feedback import gaps, gathering, reports
from govbot.feedback.gaps import TopicId
from govbot.feedback.states import State
from govbot.retrieval.retrieve import Retrieval
from govbot.web import curation
from govbot.web.search import searched
from govbot.web.visit import CurrentVisit, Visit

PATH = "/curadoria/lacunas"
PAGE = 100


async def listing(visit: CurrentVisit, situacao: FromQuery[str] = "open") -> Response[str]:
    """The topics in one state ("" for all), those of the most people first."""
    await gathering.gather(visit.app)
    state, least = curation.state_of(situacao), visit.app.settings.feedback.gap_min_people
    async with as_actor(visit.app.pool, visit.actor) as conn:
        found = await gaps.topics(conn, least_people=least, state=state, limit=PAGE)
        counts = await gaps.count_by_state(conn, least_people=least)
        waiting = (await reports.count_by_state(conn))[State.OPEN]
    return visit.page(
        "curation/gaps.html",
        topics=found,
        state=state,
        counts=counts,
        open_reports=waiting,
        open_gaps=counts[State.OPEN],
        least_people=least,
        **curation.helpers(visit),
    )


async def show(
    visit: CurrentVisit, topic_id: FromPath[UUID], feito: FromQuery[str] = ""
) -> Response[str]:
    """A topic with the ways in which it was asked, and what to do about it."""
    return await _page(visit, TopicId(topic_id), done=feito)


async def decide(visit: CurrentVisit, topic_id: FromPath[UUID]) -> Response[Any]:
    """Sets how far it is, with a note."""
    try:
        decision = await curation.decision_of(visit)
    except Invalid as error:
        return await _page(visit, TopicId(topic_id), problem=error)
    least = visit.app.settings.feedback.gap_min_people
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        await gaps.decide(conn, visit.actor, TopicId(topic_id), decision, least_people=least)
    return visit.redirect(f"{PATH}/{topic_id}?feito=decisao")


async def try_again(visit: CurrentVisit, topic_id: FromPath[UUID]) -> Response[str]:
    """Searches for the question again, as the curator: is it answered now?"""
    least = visit.app.settings.feedback.gap_min_people
    async with as_actor(visit.app.pool, visit.actor) as conn:
        topic, _said = await gaps.get_topic(conn, TopicId(topic_id), least_people=least)
    found = await searched(visit.app, visit.actor, topic.question, limit=curation.TRIED)
    if visit.wants_fragment:
        return visit.page("curation/_tried.html", tried=found, **curation.helpers(visit))
    return await _page(visit, TopicId(topic_id), tried=found)


async def _page(
    visit: Visit,
    topic_id: TopicId,
    *,
    done: str = "",
    tried: Retrieval | None = None,
    problem: Invalid | None = None,
) -> Response[str]:
    least = visit.app.settings.feedback.gap_min_people
    async with as_actor(visit.app.pool, visit.actor) as conn:
        topic, said = await gaps.get_topic(conn, topic_id, least_people=least)
        who = await curation.decided_by(conn, topic.decided_by)
    return visit.page(
        "curation/gap.html",
        status=problem.status if problem else 200,
        topic=topic,
        wordings=said,
        who=who,
        done=done,
        tried=tried,
        problem=visit.language.sentence(problem) if problem else "",
        **curation.helpers(visit),
    )
