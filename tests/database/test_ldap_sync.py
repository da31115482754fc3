"""The comparison of accounts with a real directory: who left, who came back, and outages."""

from __future__ import annotations

from typing import Any

import pytest

from govbot import audit
from govbot.auth import groups, ldap_sync, sessions, users
from govbot.auth.directory import NameTaken
from govbot.auth.ldap import DirectoryDown, LdapDirectory
from govbot.auth.ldap_sync import SyncRefused
from govbot.auth.sessions import Method
from govbot.config.table import Auth, OutsideGroup
from govbot.db.access import Role, as_system
from govbot.db.pool import Pool
from tests.slapd import GROUPS, JOAO, MARIA, PASSWORD, PEOPLE, Slapd

NAMES = ("maria", "ana", "gil", "joão.silva")


async def filled(slapd: Slapd, pool: Pool, **changes: Any) -> LdapDirectory:
    """A directory whose people have all signed in once."""
    ldap = LdapDirectory(slapd.settings(**changes), pool)
    for name in NAMES:
        assert await ldap.check(name, PASSWORD)
    return ldap


async def enabled(pool: Pool) -> set[str]:
    async with as_system(pool) as conn:
        return {u.username for u in await users.list_users(conn) if u.disabled_at is None}


async def open_session(pool: Pool, username: str) -> str:
    async with as_system(pool) as conn:
        user = await users.by_username(conn, username)
        signed_in = await sessions.open_session(
            conn, users.actor_for(user), method=Method.LDAP, user_agent="", settings=Auth()
        )
    return signed_in.token


async def is_open(pool: Pool, token: str) -> bool:
    async with as_system(pool) as conn:
        return await sessions.session_of(conn, token, ip="", settings=Auth()) is not None


async def test_who_vanished_is_disabled_and_signed_out_at_once(
    own_slapd: Slapd, pool: Pool
) -> None:
    ldap = await filled(own_slapd, pool)
    gil, ana = await open_session(pool, "gil"), await open_session(pool, "ana")
    own_slapd.delete(f"uid=gil,{PEOPLE}")
    done = await ldap_sync.sync(ldap)
    assert (done.outcome, done.accounts, done.found, done.disabled) == ("done", 4, 3, 1)
    assert await enabled(pool) == {"maria", "ana", "joao.silva"}
    assert not await is_open(pool, gil)
    assert await is_open(pool, ana)
    async with as_system(pool) as conn:
        actions = [entry.action for entry in await audit.entries(conn, limit=2)]
    assert actions == ["directory.synced", "user.disabled"]


async def test_who_lost_the_required_group_is_disabled_and_comes_back_with_it(
    own_slapd: Slapd, pool: Pool
) -> None:
    group = f"cn=todos,{GROUPS}"
    everybody = [MARIA, JOAO, f"uid=ana,{PEOPLE}", f"uid=gil,{PEOPLE}"]
    own_slapd.add(group, ["groupOfNames"], {"member": everybody})
    ldap = await filled(own_slapd, pool, required_groups=("todos",))
    own_slapd.modify(group, {"member": everybody[:3]})
    assert (await ldap_sync.sync(ldap)).disabled == 1
    assert "gil" not in await enabled(pool)
    own_slapd.modify(group, {"member": everybody})
    assert (await ldap_sync.sync(ldap)).enabled == 1
    assert "gil" in await enabled(pool)


async def test_an_account_that_the_directory_locks_is_disabled(
    own_slapd: Slapd, pool: Pool
) -> None:
    ldap = await filled(own_slapd, pool)
    own_slapd.modify(f"uid=gil,{PEOPLE}", {"pwdAccountLockedTime": ["000001010000Z"]})
    own_slapd.modify(f"uid=ana,{PEOPLE}", {"pwdAccountLockedTime": ["20260101000000Z"]})
    await ldap_sync.sync(ldap)
    assert await enabled(pool) == {"maria", "ana", "joao.silva"}  # ana's lock passes by itself


async def test_what_an_administrator_disabled_stays_disabled(own_slapd: Slapd, pool: Pool) -> None:
    ldap = await filled(own_slapd, pool)
    async with as_system(pool) as conn:
        gil = await users.by_username(conn, "gil")
        await users.set_disabled(conn, gil.id, disabled=True)
    assert (await ldap_sync.sync(ldap)).accounts == 3
    assert "gil" not in await enabled(pool)


async def test_an_account_that_was_disabled_here_after_it_vanished_does_not_come_back(
    own_slapd: Slapd, pool: Pool
) -> None:
    ldap = await filled(own_slapd, pool, required_groups=())
    own_slapd.modify(f"uid=gil,{PEOPLE}", {"pwdAccountLockedTime": ["000001010000Z"]})
    await ldap_sync.sync(ldap)
    async with as_system(pool) as conn:
        gil = await users.by_username(conn, "gil")
        await users.set_disabled(conn, gil.id, disabled=True)
    own_slapd.modify(f"uid=gil,{PEOPLE}", {"pwdAccountLockedTime": []})
    await ldap_sync.sync(ldap)
    assert "gil" not in await enabled(pool)


async def test_a_renamed_person_keeps_the_account(own_slapd: Slapd, pool: Pool) -> None:
    ldap = await filled(own_slapd, pool)
    async with as_system(pool) as conn:
        before = await users.by_username(conn, "maria")
    own_slapd.rename(MARIA, "uid=maria.lima")
    own_slapd.modify(f"uid=maria.lima,{PEOPLE}", {"cn": ["Maria Lima"], "uid": ["maria.lima"]})
    assert (await ldap_sync.sync(ldap)).disabled == 0
    async with as_system(pool) as conn:
        after = await users.by_username(conn, "maria.lima")
    assert (after.id, after.name) == (before.id, "Maria Lima")
    assert await ldap.check("maria.lima", PASSWORD) == before.id


