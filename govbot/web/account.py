"""Signing in and out, the password, and the visitor's choices of language and colours."""

from __future__ import annotations

from typing import Any

from litestar import Response
from litestar.params import FromQuery

from govbot.auth import passwords, sessions, users
from govbot.auth.sessions import Step
from govbot.auth.sign_in import Origin, TooManyAttempts, WrongCredentials, confirm
from govbot.auth.sign_in import sign_in as check_and_open
from govbot.db.access import as_system
from govbot.errors import GovBotError, Invalid, NotSignedIn
from govbot.web import cookies
from govbot.web.cookies import session_cookie
from govbot.web.i18n import LANGUAGES, _
from govbot.web.visit import (
    THEMES,
    CurrentVisit,
    Visit,
    local_path,
)


async def sign_in_form(visit: CurrentVisit, seguir: FromQuery[str] = "/") -> Response[Any]:
    """The form, or straight on for who is signed in."""
    if visit.session is not None:
        return visit.redirect(local_path(seguir))
    return visit.page("account/sign_in.html", follow=local_path(seguir), username="", problem="")


async def sign_in(visit: CurrentVisit) -> Response[Any]:
    """Opens a session and leads on to the page that was asked for."""
    form = await visit.form()
    follow, username = local_path(form.get("follow")), form.get("username", "")[:200]
    settings = visit.app.settings
    try:
        signed_in = await check_and_open(
            visit.app.pool,
            username=username,
            password=form.get("password", ""),
            origin=Origin(visit.ip, visit.request.headers.get("user-agent", "")),
            settings=settings.auth,
        )
    except (WrongCredentials, TooManyAttempts) as error:
        return visit.page(
            "account/sign_in.html",
            status=error.status,
            follow=follow,
            username=username,
            problem=visit.language.sentence(error),
        )
    where = "/conta/senha" if signed_in.step is Step.PASSWORD else follow
    response = visit.redirect(where)
    response.set_cookie(session_cookie(settings, signed_in.token))
    return response


async def sign_out(visit: CurrentVisit) -> Response[Any]:
    """Ends the session here and on the server."""
    token = cookies.value_of(visit.request, cookies.SESSION, visit.app.settings)
    if token and visit.session is not None:
        async with as_system(visit.app.pool) as conn:
            await sessions.sign_out(conn, token, visit.actor)
    response = visit.redirect("/entrar")
    response.set_cookie(session_cookie(visit.app.settings, "", max_age=0))
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


async def account(visit: CurrentVisit) -> Response[str]:
    """Who is signed in, and what they may choose."""
    async with as_system(visit.app.pool) as conn:
        user = await users.get(conn, visit.actor.id)
    return visit.page("account/account.html", user=user)


async def password_form(visit: CurrentVisit) -> Response[str]:
    """The form for a new password."""
    return _password_page(visit, None)


async def change_password(visit: CurrentVisit) -> Response[Any]:
    """Replaces the password, ends the other sessions and gives this one a new token."""
    form = await visit.form()
    try:
        signed_in = await _replace_password(
            visit, form.get("current", ""), form.get("password", ""), form.get("again", "")
        )
    except (Invalid, TooManyAttempts) as error:
        return _password_page(visit, error)
    response = visit.redirect("/conta?senha=nova")
    response.set_cookie(session_cookie(visit.app.settings, signed_in.token))
    return response


async def preferences(visit: CurrentVisit) -> Response[Any]:
    """Keeps the chosen language or colours in a cookie of this browser."""
    form = await visit.form()
    response = visit.done(local_path(form.get("back")))
    for field, name, allowed in (
        ("language", cookies.LANGUAGE, tuple(LANGUAGES)),
        ("theme", cookies.THEME, THEMES),
    ):
        if (value := form.get(field)) in allowed:
            response.set_cookie(
                cookies.cookie(visit.app.settings, name, str(value), max_age=cookies.YEAR_S)
            )
    return response


async def _replace_password(
    visit: Visit, current: str, password: str, again: str
) -> sessions.SignedIn:
    """Raises Invalid when the current one is wrong, the new ones differ or are too easy."""
    session = visit.session
    if session is None:
        raise NotSignedIn
    if password != again:
        raise Invalid(_("The new passwords are not the same."), code="E-PASSWORD-AGAIN")
    passwords.check_strength(
        password,
        minimum=visit.app.settings.auth.min_password_length,
        username=visit.actor.name,
    )
    try:
        await confirm(
            visit.app.pool,
            visit.actor,
            current,
            origin=Origin(visit.ip, visit.request.headers.get("user-agent", "")),
            settings=visit.app.settings.auth,
        )
    except WrongCredentials as error:
        raise Invalid(_("The current password is wrong."), code="E-CREDENTIALS") from error
    async with as_system(visit.app.pool) as conn:
        await users.set_password(conn, visit.actor.id, password, keep=session.id, by=visit.actor)
        return await sessions.rotate(conn, session)


def _password_page(visit: Visit, problem: GovBotError | None) -> Response[str]:
    return visit.page(
        "account/password.html",
        status=problem.status if problem else 200,
        problem=visit.language.sentence(problem) if problem else "",
        minimum=visit.app.settings.auth.min_password_length,
        forced=visit.session is not None and visit.session.must_change_password,
    )
