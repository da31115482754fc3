"""What entries of a directory mean: who the person is, which groups hold them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from time import time
from uuid import UUID

from govbot.auth.directory import Person, Source
from govbot.auth.ldap_link import (
    Entry,
    Incomplete,
    Link,
    escape_filter_chars,
    filter_bytes,
    normal_dn,
)
from govbot.config.table import Ldap

# Active Directory walks nested groups itself:
# https://learn.microsoft.com/openspecs/windows_protocols/ms-adts/4e638665-f466-4597-93c4-12f2ebfabab5
IN_CHAIN = "1.2.840.113556.1.4.1941"
AD_DISABLED = 0x2  # ADS_UF_ACCOUNTDISABLE of userAccountControl
AD_EPOCH_S = 11_644_473_600  # from 1601 to 1970
AD_NEVER = 0x7FFF_FFFF_FFFF_FFFF
LOCKED_FOR_GOOD = "000001010000Z"  # pwdAccountLockedTime of draft-behera-ldap-password-policy
OPENLDAP_USER = "(&(objectClass=person)(uid={username}))"
AD_USER = "(&(objectCategory=person)(objectClass=user)(sAMAccountName={username}))"
OPENLDAP_GROUP = (
    "(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames)(objectClass=posixGroup))"
)
BATCH = 50
MAX_GROUPS = 2000
MAX_DEPTH = 30


@dataclass(frozen=True, slots=True)
class Dialect:
    """The settings of [ldap], with what the kind of directory says where they are empty."""

    ad: bool
    base: str
    user_filter: str
    id_attribute: str
    username: str
    name: str
    email: str
    groups_base: str
    group_filter: str
    nested: bool

    @classmethod
    def of(cls, settings: Ldap) -> Dialect:
        """Fills in what is left empty."""
        ad = settings.kind == "ad"
        return cls(
            ad=ad,
            base=settings.base_dn,
            user_filter=settings.user_filter or (AD_USER if ad else OPENLDAP_USER),
            id_attribute=settings.id_attribute or ("objectGUID" if ad else "entryUUID"),
            username=settings.username_attribute or ("sAMAccountName" if ad else "uid"),
            name=settings.name_attribute or ("displayName" if ad else "cn"),
            email=settings.email_attribute,
            groups_base=settings.groups_base_dn or settings.base_dn,
            group_filter=settings.group_filter or ("(objectClass=group)" if ad else OPENLDAP_GROUP),
            nested=settings.nested_groups,
        )

    @property
    def attributes(self) -> list[str]:
        """What is read of a person."""
        named = [self.id_attribute, self.username, self.name, self.email, "memberOf"]
        states = ["userAccountControl", "accountExpires"] if self.ad else []
        return [
            *dict.fromkeys(name for name in named if name),
            *(states or ["pwdAccountLockedTime", "nsAccountLock"]),
        ]

    @property
    def binary_id(self) -> bool:
        """Whether the identifier is a GUID in Microsoft's order of bytes."""
        return self.id_attribute.casefold() == "objectguid"


def by_username(dialect: Dialect, username: str) -> str:
    """The filter that finds a person by user name, whatever characters it holds."""
    return dialect.user_filter.replace("{username}", escape_filter_chars(username))


def by_ids(dialect: Dialect, ids: Iterable[str]) -> Iterator[str]:
    """Filters that find people by identifier, so many at a time."""
    terms = iter([f"({dialect.id_attribute}={_id_value(dialect, each)})" for each in ids])
    while batch := list(islice(terms, BATCH)):
        yield f"(|{''.join(batch)})"


def person_of(entry: Entry, dialect: Dialect, groups: frozenset[str]) -> Person:
    """The person that an entry describes; an empty external_id means that it has none."""
    return Person(
        source=Source.LDAP,
        external_id=id_of(entry, dialect),
        username=entry.text(dialect.username),
        name=entry.text(dialect.name),
        email=entry.text(dialect.email),
        groups=groups,
    )


