"""Tries the settings of the directory step by step, each with its result and what to do about it.

`govbot ldap test` and the page of the directory show the steps. No password is ever part of one.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from govbot.errors import GovBotError

if TYPE_CHECKING:
    from govbot.auth.ldap import LdapDirectory, Work
    from govbot.auth.ldap_link import Entry, LdapFailure, Link, Server

REMEDIES = {
    "resolve": "Correct the host name in ldap.servers, or the DNS of this machine.",
    "connect": "See that the server runs and that no firewall stands between.",
    "tls": "Give the certificate of the authority in ldap.ca_file; the name in ldap.servers must be"
    " one that the server's certificate holds.",
    "bind": "Correct ldap.bind_dn and ldap.bind_password.",
    "base": "Correct ldap.base_dn, or let the searching account read it.",
    "user": "Correct ldap.user_filter, ldap.username_attribute and ldap.id_attribute, or the name.",
    "password": "It is wrong, or the directory does not let this person sign in.",
    "groups": "Correct ldap.groups_base_dn and ldap.group_filter, or let the account read groups.",
    "mapping": "See ldap.required_groups and the tables [[ldap.groups]].",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One step: its name, whether it went well, what was seen, what to do if not."""

    name: str
    place: str
    passed: bool
    seen: str = ""

    @property
    def remedy(self) -> str:
        """What to do about a failure; empty for a step that went well."""
        return "" if self.passed else REMEDIES[self.name]


async def diagnose(
    ldap: LdapDirectory, username: str = "", password: str | None = None
) -> list[Step]:
    """Each server up to the search; with `username` that person on the first one that works.

    A `password` is tried as well. Nothing is changed and no account is created.
    """

    def steps(work: Work) -> list[Step]:
        return list(_steps(ldap, work, username.strip(), password))

    seconds = 10.0 + ldap.settings.timeout_s * (4 * len(ldap.servers) + 6)
    try:
        return await ldap.run(steps, seconds=seconds)
    except GovBotError:
        return [Step("connect", "", False, f"no answer within {seconds:.0f} s")]


def _steps(ldap: LdapDirectory, work: Work, username: str, password: str | None) -> Iterator[Step]:
    from govbot.auth.ldap_link import LdapFailure

    asked = False
    for server in ldap.servers:
        link: Link | None = None
        try:
            yield from _reach(ldap, server)
            link = _open(ldap, work, server)
            yield Step("tls", str(server), True, _security(ldap, server))
            yield from _look(ldap, link, server)
            if username and not asked:
                asked = True
                yield from _person(ldap, work, link, username, password)
        except _Stop as stop:
            yield stop.step
        except LdapFailure as error:
            yield _failed(error, server)
        finally:
            if link is not None:
                link.close()


class _Stop(Exception):
    def __init__(self, step: Step) -> None:
        super().__init__(step.name)
        self.step = step


def _reach(ldap: LdapDirectory, server: Server) -> Iterator[Step]:
    try:
        found = socket.getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise _Stop(Step("resolve", str(server), False, error.strerror or "unknown")) from None
    addresses = ", ".join(dict.fromkeys(str(each[4][0]) for each in found))
    yield Step("resolve", str(server), True, addresses)
    try:
        socket.create_connection((server.host, server.port), ldap.settings.timeout_s).close()
    except OSError as error:
        reason = error.strerror or "no answer"
        raise _Stop(Step("connect", str(server), False, reason)) from None
    yield Step("connect", str(server), True)


def _open(ldap: LdapDirectory, work: Work, server: Server) -> Link:
    from govbot.auth.ldap_link import LdapFailure, Link

    try:
        return Link(ldap.settings, server, work.watch)
    except LdapFailure as error:
        # The connection stood a moment ago: what fails now is its security.
        raise _Stop(Step("tls", str(server), False, error.reason)) from None


def _security(ldap: LdapDirectory, server: Server) -> str:
    if server.ldaps:
        return "LDAPS, the certificate is verified"
    if ldap.settings.tls == "required":
        return "STARTTLS, the certificate is verified"
    return "none: passwords travel in clear text (ldap.tls is off)"


def _look(ldap: LdapDirectory, link: Link, server: Server) -> Iterator[Step]:
    settings = ldap.settings
    link.bind(settings.bind_dn, settings.bind_password.get_secret_value())
    yield Step("bind", str(server), True, settings.bind_dn or "unnamed")
    for base in dict.fromkeys([ldap.dialect.base, ldap.dialect.groups_base]):
        if not link.exists(base):
            raise _Stop(Step("base", str(server), False, base))
        yield Step("base", str(server), True, base)


def _person(
    ldap: LdapDirectory, work: Work, link: Link, username: str, password: str | None
) -> Iterator[Step]:
    from govbot.auth import ldap_people
    from govbot.auth.ldap_link import LdapFailure

    entry = ldap.find(link, username)
    if entry is None:
        raise _Stop(Step("user", username, False, "no entry, or more than one"))
    if not ldap_people.id_of(entry, ldap.dialect):
        raise _Stop(Step("user", username, False, f"no {ldap.dialect.id_attribute}: {entry.dn}"))
    state = "" if ldap_people.is_active(entry) else " (disabled in the directory)"
    yield Step("user", username, not state, entry.dn + state)
    if password is not None:
        yield _try_password(ldap, work, link, entry, password)
    try:
        person = ldap.describe(link, entry)
    except LdapFailure as error:
        raise _Stop(Step("groups", username, False, error.reason)) from None
    yield Step("groups", username, True, ", ".join(sorted(_readable(person.groups))) or "none")
    standing = ldap.mapping.standing(person.groups)
    words = {
        "role": standing.role.value if standing.role else None,
        "groups": ", ".join(standing.groups) or None,
        "clearance": standing.clearance,
    }
    told = "; ".join(f"{key}: {value}" for key, value in words.items() if value is not None)
    seen = told or "no table [[ldap.groups]] fits"
    yield Step("mapping", username, standing.admitted, seen if standing.admitted else "no access")


def _try_password(ldap: LdapDirectory, work: Work, link: Link, entry: Entry, password: str) -> Step:
    fits = False
    with suppress(GovBotError):  # right, but a new one is asked for: it does not sign in
        fits = ldap.fits(work, link.server, entry.dn, password)
    return Step("password", entry.dn, fits)


def _readable(tokens: frozenset[str]) -> set[str]:
    """The names of groups, without their kind."""
    return {token.partition(":")[2] for token in tokens if token.startswith("name:")} or {
        token.partition(":")[2] for token in tokens
    }


def _failed(error: LdapFailure, server: Server) -> Step:
    name = {"search": "base"}.get(error.step, error.step)
    return Step(name, str(server), False, error.reason)
