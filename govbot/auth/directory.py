"""Accounts of people whom another system knows: LDAP, OpenID Connect, a proxy's header.

What the outside groups of a person mean here, and the one way in which such an account is made,
brought up to date, withdrawn. An outside system never takes over an account that is not its own.
"""

from __future__ import annotations

import hashlib
import logging
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from govbot import audit
from govbot.auth import memberships, users
from govbot.config.table import OutsideGroup
from govbot.db.access import Actor, Role, as_system
from govbot.db.pool import Pool
from govbot.errors import Conflict, Denied, Invalid
from govbot.ids import UserId, new_id

log = logging.getLogger(__name__)

Connection = AsyncConnection[DictRow]

NAME_LENGTH, EMAIL_LENGTH, ID_LENGTH = 200, 254, 500
RANKS = (Role.USER, Role.AUDITOR, Role.CURATOR, Role.ADMIN)


class Source(StrEnum):
    """Which system outside knows the person."""

    LDAP = "ldap"
    OIDC = "oidc"
    PROXY = "proxy"


class NotAdmitted(Denied):
    """You are known, but not allowed to use GovBot: ask who looks after your access."""

    code = "E-NOT-ADMITTED"


class NameTaken(Conflict):
    """The user name %(username)s belongs to another account here: tell your support team."""

    code = "E-NAME-TAKEN"


@dataclass(frozen=True, slots=True)
class Person:
    """A person as the outside system describes them.

    `external_id` names them for ever, whatever becomes of the user name. `groups` holds outside
    groups in the form that the source's Mapping compares.
    """

    source: Source
    external_id: str
    username: str
    name: str = ""
    email: str = ""
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Standing:
    """What the groups of a person give here. None: not decided outside, but in GovBot."""

    admitted: bool
    role: Role | None
    groups: tuple[str, ...]
    clearance: int | None


class MappingSettings(Protocol):
    """The part of [ldap], [oidc] and [proxy] that tells what groups mean."""

    @property
    def groups(self) -> tuple[OutsideGroup, ...]: ...
    @property
    def required_groups(self) -> tuple[str, ...]: ...
    @property
    def default_role(self) -> str: ...


class Mapping:
    """What outside groups mean here; `token` brings a name of the settings into compared form."""

    def __init__(self, settings: MappingSettings, token: Callable[[str], str] = str) -> None:
        self._rules = [(token(rule.group), rule) for rule in settings.groups]
        self._required = frozenset(token(name) for name in settings.required_groups)
        self._gives_roles = any(rule.role for rule in settings.groups)
        self._gives_clearances = any(rule.clearance is not None for rule in settings.groups)
        self.default_role = Role(settings.default_role)

    def standing(self, outside: Iterable[str]) -> Standing:
        """What members of these outside groups are here."""
        held = frozenset(outside)
        rules = [rule for token, rule in self._rules if token in held]
        named = [Role(rule.role) for rule in rules if rule.role]
        levels = [rule.clearance for rule in rules if rule.clearance is not None]
        role = max(named, key=RANKS.index, default=self.default_role)
        return Standing(
            admitted=not self._required or not self._required.isdisjoint(held),
            role=role if self._gives_roles else None,
            groups=tuple(sorted({name for rule in rules for name in rule.member_of})),
            clearance=max(levels, default=0) if self._gives_clearances else None,
        )


async def welcome(pool: Pool, person: Person, mapping: Mapping) -> Actor:
    """The account of a person who has just proved who they are.

    Raises NotAdmitted for who lacks the required group, whose account is then disabled, and for an
    account that was disabled here; NameTaken; Invalid for a name that cannot be one here.
    """
    standing = mapping.standing(person.groups)
    async with as_system(pool) as conn:
        if standing.admitted:
            return await provision(conn, person, standing, default_role=mapping.default_role)
        await withdraw(conn, person.source, person.external_id, reason="group")
    raise NotAdmitted


