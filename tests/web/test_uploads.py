"""Sending files through the form."""

from __future__ import annotations

import io
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from govbot.db.access import as_system
from govbot.db.pool import Pool
from govbot.documents import grants
from govbot.documents.types import Level, Principal, State, Target
from govbot.jobs.queue import Queue
from govbot.web import uploads
from tests.web.conftest import HTMX, Client, SignIn
from tests.web.matrix import client_of
from tests.web.office import Office, make_office

NOTE = "Art. 1º O protocolo funciona das oito às dezessete horas.\n"
Files = list[tuple[str, tuple[str, bytes]]]


@pytest.fixture
async def scene(pool: Pool, queue: Queue, tmp_path: Path) -> Office:
    return await make_office(pool, queue, tmp_path)


def files(**contents: str | bytes) -> Files:
    """A form's files; "_" before the ending stands for its dot."""
    return [
        ("arquivos", (name.replace("_", "."), body.encode() if isinstance(body, str) else body))
        for name, body in contents.items()
    ]


async def send(client: Client, scene: Office, sent: Files, **options: Any) -> httpx.Response:
    return await client.post(
        "/documentos/enviar", data={"colecao": str(scene.laws)}, files=sent, **options
    )


@pytest.mark.parametrize(
    ("who", "status"),
    [("nobody", 401), ("reader", 403), ("stranger", 404), ("auditor", 403), ("writer", 200),
     ("curator", 200), ("admin", 200)],
)  # fmt: skip
async def test_only_writers_of_a_collection_may_send_files_to_it(
    scene: Office, anyone: Client, signed_in: SignIn, who: str, status: int
) -> None:
    client = await client_of(who, anyone, signed_in)
    answer = await send(client, scene, files(nota_txt=NOTE))
    assert answer.status_code == status
    names = [document.filename for document in await scene.documents()]
    assert ("nota.txt" in names) is (status == 200)


async def test_a_form_without_the_token_is_refused(scene: Office, signed_in: SignIn) -> None:
    client = await signed_in("curator")
    del client.headers["x-csrf-token"]
    answer = await send(client, scene, files(nota_txt=NOTE))
    assert answer.status_code == 403
    assert len(await scene.documents()) == 2


async def test_a_file_sent_without_javascript_is_taken_in(scene: Office, signed_in: SignIn) -> None:
    client = await signed_in("writer")
    csrf = client.headers.pop("x-csrf-token")
    answer = await client.post(
        "/documentos/enviar",
        data={"csrf": csrf, "colecao": str(scene.laws)},
        files=files(nota_txt=NOTE),
    )
    assert answer.status_code == 200
    assert "Recebido. Está sendo lido." in answer.text
    await scene.desk.work()
    document = await scene.document("nota.txt")
    assert document.version.state is State.READY
    assert scene.app.files.path_of(document.version.sha256).read_text() == NOTE


async def test_one_bad_file_harms_no_other(scene: Office, signed_in: SignIn) -> None:
    sent = files(
        boa_txt=NOTE, vazia_txt="", foto_png=b"\x89PNG\r\n\x1a\n123", outra_txt="Art. 2º\n"
    )
    answer = await send(await signed_in("curator"), scene, sent, headers=HTMX)
    outcomes = re.findall(r"<strong>([^<]+)</strong>\s+([^<]+?)\s*<", answer.text)
    assert dict(outcomes) == {
        "boa.txt": "Recebido. Está sendo lido.",
        "vazia.txt": "O arquivo está vazio.",
        "foto.png": (
            "Imagens não podem ser lidas. "
            "Coloque-as em um PDF: o texto das páginas dele é reconhecido."
        ),
        "outra.txt": "Recebido. Está sendo lido.",
    }
    assert "E-VAZIO" in answer.text
    assert "E-FORMATO" in answer.text
    assert {"boa.txt", "outra.txt"} <= {each.filename for each in await scene.documents()}


async def test_the_same_content_again_is_answered_with_a_link(
    scene: Office, signed_in: SignIn
) -> None:
    client = await signed_in("curator")
    await send(client, scene, files(nota_txt=NOTE))
    await scene.desk.work()
    answer = await send(client, scene, files(copia_txt=NOTE), headers=HTMX)
    document = await scene.document("nota.txt")
    assert "Este conteúdo já está na coleção:" in answer.text
    assert f'href="/documentos/{document.id}"' in answer.text
    assert len(await scene.documents()) == 3


async def test_new_content_under_an_old_name_is_a_new_version(
    scene: Office, signed_in: SignIn
) -> None:
    client = await signed_in("curator")
    await send(client, scene, files(nota_txt=NOTE))
    answer = await send(client, scene, files(nota_txt="Art. 1º Outro texto.\n"), headers=HTMX)
    assert "Recebido como versão 2." in answer.text
    assert (await scene.document("nota.txt")).version.number == 2


async def test_names_from_outside_are_shown_as_text(scene: Office, signed_in: SignIn) -> None:
    sent: Files = [("arquivos", ("<img src=x onerror=1>.txt", NOTE.encode()))]
    answer = await send(await signed_in("curator"), scene, sent, headers=HTMX)
    assert "<img" not in answer.text
    page = await (await signed_in("curator")).get("/documentos")
    assert "<img src=x" not in page.text


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [({}, "Escolha a coleção."), ({"colecao": "x"}, "Escolha a coleção.")],
)
async def test_a_collection_must_be_chosen(
    scene: Office, signed_in: SignIn, fields: dict[str, str], sentence: str
) -> None:
    answer = await (await signed_in("curator")).post(
        "/documentos/enviar", data=fields, files=files(nota_txt=NOTE)
    )
    assert answer.status_code == 422
    assert sentence in answer.text


