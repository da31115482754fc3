"""Tries a model that answers: a prompt, the time to the first token, tokens in a second."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Final

from litestar import Response

from govbot import audit
from govbot.auth import limits, roles
from govbot.db.access import as_actor, as_system
from govbot.errors import Busy, GovBotError, Invalid, NotFound, Unavailable
from govbot.generate import ChatMessage, Request, Routed, Usage
from govbot.generate.pool import Pool
from govbot.web.i18n import _
from govbot.web.visit import CurrentVisit, Visit

TESTS: Final = 6  # of one person in a minute
LONGEST_S: Final = 90.0  # with loading the model
TOKENS: Final = 96
MOST: Final = 500  # characters of the prompt
PROMPT: Final = _("Explain in two sentences what a public tender is.")


@dataclass(frozen=True, slots=True)
class Trial:
    """What a model did. `first_s`, `total_s`: seconds; `per_s`: tokens in a second of writing.

    `stood_in`: another model answered, under this name. `cut`: the time was over.
    """

    text: str
    first_s: float
    total_s: float
    tokens: int
    per_s: float
    stood_in: str = ""
    cut: bool = False


async def run(visit: CurrentVisit) -> Response[Any]:
    """Lets a model answer a prompt without documents, and measures it."""
    roles.require(roles.may_manage_accounts(visit.actor))
    fields = await visit.form()
    name, prompt = fields.get("model", "")[:200], fields.get("prompt", "").strip()
    known = {each.name: each for each in visit.app.generator.models()}
    if name not in known or known[name].kind == "extractive":
        raise NotFound
    trial: Trial | None = None
    problem: GovBotError | None = None
    try:
        if not 1 <= len(prompt) <= MOST:
            raise Invalid(
                _("Type a text of %(low)s to %(high)s characters."), code="E-LONG", low=1, high=MOST
            )
        await _count(visit)
        trial = await measured(visit.app.generator, name, prompt, owner=f"test:{visit.actor.id}")
    except (Invalid, Busy, Unavailable) as error:
        problem = error
    template = "admin/_model_test.html" if visit.wants_fragment else "admin/model_test.html"
    return visit.page(
        template,
        status=200 if visit.wants_fragment or not problem else problem.status,
        trial=trial,
        model=known[name],
        prompt=prompt,
        problem=visit.language.sentence(problem) if problem else "",
    )


async def measured(pool: Pool, name: str, prompt: str, *, owner: str) -> Trial:
    """One answer of the model called `name`, at most TOKENS tokens in LONGEST_S seconds.

    Raises what the model fails with.
    """
    usage: list[Usage] = []
    routed: list[Routed] = []
    messages = (ChatMessage("user", prompt),)
    request = Request(
        prompt,
        messages,
        (),
        TOKENS,
        0.2,
        lambda _sources: messages,
        owner,
        timeout_s=LONGEST_S,
        on_usage=usage.append,
        on_routed=routed.append,
        model=name,
    )
    began, first, deltas, text, cut = perf_counter(), 0.0, 0, "", False
    try:
        async with asyncio.timeout(LONGEST_S):
            async for delta in pool.stream(request):
                first = first or perf_counter() - began
                deltas += 1
                text += delta
    except TimeoutError:
        cut = True
    total = perf_counter() - began
    tokens = usage[-1].completion_tokens if usage else deltas
    writing = total - first
    per_s = (tokens - 1) / writing if tokens > 1 and writing > 0 else 0.0
    answered = routed[-1].model if routed else name
    return Trial(text, first, total, tokens, per_s, "" if answered == name else answered, cut)


async def _count(visit: Visit) -> None:
    """Counts the test, and writes it down. Raises Busy."""
    async with as_system(visit.app.pool) as conn:
        await limits.hit(conn, f"model-test:{visit.actor.id}", limit=TESTS, window_s=60)
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        name = (await visit.form()).get("model", "")[:200]
        await audit.record(conn, actor=visit.actor, action="model.tested", resource=f"model:{name}")
