"""The audit log in the API, for auditors and administrators; each look is an entry itself."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated

from litestar.params import FromPath, QueryParameter

from govbot import audit
from govbot.auth import roles
from govbot.db.access import as_actor
from govbot.errors import NotFound
from govbot.web.api_admin_types import AuditEntry, AuditPage
from govbot.web.api_call import (
    PAGE,
    CurrentCall,
    Cursor,
    Limit,
    bad_cursor,
    cursor_of,
    moment_of,
    place_of,
    words,
)

MAX_SEQ = 2**63 - 1
Word = Annotated[str, QueryParameter(max_length=200)]
Moment = Annotated[datetime | None, QueryParameter(description="In RFC 3339, with its time zone.")]


async def list_entries(
    call: CurrentCall,
    action: Word = "",
    actor: Word = "",
    resource: Word = "",
    ip: Word = "",
    text: Word = "",
    since: Moment = None,
    until: Moment = None,
    cursor: Cursor = "",
    limit: Limit = PAGE,
) -> AuditPage:
    """The entries, the newest first. `since` is the first moment that counts, `until` the first
    that does not; `action` as in "question.asked", `actor` a user name, `resource` "kind:id" or an
    id, `text` beginnings of words."""
    roles.require(roles.may_read_audit(call.actor))
    before = _before(cursor)
    named = {
        "action": words(action), "actor": words(actor).casefold(), "resource": words(resource),
        "ip": words(ip), "text": words(text),
    }  # fmt: skip
    chosen = audit.Filter(
        (named["action"],) if named["action"] else (), named["actor"], named["resource"],
        named["ip"], named["text"], moment_of(since), moment_of(until),
    )  # fmt: skip
    async with as_actor(call.app.pool, call.actor, write=True) as conn:
        found = await audit.entries(conn, chosen, limit=limit + 1, before=before)
        details: dict[str, object] = {"format": "api", **{k: v for k, v in named.items() if v}}
        await audit.record(conn, actor=call.actor, action="audit.exported", details=details)
    shown = found[:limit]
    more = cursor_of(f"audit {shown[-1].seq}") if len(found) > limit else None
    return AuditPage([_entry(each) for each in shown], more)


async def get_entry(call: CurrentCall, seq: FromPath[int]) -> AuditEntry:
    """One entry."""
    roles.require(roles.may_read_audit(call.actor))
    if not 1 <= seq <= MAX_SEQ:
        raise NotFound
    async with as_actor(call.app.pool, call.actor) as conn:
        return _entry(await audit.entry(conn, seq))


def _before(cursor: str) -> int | None:
    if not cursor:
        return None
    kind, _space, number = place_of(cursor).partition(" ")
    if kind != "audit" or not (number.isascii() and number.isdigit() and int(number) <= MAX_SEQ):
        raise bad_cursor()
    return int(number)


def _entry(found: audit.Entry) -> AuditEntry:
    return AuditEntry(
        found.seq, found.at, found.actor_id, found.actor_name, found.action, found.resource,
        json.loads(found.details), found.ip, bytes(found.hash).hex(),
    )  # fmt: skip