async def test_a_form_without_files_is_refused(scene: Office, signed_in: SignIn) -> None:
    answer = await (await signed_in("curator")).post(
        "/documentos/enviar", data={"colecao": str(scene.laws)}
    )
    assert answer.status_code == 422
    assert "Escolha pelo menos um arquivo." in answer.text


async def test_a_body_over_the_limit_is_refused_and_leaves_nothing(
    scene: Office, signed_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("govbot.web.uploads.body_limit", lambda _settings: 1_000_000)
    client = await signed_in("curator")
    answer = await send(client, scene, files(grande_txt=b"a" * 3_000_000), headers=HTMX)
    assert answer.status_code == 413
    assert len(await scene.documents()) == 2


async def test_only_the_upload_takes_large_bodies(scene: Office, signed_in: SignIn) -> None:
    client = await signed_in("curator")
    answer = await client.post("/colecoes", data={"name": "x", "description": "a" * 1_200_000})
    assert answer.status_code == 413


async def test_a_large_file_never_sits_in_memory_as_a_whole(
    scene: Office, signed_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks: list[int] = []
    original = uploads._blocks

    async def watched(file: Any) -> AsyncIterator[bytes]:
        assert file.rolled_to_disk
        async for block in original(file):
            blocks.append(len(block))
            yield block

    monkeypatch.setattr(uploads, "_blocks", watched)
    body = io.BytesIO(b"Art. 1\n" * 700_000).getvalue()
    answer = await send(await signed_in("curator"), scene, files(longo_txt=body), headers=HTMX)
    assert answer.status_code == 200
    assert max(blocks) == uploads.BLOCK
    assert sum(blocks) == len(body)


async def test_a_curator_without_collections_is_told_so(scene: Office, signed_in: SignIn) -> None:
    async with as_system(scene.app.pool) as conn:
        principal = Principal.user(scene.actors["curator"].id)
        await grants.remove_grant(conn, None, Target.collection(scene.laws), principal)
    page = (await (await signed_in("curator")).get("/documentos/enviar")).text
    assert "Você não pode enviar documentos a nenhuma coleção." in page


async def test_with_several_collections_one_is_chosen(scene: Office, signed_in: SignIn) -> None:
    async with as_system(scene.app.pool) as conn:
        principal = Principal.user(scene.actors["curator"].id)
        target = Target.collection(scene.secret)
        await grants.set_grant(conn, None, target, principal, Level.WRITE)
    client = await signed_in("curator")
    page = (await client.get(f"/documentos?colecao={scene.secret}")).text
    assert f'<option value="{scene.secret}" selected>Reservada</option>' in page
    assert page.count(f'<option value="{scene.secret}" selected>') == 2


async def test_who_may_write_one_document_alone_sends_its_next_version(
    scene: Office, signed_in: SignIn
) -> None:
    memo = await scene.document("memorando.txt")
    stranger = scene.actors["stranger"]
    async with as_system(scene.app.pool) as conn:
        target, who = Target.document(memo.id), Principal.user(stranger.id)
        await grants.set_grant(conn, None, target, who, Level.WRITE)
    client, page = await signed_in("stranger"), f"/documentos/{memo.id}"
    assert f'action="{page}/versoes"' in (await client.get(page)).text
    sent = [("arquivo", ("Memorando (revisado).txt", b"O expediente encerra as 18 horas.\n"))]
    answer = await client.post(f"{page}/versoes", files=sent)
    assert answer.headers["location"] == f"{page}?feito=versao"
    await scene.desk.work()
    newest = await scene.document("memorando.txt")  # it keeps its name
    assert (newest.version.number, newest.served, newest.version.created_by) == (2, 2, stranger.id)
    assert (await client.post(f"{page}/versoes", files=sent)).headers["location"].endswith("igual")
    # Nothing else of the collection is open to them.
    law = await scene.document("lei-12.pdf")
    assert (await client.post(f"/documentos/{law.id}/versoes", files=sent)).status_code == 404
    assert (await send(client, scene, files(nota_txt=NOTE))).status_code == 404


async def test_a_new_version_is_refused_in_words(scene: Office, signed_in: SignIn) -> None:
    memo = await scene.document("memorando.txt")
    client, page = await signed_in("curator"), f"/documentos/{memo.id}"
    assert (await client.post(f"{page}/versoes", data={"x": "y"})).status_code == 422
    broken = [("arquivo", ("a.pdf", b"%PDF-1.7 nothing"))]
    answer = await client.post(f"{page}/versoes", files=[("arquivo", ("a.exe", b"MZ\0\0"))])
    assert answer.status_code in (415, 422)
    async with as_system(scene.app.pool) as conn:
        await conn.execute("UPDATE documents SET folder = '/srv/normas', source = 'folder'")
    assert "versoes" not in (await client.get(page)).text
    answer = await client.post(f"{page}/versoes", files=broken)
    assert answer.status_code == 409
    assert "pasta" in answer.text
    assert (await scene.document("memorando.txt")).version.number == 1