async def provision(
    conn: Connection, person: Person, standing: Standing, *, default_role: Role = Role.USER
) -> Actor:
    """Creates the account or brings it up to date; the caller acts as the system.

    One that the directory had withdrawn is enabled again; one that an administrator disabled stays
    so, and NotAdmitted is raised. Raises NameTaken and Invalid.
    """
    account = await _account(conn, person)
    if account is None:
        account = await _create(conn, person, standing.role or default_role)
    elif account["disabled_at"] is not None:
        if account["disabled_at"] != account["withdrawn_at"]:
            raise NotAdmitted
        await _restore(conn, account, person.source)
    user_id = UserId(account["id"])
    username = await _describe(conn, account, person)
    role = Role(account["role"])
    if standing.role is not None and standing.role is not role:
        role = standing.role
        await users.set_role(conn, user_id, role)
    if standing.clearance is not None and standing.clearance != account["clearance"]:
        await users.set_clearance(conn, user_id, standing.clearance)
    await memberships.replace_outside(conn, user_id, standing.groups, person.source.value)
    return Actor(user_id, username, role)


async def withdraw(conn: Connection, source: Source, external_id: str, *, reason: str) -> bool:
    """Disables an account that the outside system no longer lets in and ends its sessions.

    Whether there was one to disable. `reason` stands in the audit log: absent, inactive, group.
    """
    cursor = await conn.execute(
        """
        UPDATE users SET disabled_at = now(), withdrawn_at = now(), synced_at = now()
        WHERE source = %(source)s AND external_id = %(id)s AND disabled_at IS NULL
        RETURNING id
        """,
        {"source": source.value, "id": external_id},
    )
    row = await cursor.fetchone()
    if row is None:
        return False
    await conn.execute("DELETE FROM sessions WHERE user_id = %(id)s", {"id": row["id"]})
    await audit.record(
        conn,
        actor=None,
        action="user.disabled",
        resource=f"user:{row['id']}",
        details={"source": source.value, "reason": reason},
    )
    return True


def account_name(text: str) -> str:
    """A user name of another system in the form of ours: "José da Silva" is "jose.da.silva".

    Raises Invalid when nothing usable is left.
    """
    plain = unicodedata.normalize("NFKD", text.strip().casefold())
    letters = "".join(c for c in plain if not unicodedata.combining(c))
    name = re.sub(r"[^a-z0-9._@-]+", ".", letters).lstrip("._@-").rstrip(".")[:64]
    if not users.USERNAME.fullmatch(name):
        raise Invalid("The user name that the directory gives cannot be one here.")
    return name


async def _account(conn: Connection, person: Person) -> DictRow | None:
    if not person.external_id or len(person.external_id) > ID_LENGTH:
        raise Invalid("The directory gives no usable identifier for this person.")
    cursor = await conn.execute(
        """
        SELECT id, username, name, email, role, clearance, disabled_at, withdrawn_at
        FROM users WHERE source = %(source)s AND external_id = %(id)s
        FOR UPDATE
        """,
        {"source": person.source.value, "id": person.external_id},
    )
    return await cursor.fetchone()


async def _create(conn: Connection, person: Person, role: Role) -> DictRow:
    username = account_name(person.username)
    await _free_name(conn, username, person.source)
    cursor = await conn.execute(
        """
        INSERT INTO users (id, username, name, email, role, source, external_id, synced_at)
        VALUES (%(id)s, %(username)s, %(name)s, %(email)s, %(role)s, %(source)s, %(external_id)s,
                now())
        ON CONFLICT DO NOTHING
        RETURNING id, username, name, email, role, clearance, disabled_at, withdrawn_at
        """,
        {
            "id": new_id(),
            "username": username,
            "name": _name(person) or username,
            "email": _email(person),
            "role": role.value,
            "source": person.source.value,
            "external_id": person.external_id,
        },
    )
    row = await cursor.fetchone()
    if row is None:
        row = await _account(conn, person)  # somebody else's request was faster
        if row is None:
            raise NameTaken(username=username)
        return row
    await audit.record(
        conn,
        actor=None,
        action="user.created",
        resource=f"user:{row['id']}",
        details={"username": username, "role": role.value, "source": person.source.value},
    )
    return row