async def test_a_user_name_that_is_handed_on_never_opens_the_account_of_the_one_before(
    own_slapd: Slapd, pool: Pool
) -> None:
    ldap = await filled(own_slapd, pool)
    async with as_system(pool) as conn:
        before = await users.by_username(conn, "gil")
    own_slapd.delete(f"uid=gil,{PEOPLE}")
    values = {"sn": "G", "cn": "Gil II", "userPassword": "novo-gil"}
    own_slapd.add(f"uid=gil,{PEOPLE}", ["inetOrgPerson"], values)
    with pytest.raises(NameTaken):
        await ldap.check("gil", "novo-gil")
    await ldap_sync.sync(ldap)
    after = await ldap.check("gil", "novo-gil")
    assert after not in (None, before.id)
    async with as_system(pool) as conn:
        assert (await users.get(conn, before.id)).username.startswith("gil.")


async def test_only_memberships_of_the_directory_are_taken_away(
    own_slapd: Slapd, pool: Pool
) -> None:
    rules = (OutsideGroup(group="plantão", member_of=("Plantão", "Noite")),)
    ldap = await filled(own_slapd, pool, groups=rules)
    async with as_system(pool) as conn:
        ana = await users.by_username(conn, "ana")
        by_hand = await groups.create_group(conn, "Feita aqui")
        await groups.add_member(conn, by_hand, ana.id)
    own_slapd.modify(f"cn=plantão,{GROUPS}", {"memberUid": []})
    await ldap_sync.sync(ldap)
    async with as_system(pool) as conn:
        assert (await users.get(conn, ana.id)).groups == ("Feita aqui",)


async def test_a_lost_role_ends_the_sessions_it_was_used_in(own_slapd: Slapd, pool: Pool) -> None:
    rules = (OutsideGroup(group="plantão", role="admin"),)
    ldap = await filled(own_slapd, pool, groups=rules)
    token = await open_session(pool, "ana")
    own_slapd.modify(f"cn=plantão,{GROUPS}", {"memberUid": []})
    await ldap_sync.sync(ldap)
    async with as_system(pool) as conn:
        assert (await users.by_username(conn, "ana")).role is Role.USER
    assert not await is_open(pool, token)


async def test_an_outage_disables_nobody_and_is_kept_for_the_page(
    own_slapd: Slapd, pool: Pool
) -> None:
    ldap = await filled(own_slapd, pool)
    own_slapd.stop()
    with pytest.raises(DirectoryDown):
        await ldap_sync.sync(ldap)
    assert len(await enabled(pool)) == 4
    async with as_system(pool) as conn:
        (last,) = await ldap_sync.list_syncs(conn)
    assert (last.outcome, last.reason) == ("failed", "E-DIRECTORY")


async def test_an_answer_that_the_server_cuts_disables_nobody(own_slapd: Slapd, pool: Pool) -> None:
    ldap = await filled(own_slapd, pool)
    own_slapd.stop()
    own_slapd.configure(limits="size=2 size.prtotal=2")
    own_slapd.start()
    with pytest.raises(DirectoryDown):
        await ldap_sync.sync(ldap)
    assert len(await enabled(pool)) == 4


async def test_an_account_that_sees_nothing_any_more_disables_nobody(
    own_slapd: Slapd, pool: Pool
) -> None:
    await filled(own_slapd, pool)
    for changes in ({"bind_dn": "", "bind_password": ""}, {"base_dn": "dc=elsewhere"}):
        blind = LdapDirectory(own_slapd.settings(**changes), pool)
        with pytest.raises(DirectoryDown):
            await ldap_sync.sync(blind)
    narrow = LdapDirectory(own_slapd.settings(base_dn=GROUPS), pool)
    with pytest.raises(SyncRefused):
        await ldap_sync.sync(narrow)
    assert len(await enabled(pool)) == 4


async def test_too_many_at_once_are_refused_until_somebody_insists(
    own_slapd: Slapd, pool: Pool
) -> None:
    ldap = await filled(own_slapd, pool)
    for name in ("maria", "ana", "gil"):
        own_slapd.delete(f"uid={name},{PEOPLE}")
    with pytest.raises(SyncRefused) as refusal:
        await ldap_sync.sync(ldap)
    assert "3 of 4" in str(refusal.value)
    assert len(await enabled(pool)) == 4
    planned = await ldap_sync.plan(ldap)
    assert planned.departures() == [("ana", "absent"), ("gil", "absent"), ("maria", "absent")]
    assert (await ldap_sync.sync(ldap, force=True)).disabled == 3
    async with as_system(pool) as conn:
        assert [sync.outcome for sync in await ldap_sync.list_syncs(conn)] == ["done", "refused"]


async def test_local_accounts_are_not_compared(slapd: Slapd, pool: Pool) -> None:
    async with as_system(pool) as conn:
        await users.create_user(
            conn, username="local", name="", password="quatro-canoas-azuis", role=Role.USER
        )
    done = await ldap_sync.sync(LdapDirectory(slapd.settings(), pool))
    assert (done.outcome, done.accounts) == ("done", 0)
    assert await enabled(pool) == {"local"}


async def test_one_node_compares_for_all(slapd: Slapd, pool: Pool) -> None:
    async with as_system(pool) as conn:
        assert await ldap_sync.is_due(conn, 60)
    await ldap_sync.sync(LdapDirectory(slapd.settings(), pool))
    async with as_system(pool) as conn:
        assert not await ldap_sync.is_due(conn, 60)
        await conn.execute("UPDATE directory_syncs SET started_at = now() - interval '61 min'")
        assert await ldap_sync.is_due(conn, 60)
