"""Sites that are lent to one test after the other: to take in the routes costs Litestar half a
second, and its templates as much again.
"""

from __future__ import annotations

from typing import Any

from litestar.types import ASGIApp

from govbot.web import uploads
from govbot.web.appearance import look_of
from govbot.web.border import Border
from govbot.web.headers import Frame
from govbot.web.site import application


class _Lent:
    """A site, and who uses it now: it takes what it needs of their application."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.made_for = _kind(app)
        self.site = application(self)  # type: ignore[arg-type]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.app, name)

    def __setattr__(self, name: str, value: Any) -> None:
        own = name in ("app", "made_for", "site")
        object.__setattr__(self if own else self.app, name, value)


_SITES: list[_Lent] = []


def _kind(app: Any) -> tuple[Any, ...]:
    """What the routes and the look are made with, once."""
    return uploads.body_limit(app.settings), look_of(app.settings.appearance)


def site_of(app: Any) -> ASGIApp:
    """The site for this application: build_site without the wait."""
    wanted = _kind(app)
    fitting = [each for each in _SITES if each.made_for == wanted]
    lent = next((each for each in fitting if each.app is app), None)
    lent = lent or next((each for each in fitting if each.app is None), None)
    if lent is None:
        lent = _Lent(app)
        _SITES.append(lent)
    lent.app = app
    return Frame(Border(lent.site, app.settings), secure=app.settings.web.secure)


def give_back() -> None:
    """At the end of a test: all sites are free again."""
    for lent in _SITES:
        lent.app = None
