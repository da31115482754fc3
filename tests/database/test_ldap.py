"""Signing in through a real OpenLDAP server, over TLS, with what attackers and outages do."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from time import monotonic
from typing import Any
from uuid import UUID

import pytest

from govbot import audit
from govbot.auth import ldap_check, users
from govbot.auth.directory import NameTaken, NotAdmitted
from govbot.auth.ldap import DirectoryDown, DirectoryPassword, LdapDirectory, open_directory
from govbot.auth.ldap_link import LdapFailure, Link, Refused, Server
from govbot.config.table import Ldap, OutsideGroup
from govbot.db.access import Role, as_system
from govbot.db.pool import Pool
from govbot.ids import UserId
from tests.certificates import Authority, make_authority
from tests.slapd import (
    BASE,
    CONTRACTS,
    GROUPS,
    MARIA,
    PASSWORD,
    PEOPLE,
    READER,
    READER_PASSWORD,
    Slapd,
)
from tests.troupe import Troupe

REFUSAL = bytes([0x78, 7, 10, 1, 53, 4, 0, 4, 0])  # of an extended operation
NO_POOL: Any = None  # where no account may come of it
AD = {
    "kind": "ad",
    "user_filter": "(&(objectClass=user)(sAMAccountName={username}))",
    "nested_groups": False,
}


def directory(slapd: Slapd, pool: Pool, **changes: Any) -> LdapDirectory:
    return LdapDirectory(slapd.settings(**changes), pool)


def rule(group: str, **gives: Any) -> OutsideGroup:
    return OutsideGroup(group=group, **gives)


async def account(pool: Pool, user_id: UserId | None) -> users.User:
    assert user_id is not None
    async with as_system(pool) as conn:
        return await users.get(conn, user_id)


@pytest.mark.parametrize("scheme", ["ldap", "ldaps"])
async def test_the_right_password_gives_an_account_over_starttls_and_ldaps(
    slapd: Slapd, pool: Pool, scheme: str
) -> None:
    ldap = directory(slapd, pool, servers=(getattr(slapd, scheme),))
    user = await account(pool, await ldap.check("maria", PASSWORD))
    assert (user.username, user.name, user.role) == ("maria", "Maria da Conceição", Role.USER)


async def test_the_second_sign_in_finds_the_account_of_the_first(slapd: Slapd, pool: Pool) -> None:
    ldap = directory(slapd, pool)
    assert await ldap.check("maria", PASSWORD) == await ldap.check(" MARIA ", PASSWORD)


IMPOSTORS = [
    ("maria", "wrong"),
    ("maria", ""),
    ("", PASSWORD),
    ("nobody-here", PASSWORD),
    ("*", PASSWORD),
    ("mar*", PASSWORD),
    ("maria)(uid=*", PASSWORD),
    ("*)(objectClass=*", PASSWORD),
    ("maria)(|(uid=*", PASSWORD),
    ("\\6daria\\00", PASSWORD),
    ("maria\x00", PASSWORD),
    ("maria\n", "x"),
    ("ma\\72ia", PASSWORD),
    ("x" * 5000, PASSWORD),
    (MARIA, PASSWORD),
    (READER, READER_PASSWORD),
    ("maria", "\x00"),
    ("maria", "\u200b\ue000"),
]


async def test_injected_filters_and_wrong_passwords_open_nothing(slapd: Slapd, pool: Pool) -> None:
    ldap = directory(slapd, pool)
    assert [await ldap.check(*each) for each in IMPOSTORS] == [None] * len(IMPOSTORS)
    async with as_system(pool) as conn:
        assert await users.list_users(conn) == []


async def test_an_empty_password_never_reaches_the_server(slapd: Slapd) -> None:
    with Link(slapd.settings(), Server.parse(slapd.ldaps)) as link, pytest.raises(Refused):
        link.bind(MARIA, "")


async def test_names_with_commas_parentheses_plus_and_accents_sign_in(
    slapd: Slapd, pool: Pool
) -> None:
    ldap = directory(
        slapd, pool, groups=(rule(CONTRACTS, role="curator"), rule("Informática", clearance=2))
    )
    user = await account(pool, await ldap.check("joão.silva", PASSWORD))
    assert (user.username, user.name) == ("joao.silva", "Silva, João (DTI) +1")
    assert (user.role, user.clearance) == (Role.CURATOR, 2)


async def test_nested_groups_count_and_a_cycle_of_groups_ends(slapd: Slapd, pool: Pool) -> None:
    rules = tuple(rule(name, member_of=(f"G {name}",)) for name in ("gabinete", "governo", "vazio"))
    ldap = directory(slapd, pool, groups=rules)
    user = await account(pool, await ldap.check("maria", PASSWORD))
    assert user.groups == ("G gabinete", "G governo")


async def test_without_nesting_only_the_group_itself_counts(slapd: Slapd, pool: Pool) -> None:
    rules = tuple(rule(name, member_of=(name,)) for name in ("secretaria", "gabinete"))
    ldap = directory(slapd, pool, groups=rules, nested_groups=False)
    assert (await account(pool, await ldap.check("maria", PASSWORD))).groups == ("secretaria",)


async def test_groups_by_user_name_alone_count(slapd: Slapd, pool: Pool) -> None:
    ldap = directory(slapd, pool, groups=(rule("PLANTÃO", role="auditor"),))
    assert (await account(pool, await ldap.check("ana", PASSWORD))).role is Role.AUDITOR


async def test_a_group_elsewhere_with_the_same_name_gives_nothing(
    own_slapd: Slapd, pool: Pool
) -> None:
    own_slapd.add(f"cn=chefia,{PEOPLE}", ["groupOfNames"], {"member": [MARIA]})
    ldap = directory(own_slapd, pool, groups=(rule("chefia", role="admin"),))
    assert (await account(pool, await ldap.check("maria", PASSWORD))).role is Role.USER


async def test_a_group_whose_name_looks_like_another_dn_gives_nothing(
    own_slapd: Slapd, pool: Pool
) -> None:
    name = f"cn=chefia,{GROUPS}"
    own_slapd.add(f"cn=isca,{GROUPS}", ["groupOfNames"], {"cn": ["isca", name], "member": [MARIA]})
    ldap = directory(own_slapd, pool, groups=(rule(name, role="admin"),))
    assert (await account(pool, await ldap.check("maria", PASSWORD))).role is Role.USER


async def test_who_lacks_the_required_group_is_told_so_and_gets_no_account(
    slapd: Slapd, pool: Pool
) -> None:
    ldap = directory(slapd, pool, required_groups=("gabinete",))
    assert await ldap.check("maria", PASSWORD) is not None
    with pytest.raises(NotAdmitted):
        await ldap.check("gil", PASSWORD)
    assert await ldap.check("gil", "wrong") is None
    async with as_system(pool) as conn:
        assert [user.username for user in await users.list_users(conn)] == ["maria"]


async def test_groups_that_are_left_take_back_what_they_gave(own_slapd: Slapd, pool: Pool) -> None:
    ldap = directory(
        own_slapd, pool,
        groups=(rule("plantão", role="curator", member_of=("Plantão",), clearance=3),),
    )  # fmt: skip
    user_id = await ldap.check("ana", PASSWORD)
    async with as_system(pool) as conn:
        by_hand = await users.get(conn, user_id)  # type: ignore[arg-type]
        assert (by_hand.role, by_hand.clearance, by_hand.groups) == (Role.CURATOR, 3, ("Plantão",))
    own_slapd.modify(f"cn=plantão,{GROUPS}", {"memberUid": ["gil"]})
    user = await account(pool, await ldap.check("ana", PASSWORD))
    assert (user.role, user.clearance, user.groups) == (Role.USER, 0, ())


async def test_an_account_of_govbot_is_never_taken_over(
    slapd: Slapd, pool: Pool, troupe: Troupe
) -> None:
    with pytest.raises(NameTaken):
        await directory(slapd, pool).check("admin", PASSWORD)
    async with as_system(pool) as conn:
        cursor = await conn.execute("SELECT source FROM users WHERE username = 'admin'")
        assert [row["source"] for row in await cursor.fetchall()] == ["local"]


async def test_two_entries_with_one_user_name_are_nobody(own_slapd: Slapd, pool: Pool) -> None:
    own_slapd.add(
        f"cn=outra,{PEOPLE}",
        ["inetOrgPerson"],
        {"uid": "maria", "sn": "Outra", "userPassword": PASSWORD},
    )
    assert await directory(own_slapd, pool).check("maria", PASSWORD) is None


async def test_an_account_locked_for_good_in_openldap_does_not_sign_in(
    own_slapd: Slapd, pool: Pool
) -> None:
    own_slapd.modify(MARIA, {"pwdAccountLockedTime": ["000001010000Z"]})
    assert await directory(own_slapd, pool).check("maria", PASSWORD) is None


async def test_the_directory_down_is_said_and_is_no_wrong_password(
    own_slapd: Slapd, pool: Pool
) -> None:
    own_slapd.stop()
    with pytest.raises(DirectoryDown) as error:
        await directory(own_slapd, pool).check("maria", PASSWORD)
    assert error.value.error_code == "E-DIRECTORY"


async def test_the_next_server_is_asked_when_one_is_down_and_the_dead_one_comes_last(
    slapd: Slapd, pool: Pool
) -> None:
    with _silent() as port:
        ldap = directory(
            slapd, pool, servers=(f"ldap://localhost:{port}", slapd.ldaps), timeout_s=1
        )
        assert await ldap.check("maria", PASSWORD) is not None
        begun = monotonic()
        assert await ldap.check("maria", PASSWORD) is not None
        assert monotonic() - begun < 0.9


@pytest.mark.parametrize("scheme", ["ldap", "ldaps"])
async def test_a_server_that_says_nothing_ends_in_time(scheme: str) -> None:
    with _silent() as port:
        ldap = LdapDirectory(_settings(f"{scheme}://localhost:{port}"), NO_POOL)
        begun = monotonic()
        with pytest.raises(DirectoryDown):
            await ldap.check("maria", PASSWORD)
        assert monotonic() - begun < 4


async def test_a_server_that_drips_ends_in_time_too() -> None:
    with _silent(drip=True) as port:
        ldap = LdapDirectory(_settings(f"ldap://localhost:{port}", tls="off"), NO_POOL)
        begun = monotonic()
        with pytest.raises(DirectoryDown):
            await ldap.check("maria", PASSWORD)
        assert 3 < monotonic() - begun < 7


@pytest.mark.parametrize("scheme", ["ldap", "ldaps"])
async def test_a_certificate_of_another_authority_is_refused(
    slapd: Slapd, scheme: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    stranger = make_authority(tmp_path_factory.mktemp("stranger"), "stranger")
    server = getattr(slapd, scheme)
    settings = slapd.settings(servers=(server,), ca_file=str(stranger.file))
    ldap = LdapDirectory(settings, NO_POOL)
    with pytest.raises(DirectoryDown):
        await ldap.check("maria", PASSWORD)


@pytest.mark.parametrize(("host", "days"), [("dc1.aurora.gov", 1), ("localhost", -1)])
async def test_a_certificate_of_another_host_or_time_is_refused(
    own_slapd: Slapd, authority: Authority, host: str, days: int
) -> None:
    certificate, key = authority.issue(host, days=days)
    own_slapd.stop()
    own_slapd.configure(certificate=certificate, key=key)
    own_slapd.start()
    for url in (own_slapd.ldap, own_slapd.ldaps):
        with pytest.raises(LdapFailure) as failure:
            Link(own_slapd.settings(), Server.parse(url))
        assert failure.value.step == "tls"


async def test_without_starttls_no_password_is_sent() -> None:
    """The server refuses STARTTLS, as one would whose answer somebody in between has changed."""
    heard: list[bytes] = []
    with _silent(answer=REFUSAL, heard=heard) as port:
        ldap = LdapDirectory(
            _settings(f"ldap://localhost:{port}", bind_dn=READER, bind_password=READER_PASSWORD),
            NO_POOL,
        )
        with pytest.raises(DirectoryDown):
            await ldap.check("maria", PASSWORD)
    assert heard
    assert READER_PASSWORD.encode() not in b"".join(heard)
    assert PASSWORD.encode() not in b"".join(heard)


@pytest.mark.parametrize("result", [3, 4, 6, 10, 14], ids=str)
def test_an_answer_to_a_bind_that_is_no_success_is_no_success(result: int) -> None:
    """Limits, comparisons, a referral, a SASL step: what ldap3 raises nothing for."""
    answer = bytes([0x61, 7, 10, 1, result, 4, 0, 4, 0])
    with _silent(answer=answer) as port:
        url = f"ldap://localhost:{port}"
        link = Link(_settings(url, tls="off"), Server.parse(url))
        with link, pytest.raises(Refused):
            link.bind(MARIA, PASSWORD)


async def test_a_wrong_password_of_the_searching_account_is_no_wrong_password_of_the_person(
    slapd: Slapd, pool: Pool
) -> None:
    with pytest.raises(DirectoryDown):
        await directory(slapd, pool, bind_password="wrong").check("maria", PASSWORD)


async def test_attributes_and_filters_of_active_directory_work(
    own_slapd: Slapd, pool: Pool
) -> None:
    guid = UUID("01020304-0506-0708-090a-0b0c0d0e0f5c")
    _add_ad_user(own_slapd, guid)
    own_slapd.add(f"cn=Fiscais,{GROUPS}", ["group"], {"member": [f"cn=Rui,{PEOPLE}"]})
    ldap = directory(own_slapd, pool, **AD, groups=(rule("Fiscais", role="auditor"),))
    user = await account(pool, await ldap.check("rui", PASSWORD))
    assert (user.username, user.name, user.role) == ("rui", "Rui Lima", Role.AUDITOR)
    assert list(await ldap.people([str(guid)])) == [str(guid)]
    own_slapd.modify(f"cn=Rui,{PEOPLE}", {"userAccountControl": ["514"]})
    assert await ldap.check("rui", PASSWORD) is None
    assert (await ldap.people([str(guid)]))[str(guid)].active is False


async def test_active_directory_is_asked_for_the_whole_chain_of_groups(
    own_slapd: Slapd, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    search = Link.search

    def spy(link: Link, base: str, text: str, *rest: Any, **options: Any) -> Any:
        asked.append(text)
        return search(link, base, text, *rest, **options)

    monkeypatch.setattr(Link, "search", spy)
    _add_ad_user(own_slapd, UUID(int=7))
    await directory(own_slapd, pool, **{**AD, "nested_groups": True}).check("rui", PASSWORD)
    rule = f"(member:1.2.840.113556.1.4.1941:=cn=Rui,{PEOPLE})"
    assert asked[-1] == f"(&(objectClass=group){rule})"


async def test_a_password_that_active_directory_wants_changed_is_said(
    slapd: Slapd, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    bind = Link.bind

    def refuse(link: Link, name: str, password: str) -> None:
        if name == MARIA:
            raise Refused("bind", "80090308: LdapErr: DSID-0C09030B, data 773, v893")
        bind(link, name, password)

    monkeypatch.setattr(Link, "bind", refuse)
    with pytest.raises(DirectoryPassword):
        await directory(slapd, pool).check("maria", PASSWORD)


async def test_more_groups_than_can_be_known_refuse_instead_of_guessing(
    slapd: Slapd, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("govbot.auth.ldap_people.MAX_GROUPS", 2)
    with pytest.raises(DirectoryDown):
        await directory(slapd, pool).check("maria", PASSWORD)


async def test_first_sign_ins_at_the_same_time_make_one_account(slapd: Slapd, pool: Pool) -> None:
    ldap = directory(slapd, pool)
    ids = await asyncio.gather(*(ldap.check("maria", PASSWORD) for _ in range(4)))
    assert len(set(ids)) == 1


async def test_the_audit_log_names_the_source_and_never_the_password(
    slapd: Slapd, pool: Pool
) -> None:
    await directory(slapd, pool, groups=(rule("gabinete", role="curator"),)).check(
        "maria", PASSWORD
    )
    async with as_system(pool) as conn:
        entries = await audit.entries(conn)
    assert ("user.created", '"source":"ldap"') in [
        (entry.action, '"source":"ldap"') for entry in entries if '"source":"ldap"' in entry.details
    ]
    assert PASSWORD not in repr(entries)


async def test_the_diagnosis_walks_through_every_step(slapd: Slapd, pool: Pool) -> None:
    ldap = directory(slapd, pool, groups=(rule("governo", role="curator", clearance=1),))
    steps = await ldap_check.diagnose(ldap, "maria", PASSWORD)
    assert [step.name for step in steps if step.passed] == [
        "resolve", "connect", "tls", "bind", "base", "base", "user", "password", "groups",
        "mapping",
    ]  # fmt: skip
    assert steps[-1].seen == "role: curator; clearance: 1"
    assert PASSWORD not in repr(steps)
    assert READER_PASSWORD not in repr(steps)
    async with as_system(pool) as conn:
        assert await users.list_users(conn) == []


@pytest.mark.parametrize(
    ("changes", "username", "step"),
    [
        ({"servers": ("ldaps://nowhere.invalid",)}, "", "resolve"),
        ({"servers": ("ldaps://localhost:1",)}, "", "connect"),
        ({"ca_file": ""}, "", "tls"),
        ({"bind_password": "wrong-one"}, "", "bind"),
        ({"base_dn": "dc=elsewhere"}, "", "base"),
        ({}, "nobody", "user"),
        ({"id_attribute": "employeeNumber"}, "maria", "user"),
        ({"required_groups": ("vazio",)}, "maria", "mapping"),
    ],
)
async def test_the_diagnosis_stops_where_it_fails_and_says_what_to_do(
    slapd: Slapd, changes: dict[str, Any], username: str, step: str
) -> None:
    ldap = LdapDirectory(slapd.settings(**changes), NO_POOL)
    steps = await ldap_check.diagnose(ldap, username)
    assert (steps[-1].name, steps[-1].passed) == (step, False)
    assert steps[-1].remedy
    assert all(each.passed and not each.remedy for each in steps[:-1])


async def test_no_directory_is_asked_where_none_is_configured(pool: Pool) -> None:
    assert open_directory(Ldap(), pool) is None


def _add_ad_user(slapd: Slapd, guid: UUID) -> None:
    slapd.add(
        f"cn=Rui,{PEOPLE}",
        ["inetOrgPerson", "user"],
        {
            "sn": "Lima",
            "sAMAccountName": "rui",
            "displayName": "Rui Lima",
            "objectGUID": guid.bytes_le,
            "userAccountControl": "512",
            "userPassword": PASSWORD,
        },
    )


def _settings(url: str, **changes: Any) -> Ldap:
    return Ldap.model_validate({"servers": (url,), "base_dn": BASE, "timeout_s": 1, **changes})


@contextmanager
def _silent(
    *, drip: bool = False, answer: bytes = b"", heard: list[bytes] | None = None
) -> Iterator[int]:
    """A server that takes connections and says nothing, a byte now and then, or one thing."""
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(8) as threads:
        listener.settimeout(0.1)

        def accept() -> None:
            while not ended.is_set():
                with suppress(TimeoutError):
                    conn, _ = listener.accept()
                    threads.submit(_serve, conn, ended, drip, answer, heard)

        threads.submit(accept)
        try:
            yield int(listener.getsockname()[1])
        finally:
            ended.set()


def _serve(
    conn: socket.socket,
    ended: threading.Event,
    drip: bool,
    answer: bytes,
    heard: list[bytes] | None,
) -> None:
    with conn, suppress(OSError):
        conn.settimeout(0.1)
        while not ended.wait(0.2 if drip else 0.01):
            if drip:
                conn.sendall(b"\x30")
            with suppress(TimeoutError):
                data = conn.recv(4096)
                if not data:
                    return
                if heard is not None:
                    heard.append(data)
                if answer:
                    conn.sendall(_message(data, answer))


def _message(request: bytes, operation: bytes) -> bytes:
    """The LDAP message that answers a request: its number, then the operation."""
    start = 2 + (request[1] & 0x7F if request[1] & 0x80 else 0)
    number = request[start : start + 2 + request[start + 1]]
    return bytes([0x30, len(number) + len(operation)]) + number + operation
