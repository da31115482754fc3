"""Sign-in with an LDAP directory or Active Directory: search, bind, groups.

Servers are asked in their order. One that failed is asked last for a while, so that nobody waits
for a dead one. The calls are synchronous, on threads of their own: a directory that hangs must not
take those that others need.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

from govbot.auth import directory
from govbot.auth.directory import Mapping, Person
from govbot.errors import Denied, Unavailable

if TYPE_CHECKING:
    from govbot.auth.ldap_link import Entry, Link, Server
    from govbot.config.table import Ldap
    from govbot.db.pool import Pool
    from govbot.ids import UserId

log = logging.getLogger(__name__)

Result = TypeVar("Result")

THREADS = 16
AVOIDED_S = 60  # how long a server that failed is asked last
MAX_USERNAME = 256

_failed_at: dict[Server, float] = {}


class DirectoryDown(Unavailable):
    """The directory of your organisation does not answer. Accounts of GovBot itself still work."""

    code = "E-DIRECTORY"


class DirectoryPassword(Denied):
    """The directory wants a new password from you: change it there, then sign in here."""

    code = "E-DIRECTORY-PASSWORD"


@dataclass(frozen=True, slots=True)
class Found:
    """A person as the directory holds them now; `active` says whether it lets them in."""

    person: Person
    active: bool


@dataclass(slots=True)
class Work:
    """What one call has opened, so that it can be cut off when it takes too long."""

    connections: list[Any] = field(default_factory=list)
    cancelled: bool = False

    def watch(self, connection: Any) -> None:
        """Takes a connection in before it waits for anything. Raises LdapFailure after the end."""
        from govbot.auth.ldap_link import LdapFailure

        if self.cancelled:
            raise LdapFailure("connect", "the directory is too slow")
        self.connections.append(connection)

    def cancel(self) -> None:
        """Wakes the thread that waits for a server."""
        self.cancelled = True
        for connection in self.connections:
            connection.strategy._close_socket()


class LdapDirectory:
    """The directory of the settings. `check` is what signing in asks."""

    def __init__(self, settings: Ldap, pool: Pool) -> None:
        from govbot.auth import ldap_people
        from govbot.auth.ldap_link import Server

        self.settings = settings
        self.pool = pool
        self.servers = tuple(Server.parse(url) for url in settings.servers)
        self.dialect = ldap_people.Dialect.of(settings)
        self.mapping = Mapping(settings, ldap_people.rule_token)

    async def check(self, username: str, password: str) -> UserId | None:
        """The account of the person, created or brought up to date, when the password is theirs.

        None for an unknown name and for a wrong password, after the same work. Raises
        DirectoryDown; once the password was right also NotAdmitted, NameTaken, DirectoryPassword.
        """
        name = username.strip()
        if not name or not password or len(name) > MAX_USERNAME or not name.isprintable():
            return None
        found = await self.run(lambda work: self._verify(work, name, password))
        if found is None:
            return None
        return (await directory.welcome(self.pool, found, self.mapping)).id

    async def people(self, ids: Sequence[str]) -> dict[str, Found]:
        """The people with these external ids that the directory still holds, with their groups.

        Raises DirectoryDown; an answer that may not be whole counts as none.
        """
        return await self.run(
            lambda work: self._people(work, ids), seconds=60 + len(ids) * self.settings.timeout_s
        )

    async def run(self, call: Callable[[Work], Result], *, seconds: float | None = None) -> Result:
        """A synchronous call on a thread of its own. Raises DirectoryDown when it takes too long
        or a server does not do its part."""
        from govbot.auth.ldap_link import LdapFailure

        work = Work()
        longest = seconds or self.settings.timeout_s * (2 * len(self.servers) + 3)
        calling = asyncio.get_running_loop().run_in_executor(_threads(), call, work)
        try:
            return await asyncio.wait_for(asyncio.shield(calling), longest)
        except TimeoutError:
            work.cancel()
            calling.add_done_callback(_forget)
            _complain("connect", "it takes too long")
            raise DirectoryDown from None
        except LdapFailure as error:
            _complain(error.step, error.reason)
            raise DirectoryDown from error

    def open(self, work: Work) -> Link:
        """A connection on which the searching account is signed in. Raises LdapFailure."""
        from govbot.auth.ldap_link import LdapFailure, Link

        failure = LdapFailure("connect", "no server is configured")
        password = self.settings.bind_password.get_secret_value()
        for server in sorted(self.servers, key=_is_avoided):
            try:
                link = Link(self.settings, server, work.watch)
                try:
                    link.bind(self.settings.bind_dn, password)
                except BaseException:
                    link.close()
                    raise
            except LdapFailure as error:
                failure = error
                _failed_at[server] = monotonic()
                log.warning(
                    "The directory %s fails at step %s: %s", server, error.step, error.reason,
                    extra={"action": "directory.failed"},
                )  # fmt: skip
                continue
            _failed_at.pop(server, None)
            return link
        raise failure

    def find(self, link: Link, username: str) -> Entry | None:
        """The one entry with this user name; None when there is none or more than one."""
        from govbot.auth import ldap_people
        from govbot.auth.ldap_link import Incomplete

        dialect = self.dialect
        text = ldap_people.by_username(dialect, username)
        try:
            found = link.search(dialect.base, text, dialect.attributes, limit=1)
        except Incomplete:
            log.warning(
                "Several entries of the directory have one user name: nobody signs in with it",
                extra={"action": "directory.ambiguous"},
            )
            return None
        return found[0] if found else None

    def fits(self, work: Work, server: Server, dn: str, password: str) -> bool:
        """Whether the password is the entry's. Raises LdapFailure, DirectoryPassword."""
        from govbot.auth.ldap_link import Link, Refused

        with Link(self.settings, server, work.watch) as link:
            try:
                link.bind(dn, password)
            except Refused as refusal:
                # Active Directory says so after the right password only:
                # https://ldapwiki.com/wiki/Wiki.jsp?page=Common%20Active%20Directory%20Bind%20Errors
                if "data 773" in refusal.reason or "data 532" in refusal.reason:
                    raise DirectoryPassword from None
                return False
        return True

    def describe(self, link: Link, entry: Entry) -> Person:
        """The person behind an entry, with all groups. Raises LdapFailure."""
        from govbot.auth import ldap_people

        groups = ldap_people.groups_of(link, self.dialect, entry)
        return ldap_people.person_of(entry, self.dialect, groups)

    def _verify(self, work: Work, username: str, password: str) -> Person | None:
        from govbot.auth import ldap_people

        with self.open(work) as link:
            entry = self.find(link, username)
            if entry is None:
                # An unknown name must cost as much as a wrong password.
                nobody = f"cn={secrets.token_hex(16)},{self.dialect.base}"
                self.fits(work, link.server, nobody, password)
                return None
            if not self.fits(work, link.server, entry.dn, password):
                return None
            return self.describe(link, entry) if ldap_people.is_active(entry) else None

    def _people(self, work: Work, ids: Sequence[str]) -> dict[str, Found]:
        from govbot.auth import ldap_people
        from govbot.auth.ldap_link import LdapFailure

        found: dict[str, Found] = {}
        with self.open(work) as link:
            if not link.exists(self.dialect.base):
                raise LdapFailure("search", "the branch of base_dn is not to be seen")
            for text in ldap_people.by_ids(self.dialect, ids):
                for entry in link.search(self.dialect.base, text, self.dialect.attributes):
                    person = self.describe(link, entry)
                    found[person.external_id] = Found(person, ldap_people.is_active(entry))
        return found


def open_directory(settings: Ldap, pool: Pool) -> LdapDirectory | None:
    """The directory of the settings, or None where none is configured."""
    return LdapDirectory(settings, pool) if settings.servers else None


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(THREADS, thread_name_prefix="ldap")


def _is_avoided(server: Server) -> bool:
    return monotonic() - _failed_at.get(server, float("-inf")) < AVOIDED_S


def _complain(step: str, reason: str) -> None:
    log.error(
        "The directory cannot be used (step %s): %s", step, reason,
        extra={"action": "directory.failed"},
    )  # fmt: skip


def _forget(calling: asyncio.Future[Any]) -> None:
    """The end of a call that was cut off; its error has been told already."""
    if not calling.cancelled():
        calling.exception()
