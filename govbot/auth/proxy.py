"""Sign-in by a header that a trusted reverse proxy sets, after Kerberos or another sign-in of its.

The header counts only on connections that come from an address of proxy.trusted; from anybody
else it is not even read. Such a session belongs to the header's user and opens nothing without it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING
from uuid import UUID

from govbot.auth import directory, sessions
from govbot.auth.directory import Mapping, Person, Source, split_groups
from govbot.auth.sessions import Method, SignedIn
from govbot.db.access import Actor, as_system

if TYPE_CHECKING:
    from govbot.config import Settings
    from govbot.config.table import Proxy
    from govbot.db.pool import Connection, Pool

log = logging.getLogger(__name__)

Headers = Sequence[tuple[bytes, bytes]]
MAX_USER = 256


def person_of(settings: Proxy, peer: str, headers: Headers) -> Person | None:
    """The person whom a trusted proxy names; None without a header, and from anybody else.

    `peer` is the address at the other end of the connection, not one that headers tell.
    """
    if not settings.user_header or not _is_trusted(settings, peer):
        return None
    user = _one(headers, settings.user_header)
    if not user or len(user) > MAX_USER or not user.isprintable():
        return None
    groups = _one(headers, settings.groups_header).split(settings.groups_separator)
    return Person(
        source=Source.PROXY,
        external_id=user.casefold(),
        username=_without_realm(user) if settings.strip_realm else user,
        name=_one(headers, settings.name_header),
        email=_one(headers, settings.email_header),
        groups=split_groups(groups),
    )


async def enter(
    pool: Pool, settings: Settings, person: Person, *, ip: str, user_agent: str
) -> SignedIn:
    """A session for the person whom the proxy names. Raises what `directory.welcome` raises."""
    account = await directory.welcome(pool, person, Mapping(settings.proxy))
    actor = Actor(account.id, account.name, account.role, ip)
    async with as_system(pool) as conn:
        signed_in = await sessions.open_session(
            conn, actor, method=Method.PROXY, user_agent=user_agent, settings=settings.auth
        )
        await directory.note_session(conn, signed_in.token, person.external_id, None)
    return signed_in


async def holds(conn: Connection, session_id: UUID, person: Person | None) -> bool:
    """Whether the session belongs to the header's user of this request.

    Another user in the header ends the session for good; without a header it opens nothing.
    """
    if person is None:
        return False
    cursor = await conn.execute(
        "SELECT subject FROM outside_sessions WHERE session_id = %(id)s", {"id": session_id}
    )
    row = await cursor.fetchone()
    if row is not None and row["subject"] == person.external_id:
        return True
    await conn.execute("DELETE FROM sessions WHERE id = %(id)s", {"id": session_id})
    return False


def _is_trusted(settings: Proxy, peer: str) -> bool:
    try:
        address = ip_address(peer)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None) or address
    return any(mapped in ip_network(each) for each in settings.trusted)


def _one(headers: Headers, name: str) -> str:
    """The value of a header that is there once.

    Twice means that the proxy lets the visitor's own one through: neither is believed.
    """
    wanted = name.lower().encode()
    values = [value for key, value in headers if key.lower() == wanted] if name else []
    if len(values) > 1:
        log.error(
            "The proxy sends %s more than once: let it remove the visitor's own", name,
            extra={"action": "proxy.header"},
        )  # fmt: skip
    if len(values) != 1:
        return ""
    try:
        return values[0].decode("utf-8").strip()
    except UnicodeDecodeError:
        return values[0].decode("latin-1").strip()


def _without_realm(user: str) -> str:
    """maria@EXAMPLE.ORG and EXAMPLE\\maria are maria."""
    return user.rpartition("\\")[2].partition("@")[0]
