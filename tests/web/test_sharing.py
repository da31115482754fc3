"""Conversations in order, shared to read only, temporary, and exported, through the pages."""

from __future__ import annotations

import hashlib
import io
import json
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import docx
import pypdf

from govbot import audit
from govbot.chat import store
from govbot.db.access import as_actor, as_system
from govbot.ids import ConversationId, MessageId, new_id
from tests.web.conftest import HTMX, Client, SignIn
from tests.web.scene import LAW, QUOTE, Scene, Script, revoke

SAID = "As férias podem ser divididas em **até três períodos** [1]."
UNTIL = (date.today() + timedelta(days=5)).isoformat()


async def asked(client: Client, scene: Scene, question: str, **script: Any) -> str:
    """A conversation of the reader with a finished answer from the law: its path."""
    chosen = {"texts": [SAID], "citations": [scene.citation()], "sources": [scene.law_key]}
    scene.app.answers.script = Script(**{**chosen, **script})
    started = await client.post("/conversas", data={"question": question})
    path = str(started.headers["location"])
    await finished(client, scene, path)
    return path


async def finished(client: Client, scene: Scene, path: str) -> str:
    found = re.findall(r'id="a-([0-9a-f-]{36})"', (await client.get(path)).text)
    await scene.app.answers.finish(scene.actors["reader"], MessageId(UUID(found[-1])))
    return found[-1]


def conversation_of(path: str) -> ConversationId:
    return ConversationId(UUID(path.rpartition("/")[2]))


async def entries(scene: Scene, action: str) -> list[dict[str, Any]]:
    async with as_system(scene.app.pool) as conn:
        return [json.loads(e.details) for e in await audit.entries(conn) if e.action == action]


async def test_a_shared_conversation_is_read_with_the_readers_own_rights(
    scene: Scene, signed_in: SignIn
) -> None:
    reader, stranger = await signed_in("reader"), await signed_in("stranger")
    path = await asked(reader, scene, "Posso dividir as férias?")
    form = (await reader.get(path + "/compartilhar")).text
    assert "só lê" in form
    for data, words in (
        ({}, "Escolha o último dia."),
        ({"until": UNTIL}, "Escolha quem pode abrir."),
        ({"until": UNTIL, "with": "named"}, "Indique pelo menos uma pessoa"),
        ({"until": UNTIL, "with": "named", "who": "ninguem"}, "Não há ninguém"),
        ({"until": "2020-01-01", "with": "everyone"}, "a partir de hoje"),
    ):
        answer = await reader.post(path + "/compartilhar", data={"title": "Férias", **data})
        assert answer.status_code == 422, data
        assert words in answer.text
    data = {"title": "Férias <b>", "until": UNTIL, "with": "named", "who": ["admin", "stranger"]}
    made = await reader.post(path + "/compartilhar", data=data)
    listed = (await reader.get(made.headers["location"])).text
    link = re.search(r'value="http://govbot.test(/compartilhada/[\w-]{32})"', listed)
    assert link
    assert "Admin Souza, Stranger Souza" in listed
    # Who may read the law reads the answer; who may not, neither it nor its question.
    shown = await (await signed_in("admin")).get(link[1])
    assert shown.headers["referrer-policy"] == "no-referrer"
    assert "Férias &lt;b&gt;" in shown.text
    assert "<strong>até três períodos</strong>" in shown.text
    assert QUOTE.split("\n")[0] in shown.text
    assert f'href="/documentos/{scene.law}/pagina/1"' in shown.text
    hidden = await stranger.get(link[1])
    assert "1 pergunta fica de fora" in hidden.text
    for secret in ("três períodos", "Posso dividir", "Lei das férias", str(scene.law)):
        assert secret not in hidden.text
    dossier = await stranger.get(link[1] + "/dossie?formato=md")
    assert "Posso dividir" not in dossier.text
    assert "que esta pessoa não pode ler: 1" in dossier.text
    assert (
        "Posso dividir"
        in (await (await signed_in("admin")).get(link[1] + "/dossie?formato=md")).text
    )
    assert (await (await signed_in("curator")).get(link[1])).status_code == 404
    assert (await (await signed_in("auditor")).get(link[1])).status_code == 403
    assert (await reader.get(link[1][:-1] + "x")).status_code == 404
    share = re.search(r'action="(/compartilhadas/[^"]+)/retirar"', listed)
    assert share
    assert (await stranger.post(share[1] + "/retirar")).status_code == 404
    await reader.post(share[1] + "/retirar")
    assert (await stranger.get(link[1])).status_code == 404
    again = (await reader.get("/compartilhadas")).text
    assert "Retirada em" in again
    assert link[1] not in again
    assert len(await entries(scene, "share.withdrawn")) == 1