async def _describe(conn: Connection, account: DictRow, person: Person) -> str:
    """Takes over name, e-mail and, where it is free, user name; the user name from now on."""
    wanted = account_name(person.username)
    username = str(account["username"])
    if wanted != username and await _free_name(conn, wanted, person.source):
        username = wanted
    values = {"name": _name(person) or account["name"], "email": _email(person)}
    await conn.execute(
        """
        UPDATE users SET username = %(username)s, name = %(name)s, email = %(email)s,
            synced_at = now()
        WHERE id = %(id)s
        """,
        {"id": account["id"], "username": username, **values},
    )
    changed = sorted(key for key, value in values.items() if value != account[key])
    if username != account["username"]:
        await _record_rename(conn, account["id"], account["username"], username, person.source)
    if changed:
        await audit.record(
            conn,
            actor=None,
            action="user.synced",
            resource=f"user:{account['id']}",
            details={"source": person.source.value, "changed": changed},
        )
    return username


async def _free_name(conn: Connection, username: str, source: Source) -> bool:
    """Whether nobody has the user name now.

    A person of the same source who left it behind (the directory withdrew the account) gives it
    up: outside, user names are handed on, and the new holder must never get the old account.
    """
    cursor = await conn.execute(
        """
        SELECT id, source, withdrawn_at IS NOT NULL AND disabled_at IS NOT NULL AS left_behind
        FROM users WHERE username = %(username)s FOR UPDATE
        """,
        {"username": username},
    )
    holder = await cursor.fetchone()
    if holder is None:
        return True
    if holder["source"] != source.value or not holder["left_behind"]:
        return False
    old = f"{username[:50]}.{str(holder['id'])[-12:]}"
    await conn.execute(
        "UPDATE users SET username = %(old)s WHERE id = %(id)s", {"old": old, "id": holder["id"]}
    )
    await _record_rename(conn, holder["id"], username, old, source)
    return True


async def _record_rename(
    conn: Connection, user_id: object, before: str, after: str, source: Source
) -> None:
    await audit.record(
        conn,
        actor=None,
        action="user.renamed",
        resource=f"user:{user_id}",
        details={"before": before, "after": after, "source": source.value},
    )


async def _restore(conn: Connection, account: DictRow, source: Source) -> None:
    await conn.execute(
        "UPDATE users SET disabled_at = NULL, withdrawn_at = NULL WHERE id = %(id)s",
        {"id": account["id"]},
    )
    await audit.record(
        conn,
        actor=None,
        action="user.enabled",
        resource=f"user:{account['id']}",
        details={"source": source.value},
    )


def _name(person: Person) -> str:
    return _line(person.name)[:NAME_LENGTH].strip()


def _email(person: Person) -> str:
    """The address; one that is too long to be one is left out."""
    email = _line(person.email)
    return email if len(email) <= EMAIL_LENGTH and email.count("@") == 1 else ""


def _line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def split_groups(values: Sequence[object]) -> frozenset[str]:
    """Group names as a provider or proxy gives them, without empty and oversized ones."""
    names = (value.strip() for value in values if isinstance(value, str))
    return frozenset(name for name in names if 0 < len(name) <= 1000)


async def note_session(conn: Connection, token: str, subject: str, id_token: bytes | None) -> None:
    """Notes whose outside sign-in a new session rests on; it goes with the session."""
    await conn.execute(
        """
        INSERT INTO outside_sessions (session_id, subject, id_token)
        SELECT s.id, %(subject)s, %(id_token)s FROM sessions s WHERE s.token_hash = %(hash)s
        """,
        {
            "subject": subject,
            "id_token": id_token,
            "hash": hashlib.sha256(token.encode()).digest(),
        },
    )
