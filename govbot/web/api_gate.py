"""The door of the REST API: `Authorization: Bearer` with an API key, and nothing else.

Cookies are not even looked at, so that no page can make a browser ask in somebody's name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from govbot.auth.api_keys import Scope
from govbot.auth.bearer import BadKey, Bearer, Refusal, bearer_of, record_refusal
from govbot.auth.limits import hit, origin
from govbot.db.access import Role, as_system
from govbot.errors import Denied, NotFound
from govbot.web.visit import HttpRequest

if TYPE_CHECKING:
    from govbot.app import App
    from govbot.db.pool import Connection

MAX_KEY = 200
OTHERS = tuple(role for role in Role if role is not Role.AUDITOR)


async def admit(
    app: App,
    request: HttpRequest,
    address: str,
    scope: Scope | None,
    roles: Sequence[Role] = (),
) -> Bearer:
    """Who the request acts as; without `roles` everybody but auditors, who see the audit log and
    nothing else. Raises BadKey, Denied, OutOfScope or RateLimited."""
    if not app.settings.api.enabled:
        raise NotFound
    kind, _space, text = request.headers.get("authorization", "").partition(" ")
    text = text.strip() if kind.casefold() == "bearer" else ""
    async with as_system(app.pool) as conn:
        found: Bearer | Refusal = Refusal("missing")
        if text and len(text) <= MAX_KEY:
            found = await bearer_of(conn, text, ip=address, settings=app.settings.api)
        if isinstance(found, Bearer):
            await _count(app, conn, found)
        else:
            await _count_refusal(app, conn, found, address)
    if isinstance(found, Refusal):
        raise BadKey
    if scope is not None:
        found.require(scope)
    if found.actor.role not in (roles or OTHERS):
        raise Denied
    return found


async def _count(app: App, conn: Connection, found: Bearer) -> None:
    limits = app.settings.limits
    per_key = found.per_minute or limits.api_key_per_minute
    await hit(conn, f"api-key:{found.key_id}", limit=per_key, window_s=60)
    per_user = limits.api_user_per_minute
    await hit(conn, f"api-user:{found.actor.id}", limit=per_user, window_s=60)


async def _count_refusal(app: App, conn: Connection, refusal: Refusal, address: str) -> None:
    most = app.settings.limits.anonymous_per_minute
    await hit(conn, f"anonymous:{origin(address)}", limit=most, window_s=60)
    if refusal.reason != "missing":
        await record_refusal(conn, refusal, ip=address)
