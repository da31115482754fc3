"""One request of the API as its handlers see it: who asks, and how lists are cut into pages."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Coroutine
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, TypeVar
from uuid import UUID

from litestar.di import NamedDependency
from litestar.exceptions import ClientException
from litestar.params import QueryParameter

from govbot.auth.bearer import BadKey, Bearer
from govbot.db.access import Actor
from govbot.errors import Invalid
from govbot.web.api_errors import language_of
from govbot.web.i18n import Language
from govbot.web.visit import HttpRequest

if TYPE_CHECKING:
    from govbot.app import App

PAGE = 50
MAX_PAGE = 200
MAX_CURSOR = 200

Cursor = Annotated[
    str,
    QueryParameter(max_length=MAX_CURSOR, description="`next_cursor` of the page before."),
]
GONE = "client disconnected prematurely"  # as Litestar says it of a body that broke off
_Found = TypeVar("_Found")
Limit = Annotated[int, QueryParameter(ge=1, le=MAX_PAGE, description="Most items of the page.")]


class Call:
    """The request, the App it is for and the key behind it."""

    def __init__(self, app: App, request: HttpRequest) -> None:
        self.app = app
        self.request = request

    @property
    def bearer(self) -> Bearer:
        """The key of the request. Raises BadKey."""
        found = getattr(self.request.state, "bearer", None)
        if not isinstance(found, Bearer):
            raise BadKey
        return found

    @property
    def actor(self) -> Actor:
        """Who asks."""
        return self.bearer.actor

    @property
    def language(self) -> Language:
        """The language to answer in."""
        return language_of(self.request, self.app.settings.language)


CurrentCall = NamedDependency[Call]


async def while_connected(call: Call, work: Coroutine[Any, Any, _Found]) -> _Found:
    """What `work` gives; it is cancelled when nobody waits for it any more.

    The body of the request must have been read.
    """
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_left(call.request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientException(GONE)
        return working.result()
    finally:
        leaving.cancel()
        working.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


async def _left(request: HttpRequest) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def cursor_of(place: str) -> str:
    """The cursor that goes on after `place`: nobody should read it, or build one."""
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def place_of(cursor: str) -> str:
    """What `cursor_of` was made from. Raises Invalid E-CURSOR."""
    padded = cursor + "=" * (-len(cursor) % 4)
    try:
        return base64.b64decode(padded, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise bad_cursor() from error


def uuid_of(cursor: str) -> UUID | None:
    """The id that a cursor stands for; None without one. Raises Invalid E-CURSOR."""
    if not cursor:
        return None
    try:
        return UUID(place_of(cursor))
    except ValueError as error:
        raise bad_cursor() from error


def moment_of(given: datetime | None) -> datetime | None:
    """A moment of the address. Raises Invalid E-MOMENT without its time zone."""
    if given is not None and given.tzinfo is None:
        raise Invalid("Give the time with its time zone.", code="E-MOMENT")
    return given


def bad_cursor() -> Invalid:
    """What a cursor that is not ours gets."""
    return Invalid("The cursor is not one that a list gave.", code="E-CURSOR")


def words(text: str) -> str:
    """A text of the address without what the database cannot hold."""
    return text.replace("\x00", "").strip()
