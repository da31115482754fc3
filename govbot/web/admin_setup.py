"""The first steps of an installation, one after the other: each can be left out and taken up."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Response
from litestar.params import QueryParameter

from govbot.auth import roles
from govbot.config.changeable import fixed_by
from govbot.db.access import as_actor
from govbot.documents import collections
from govbot.documents.types import Level
from govbot.errors import BadConfig, Conflict, GovBotError, Invalid, NotFound
from govbot.installation import changes, setup
from govbot.web.i18n import _
from govbot.web.uploads import upload_limits
from govbot.web.visit import CurrentVisit, Visit

PATH = "/admin/comecar"
# Of each step: its title, and why it matters.
TITLES = {
    "organisation": (
        _("Name of the organisation"),
        _("People see it at the top of every page."),
    ),
    "collection": (
        _("First collection"),
        _("A collection is a shelf of documents: access is given to a whole shelf."),
    ),
    "documents": (
        _("First documents"),
        _("Answers are made from them, and from nothing else."),
    ),
    "people": (
        _("First people"),
        _("Who may ask, and who helps you to look after it all."),
    ),
    "model": (
        _("Language model"),
        _("It writes the answers in its own words. GovBot works without one, too."),
    ),
}
STATES = {"done": _("Step done"), "skipped": _("Left out"), "open": _("To do")}
NAMES = {name: number for number, name in enumerate(setup.STEPS, 1)}


async def show(
    visit: CurrentVisit, passo: Annotated[int, QueryParameter(ge=0, le=20)] = 0
) -> Response[str]:
    """The step that comes next, or the one asked for."""
    return await _page(visit, passo)


async def organisation(visit: CurrentVisit) -> Response[Any]:
    """Gives the installation its name."""
    roles.require(roles.may_manage_accounts(visit.actor))
    name = " ".join((await visit.form()).get("name", "").split())
    try:
        await changes.change(visit.app, visit.actor, {"organisation": name})
    except BadConfig:
        problem = Invalid(
            _("Type a text of %(low)s to %(high)s characters."), code="E-CONFIG", low=1, high=80
        )
        return await _page(visit, NAMES["organisation"], problem=problem, typed=name)
    # A name that is the default again is an answer too.
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        await setup.skip(conn, "organisation")
    return visit.redirect(f"{PATH}?passo={NAMES['collection']}")


async def collection(visit: CurrentVisit) -> Response[Any]:
    """Makes the first collection."""
    roles.require(roles.may_manage_accounts(visit.actor))
    name = " ".join((await visit.form()).get("name", "").split())[:300]
    try:
        async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
            await collections.create_collection(conn, visit.actor, name=name)
    except (Invalid, Conflict) as error:
        return await _page(visit, NAMES["collection"], problem=error, typed=name)
    return visit.redirect(f"{PATH}?passo={NAMES['documents']}")


async def skip(visit: CurrentVisit) -> Response[Any]:
    """Leaves a step out, or takes one up again; `guide`: everything, for later."""
    roles.require(roles.may_manage_accounts(visit.actor))
    form = await visit.form()
    step = form.get("step", "")
    if step != setup.GUIDE and step not in setup.STEPS:
        raise NotFound
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        if form.get("again") == "1":
            await setup.take_up(conn, step)
        else:
            await setup.skip(conn, step)
    if step == setup.GUIDE:
        return visit.redirect("/admin")
    number = NAMES[step] if form.get("again") == "1" else NAMES[step] + 1
    return visit.redirect(f"{PATH}?passo={number}")


async def _page(
    visit: Visit, wanted: int, *, problem: GovBotError | None = None, typed: str = ""
) -> Response[str]:
    roles.require(roles.may_manage_accounts(visit.actor))
    app = visit.app
    async with as_actor(app.pool, visit.actor) as conn:
        found = await setup.standing(conn, app.settings, app.generator.models())
        shelves = await collections.list_collections(conn)
    open_steps = found.open
    if wanted in NAMES.values():
        step = setup.STEPS[wanted - 1]
    else:
        step = open_steps[0] if open_steps and not wanted else ""
    name = app.settings.organisation
    return visit.page(
        "admin/setup.html",
        status=problem.status if problem else 200,
        setup=found,
        step=step,
        number=NAMES.get(step, 0),
        numbers=NAMES,
        titles=TITLES,
        states=STATES,
        fixed=fixed_by(app.settings, "organisation"),
        typed=typed or ("" if name == "GovBot" else name),
        problem=visit.language.sentence(problem) if problem else "",
        writable=[shelf for shelf in shelves if shelf.level in (Level.WRITE, Level.MANAGE)],
        target=shelves[0].id if shelves else None,
        ldap=bool(app.settings.ldap.servers),
        models=app.generator.models(),
        **upload_limits(app.settings),
    )
