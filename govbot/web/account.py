"""One's own account: its facts, the password, and the choices of language and colours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from litestar import Response

from govbot.auth import passwords, sessions, sign_in, totp, users
from govbot.auth.sessions import Method, Session, SignedIn, Step
from govbot.auth.sign_in import TooManyAttempts, WrongCredentials
from govbot.db.access import as_system
from govbot.errors import Denied, GovBotError, Invalid, NotSignedIn
from govbot.web import cookies, device
from govbot.web.i18n import LANGUAGES, _
from govbot.web.sign_in import waiting
from govbot.web.visit import THEMES, CurrentVisit, Visit, local_path

# Who typed the password this recently is not asked for it again.
FRESH = timedelta(minutes=10)


async def account(visit: CurrentVisit) -> Response[str]:
    """Who is signed in, and what they may choose."""
    session = own_session(visit)
    async with as_system(visit.app.pool) as conn:
        user = await users.get(conn, visit.actor.id)
        factor = await totp.enrolment(conn, visit.actor.id)
        opened = await sessions.list_sessions(conn, visit.actor.id, visit.app.settings.auth)
    return visit.page(
        "account/account.html",
        user=user,
        factor=factor,
        sessions_open=len(opened),
        by_password=by_password(session),
        offered=visit.app.settings.auth.second_factor != "off",
        local=session.method is Method.PASSWORD,
    )


async def password_form(visit: CurrentVisit) -> Response[str]:
    """The form for a new password."""
    _require_local(own_session(visit))
    return _password_page(visit, None)


async def change_password(visit: CurrentVisit) -> Response[Any]:
    """Replaces the password, ends the other sessions and gives this one a new token."""
    form = await visit.form()
    _require_local(own_session(visit))
    try:
        signed_in = await _replace_password(
            visit, form.get("current", ""), form.get("password", ""), form.get("again", "")
        )
    except (Invalid, TooManyAttempts) as error:
        return _password_page(visit, error)
    response = visit.redirect("/conta?feito=senha")
    response.set_cookie(cookies.session_cookie(visit.app.settings, signed_in.token))
    return response


async def preferences(visit: CurrentVisit) -> Response[Any]:
    """Keeps the chosen language or colours with the account, and in a cookie of this browser."""
    form = await visit.form()
    response = visit.done(local_path(form.get("back")))
    settings = visit.app.settings
    chosen: dict[str, str] = {}
    for field, name, allowed in (
        ("language", cookies.LANGUAGE, tuple(LANGUAGES)),
        ("theme", cookies.THEME, THEMES),
    ):
        if (value := form.get(field, "")) in allowed:
            chosen[field] = value
            response.set_cookie(cookies.cookie(settings, name, value, max_age=cookies.YEAR_S))
    if chosen and visit.session is not None and visit.session.complete:
        async with as_system(visit.app.pool) as conn:
            await users.set_preferences(conn, visit.actor.id, **chosen)
    return response


def own_session(visit: Visit) -> Session:
    """The visitor's session. Raises NotSignedIn."""
    if visit.session is None:
        raise NotSignedIn
    return visit.session


def by_password(session: Session) -> bool:
    """Whether GovBot asked for a password itself; else it asks for no second factor either."""
    return session.method in (Method.PASSWORD, Method.LDAP)


def asks_again(session: Session) -> bool:
    """Whether the password is so long ago that it is asked for before something grave."""
    return by_password(session) and datetime.now(UTC) - session.since > FRESH


async def confirm_password(visit: Visit, password: str) -> None:
    """Asks again who it is. Raises Invalid or TooManyAttempts."""
    try:
        await sign_in.confirm(
            visit.app.pool,
            visit.actor,
            password,
            origin=device.origin_of(visit),
            settings=visit.app.settings.auth,
            directory=visit.app.directory,
        )
    except WrongCredentials as error:
        raise Invalid(_("The current password is wrong."), code="E-CREDENTIALS") from error


def _require_local(session: Session) -> None:
    if session.method is not Method.PASSWORD:
        raise Denied(_("Your password is kept elsewhere: change it there."))


async def _replace_password(visit: Visit, current: str, password: str, again: str) -> SignedIn:
    """Raises Invalid when the current one is wrong, the new ones differ or are too easy."""
    session = own_session(visit)
    if password != again:
        raise Invalid(_("The new passwords are not the same."), code="E-PASSWORD-AGAIN")
    async with as_system(visit.app.pool) as conn:
        user = await users.get(conn, visit.actor.id)
    passwords.check_strength(
        password,
        minimum=visit.app.settings.auth.min_password_length,
        context=(user.username, user.name, user.email, visit.app.settings.organisation),
    )
    await confirm_password(visit, current)
    if password == current:
        raise Invalid(_("The new password is the current one."), code="E-PASSWORD-AGAIN")
    async with as_system(visit.app.pool) as conn:
        await users.set_password(conn, visit.actor.id, password, keep=session.id, by=visit.actor)
        return await sessions.rotate(conn, session)


def _password_page(visit: Visit, problem: GovBotError | None) -> Response[str]:
    return visit.page(
        "account/password.html",
        status=problem.status if problem else 200,
        headers=waiting(problem),
        problem=visit.language.sentence(problem) if problem else "",
        minimum=visit.app.settings.auth.min_password_length,
        forced=own_session(visit).step is Step.PASSWORD,
    )
