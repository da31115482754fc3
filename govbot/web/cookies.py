"""Cookies: their names and flags, in one place.

Over HTTPS they carry the prefix __Host-, which browsers take only with Secure, with the path "/"
and without a domain: another host of the same domain can neither read nor replace them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

from litestar.datastructures import Cookie

if TYPE_CHECKING:
    from litestar import Request

    from govbot.config import Settings

SESSION = "govbot_session"
LANGUAGE = "govbot_language"
THEME = "govbot_theme"
YEAR_S = 365 * 24 * 3600
MAX_LENGTH = 200  # characters of a value that is looked at


def name_of(name: str, settings: Settings) -> str:
    """The name that a cookie has in the browser."""
    return f"__Host-{name}" if settings.web.secure else name


def value_of(request: Request[Any, Any, Any], name: str, settings: Settings) -> str:
    """The value of one of our cookies; empty when it is missing or too long."""
    value = request.cookies.get(name_of(name, settings), "")
    return value if len(value) <= MAX_LENGTH else ""


def cookie(
    settings: Settings,
    name: str,
    value: str,
    *,
    max_age: int,
    samesite: Literal["lax", "strict"] = "lax",
) -> Cookie:
    """A cookie that no script can read; `max_age` in seconds, 0 deletes it."""
    return Cookie(
        key=name_of(name, settings),
        value=quote(value),
        max_age=max_age,
        path="/",
        httponly=True,
        samesite=samesite,
        secure=settings.web.secure,
    )


def session_cookie(settings: Settings, token: str, *, max_age: int | None = None) -> Cookie:
    """The cookie of a session; with `max_age` 0 and no token it ends."""
    hours = settings.auth.session_absolute_hours
    return cookie(settings, SESSION, token, max_age=hours * 3600 if max_age is None else max_age)
