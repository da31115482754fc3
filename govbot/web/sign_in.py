"""Signing in, the code of the second factor, and signing out."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from litestar import Response
from litestar.params import FromQuery

from govbot.auth import sessions, sign_in
from govbot.auth.sessions import SignedIn, Step
from govbot.auth.sign_in import TooManyAttempts, WrongCode
from govbot.db.access import as_system
from govbot.errors import GovBotError
from govbot.web import cookies, device, entrances
from govbot.web.visit import CurrentVisit, Visit, local_path

FORM = "/entrar"
CODE = "/entrar/codigo"


async def form(visit: CurrentVisit, seguir: FromQuery[str] = "/") -> Response[Any]:
    """The form, or straight on for who is signed in."""
    if visit.session is not None:
        return visit.redirect(local_path(seguir))
    if (way := entrances.shortcut(visit, local_path(seguir))) is not None:
        return way
    return form_page(visit, local_path(seguir), "", None)


async def submit(visit: CurrentVisit) -> Response[Any]:
    """Opens a session and leads on: to the code, or to the page that was asked for."""
    fields = await visit.form()
    follow, username = local_path(fields.get("follow")), fields.get("username", "")[:200]
    try:
        signed_in = await sign_in.sign_in(
            visit.app.pool,
            username=username,
            password=fields.get("password", ""),
            origin=device.origin_of(visit),
            settings=visit.app.settings.auth,
            directory=visit.app.directory,
        )
    except GovBotError as error:
        return form_page(visit, follow, username, error)
    await _end_here(visit)
    return enter(visit, signed_in, follow)


async def code_form(visit: CurrentVisit, seguir: FromQuery[str] = "/") -> Response[Any]:
    """The form for the code, or straight on when none is asked for."""
    if visit.session is None or visit.session.step is not Step.CODE:
        return visit.redirect(local_path(seguir))
    return _code_page(visit, local_path(seguir), None)


async def submit_code(visit: CurrentVisit) -> Response[Any]:
    """Opens the pages to a session whose code is right."""
    fields = await visit.form()
    follow = local_path(fields.get("follow"))
    if visit.session is None or visit.session.step is not Step.CODE:
        return visit.redirect(follow)
    try:
        signed_in = await sign_in.pass_factor(
            visit.app.pool,
            visit.session,
            fields.get("code", "")[:100],
            origin=device.origin_of(visit),
            settings=visit.app.settings.auth,
            sealer=visit.app.sealer,
        )
    except (WrongCode, TooManyAttempts) as error:
        return _code_page(visit, follow, error)
    return enter(visit, signed_in, follow)


async def sign_out(visit: CurrentVisit) -> Response[Any]:
    """Ends the session here and on the server."""
    token = cookies.value_of(visit.request, cookies.SESSION, visit.app.settings)
    actor = visit.session.actor if visit.session is not None else None
    response = await entrances.farewell(visit) or visit.redirect(FORM)
    if token and actor is not None:
        async with as_system(visit.app.pool) as conn:
            await sessions.sign_out(conn, token, actor)
    response.set_cookie(cookies.session_cookie(visit.app.settings, "", max_age=0))
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


def enter(visit: Visit, signed_in: SignedIn, follow: str) -> Response[Any]:
    """Sends the browser on with its session; what is left to do first, the gate tells it."""
    if signed_in.step is Step.CODE:
        response = visit.redirect(f"{CODE}?seguir={quote(follow, safe='/')}")
    else:
        response = visit.redirect(follow)
        response.set_cookie(device.remember(visit, signed_in.actor.id))
    response.set_cookie(cookies.session_cookie(visit.app.settings, signed_in.token))
    return response


def waiting(error: GovBotError | None) -> dict[str, str]:
    """The header that says how many seconds to wait, when there is something to wait for."""
    if isinstance(error, TooManyAttempts):
        return {"Retry-After": str(error.retry_after_s)}
    return {}


def form_page(
    visit: Visit, follow: str, username: str, problem: GovBotError | None
) -> Response[str]:
    """The form and the other ways in, with what went wrong."""
    return visit.page(
        "account/sign_in.html",
        status=problem.status if problem else 200,
        headers=waiting(problem),
        follow=follow,
        offers=entrances.offers(visit),
        username=username,
        problem=visit.language.sentence(problem) if problem else "",
    )


async def _end_here(visit: Visit) -> None:
    """Ends the session that the browser came with, if any."""
    token = cookies.value_of(visit.request, cookies.SESSION, visit.app.settings)
    if token and visit.session is not None:
        async with as_system(visit.app.pool) as conn:
            await sessions.sign_out(conn, token, visit.actor)


def _code_page(visit: Visit, follow: str, problem: GovBotError | None) -> Response[str]:
    return visit.page(
        "account/code.html",
        status=problem.status if problem else 200,
        headers=waiting(problem),
        follow=follow,
        problem=visit.language.sentence(problem) if problem else "",
    )
