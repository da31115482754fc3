"""Compares the accounts that came from the directory with the directory.

Who vanished, was disabled there or lost the required group is disabled here and loses all
sessions. A directory that does not answer, answers in part or seems to have lost everybody
disables nobody.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from govbot import audit
from govbot.auth import directory
from govbot.auth.directory import Person, Source, Standing
from govbot.db.access import Actor, as_system
from govbot.errors import Conflict, Denied, GovBotError, Invalid, NotFound
from govbot.ids import new_id

if TYPE_CHECKING:
    from govbot.auth.ldap import Found, LdapDirectory

log = logging.getLogger(__name__)

Connection = AsyncConnection[DictRow]

ALWAYS_ALLOWED = 2  # so few may be disabled whatever share of all accounts they are
KEPT_DAYS = 90


class SyncRefused(Conflict):
    """Nothing was changed: %(disabled)s of %(accounts)s accounts would be disabled at once."""

    code = "E-DIRECTORY-SHARE"


@dataclass(frozen=True, slots=True)
class Sync:
    """A comparison as the page and the command line show it."""

    started_at: datetime
    finished_at: datetime | None
    outcome: str
    accounts: int
    found: int
    disabled: int
    enabled: int
    skipped: int
    reason: str


@dataclass(slots=True)
class Plan:
    """What a comparison would do: accounts to disable with their reason, people to take over."""

    accounts: int = 0
    active: int = 0
    found: int = 0
    leaving: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    staying: list[tuple[Person, Standing]] = field(default_factory=list)
    returning: list[str] = field(default_factory=list)

    def departures(self) -> list[tuple[str, str]]:
        """User name and reason of each account that would be disabled."""
        return sorted((self.names[each], reason) for each, reason in self.leaving.items())


async def plan(ldap: LdapDirectory) -> Plan:
    """Asks the directory about every account of it. Raises DirectoryDown."""
    async with as_system(ldap.pool) as conn:
        rows = await _accounts(conn)
    if not rows:
        return Plan()
    people = await ldap.people([row["external_id"] for row in rows])
    planned = Plan(accounts=len(rows), found=len(people))
    for row in rows:
        _judge(planned, row, people.get(row["external_id"]), ldap)
    return planned


def is_plausible(planned: Plan, max_disabled_percent: int) -> bool:
    """Whether so many people may have left since the last comparison."""
    if planned.accounts and not planned.found:
        return False
    share = math.floor(planned.active * max_disabled_percent / 100)
    return len(planned.leaving) <= max(ALWAYS_ALLOWED, share)


async def sync(ldap: LdapDirectory, *, force: bool = False, by: Actor | None = None) -> Sync:
    """Compares and changes; what it did is kept for the page.

    Raises DirectoryDown, and SyncRefused unless `force`; nothing is changed then.
    """
    async with as_system(ldap.pool) as conn:
        sync_id = await _begin(conn)
    try:
        planned = await plan(ldap)
        if not force and not is_plausible(planned, ldap.settings.max_disabled_percent):
            raise SyncRefused(disabled=len(planned.leaving), accounts=planned.accounts)
        skipped, disabled, enabled = await _apply(ldap, planned)
    except GovBotError as error:
        await _fail(ldap, sync_id, error, by)
        raise
    async with as_system(ldap.pool) as conn:
        await _finish(conn, sync_id, planned, disabled=disabled, enabled=enabled, skipped=skipped)
        await audit.record(
            conn,
            actor=by,
            action="directory.synced",
            details={
                "accounts": planned.accounts,
                "disabled": disabled,
                "enabled": enabled,
                "skipped": skipped,
                **({"forced": True} if force else {}),
            },
        )
        return (await list_syncs(conn, limit=1))[0]


async def is_due(conn: Connection, minutes: int) -> bool:
    """Whether no node has begun a comparison within this time."""
    cursor = await conn.execute(
        "SELECT EXISTS (SELECT FROM directory_syncs"
        " WHERE started_at > now() - %(minutes)s * interval '1 minute') AS recent",
        {"minutes": minutes},
    )
    row = await cursor.fetchone()
    return row is not None and not row["recent"]


async def list_syncs(conn: Connection, *, limit: int = 10) -> list[Sync]:
    """The newest comparisons first. The caller is an administrator or the system."""
    cursor = await conn.execute(
        """
        SELECT started_at, finished_at, outcome, accounts, found, disabled, enabled, skipped, reason
        FROM directory_syncs ORDER BY started_at DESC, id DESC LIMIT %(limit)s
        """,
        {"limit": limit},
    )
    return [Sync(**row) for row in await cursor.fetchall()]


async def count_accounts(conn: Connection) -> dict[str, int]:
    """How many enabled accounts come from each source."""
    cursor = await conn.execute(
        "SELECT source, count(*) AS total FROM users WHERE disabled_at IS NULL GROUP BY source"
    )
    return {str(row["source"]): int(row["total"]) for row in await cursor.fetchall()}


async def _accounts(conn: Connection) -> Sequence[DictRow]:
    """Those that an administrator disabled stay as they are and are not asked about."""
    cursor = await conn.execute(
        """
        SELECT username, external_id, disabled_at IS NULL AS active FROM users
        WHERE source = 'ldap' AND (disabled_at IS NULL OR disabled_at = withdrawn_at)
        ORDER BY username
        """
    )
    return await cursor.fetchall()


def _judge(planned: Plan, row: DictRow, found: Found | None, ldap: LdapDirectory) -> None:
    external_id, active = str(row["external_id"]), bool(row["active"])
    planned.active += active
    planned.names[external_id] = str(row["username"])
    standing = ldap.mapping.standing(found.person.groups) if found else None
    if found is not None and standing is not None and found.active and standing.admitted:
        planned.staying.append((found.person, standing))
        if not active:
            planned.returning.append(external_id)
    elif active:
        reason = "absent" if found is None else "group" if found.active else "inactive"
        planned.leaving[external_id] = reason


async def _apply(ldap: LdapDirectory, planned: Plan) -> tuple[int, int, int]:
    """Each account in a transaction of its own; how many were skipped, disabled, enabled."""
    skipped = disabled = 0
    failed: set[str] = set()
    for external_id, reason in planned.leaving.items():
        async with as_system(ldap.pool) as conn:
            disabled += await directory.withdraw(conn, Source.LDAP, external_id, reason=reason)
    for person, standing in planned.staying:
        try:
            async with as_system(ldap.pool) as conn:
                await directory.provision(conn, person, standing)
        except (Conflict, Denied, Invalid, NotFound) as error:
            skipped += 1
            failed.add(person.external_id)
            log.warning(
                "An account stays as it was, the directory's data do not fit: %s",
                error.error_code,
                extra={"action": "directory.skipped"},
            )
    return skipped, disabled, len(set(planned.returning) - failed)


async def _begin(conn: Connection) -> UUID:
    sync_id = new_id()
    await conn.execute("INSERT INTO directory_syncs (id) VALUES (%(id)s)", {"id": sync_id})
    await conn.execute(
        "DELETE FROM directory_syncs WHERE started_at < now() - %(days)s * interval '1 day'",
        {"days": KEPT_DAYS},
    )
    return sync_id


async def _fail(ldap: LdapDirectory, sync_id: UUID, error: GovBotError, by: Actor | None) -> None:
    refused = isinstance(error, SyncRefused)
    async with as_system(ldap.pool) as conn:
        await conn.execute(
            """
            UPDATE directory_syncs SET finished_at = now(), outcome = %(outcome)s,
                reason = %(reason)s, accounts = %(accounts)s, disabled = %(disabled)s
            WHERE id = %(id)s
            """,
            {
                "id": sync_id,
                "outcome": "refused" if refused else "failed",
                "reason": error.error_code,
                "accounts": error.params.get("accounts", 0),
                "disabled": error.params.get("disabled", 0),
            },
        )
        if refused:
            await audit.record(
                conn, actor=by, action="directory.refused", details=dict(error.params)
            )


async def _finish(
    conn: Connection, sync_id: UUID, planned: Plan, *, disabled: int, enabled: int, skipped: int
) -> None:
    await conn.execute(
        """
        UPDATE directory_syncs SET finished_at = now(), outcome = 'done', accounts = %(accounts)s,
            found = %(found)s, disabled = %(disabled)s, enabled = %(enabled)s,
            skipped = %(skipped)s
        WHERE id = %(id)s
        """,
        {
            "id": sync_id,
            "accounts": planned.accounts,
            "found": planned.found,
            "disabled": disabled,
            "enabled": enabled,
            "skipped": skipped,
        },
    )