async def test_an_export_holds_sources_hashes_and_what_may_be_read_now(
    scene: Scene, signed_in: SignIn
) -> None:
    reader = await signed_in("reader")
    path = await asked(reader, scene, "Posso dividir as férias? <b>")
    answer_id = await finished(reader, scene, path)
    async with as_system(scene.app.pool) as conn:
        cursor = await conn.execute(
            "SELECT sha256 FROM document_versions WHERE id = %(id)s", {"id": scene.law}
        )
        sha256 = (await cursor.fetchone() or {})["sha256"]
    assert "formato=docx" in (await reader.get(path + "/exportar")).text
    assert "<html" not in (await reader.get(path + "/exportar", headers=HTMX)).text
    files = {
        name: await reader.get(f"{path}/dossie?formato={name}") for name in ("pdf", "docx", "md")
    }
    texts = {"md": files["md"].text.replace("\\", "")}
    document = docx.Document(io.BytesIO(files["docx"].content))
    texts["docx"] = "\n".join(each.text for each in document.paragraphs)
    read = pypdf.PdfReader(io.BytesIO(files["pdf"].content))
    texts["pdf"] = "\n".join(page.extract_text() for page in read.pages)
    for name, text in texts.items():
        for words in (
            "Posso dividir as férias? <b>", "até três períodos", "Lei das férias", "lei-12.pdf",
            sha256, QUOTE.split("\n")[0], "Reader Souza (reader)", "Prefeitura de Aurora",
        ):  # fmt: skip
            assert words in text, (name, words)
    assert (
        'filename="govbot-posso-dividir-as-ferias-b-' in files["pdf"].headers["content-disposition"]
    )
    # For screen readers: language, title, structure, and real letters.
    root = read.trailer["/Root"]
    assert (root["/Lang"], root["/MarkInfo"]["/Marked"]) == ("pt-BR", True)
    assert read.metadata is not None
    assert read.metadata.title == "Posso dividir as férias? <b>"
    tree = root["/StructTreeRoot"]["/K"]
    assert [str(kid["/S"]) for kid in tree["/K"]][:2] == ["/H1", "/P"]
    fonts = [font.get_object() for font in read.pages[0]["/Resources"]["/Font"].values()]
    assert all("/FontFile2" in font["/FontDescriptor"] for font in fonts)
    assert document.core_properties.language == "pt-BR"
    found = await entries(scene, "conversation.exported")
    digests = {hashlib.sha256(file.content).hexdigest() for file in files.values()}
    assert {each["sha256"] for each in found} == digests
    one = await reader.get(f"{path}/dossie?formato=md&resposta={answer_id}")
    assert "até três" in one.text
    assert (await reader.get(f"{path}/dossie?formato=md&resposta={new_id()}")).status_code == 404
    assert (await reader.get(f"{path}/dossie?formato=exe")).status_code in (400, 404, 422)
    assert (await (await signed_in("admin")).get(f"{path}/dossie")).status_code == 404
    # After a loss of rights, nothing made from the law is handed out.
    await revoke(scene)
    after = await reader.get(f"{path}/dossie?formato=md")
    assert "até três" not in after.text
    assert sha256 not in after.text
    assert LAW[3][:30] not in after.text
    assert (await reader.get(f"{path}/dossie?resposta={answer_id}")).status_code == 404


