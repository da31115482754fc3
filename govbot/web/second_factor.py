"""The second factor of one's own account: setting it up, recovery codes, taking it away."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from litestar import Response

from govbot.auth import sessions, totp
from govbot.auth.attempts import TooManyAttempts
from govbot.auth.sessions import Factor, Session, Step, requires_factor
from govbot.auth.totp import Enrolment
from govbot.db.access import as_system
from govbot.errors import BadConfig, Conflict, Denied, GovBotError, Invalid
from govbot.web import cookies
from govbot.web.account import asks_again, by_password, confirm_password, own_session
from govbot.web.i18n import _
from govbot.web.sign_in import waiting
from govbot.web.visit import CurrentVisit, Visit

if TYPE_CHECKING:
    from markupsafe import Markup

PATH = "/conta/segundo-fator"
_PURPOSE = "totp-enrolment"


async def show(visit: CurrentVisit) -> Response[Any]:
    """The factor that is there, or the form to set one up for who must or may have one."""
    session = _eligible(visit)
    found = await _enrolment(visit)
    if found is None:
        return _enrol_page(visit, session, None, totp.new_secret(), None)
    return _page(visit, found, None)


async def replace_form(visit: CurrentVisit) -> Response[str]:
    """The form to set up another app in place of the one that is there."""
    session = _eligible(visit)
    return _enrol_page(visit, session, await _enrolment(visit), totp.new_secret(), None)


async def enrol(visit: CurrentVisit) -> Response[Any]:
    """Makes the shown secret the second factor and shows the recovery codes, this once."""
    session, fields = _eligible(visit), await visit.form()
    found = await _enrolment(visit)
    secret = _opened(visit, fields.get("secret", ""))
    try:
        if _asks_password(session, found):
            await confirm_password(visit, fields.get("password", ""))
        async with as_system(visit.app.pool) as conn:
            codes = await totp.enrol(
                conn, visit.app.sealer, visit.actor, secret, fields.get("code", "")[:100]
            )
            await sessions.end_sessions(conn, visit.actor.id, but=session.id, by=visit.actor)
            signed_in = await sessions.rotate(conn, session, factor=Factor.PASSED)
    except (Invalid, TooManyAttempts) as error:
        return _enrol_page(visit, session, found, secret, error)
    # The page that follows belongs to the session as it is now.
    visit.session = _passed(session, signed_in.csrf)
    response = _codes_page(visit, codes, first=True)
    response.set_cookie(cookies.session_cookie(visit.app.settings, signed_in.token))
    return response


async def renew_codes(visit: CurrentVisit) -> Response[Any]:
    """Replaces the recovery codes and shows the new ones, this once."""
    _eligible(visit)
    found = await _enrolment(visit)
    if found is None:
        return visit.redirect(PATH)
    try:
        await confirm_password(visit, (await visit.form()).get("password", ""))
    except (Invalid, TooManyAttempts) as error:
        return _page(visit, found, error)
    async with as_system(visit.app.pool) as conn:
        codes = await totp.renew_codes(conn, visit.actor)
    return _codes_page(visit, codes, first=False)


async def remove(visit: CurrentVisit) -> Response[Any]:
    """Takes the second factor away from who need not have one."""
    session = _eligible(visit)
    found = await _enrolment(visit)
    if found is None:
        return visit.redirect(PATH)
    try:
        if requires_factor(visit.actor.role, visit.app.settings.auth):
            raise Conflict(_("Your role needs a second factor: replace it, but keep one."))
        await confirm_password(visit, (await visit.form()).get("password", ""))
    except (Invalid, Conflict, TooManyAttempts) as error:
        return _page(visit, found, error)
    async with as_system(visit.app.pool) as conn:
        await totp.remove(conn, visit.actor.id, by=visit.actor)
        await sessions.end_sessions(conn, visit.actor.id, but=session.id, by=visit.actor)
        signed_in = await sessions.rotate(conn, session, factor=Factor.NONE)
    response = visit.redirect("/conta?feito=fator")
    response.set_cookie(cookies.session_cookie(visit.app.settings, signed_in.token))
    return response


def picture(address: str) -> Markup:
    """The QR code of an address as SVG: shapes alone, so that the strict CSP lets it through."""
    import segno
    from markupsafe import Markup

    code = segno.make(address, error="m", micro=False)
    # The text is segno's own: digits and path commands, nothing of the address.
    return Markup(code.svg_inline(scale=5, border=4, dark="#000", light="#fff"))  # noqa: S704


def _eligible(visit: Visit) -> Session:
    """Whose sign-in asks for a code: where a provider outside signs people in, its rules count."""
    session = own_session(visit)
    if not by_password(session):
        raise Denied(_("Your second factor is kept where you sign in: change it there."))
    if visit.app.settings.auth.second_factor == "off":
        raise Denied(_("Second factors are turned off in this installation."))
    return session


async def _enrolment(visit: Visit) -> Enrolment | None:
    async with as_system(visit.app.pool) as conn:
        return await totp.enrolment(conn, visit.actor.id)


def _asks_password(session: Session, found: Enrolment | None) -> bool:
    return found is not None or asks_again(session)


def _opened(visit: Visit, sealed: str) -> str:
    """The secret that the form carried: sealed, and for this account alone."""
    try:
        owner, _space, secret = visit.app.sealer.open(
            sealed.encode("ascii", "replace"), _PURPOSE
        ).partition(" ")
    except BadConfig as error:
        raise Invalid(_("The page is out of date: open it again."), code="E-STALE") from error
    if owner != str(visit.actor.id):
        raise Invalid(_("The page is out of date: open it again."), code="E-STALE")
    return secret


def _passed(session: Session, csrf: str) -> Session:
    return replace(session, csrf=csrf, factor=Factor.PASSED, step=None)


def _page(visit: Visit, found: Enrolment, problem: GovBotError | None) -> Response[Any]:
    return visit.page(
        "account/second_factor.html",
        status=problem.status if problem else 200,
        headers=waiting(problem),
        factor=found,
        required=requires_factor(visit.actor.role, visit.app.settings.auth),
        problem=visit.language.sentence(problem) if problem else "",
    )


def _enrol_page(
    visit: Visit,
    session: Session,
    found: Enrolment | None,
    secret: str,
    problem: GovBotError | None,
) -> Response[str]:
    settings = visit.app.settings
    sealed = visit.app.sealer.seal(f"{visit.actor.id} {secret}", _PURPOSE).decode()
    return visit.page(
        "account/enrol.html",
        status=problem.status if problem else 200,
        headers=waiting(problem),
        sealed=sealed,
        secret=" ".join(secret[i : i + 4] for i in range(0, len(secret), 4)),
        picture=partial(picture, totp.uri(secret, visit.actor.name, settings.organisation)),
        asks_password=_asks_password(session, found),
        forced=session.step is Step.ENROL,
        replaces=found is not None,
        problem=visit.language.sentence(problem) if problem else "",
    )


def _codes_page(visit: Visit, codes: tuple[str, ...], *, first: bool) -> Response[Any]:
    return visit.page("account/recovery_codes.html", codes=codes, first=first)