def id_of(entry: Entry, dialect: Dialect) -> str:
    """What names the entry for ever; a moved or renamed entry keeps it."""
    raw = entry.raw(dialect.id_attribute)
    if dialect.binary_id:
        return str(UUID(bytes_le=raw)) if len(raw) == 16 else ""
    return entry.text(dialect.id_attribute).casefold()


def is_active(entry: Entry) -> bool:
    """Whether the directory lets the account in at all.

    A lock after wrong passwords passes by itself: it stops signing in, at the directory, and does
    not count here; else anybody could end a colleague's sessions by guessing.
    """
    control = entry.text("userAccountControl")
    if control.lstrip("-").isdigit() and int(control) & AD_DISABLED:
        return False
    expires = entry.text("accountExpires")
    ends = int(expires) if expires.isdigit() else 0
    if 0 < ends < AD_NEVER and ends / 10_000_000 - AD_EPOCH_S < time():
        return False
    if entry.text("nsAccountLock").casefold() == "true":
        return False
    return entry.text("pwdAccountLockedTime") != LOCKED_FOR_GOOD


def groups_of(link: Link, dialect: Dialect, person: Entry) -> frozenset[str]:
    """All groups that hold the person, directly or through groups, in compared form.

    Raises Incomplete when there are too many to be sure, LdapFailure.
    """
    named = {dn: f"dn:{_key(dn)}" for dn in person.texts("memberOf")}
    if dialect.ad and dialect.nested:
        rule = f"(member:{IN_CHAIN}:={escape_filter_chars(person.dn)})"
        found = _search(link, dialect, rule)
    else:
        found = _climb(link, dialect, person, list(named))
    return frozenset({*named.values(), *(token for entry in found for token in _tokens(entry))})


def rule_token(group: str) -> str:
    """The compared form of a group in the settings: a whole DN, or a name."""
    if "=" in group and (dn := normal_dn(group)) is not None:
        return f"dn:{dn}"
    return f"name:{group.strip().casefold()}"


def _climb(link: Link, dialect: Dialect, person: Entry, named: Sequence[str]) -> list[Entry]:
    """Walks up from group to group; a cycle ends where it meets itself."""
    found: dict[str, Entry] = {}
    level = _search(link, dialect, _holds([person.dn], person.text(dialect.username)))
    waiting = [*named]
    for _ in range(MAX_DEPTH):
        fresh = [entry for entry in level if _key(entry.dn) not in found]
        found.update((_key(entry.dn), entry) for entry in fresh)
        if len(found) > MAX_GROUPS:
            raise Incomplete("search", f"more than {MAX_GROUPS} groups hold one person")
        above = list(dict.fromkeys([*waiting, *(entry.dn for entry in fresh)]))
        waiting = []
        if not above or not dialect.nested:
            return list(found.values())
        level = [
            entry
            for start in range(0, len(above), BATCH)
            for entry in _search(link, dialect, _holds(above[start : start + BATCH]))
        ]
    raise Incomplete("search", f"groups lie in one another more than {MAX_DEPTH} deep")


def _search(link: Link, dialect: Dialect, rule: str) -> list[Entry]:
    text = f"(&{dialect.group_filter}{rule})"
    return link.search(dialect.groups_base, text, ["cn"], limit=MAX_GROUPS)


def _holds(dns: Sequence[str], username: str = "") -> str:
    values = [escape_filter_chars(dn) for dn in dns]
    terms = [f"({name}={value})" for value in values for name in ("member", "uniqueMember")]
    if username:
        terms.append(f"(memberUid={escape_filter_chars(username)})")
    return f"(|{''.join(terms)})"


def _tokens(group: Entry) -> Iterator[str]:
    """Names are compared for groups below the branch of groups only, which is what was searched:
    elsewhere somebody else might give a group of theirs the same name."""
    yield f"dn:{_key(group.dn)}"
    for name in group.texts("cn"):
        yield f"name:{name.strip().casefold()}"


def _key(dn: str) -> str:
    return normal_dn(dn) or dn.casefold()


def _id_value(dialect: Dialect, external_id: str) -> str:
    if dialect.binary_id:
        with suppress(ValueError):
            return filter_bytes(UUID(external_id).bytes_le)
    return str(escape_filter_chars(external_id))
