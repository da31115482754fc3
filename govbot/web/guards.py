"""What every request must pass before its handler: origin, session, role, CSRF token.

One guard stands before all routes, so a new route is closed until its `opt` opens it:
`public=True` (no session needed), `bare=True` (not even looked up), `roles=(...)` (one of these),
`before_password=True` (open to who must choose a new password first).
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from govbot.auth.sessions import Session, session_of
from govbot.db.access import as_actor, as_system
from govbot.documents.lifecycle import count_reviews
from govbot.errors import Denied, NotSignedIn
from govbot.web import cookies
from govbot.web.visit import HttpRequest, address_of

if TYPE_CHECKING:
    from govbot.app import App

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
CSRF_HEADER = "x-csrf-token"
CSRF_FIELD = "csrf"


class ForeignRequest(Denied):
    """The request did not come from this page: reload it and try again."""

    code = "E-CSRF"


class MustChangePassword(Denied):
    """Choose a new password first."""

    code = "E-NEW-PASSWORD"


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
        request.state.session = session = await self._session(request)
        if request.method not in SAFE_METHODS:
            _require_own_origin(request, self.app.settings.web.base_url)
            if session is not None:
                await _require_token(request, session)
        if session is not None and _whole_page(request):
            request.state.waiting = await self._waiting(session)
        if opt.get("public"):
            return
        if session is None:
            raise NotSignedIn
        if session.must_change_password and not opt.get("before_password"):
            raise MustChangePassword
        if (roles := opt.get("roles")) and session.actor.role not in roles:
            raise Denied

    async def _session(self, request: HttpRequest) -> Session | None:
        token = cookies.value_of(request, cookies.SESSION, self.app.settings)
        if not token:
            return None
        async with as_system(self.app.pool) as conn:
            return await session_of(
                conn, token, ip=address_of(request), settings=self.app.settings.auth
            )

    async def _waiting(self, session: Session) -> int:
        """How many versions wait for a decision of this person; the menu shows it."""
        async with as_actor(self.app.pool, session.actor) as conn:
            return await count_reviews(conn)


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
