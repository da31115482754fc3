"""The leak test: a question and a person, which passages pass, which are blocked, by which rule."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Response
from litestar.params import QueryParameter

from govbot.auth import roles
from govbot.db.access import as_actor
from govbot.errors import Denied, GovBotError, Invalid
from govbot.retrieval.leaks import LeakTest, leak_test
from govbot.web import access_words, principals
from govbot.web.chat import MAX_QUESTION
from govbot.web.visit import CurrentVisit, Visit

SHOWN = 400  # characters of a passage


async def form(
    visit: CurrentVisit, pessoa: Annotated[str, QueryParameter(max_length=300)] = ""
) -> Response[str]:
    """The form; `pessoa` fills in whom the test is about."""
    roles.require(roles.may_manage_accounts(visit.actor))
    return await _page(visit, who=pessoa.strip())


async def run(visit: CurrentVisit) -> Response[str]:
    """Runs the test. A form, so that the question stands in no address and no log of addresses."""
    roles.require(roles.may_manage_accounts(visit.actor))
    fields = await visit.form()
    who = fields.get("who", "").strip()[:300]
    typed = fields.get("question", "").strip()[:MAX_QUESTION]
    try:
        question = await visit.field("question", max_length=MAX_QUESTION)
        async with as_actor(visit.app.pool, visit.actor) as conn:
            person = await principals.person(conn, who)
        found = await leak_test(
            visit.app.pool,
            visit.actor,
            person.id,
            question,
            embedder=visit.app.embedder,
            settings=visit.app.settings,
        )
    except Invalid as error:
        return await _page(visit, who=who, question=typed, problem=error)
    except Denied as error:
        if error.error_code != "E-CLEARANCE":
            raise
        return await _page(visit, who=who, question=typed, problem=error)
    return await _page(visit, who=who, question=typed, found=found)


async def _page(
    visit: Visit,
    *,
    who: str = "",
    question: str = "",
    found: LeakTest | None = None,
    problem: GovBotError | None = None,
) -> Response[str]:
    async with as_actor(visit.app.pool, visit.actor) as conn:
        offered = await principals.people(conn)
    context: dict[str, Any] = {
        "who": who,
        "question": question,
        "found": found,
        "offered": offered,
        "shown": SHOWN,
        "at": ("question" if problem.error_code in ("E-EMPTY", "E-LONG") else "who")
        if problem
        else "",
        "problem": visit.language.sentence(problem) if problem else "",
        **access_words.helpers(visit),
    }
    if visit.wants_fragment:
        return visit.page("access/_leaks.html", **context)
    return visit.page("access/leak_test.html", status=problem.status if problem else 200, **context)
