"""The administration of the installation on its pages."""

from __future__ import annotations

import html
import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from govbot.auth import api_keys, users
from govbot.auth.api_keys import Wish
from govbot.config.generation import Generation
from govbot.db.access import as_actor, as_system
from govbot.db.pool import Pool
from govbot.documents import collections
from govbot.generate.members import Entry
from govbot.generate.pool import Pool as Models
from govbot.installation import health
from govbot.jobs.queue import Queue
from govbot.web.admin_system_words import PARTS, REMEDIES, SENTENCES
from tests.answering import Dictated
from tests.web.conftest import HTMX, Client, SignIn, browser
from tests.web.office import Office, make_office

SETTINGS = "/admin/configuracoes"


@pytest.fixture
async def scene(pool: Pool, queue: Queue, tmp_path: Path) -> Office:
    return await make_office(pool, queue, tmp_path)


async def test_a_setting_is_changed_explained_undone_and_audited(
    scene: Office, signed_in: SignIn
) -> None:
    admin = await signed_in("admin")
    page = (await admin.get(SETTINGS)).text
    assert "Dias na lixeira" in page
    fields = {"group": "limits", "limits.uploads_per_hour": "900"}
    answer = await admin.post(SETTINGS, data=fields)
    assert answer.headers["location"] == f"{SETTINGS}?feito=mudou#limits"
    assert scene.app.settings.limits.uploads_per_hour == 900
    # What is wrong stands beside its field, and nothing of the group is saved.
    wrong = await admin.post(
        SETTINGS,
        data={"group": "api", "api.max_keys": "muitas", "api.key_days": "30"},
    )
    assert wrong.status_code == 422
    assert "Digite um número inteiro de 1 a 1.000." in wrong.text
    assert scene.app.settings.api.key_days == 90
    # A comma is a decimal point, and nothing is "measured".
    for typed, value in (("0,4", 0.4), ("", None)):
        fields = {"group": "answers", "retrieval.min_confidence": typed}
        assert (await admin.post(SETTINGS, data=fields)).status_code == 303
        assert scene.app.settings.retrieval.min_confidence == value
    history = (await admin.get(f"{SETTINGS}/historico")).text
    assert "valor medido" in history
    undo = re.findall(r'action="([^"]+/desfazer)"', history)
    assert (await admin.post(undo[-1])).status_code == 303
    assert scene.app.settings.limits.uploads_per_hour == 2000
    log = (await admin.get("/admin/auditoria")).text
    assert "Alterou uma configuração" in log


async def test_less_time_to_keep_something_has_to_be_confirmed(
    scene: Office, signed_in: SignIn
) -> None:
    admin = await signed_in("admin")
    fields = {"group": "documents", "documents.trash_days": "3"}
    asked = await admin.post(SETTINGS, data=fields)
    assert asked.status_code == 422
    assert 'name="confirm"' in asked.text
    assert scene.app.settings.documents.trash_days == 30
    assert (await admin.post(SETTINGS, data={**fields, "confirm": "documents"})).status_code == 303
    assert scene.app.settings.documents.trash_days == 3


async def test_what_the_server_says_is_shown_as_fixed_and_secrets_never(
    scene: Office, signed_in: SignIn
) -> None:
    found = scene.app.settings
    generation = found.generation.model_copy(
        update={
            "api_key": SecretStr("muito-secreto"),
            "base_url": "http://eu:senha@modelo/v1?k=oculto",
        }
    )
    found = found.model_copy(update={"generation": generation})
    found._origins["documents.trash_days"] = "/etc/govbot/govbot.toml"
    scene.app.settings = found
    admin = await signed_in("admin")
    page = (await admin.get(SETTINGS)).text
    assert "Definido em /etc/govbot/govbot.toml" in page
    assert 'name="documents.trash_days"' not in page
    fields = {"group": "documents", "documents.trash_days": "90"}
    await admin.post(SETTINGS, data=fields)
    assert scene.app.settings.documents.trash_days == 30
    server = (await admin.get(f"{SETTINGS}/servidor")).text
    assert "generation.api_key" in server
    assert "modelo/v1" in server
    for secret in ("muito-secreto", "senha", "oculto"):
        assert secret not in server