async def test_many_conversations_are_put_in_order_at_once(scene: Scene, signed_in: SignIn) -> None:
    reader = await signed_in("reader")
    paths = [await asked(reader, scene, f"Pergunta número {n}") for n in range(4)]
    ids = [path.rpartition("/")[2] for path in paths]
    assert "Fixar no topo" in (await reader.get(paths[0] + "/opcoes", headers=HTMX)).text
    pinned = await reader.post(paths[0] + "/destaque", data={"on": "1"}, headers=HTMX)
    assert pinned.text.index("Fixadas") < pinned.text.index("Pergunta número 0")
    archived = await reader.post(paths[1] + "/arquivo", data={"on": "1"}, headers=HTMX)
    assert "Desfazer" in archived.text
    assert f'id="c-{ids[1]}"' not in archived.text
    assert f'id="c-{ids[1]}"' in (await reader.get("/conversas?q=numero", headers=HTMX)).text
    page = (await reader.get("/conversas?arquivadas=1")).text
    assert f'value="{ids[1]}"' in page
    assert f'value="{ids[2]}"' not in page
    assert (await reader.post("/conversas/escolhidas", data={"act": "delete"})).status_code == 422
    chosen = {"id": [*ids[1:3], str(new_id())]}
    back = await reader.post("/conversas/escolhidas", data={**chosen, "act": "restore"})
    assert (
        "As conversas voltaram para a lista. 2 conversas."
        in (await reader.get(back.headers["location"])).text
    )
    sure = await reader.post("/conversas/escolhidas", data={**chosen, "act": "delete"})
    assert "Excluir 2 conversas definitivamente?" in sure.text
    assert (await reader.get(paths[1])).status_code == 200
    stranger = await signed_in("stranger")
    taken = await stranger.post("/conversas/escolhidas", data={**chosen, "act": "delete-now"})
    assert taken.status_code == 404
    gone = await reader.post("/conversas/escolhidas", data={**chosen, "act": "delete-now"})
    assert "feito=excluidas&n=2" in gone.headers["location"]
    assert (await reader.get(paths[1])).status_code == 404
    assert (await reader.get(paths[3])).status_code == 200


async def test_a_temporary_conversation_says_so_and_stands_in_no_list(
    scene: Scene, signed_in: SignIn
) -> None:
    reader = await signed_in("reader")
    assert 'name="temporary" value="1" form="composer"' in (await reader.get("/?temporaria=1")).text
    assert 'name="temporary"' not in (await reader.get("/")).text
    scene.app.answers.script = Script(texts=[SAID])
    data = {"question": "Um segredo temporário", "temporary": "1"}
    path = str((await reader.post("/conversas", data=data)).headers["location"])
    await finished(reader, scene, path)
    page = (await reader.get(path)).text
    assert "Conversa temporária" in page
    first = re.search(rf'data-temporary="({path}/saida\?aberta=[^"]+)"', page)
    assert first
    assert f'href="{path}/compartilhar"' not in page
    for place in ("/", "/conversas", "/conversas?q=segredo", "/conversas?arquivadas=1"):
        assert "Um segredo" not in (await reader.get(place)).text, place
    assert (await reader.post(path + "/destaque", data={"on": "1"})).status_code == 404
    sharing = await reader.post(
        path + "/compartilhar", data={"title": "x", "with": "everyone", "until": UNTIL}
    )
    assert "não pode ser compartilhada" in sharing.text
    again = re.search(r'data-temporary="([^"]+)"', (await reader.get(path)).text)
    assert again
    for address, lasts in ((first[1], 50), (again[1], 0)):  # a reload overtakes; then it is left
        assert (await reader.post(address, headers=HTMX)).status_code == 204
        async with as_actor(scene.app.pool, scene.actors["reader"]) as conn:
            ends_at = (await store.get_conversation(conn, conversation_of(path))).ends_at
        assert ends_at is not None
        left = ends_at - datetime.now(UTC)
        assert timedelta(minutes=lasts) < left < timedelta(minutes=lasts + 11)
    await reader.post(path + "/excluir")
    assert (await reader.get(path)).status_code == 404
