"""Accounts and groups: for administrators alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from govbot import audit
from govbot.auth import groups, users
from govbot.auth.users import User
from govbot.db.access import Role, as_system
from govbot.db.pool import Pool
from govbot.ids import GroupId
from govbot.jobs.queue import Queue
from tests.web.conftest import HTMX, Client, SignIn
from tests.web.office import Office, make_office
from tests.web.scene import PASSWORD

NEW = {"username": "ana.souza", "name": "Ana Souza", "role": "curator"}


@pytest.fixture
async def scene(pool: Pool, queue: Queue, tmp_path: Path) -> Office:
    return await make_office(pool, queue, tmp_path)


async def account(scene: Office, username: str) -> User:
    async with as_system(scene.app.pool) as conn:
        return await users.by_username(conn, username)


async def group(scene: Office, *members: str) -> GroupId:
    """A group named Finanças."""
    async with as_system(scene.app.pool) as conn:
        found = await groups.create_group(conn, "Finanças")
        for member in members:
            await groups.add_member(conn, found, scene.actors[member].id)
    return found


async def members(scene: Office, found: GroupId) -> tuple[str, ...]:
    async with as_system(scene.app.pool) as conn:
        return (await groups.get(conn, found)).members


async def test_the_menu_names_only_what_one_may_open(scene: Office, signed_in: SignIn) -> None:
    every = [
        "acesso", "auditoria", "avisos", "configuracoes", "copias", "diretorio", "fila", "grupos",
        "modelos", "pastas", "sistema", "usuarios",
    ]  # fmt: skip
    for who, expected in (
        ("reader", []), ("auditor", ["auditoria"]), ("curator", ["fila"]), ("admin", every)
    ):  # fmt: skip
        menu = (await (await signed_in(who)).get("/conta")).text.split("main-nav")[1]
        links = re.findall(r'href="/admin/(\w+)', menu.split("</nav>")[0])
        assert sorted(links) == expected


# People


async def test_a_new_account_signs_in_with_the_password_shown_once(
    scene: Office, anyone: Client, signed_in: SignIn
) -> None:
    admin = await signed_in("admin")
    shown = await admin.post("/admin/usuarios", data=NEW)
    found = re.search(r'<code class="secret">([^<]+)</code>', shown.text)
    assert found
    assert shown.headers["cache-control"] == "no-store"
    created = await account(scene, "ana.souza")
    assert (created.name, created.role) == ("Ana Souza", Role.CURATOR)
    page = await admin.get(f"/admin/usuarios/{created.id}")
    assert found[1] not in page.text
    await anyone.post("/entrar", data={"username": "ana.souza", "password": found[1]})
    assert (await anyone.get("/documentos")).headers["location"] == "/conta/senha"


@pytest.mark.parametrize(
    ("fields", "status", "sentence"),
    [
        ({**NEW, "username": "reader"}, 409, "Já existe uma conta"),
        ({**NEW, "username": "Ana Souza"}, 422, "nome de usuário"),
        ({**NEW, "role": "root"}, 422, "Escolha um perfil."),
    ],
)
async def test_an_account_that_cannot_be_is_refused(
    scene: Office, signed_in: SignIn, fields: dict[str, str], status: int, sentence: str
) -> None:
    answer = await (await signed_in("admin")).post("/admin/usuarios", data=fields)
    assert answer.status_code == status
    assert sentence in answer.text
    assert "secret" not in answer.text


async def test_people_are_found_by_a_part_of_their_name(scene: Office, signed_in: SignIn) -> None:
    client = await signed_in("admin")
    page = (await client.get("/admin/usuarios?q=STRANG", headers=HTMX)).text
    assert "Stranger Souza" in page
    assert "Reader Souza" not in page


async def test_pages_of_people_follow_one_another(
    scene: Office, signed_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("govbot.web.admin_users.PAGE", 4)
    client = await signed_in("admin")
    first = (await client.get("/admin/usuarios")).text
    found = re.search(r'rel="next" href="([^"]+)"', first)
    assert found
    second = (await client.get(found[1].replace("&amp;", "&"))).text
    assert "Reader Souza" in first
    assert "Reader Souza" not in second
    assert "Writer Souza" in second


async def test_another_role_counts_at_once(scene: Office, signed_in: SignIn) -> None:
    reader, admin = await signed_in("reader"), await signed_in("admin")
    assert (await reader.get("/admin/auditoria")).status_code == 403
    path = f"/admin/usuarios/{scene.actors['reader'].id}/papel"
    await admin.post(path, data={"role": "auditor"})
    assert (await reader.get("/admin/auditoria")).headers["location"].startswith("/entrar")
    again = await signed_in("reader")
    assert (await again.get("/admin/auditoria")).status_code == 200


async def test_a_disabled_account_is_out_and_an_enabled_one_may_come_back(
    scene: Office, anyone: Client, signed_in: SignIn
) -> None:
    reader, admin = await signed_in("reader"), await signed_in("admin")
    path = f"/admin/usuarios/{scene.actors['reader'].id}/situacao"
    await admin.post(path, data={"disabled": "true"})
    assert (await reader.get("/documentos")).headers["location"].startswith("/entrar")
    fields = {"username": "reader", "password": PASSWORD}
    assert (await anyone.post("/entrar", data=fields)).status_code == 401
    await admin.post(path, data={"disabled": "false"})
    assert (await anyone.post("/entrar", data=fields)).status_code == 303


async def test_a_new_password_replaces_the_old_and_must_be_changed(
    scene: Office, anyone: Client, signed_in: SignIn
) -> None:
    reader, admin = await signed_in("reader"), await signed_in("admin")
    shown = await admin.post(f"/admin/usuarios/{scene.actors['reader'].id}/senha")
    found = re.search(r'<code class="secret">([^<]+)</code>', shown.text)
    assert found
    assert (await reader.get("/documentos")).headers["location"].startswith("/entrar")
    await anyone.post("/entrar", data={"username": "reader", "password": found[1]})
    assert (await anyone.get("/documentos")).headers["location"] == "/conta/senha"


async def test_a_password_kept_in_a_directory_is_not_replaced_here(
    scene: Office, signed_in: SignIn
) -> None:
    admin, page = await signed_in("admin"), f"/admin/usuarios/{scene.actors['reader'].id}"
    assert f'action="{page}/senha"' in (await admin.get(page)).text
    async with as_system(scene.app.pool) as conn:
        await conn.execute(
            "UPDATE users SET source = 'ldap', external_id = 'x' WHERE username = 'reader'"
        )
    assert f'action="{page}/senha"' not in (await admin.get(page)).text
    assert (await admin.post(f"{page}/senha")).status_code == 409


@pytest.mark.parametrize(
    ("act", "fields"),
    [("papel", {"role": "user"}), ("situacao", {"disabled": "true"}), ("senha", {})],
)
async def test_an_administrator_cannot_shut_himself_out(
    scene: Office, signed_in: SignIn, act: str, fields: dict[str, str]
) -> None:
    client = await signed_in("admin")
    own = f"/admin/usuarios/{scene.actors['admin'].id}"
    answer = await client.post(f"{own}/{act}", data=fields)
    assert answer.status_code == 409
    page = (await client.get(own)).text
    assert "Esta é a sua própria conta" in page
    assert f"{own}/{act}" not in page


async def test_what_changes_nothing_is_not_written_down(scene: Office, signed_in: SignIn) -> None:
    client = await signed_in("admin")
    path = f"/admin/usuarios/{scene.actors['reader'].id}"
    await client.post(path + "/papel", data={"role": "user"})
    await client.post(path + "/situacao", data={"disabled": "false"})
    async with as_system(scene.app.pool) as conn:
        actions = {entry.action for entry in await audit.entries(conn)}
    assert not actions & {"user.role-changed", "user.enabled"}


async def test_acts_carry_the_name_of_the_administrator(scene: Office, signed_in: SignIn) -> None:
    await (await signed_in("admin")).post("/admin/usuarios", data=NEW)
    async with as_system(scene.app.pool) as conn:
        [entry] = await audit.entries(conn, action="user.created")
    assert (entry.actor_name, entry.ip) == ("admin", "192.0.2.7")


# Groups


async def test_a_group_is_created_filled_and_deleted(scene: Office, signed_in: SignIn) -> None:
    client = await signed_in("admin")
    answer = await client.post("/admin/grupos", data={"name": " Obras "})
    path = answer.headers["location"]
    found = GroupId(path.rpartition("/")[2])
    await client.post(path + "/membros", data={"who": "Reader Souza"})
    answer = await client.post(path + "/membros", data={"who": "writer"}, headers=HTMX)
    assert answer.text.lstrip().startswith("<section")
    assert await members(scene, found) == ("reader", "writer")
    await client.post(f"{path}/membros/{scene.actors['reader'].id}/retirar")
    assert await members(scene, found) == ("writer",)
    assert "1 pessoa perde o acesso" in (await client.get(path + "/excluir")).text
    await client.post(path + "/excluir")
    assert (await client.get(path)).status_code == 404


@pytest.mark.parametrize(("name", "status"), [("Finanças", 409), (" ", 422), ("x" * 201, 422)])
async def test_a_group_name_that_cannot_be_is_refused(
    scene: Office, signed_in: SignIn, name: str, status: int
) -> None:
    await group(scene)
    answer = await (await signed_in("admin")).post("/admin/grupos", data={"name": name})
    assert answer.status_code == status
    assert 'role="alert" id="problem"' in answer.text


async def test_a_member_who_does_not_exist_is_explained(scene: Office, signed_in: SignIn) -> None:
    found = await group(scene)
    client = await signed_in("admin")
    answer = await client.post(f"/admin/grupos/{found}/membros", data={"who": "ninguem"})
    assert answer.status_code == 422
    assert "Não há ninguém chamado “ninguem”." in answer.text


async def test_adding_a_member_twice_is_written_down_once(scene: Office, signed_in: SignIn) -> None:
    found = await group(scene)
    client = await signed_in("admin")
    for _ in range(2):
        await client.post(f"/admin/grupos/{found}/membros", data={"who": "reader"})
    async with as_system(scene.app.pool) as conn:
        entries = await audit.entries(conn, action="group.members-changed")
    assert len(entries) == 1


async def test_names_are_shown_as_text(scene: Office, signed_in: SignIn) -> None:
    client = await signed_in("admin")
    answer = await client.post("/admin/grupos", data={"name": "<b>Obras</b>"})
    page = (await client.get(answer.headers["location"])).text
    assert "<b>Obras" not in page
    assert "&lt;b&gt;Obras" in page
