"""What every request must pass before its handler: origin, session, role, CSRF token.

One guard stands before all routes, so a new route is closed until its `opt` opens it:
`public=True` (no session needed), `bare=True` (not even looked up), `roles=(...)` (one of these),
`before_code`, `before_password`, `before_enrolment` (open to who has to give the code of the second
factor, choose a new password or set up the second factor first; in this order). Routes of the API
(`api=True`) know keys instead of sessions (api_gate.py); `scope` is what the key must be allowed.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from govbot.auth import proxy
from govbot.auth.sessions import Method, Session, Step, session_of
from govbot.db.access import Role, as_actor, as_system
from govbot.documents.lifecycle import count_reviews
from govbot.errors import Denied, NotSignedIn
from govbot.eval import gate
from govbot.installation import announcements, setup
from govbot.web import api_gate, cookies, rates
from govbot.web.entrances import header_person
from govbot.web.visit import HttpRequest, address_of

if TYPE_CHECKING:
    from govbot.app import App

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
CSRF_HEADER = "x-csrf-token"
CSRF_FIELD = "csrf"


class ForeignRequest(Denied):
    """The request did not come from this page: reload it and try again."""

    code = "E-CSRF"


class Unfinished(Denied):
    """Finish signing in first."""

    path: ClassVar[str] = "/entrar"


class MustGiveCode(Unfinished):
    """Type the code of your second factor first."""

    code = "E-CODE-FIRST"
    path = "/entrar/codigo"


class MustChangePassword(Unfinished):
    """Choose a new password first."""

    code = "E-NEW-PASSWORD"
    path = "/conta/senha"


class MustEnrol(Unfinished):
    """Set up the second factor first."""

    code = "E-ENROL"
    path = "/conta/segundo-fator"


class FirstSteps(Unfinished):
    """Go through the first steps, or leave them for later."""

    code = "E-FIRST-STEPS"
    path = "/admin/comecar"


# What a session still has to do: the error that says so, and the option of routes open before.
STEPS: dict[Step, tuple[type[Unfinished], str]] = {
    Step.CODE: (MustGiveCode, "before_code"),
    Step.PASSWORD: (MustChangePassword, "before_password"),
    Step.ENROL: (MustEnrol, "before_enrolment"),
}


class Gate:
    """The guard; holds the App whose sessions it reads."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(
        self, connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler
    ) -> None:
        request: HttpRequest = connection  # type: ignore[assignment]  # only HTTP routes exist
        opt = handler.opt
        if opt.get("bare"):
            return
        if opt.get("api"):
            address = address_of(request)
            request.state.bearer = await api_gate.admit(
                self.app, request, address, opt.get("scope"), opt.get("roles", ())
            )
            return
        request.state.session = session = await self._session(request)
        if session is None:
            await rates.count_anonymous(self.app, address_of(request))
        if request.method not in SAFE_METHODS:
            _require_own_origin(request, self.app.settings.web.base_url)
            if session is not None:
                await _require_token(request, session)
        if session is not None and session.complete and _whole_page(request):
            await self._look_around(request, session, opt)
        if not opt.get("public"):
            _require_session(session, opt, request.url.path)

    async def _session(self, request: HttpRequest) -> Session | None:
        token = cookies.value_of(request, cookies.SESSION, self.app.settings)
        if not token:
            return None
        async with as_system(self.app.pool) as conn:
            session = await session_of(
                conn, token, ip=address_of(request), settings=self.app.settings.auth
            )
            if session is None or session.method is not Method.PROXY:
                return session
            person = header_person(self.app.settings, request)
            return session if await proxy.holds(conn, session.id, person) else None

    async def _look_around(
        self, request: HttpRequest, session: Session, opt: Mapping[str, Any]
    ) -> None:
        """What every page shows: how many versions wait for a decision of this person,
        announcements, and to administrators whether answers got worse. Raises FirstSteps for an
        administrator who comes to an installation in which nothing was done yet."""
        async with as_actor(self.app.pool, session.actor) as conn:
            request.state.waiting = await count_reviews(conn)
            request.state.announcements = await announcements.current(conn, session.actor)
            if session.actor.role is not Role.ADMIN:
                return
            request.state.quality_fell = await gate.has_fallen(conn)
            if request.url.path == "/" and not opt.get("public") and await setup.is_fresh(conn):
                raise FirstSteps


def _require_session(session: Session | None, opt: Mapping[str, Any], path: str) -> None:
    """Raises NotSignedIn, Unfinished or Denied unless the session opens a route with `opt`."""
    if session is None:
        raise NotSignedIn
    if session.step is not None:
        unfinished, option = STEPS[session.step]
        if not opt.get(option):
            raise unfinished
    roles = opt.get("roles", ())
    if roles and session.actor.role not in roles:
        raise Denied
    if session.actor.role is Role.AUDITOR and Role.AUDITOR not in roles and not _own(path):
        raise Denied


def _own(path: str) -> bool:
    """What is open to auditors beside the audit log: the way to it, and their own account."""
    return path in ("/", "/sair", "/conta") or path.startswith(("/conta/", "/entrar/"))


def _whole_page(request: HttpRequest) -> bool:
    """Whether the browser asks for a page with a menu, as far as its headers say."""
    return "hx-request" not in request.headers and "text/html" in request.headers.get("accept", "")


def _require_own_origin(request: HttpRequest, base_url: str) -> None:
    """Browsers say where a request comes from; programs without a browser say nothing.

    A proxy in front may put another name into Host, so the address users type counts as well.
    """
    site = request.headers.get("sec-fetch-site")
    if site not in (None, "same-origin", "none"):
        raise ForeignRequest
    origin = request.headers.get("origin")
    own = {request.headers.get("host", ""), urlsplit(base_url).netloc} - {""}
    if origin is not None and urlsplit(origin).netloc not in own:
        raise ForeignRequest


async def _require_token(request: HttpRequest, session: Session) -> None:
    given = request.headers.get(CSRF_HEADER)
    if given is None:
        value = (await request.form()).get(CSRF_FIELD)
        given = value if isinstance(value, str) else ""
    if not secrets.compare_digest(given.encode(), session.csrf.encode()):
        # Litestar closes the temporary files of a form only behind the guards.
        await (await request.form()).close()
        raise ForeignRequest