async def test_an_announcement_stands_on_top_until_it_is_put_away(
    scene: Office, signed_in: SignIn
) -> None:
    admin, reader = await signed_in("admin"), await signed_in("reader")
    now = datetime.now()
    fields = {
        "text_pt": "Manutenção às 18 h <b>hoje</b>",
        "text_en": "Maintenance at 6 pm",
        "severity": "warning",
        "dismissible": "1",
        "since": (now - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M"),
        "until": (now + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M"),
    }
    wrong = await admin.post("/admin/avisos", data={**fields, "until": fields["since"]})
    assert wrong.status_code == 422
    assert "Manutenção às 18 h" in wrong.text  # nothing that was typed is lost
    assert (await admin.post("/admin/avisos", data=fields)).status_code == 303
    page = (await reader.get("/conta")).text
    assert "Manutenção às 18 h &lt;b&gt;hoje" in page
    reader.cookies.set("govbot_language", "en")
    assert "Maintenance at 6 pm" in (await reader.get("/conta")).text
    found = re.search(r'action="(/conta/avisos/[^"]+)"', page)
    assert found
    assert (await reader.post(found[1], headers=HTMX)).text == ""
    assert "Maintenance" not in (await reader.get("/conta")).text
    assert "Manutenção" in (await (await signed_in("auditor")).get("/conta")).text
    # For curators alone, and changed on its own page.
    edit = re.search(r'href="(/admin/avisos/[^"]+)"', (await admin.get("/admin/avisos")).text)
    assert edit
    await admin.post(edit[1], data={**fields, "role": "curator"})
    assert "Manutenção" not in (await (await signed_in("writer")).get("/conta")).text
    assert "Manutenção" in (await (await signed_in("curator")).get("/conta")).text
    assert (await admin.post(f"{edit[1]}/excluir")).status_code == 303
    assert "Manutenção" not in (await (await signed_in("curator")).get("/conta")).text


async def test_a_fresh_installation_leads_its_administrator_through_the_first_steps(
    scene: Office, signed_in: SignIn
) -> None:
    pool = scene.app.pool
    admin = await signed_in("admin")
    assert (await admin.get("/")).status_code == 200
    async with as_system(pool) as conn:  # as if nothing had been done yet
        for shelf in (scene.laws, scene.secret):
            await collections.delete_collection(conn, None, shelf, with_documents=True)
    assert (await admin.get("/")).headers["location"] == "/admin/comecar"
    assert (await (await signed_in("curator")).get("/")).status_code == 200
    page = (await admin.get("/admin/comecar")).text
    assert "Primeira coleção" in page
    named = await admin.post("/admin/comecar/organizacao", data={"name": "Câmara de Aurora"})
    assert named.headers["location"] == "/admin/comecar?passo=2"
    assert scene.app.settings.organisation == "Câmara de Aurora"
    assert "Primeiro crie uma coleção" in (await admin.get("/admin/comecar?passo=3")).text
    taken = await admin.post("/admin/comecar/colecao", data={"name": "Normas"})
    assert taken.headers["location"] == "/admin/comecar?passo=3"
    page = (await admin.get("/admin/comecar?passo=3")).text
    assert "Enviar documentos" in page
    for step in ("documents", "model"):
        await admin.post("/admin/comecar/pular", data={"step": step})
    assert "Pronto" in (await admin.get("/admin/comecar")).text
    home = (await admin.get("/admin")).text
    assert "first-steps" not in home
    await admin.post("/admin/comecar/pular", data={"step": "model", "again": "1"})
    assert "first-steps" in (await admin.get("/admin")).text
    assert (await admin.get("/")).status_code == 200
    again = await admin.post("/admin/comecar/colecao", data={"name": "normas"})
    assert again.status_code == 409


async def test_people_of_a_table_are_looked_at_and_created(
    scene: Office, signed_in: SignIn, anyone: Client
) -> None:
    admin = await signed_in("admin")
    path = "/admin/usuarios/importar"
    bad = "usuario;nome\nreader;Leitor\nnova.pessoa;Nova\n"
    shown = await admin.post(path, files={"file": ("p.csv", bad.encode())})
    assert shown.status_code == 422
    assert "Já existe uma conta chamada reader." in shown.text
    good = "usuario;nome;grupos\nnova.pessoa;Nova <Pessoa>;Compras\n"
    shown = await admin.post(path, files={"file": ("p.csv", good.encode())})
    assert "Nova &lt;Pessoa&gt;" in shown.text
    text = re.search(r"<textarea[^>]*>\n(.*?)</textarea>", shown.text, re.DOTALL)
    assert text
    made = await admin.post(f"{path}/criar", data={"text": html.unescape(text[1])})
    password = re.search(r"<code>([^<]+)</code>", made.text)
    assert password
    assert made.headers["cache-control"] == "no-store"
    await anyone.post("/entrar", data={"username": "nova.pessoa", "password": password[1]})
    assert (await anyone.get("/documentos")).headers["location"] == "/conta/senha"
    async with as_system(scene.app.pool) as conn:
        assert (await users.by_username(conn, "nova.pessoa")).groups == ("Compras",)
    assert (await admin.post(f"{path}/criar", data={"text": good})).status_code == 422
    assert (await admin.post(path, files={"file": ("p.pdf", b"\0")})).status_code == 422


async def test_permissions_keys_health_and_home_tell_how_things_stand(
    scene: Office, signed_in: SignIn
) -> None:
    admin, reader = await signed_in("admin"), scene.actors["reader"]
    async with as_actor(scene.app.pool, reader, write=True) as conn:
        _, text = await api_keys.create(
            conn, reader, Wish("Portal", ["ask"]), settings=scene.app.settings.api, by=reader
        )
    page = (await admin.get("/admin/permissoes?q=reader")).text
    assert "Reader Souza" in page
    assert "Writer Souza" not in page
    assert f"/admin/usuarios/{reader.id}/acesso" in page
    keys = (await admin.get("/admin/chaves?q=portal")).text
    assert "Portal" in keys
    assert text not in keys
    end = re.search(r'action="(/admin/chaves/[^"]+)"', keys)
    assert end
    assert (await admin.post(end[1])).status_code == 303
    assert "Portal" not in (await admin.get("/admin/chaves")).text
    system = (await admin.get("/admin/sistema")).text
    assert "PostgreSQL" in system
    assert "apenas um administrador" in system
    home = (await admin.get("/admin")).text
    assert "trechos literais, sem modelo" in home
    async with browser(scene, worker_alive=lambda: False) as stopped:
        stopped.cookies, stopped.headers = admin.cookies, admin.headers
        assert "systemctl restart govbot" in (await stopped.get("/admin/sistema")).text
        assert "os documentos não estão sendo lidos" in (await stopped.get("/admin")).text


async def test_a_model_is_tried_and_measured(scene: Office, signed_in: SignIn) -> None:
    entries = [Entry("rapido", "openai", Generation()), Entry("outro", "openai", Generation())]
    texts = {"rapido": ["Licitação é ", "um procedimento."], "outro": ["Outra."]}
    scene.app.generator = Models(
        entries, opening=lambda entry: Dictated(texts[entry.name], name=entry.name)
    )
    admin, path = await signed_in("admin"), "/admin/modelos/respostas/testar"
    fields = {"model": "rapido", "prompt": "O que é licitação?"}
    shown = await admin.post(path, data=fields, headers=HTMX)
    assert "Licitação é um procedimento." in shown.text
    assert "2 tokens" in shown.text
    assert "<html" not in shown.text
    whole = await admin.post(path, data={**fields, "prompt": ""})
    assert whole.status_code == 422
    for _number in range(6):
        last = await admin.post(path, data=fields, headers=HTMX)
    assert "Muitas requisições" in last.text


async def test_every_finding_of_health_has_its_words() -> None:
    source = Path(health.__file__).read_text()
    codes = set(re.findall(r'"((?:\w+)\.[\w]+)"', source)) | set(SENTENCES)
    named = {code for code in codes if code.partition(".")[0] in PARTS}
    assert named - set(SENTENCES) == {"audit.verified"}  # an action of the log
    assert {code.partition(".")[0] for code in SENTENCES} - {"slow"} == set(PARTS)
    assert set(REMEDIES) - set(SENTENCES) == {"error"}
