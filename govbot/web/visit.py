"""One request as the handlers see it: who asks, in which language, and how to answer."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.response import Redirect

from govbot.auth.sessions import Session
from govbot.db.access import Actor, Role
from govbot.errors import Invalid, NotSignedIn
from govbot.web import cookies, i18n
from govbot.web.compression import packed
from govbot.web.i18n import _
from govbot.web.render import Renderer

if TYPE_CHECKING:
    from govbot.app import App
    from govbot.installation.announcements import Announcement

THEMES = ("auto", "light", "dark", "contrast")

HttpRequest = Request[Any, Any, Any]


class Visit:
    """The request, the App it is for and the session behind it, if any."""

    def __init__(self, app: App, renderer: Renderer, request: HttpRequest) -> None:
        self.app = app
        self.request = request
        self.renderer = renderer
        self.session: Session | None = getattr(request.state, "session", None)
        # Versions that wait for this visitor's decision; counted for whole pages only.
        self.waiting: int = getattr(request.state, "waiting", 0)
        # Whether administrators are told that answers got worse; looked up for whole pages only.
        self.quality_fell: bool = getattr(request.state, "quality_fell", False)
        # What stands at the top of whole pages.
        self.announcements: list[Announcement] = getattr(request.state, "announcements", [])

    @property
    def actor(self) -> Actor:
        """Who asks. Raises NotSignedIn."""
        if self.session is None:
            raise NotSignedIn
        return self.session.actor

    @cached_property
    def language(self) -> i18n.Language:
        """The language to answer in: of the account, else of this browser, else the setting."""
        own = self.session.language if self.session else ""
        return i18n.language(
            i18n.choose(
                own or cookies.value_of(self.request, cookies.LANGUAGE, self.app.settings),
                self.request.headers.get("accept-language", ""),
                self.app.settings.language,
            )
        )

    @property
    def theme(self) -> str:
        """The chosen colours, one of THEMES: of the account, else of this browser."""
        own = self.session.theme if self.session else ""
        chosen = own or cookies.value_of(self.request, cookies.THEME, self.app.settings)
        return chosen if chosen in THEMES else self.app.settings.appearance.colours

    @property
    def ip(self) -> str:
        """The address of the browser, or of the proxy in front."""
        return address_of(self.request)

    @property
    def wants_fragment(self) -> bool:
        """True when htmx asks for a part of the page."""
        headers = self.request.headers
        return "hx-request" in headers and "hx-history-restore-request" not in headers

    def may(self, *roles: Role) -> bool:
        """Whether the one who asks has one of these roles."""
        return self.session is not None and self.session.actor.role in roles

    def translate(self, message: str, **params: object) -> str:
        """The message in the visitor's language, its places filled."""
        text = self.language.gettext(message)
        return text % params if params else text

    async def form(self) -> Mapping[str, str]:
        """The text fields of the submitted form; files are left out."""
        fields = await self.request.form()
        return {name: value for name, value in fields.items() if isinstance(value, str)}

    async def field(self, name: str, *, max_length: int = 4000, required: bool = True) -> str:
        """One text field, trimmed. Raises Invalid when it is missing or too long."""
        value = (await self.form()).get(name, "").replace("\r\n", "\n").strip()
        if required and not value:
            raise Invalid(_("Fill in the field."), code="E-EMPTY")
        if len(value) > max_length:
            raise Invalid(
                _("The text is too long: at most %(limit)s characters."),
                code="E-LONG",
                limit=max_length,
            )
        return value

    def page(
        self,
        template: str,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        **context: object,
    ) -> Response[Any]:
        """A template, filled with `context`, as the answer."""
        text = self.html(template, **context)
        body, more = packed(text, self.request.headers.get("accept-encoding", ""))
        return Response(
            body,
            media_type="text/html",
            status_code=status,
            headers={**more, **(headers or {})},
        )

    def html(self, template: str, **context: object) -> str:
        """A template filled with `context` and with what every page knows."""
        return self.renderer.html(template, self, context)

    def redirect(self, path: str) -> Response[Any]:
        """Sends the browser elsewhere in this site; htmx follows with a full page."""
        if self.wants_fragment:
            return Response("", status_code=200, headers={"HX-Redirect": path})
        return Redirect(path, status_code=303)

    def done(self, path: str) -> Response[Any]:
        """The change is made: nothing to show for htmx, `path` for a form without it."""
        if self.wants_fragment:
            return Response("", status_code=204)
        return Redirect(path, status_code=303)


CurrentVisit = NamedDependency[Visit]


def address_of(request: HttpRequest) -> str:
    """The address on the other end of the connection."""
    return request.client.host if request.client else ""


def local_path(address: str | None, default: str = "/") -> str:
    """`address` if it is a path of this site, else `default`: no open redirects."""
    if not address or not address.startswith("/") or address.startswith(("//", "/\\")):
        return default
    parts = urlsplit(address)
    if parts.scheme or parts.netloc or any(ord(letter) < 33 for letter in address):
        return default
    return address


def sign_in_path(request: HttpRequest) -> str:
    """The sign-in page, which leads back to what was asked for."""
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    if request.method not in ("GET", "HEAD") or "hx-request" in request.headers:
        here = urlsplit(request.headers.get("hx-current-url", "/")).path
    return "/entrar" if here == "/" else f"/entrar?seguir={quote(local_path(here), safe='/')}"
