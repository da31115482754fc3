"""Settings that change while the service runs, announcements, first steps, people from CSV, the
matrix of permissions: the parts by themselves, on a real database."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from govbot import audit
from govbot.auth import groups, users
from govbot.config import load_settings
from govbot.config.changeable import KEYS, deletes_more, fixed_by, info_of, lay
from govbot.config.table import Settings, is_secret
from govbot.db.access import Role, as_actor, as_system
from govbot.db.pool import Pool
from govbot.documents import grants
from govbot.documents.matrix import matrix
from govbot.documents.types import Level, Principal, Target
from govbot.errors import BadConfig, Conflict, Denied, Invalid, NotFound
from govbot.installation import announcements, changes, roster, setup
from tests.troupe import Troupe

NOW = datetime.now(UTC)


@dataclass
class Node:
    """What holds the settings, as the application does."""

    settings: Settings
    pool: Pool


@pytest.fixture
def node(pool: Pool) -> Node:
    return Node(load_settings(environ={}), pool)


# Settings


async def test_a_change_counts_at_once_is_kept_and_can_be_undone(
    node: Node, pool: Pool, troupe: Troupe
) -> None:
    other = Node(node.settings, pool)
    seen = await changes.refresh(other, -1)
    assert await changes.change(
        node, troupe.admin, {"documents.trash_days": "45", "organisation": "Câmara de Aurora"}
    ) == ["documents.trash_days", "organisation"]
    assert node.settings.documents.trash_days == 45
    assert other.settings.documents.trash_days == 30
    assert await changes.refresh(other, seen) > seen
    assert (other.settings.documents.trash_days, other.settings.organisation) == (
        45, "Câmara de Aurora",
    )  # fmt: skip
    assert (await changes.fill(load_settings(environ={}), pool)).documents.trash_days == 45
    async with as_actor(pool, troupe.admin) as conn:
        newest = await changes.history(conn)
        [change] = await changes.history(conn, key="documents.trash_days")
        [entry] = await audit.entries(conn, action="setting.changed", limit=1)
    assert [each.key for each in newest] == ["organisation", "documents.trash_days"]
    assert (change.before, change.value, change.by) == (30, 45, "Admin")
    assert json.loads(entry.details) == {
        "setting": "organisation", "before": "GovBot", "after": "Câmara de Aurora",
    }  # fmt: skip
    await changes.undo(node, troupe.admin, change.id)
    assert node.settings.documents.trash_days == 30
    async with as_actor(pool, troupe.admin) as conn:
        [latest, _first] = await changes.history(conn, key="documents.trash_days")
    assert (latest.before, latest.value) == (45, None)
    # The same value again is no change.
    assert await changes.change(node, troupe.admin, {"organisation": "Câmara de Aurora"}) == []


async def test_what_is_wrong_fixed_or_not_for_this_page_changes_nothing(
    pool: Pool, troupe: Troupe, tmp_path: Path
) -> None:
    file = tmp_path / "govbot.toml"
    file.write_text("[documents]\ntrash_days = 7\n")
    environ = {"GOVBOT_LIMITS__UPLOADS_PER_HOUR": "9"}
    node = Node(load_settings(file, environ=environ), pool)
    assert fixed_by(node.settings, "documents.trash_days") == str(file)
    refusals = (
        ({"documents.trash_days": "9"}, Conflict),
        ({"limits.uploads_per_hour": "9"}, Conflict),
        ({"organisation": "Aurora", "api.max_keys": "viele"}, BadConfig),
        ({"audit.read_conversations": "true"}, NotFound),
        ({"security.key": "x"}, NotFound),
    )
    for wishes, refusal in refusals:
        with pytest.raises(refusal):
            await changes.change(node, troupe.admin, wishes)
    with pytest.raises(BadConfig, match=r"\[api\] max_keys must be an integer from 1 to 1000"):
        await changes.change(node, troupe.admin, {"api.max_keys": "viele"})
    assert node.settings.organisation == "GovBot"
    async with as_actor(pool, troupe.admin) as conn:
        assert await changes.history(conn) == []
    # A change from before the file said something waits behind it.
    free = Node(load_settings(environ={}), pool)
    await changes.change(free, troupe.admin, {"documents.trash_days": 60})
    filled = await changes.fill(load_settings(file, environ={}), pool)
    assert filled.documents.trash_days == 7


async def test_only_administrators_change_settings_and_nobody_rewrites_their_history(
    node: Node, pool: Pool, troupe: Troupe
) -> None:
    await changes.change(node, troupe.admin, {"documents.trash_days": 45})
    for who in (troupe.reader, troupe.curator, troupe.auditor):
        with pytest.raises(Denied):
            await changes.change(node, who, {"documents.trash_days": 46})
        async with as_actor(pool, who) as conn:
            assert await changes.history(conn) == []
    for attack in (
        "UPDATE setting_changes SET value = '1'",
        "UPDATE setting_changes SET changed_by = changed_by RETURNING id",
        "DELETE FROM setting_changes",
    ):
        try:
            async with as_actor(pool, troupe.admin, write=True) as conn:
                cursor = await conn.execute(attack.encode())
                assert cursor.rowcount == 0, attack
        except Denied:
            pass
    async with as_actor(pool, troupe.admin) as conn:
        [change] = await changes.history(conn)
    assert (change.value, change.by) == (45, "Admin")


async def test_a_stored_value_that_is_not_allowed_any_more_is_left_out(
    node: Node, pool: Pool, troupe: Troupe
) -> None:
    await changes.change(node, troupe.admin, {"documents.trash_days": 45})
    async with as_system(pool) as conn:
        await conn.execute(
            "INSERT INTO setting_changes (key, value) VALUES ('api.max_keys', '\"viele\"'),"
            " ('gone.setting', '1')"
        )
    filled = await changes.fill(load_settings(environ={}), pool)
    assert (filled.documents.trash_days, filled.api.max_keys) == (45, 20)
    # And the next change is not stopped by it.
    assert await changes.change(node, troupe.admin, {"api.key_days": 30}) == ["api.key_days"]


def test_no_secret_and_nothing_that_protects_people_can_change_on_the_page() -> None:
    assert [key for key in KEYS if is_secret(info_of(key))] == []
    protected = {
        "audit.question_text", "audit.read_conversations", "feedback.gap_min_people",
        "feedback.min_group", "feedback.training", "auth.second_factor", "security.key",
    }  # fmt: skip
    assert protected & KEYS == set()


@pytest.mark.parametrize(
    ("before", "after", "deletes"),
    [(30, 7, True), (0, 7, True), (7, 30, False), (7, 0, False), (30, 30, False)],
)
def test_less_time_to_keep_something_is_known_to_delete(
    before: int, after: int, deletes: bool
) -> None:
    assert deletes_more("documents.trash_days", before, after) is deletes
    assert not deletes_more("api.key_days", before, after)


def test_changes_are_laid_over_what_the_file_says_each_time_anew() -> None:
    first = lay(load_settings(environ={}), {"api.max_keys": 5, "organisation": "Aurora"})
    second = lay(first, {"api.max_keys": 6})
    assert (second.api.max_keys, second.organisation) == (6, "GovBot")
    assert second.api.key_days == first.api.key_days


# Announcements


async def test_an_announcement_is_seen_by_its_roles_in_its_time_until_it_is_put_away(
    pool: Pool, troupe: Troupe
) -> None:
    def wish(text: str, hours: float, **other: object) -> announcements.Wish:
        values = {"severity": "info", "roles": (), "dismissible": True, **other}
        since = NOW + timedelta(hours=hours)
        return announcements.Wish(text, "", since=since, until=since + timedelta(hours=2), **values)  # type: ignore[arg-type]

    async with as_actor(pool, troupe.admin, write=True) as conn:
        for text, hours, other in (
            ("agora", -1, {}),
            ("curadoria", -1, {"roles": ("curator",), "severity": "danger"}),
            ("amanhã", 24, {}),
            ("ontem", -24, {}),
            ("fica", -1, {"dismissible": False, "severity": "warning"}),
        ):
            await announcements.publish(conn, troupe.admin, wish(text, hours, **other))
    seen = {}
    for who in (troupe.reader, troupe.curator, troupe.auditor):
        async with as_actor(pool, who, write=True) as conn:
            found = await announcements.current(conn, who)
            for each in found:
                if each.dismissible:
                    await announcements.dismiss(conn, who, each.id)
                else:
                    with pytest.raises(Invalid):
                        await announcements.dismiss(conn, who, each.id)
            left = [each.text_pt for each in await announcements.current(conn, who)]
            cursor = await conn.execute("SELECT a.text_pt FROM announcements a")
            rows = {row["text_pt"] for row in await cursor.fetchall()}
            cursor = await conn.execute("SELECT count(*) AS n FROM announcement_dismissals")
            own = (await cursor.fetchone() or {})["n"]
        seen[who.name] = [each.text_pt for each in found]
        assert left == ["fica"]
        assert not rows & {"amanhã", "ontem"}
        assert own == len(found) - 1
    assert seen == {
        "reader": ["fica", "agora"],
        "curator": ["curadoria", "fica", "agora"],
        "auditor": ["fica", "agora"],
    }
    async with as_actor(pool, troupe.admin) as conn:
        assert len(await announcements.all_of(conn)) == 5


async def test_only_administrators_announce_and_nothing_without_sense(
    pool: Pool, troupe: Troupe
) -> None:
    good = announcements.Wish("olá", "hello", "info", (), True, NOW, None)
    with pytest.raises(Denied):
        async with as_actor(pool, troupe.curator, write=True) as conn:
            await announcements.publish(conn, troupe.curator, good)
    for bad in (
        {"text_pt": "", "text_en": " "}, {"text_pt": "x" * 501}, {"severity": "loud"},
        {"roles": ("root",)}, {"until": NOW},
    ):  # fmt: skip
        wish = replace(good, **bad)
        with pytest.raises(Invalid):
            async with as_actor(pool, troupe.admin, write=True) as conn:
                await announcements.publish(conn, troupe.admin, wish)
    async with as_actor(pool, troupe.admin, write=True) as conn:
        made = await announcements.publish(conn, troupe.admin, good)
        found = await announcements.get(conn, made)
        assert (found.text("pt-BR"), found.text("en")) == ("olá", "hello")
        await announcements.delete(conn, troupe.admin, made)
        with pytest.raises(NotFound):
            await announcements.get(conn, made)


# First steps


async def test_a_step_is_done_left_out_or_open(node: Node, pool: Pool, troupe: Troupe) -> None:
    async with as_actor(pool, troupe.admin, write=True) as conn:
        found = await setup.standing(conn, node.settings, ())
        assert found.steps == {
            "organisation": "open", "collection": "done", "documents": "done", "people": "done",
            "model": "open",
        }  # fmt: skip
        assert not await setup.is_fresh(conn)
        await setup.skip(conn, "model")
        await setup.skip(conn, "model")
        assert (await setup.standing(conn, node.settings, ())).open == ["organisation"]
        await setup.take_up(conn, "model")
        assert (await setup.standing(conn, node.settings, ())).steps["model"] == "open"
    with pytest.raises(Denied):
        async with as_actor(pool, troupe.curator, write=True) as conn:
            await setup.skip(conn, "people")


async def test_an_empty_installation_is_fresh_until_the_guide_is_left(pool: Pool) -> None:
    async with as_system(pool) as conn:
        assert await setup.is_fresh(conn)
        await setup.skip(conn, setup.GUIDE)
        assert not await setup.is_fresh(conn)


# People from a table

TABLE = """Usuário;Nome;Perfil;Grupos
Ana.Souza;Ana Souza;curadora;Compras | Jurídico
joao.lima;João Lima;;
"""


async def test_people_of_a_table_are_created_together_with_their_groups(
    pool: Pool, troupe: Troupe
) -> None:
    async with as_actor(pool, troupe.admin) as conn:
        rows = await roster.checked(conn, roster.parsed(roster.decoded(TABLE.encode("cp1252"))))
    assert [(row.username, row.role, row.new_groups) for row in rows] == [
        ("ana.souza", Role.CURATOR, ("Compras", "Jurídico")),
        ("joao.lima", Role.USER, ()),
    ]
    first = await roster.sealed(rows)
    async with as_actor(pool, troupe.admin, write=True) as conn:
        made = await roster.create(conn, troupe.admin, rows, first)
        ana = await users.by_username(conn, "ana.souza")
    assert [each.password for each in made] == [password for password, _hash in first]
    assert ana.must_change_password
    assert set(ana.groups) == {"Compras", "Jurídico"}
    # Once more: nobody is made twice, and nothing is made halfway.
    again = roster.parsed("usuario,nome\nnova.pessoa,Nova\njoao.lima,João\n")
    with pytest.raises(Invalid):
        async with as_actor(pool, troupe.admin, write=True) as conn:
            await roster.create(conn, troupe.admin, again, await roster.sealed(again))
    async with as_system(pool) as conn:
        with pytest.raises(NotFound):
            await users.by_username(conn, "nova.pessoa")


async def test_what_is_wrong_with_a_row_is_told_in_the_row(pool: Pool, troupe: Troupe) -> None:
    text = (
        "nome\tusuario\tperfil\nAna\tana ana\t\nBia\tbia\tchefe\n\tcarla\t\nDuda\tduda\t\n"
        "Duda\tDUDA\t\nLeitor\treader\t\n"
    )
    async with as_actor(pool, troupe.admin) as conn:
        rows = await roster.checked(conn, roster.parsed(text))
    assert {row.line: row.error.error_code for row in rows if row.error} == {
        2: "E-USERNAME", 3: "E-ROLE", 4: "E-CSV", 6: "E-CONFLICT", 7: "E-CONFLICT",
    }  # fmt: skip


@pytest.mark.parametrize(
    "text",
    ["", "nome;perfil\nAna;\n", "usuario;nome\n", "usuario;nome\n" + "a;b\n" * 201, 'a"b\nc'],
)
def test_a_file_that_is_no_table_of_people_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        roster.parsed(text)
    assert caught.value.error_code == "E-CSV"


@pytest.mark.parametrize("data", [b"PK\0\0", b"x" * (roster.MAX_BYTES + 1)])
def test_a_file_that_is_no_text_or_too_large_is_refused(data: bytes) -> None:
    with pytest.raises(Invalid):
        roster.decoded(data)


# Permissions


async def test_the_matrix_tells_what_each_may_in_each_collection(
    pool: Pool, troupe: Troupe, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with as_system(pool) as conn:
        team = await groups.create_group(conn, "Arquivo")
        await groups.add_member(conn, team, troupe.stranger.id)
        target = Target.collection(troupe.a.collection_id)
        await grants.set_grant(conn, None, target, Principal("group", team), Level.WRITE)
        await grants.set_grant(
            conn, None, target, Principal.user(troupe.reader.id), Level.READ, effect="deny"
        )
    async with as_actor(pool, troupe.admin) as conn:
        people = await matrix(conn, "user")
        teams = await matrix(conn, "group")
        only = await matrix(conn, "user", who="STRANG")
    key = troupe.a.collection_key
    levels = {line.username: line.cells[key].level for line in people.lines}
    assert levels == {
        "admin": Level.MANAGE, "curator": Level.MANAGE, "reader": None, "stranger": Level.WRITE,
    }  # fmt: skip
    assert [line.username for line in only.lines] == ["stranger"]
    assert {rule.via for rule in only.lines[0].cells[key].rules} == {"Arquivo"}
    assert teams.lines[0].cells[key].level is Level.WRITE
    monkeypatch.setattr("govbot.documents.matrix.ROWS", 2)
    monkeypatch.setattr("govbot.documents.matrix.COLUMNS", 1)
    async with as_actor(pool, troupe.admin) as conn:
        first = await matrix(conn, "user")
        second = await matrix(conn, "user", row_page=2, column_page=2)
    assert (first.more_lines, first.more_shelves) == (True, True)
    assert (second.more_lines, second.more_shelves) == (False, False)
    assert not {line.id for line in first.lines} & {line.id for line in second.lines}
