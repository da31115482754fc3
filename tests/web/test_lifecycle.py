"""Forms about the life of a document: facts, validity, revocation, legal hold, deletion."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from govbot.db.pool import Pool
from govbot.documents.types import Document
from govbot.jobs.queue import Queue
from tests.web.conftest import HTMX, SignIn
from tests.web.office import Office, make_office

TODAY = date.today()
FACTS = {
    "title": "Lei das férias", "kind": "lei", "number": "12", "year": "2021",
    "signed_on": "2021-03-04", "issuer": "Câmara", "summary": "Sobre férias.",
    "tags": "férias, servidores , férias",
}  # fmt: skip


@pytest.fixture
async def scene(pool: Pool, queue: Queue, tmp_path: Path) -> Office:
    return await make_office(pool, queue, tmp_path)


async def law_of(scene: Office) -> Document:
    return await scene.document("lei-12.pdf")


async def test_facts_are_stored_and_shown_again(scene: Office, signed_in: SignIn) -> None:
    client, law = await signed_in("writer"), await law_of(scene)
    answer = await client.post(f"/documentos/{law.id}/dados", data=FACTS)
    assert answer.headers["location"] == f"/documentos/{law.id}?feito=dados"
    law = await law_of(scene)
    assert (law.kind, law.norm_number, law.year) == ("lei", "12", 2021)
    assert (law.signed_on, law.tags) == (date(2021, 3, 4), ["férias", "servidores"])
    form = (await client.get(f"/documentos/{law.id}/dados")).text
    assert '<option value="lei" selected>Lei</option>' in form
    assert 'value="2021-03-04"' in form
    assert 'value="férias, servidores"' in form


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("year", "MMXX", "Isto não é um ano."),
        ("signed_on", "31/02/2020", "Isto não é uma data."),
        ("tags", ",".join(f"t{n}" for n in range(30)), "etiquetas"),
    ],
)
async def test_what_is_refused_is_said_and_what_was_typed_stays(
    scene: Office, signed_in: SignIn, field: str, value: str, sentence: str
) -> None:
    client, law = await signed_in("writer"), await law_of(scene)
    answer = await client.post(
        f"/documentos/{law.id}/dados", data={**FACTS, "issuer": "Senado", field: value}
    )
    assert answer.status_code == 422
    assert sentence in answer.text
    assert value in answer.text
    assert 'value="Senado"' in answer.text
    assert (await law_of(scene)).kind == ""


async def test_a_kind_of_ones_own_stays_in_the_form(scene: Office, signed_in: SignIn) -> None:
    client, law = await signed_in("writer"), await law_of(scene)
    await client.post(f"/documentos/{law.id}/dados", data={**FACTS, "kind": "provimento"})
    form = (await client.get(f"/documentos/{law.id}/dados")).text
    assert '<option value="provimento" selected>provimento</option>' in form
    assert "provimento nº 12/2021" in (await client.get(f"/documentos/{law.id}")).text


async def test_validity_is_stored_in_both_directions(scene: Office, signed_in: SignIn) -> None:
    client, law = await signed_in("writer"), await law_of(scene)
    path = f"/documentos/{law.id}/vigencia"
    backwards = await client.post(path, data={"from": "2020-02-01", "to": "2020-01-01"})
    assert backwards.status_code == 422
    assert 'value="2020-02-01"' in backwards.text
    answer = await client.post(path, data={"from": "2020-01-01", "to": "2020-12-31"})
    assert answer.headers["location"] == f"/documentos/{law.id}?feito=vigencia"
    page = (await (await signed_in("reader")).get(f"/documentos/{law.id}")).text
    assert "Em vigor desde 01/01/2020 até 31/12/2020" in page
    assert "Fora de vigor" in page
    await client.post(path, data={"from": "", "to": ""})
    assert (await law_of(scene)).valid_to is None


async def test_a_document_is_revoked_by_one_that_was_searched_for(
    scene: Office, signed_in: SignIn
) -> None:
    client, law = await signed_in("writer"), await law_of(scene)
    memo = await scene.document("memorando.txt")
    path = f"/documentos/{memo.id}/revogar"
    found = await client.get(path, params={"q": "FERIAS lei"}, headers=HTMX)
    assert f'value="{law.id}"' in found.text
    assert "<html" not in found.text
    itself = await client.get(path, params={"q": "memorando"}, headers=HTMX)
    assert str(memo.id) not in itself.text
    for text in ("100%", "_", "\\"):
        answer = await client.get(path, params={"q": text}, headers=HTMX)
        assert answer.status_code == 200
        assert str(law.id) not in answer.text
    whole = (await client.get(path, params={"q": "férias"})).text
    assert f'value="{law.id}"' in whole
    assert f'value="{TODAY.isoformat()}"' in whole
    answer = await client.post(path, data={"on": "2024-05-01", "by": str(law.id), "note": "x"})
    assert answer.headers["location"] == f"/documentos/{memo.id}?feito=revogado"
    memo = await scene.document("memorando.txt")
    assert (memo.revoked_on, memo.revoked_by) == (date(2024, 5, 1), law.key)


async def test_only_readable_documents_can_be_named_as_successor(
    scene: Office, signed_in: SignIn
) -> None:
    client, law = await signed_in("writer"), await law_of(scene)
    for who in (uuid4(), "nonsense", law.id):
        answer = await client.post(
            f"/documentos/{law.id}/revogar", data={"on": "2024-05-01", "by": str(who)}
        )
        assert answer.status_code in (404, 422)
    empty = await client.post(f"/documentos/{law.id}/revogar", data={"on": ""})
    assert "Diga desde quando está revogado." in empty.text
    assert (await law_of(scene)).revoked_on is None


async def test_a_revocation_is_lifted(scene: Office, signed_in: SignIn) -> None:
    client, law = await signed_in("writer"), await law_of(scene)
    await client.post(f"/documentos/{law.id}/revogar", data={"on": "2024-05-01"})
    assert "/restabelecer" in (await client.get(f"/documentos/{law.id}")).text
    answer = await client.post(f"/documentos/{law.id}/restabelecer")
    assert answer.headers["location"] == f"/documentos/{law.id}?feito=restabelecido"
    assert (await law_of(scene)).revoked_on is None


async def test_a_legal_hold_keeps_a_document_out_of_the_trash_until_it_is_lifted(
    scene: Office, signed_in: SignIn
) -> None:
    client, law = await signed_in("curator"), await law_of(scene)
    path = f"/documentos/{law.id}/guarda"
    empty = await client.post(path, data={"reason": " "})
    assert (empty.status_code, "Escreva o motivo." in empty.text) == (422, True)
    await client.post(path, data={"reason": "Processo 7/2026"})
    assert "Processo 7/2026" in (await client.get(path)).text
    refused = await client.post(f"/documentos/{law.id}/excluir")
    assert refused.status_code == 409
    assert "E-LEGAL-HOLD" in refused.text
    listed = (await client.get("/documentos")).text
    assert "Guarda legal" in listed
    assert f"/documentos/{law.id}/excluir" not in listed
    await client.post(path, data={"reason": "Processo 7/2026", "lift": "1"})
    assert (await client.post(f"/documentos/{law.id}/excluir")).status_code == 303


async def test_a_document_is_deleted_for_good_from_the_trash(
    scene: Office, signed_in: SignIn
) -> None:
    client = await signed_in("curator")
    memo = await scene.document("memorando.txt")
    original = scene.app.files.path_of(memo.version.sha256)
    assert original.is_file()
    await client.post(f"/documentos/{memo.id}/excluir")
    path = f"/documentos/{memo.id}/excluir-definitivamente"
    form = (await client.get(path)).text
    assert "memorando.txt" in form
    assert "Isto não pode ser desfeito." in form
    answer = await client.post(path)
    assert answer.headers["location"] == "/documentos?estado=lixeira&feito=excluido"
    page = (await client.get(answer.headers["location"])).text
    assert "O documento foi excluído definitivamente." in page
    assert "memorando.txt" not in page
    assert not original.exists()
    assert (await client.get(f"/documentos/{memo.id}")).status_code == 404


# The list


async def test_the_list_is_narrowed_by_tag_and_by_what_ended(
    scene: Office, signed_in: SignIn
) -> None:
    client, law = await signed_in("writer"), await law_of(scene)
    await client.post(f"/documentos/{law.id}/dados", data=FACTS)
    yesterday = (TODAY - timedelta(days=1)).isoformat()
    await client.post(f"/documentos/{law.id}/vigencia", data={"to": yesterday})
    reader = await signed_in("reader")
    page = (await reader.get("/documentos")).text
    assert "Revogados ou fora de vigor" in page
    assert '<option value="servidores">' in page
    for query in ("estado=encerrados", "etiqueta=servidores"):
        page = (await reader.get(f"/documentos?{query}", headers=HTMX)).text
        assert "lei-12.pdf" in page
        assert "memorando.txt" not in page
    stranger = (await (await signed_in("stranger")).get("/documentos")).text
    assert "servidores" not in stranger
    assert "Revogados" not in stranger


async def test_all_that_failed_is_tried_again_at_once(scene: Office, signed_in: SignIn) -> None:
    for name in ("ruim.pdf", "pior.pdf"):
        await scene.put(name, b"%PDF-1.7 broken " + name.encode())
    await scene.desk.work()
    reader, client = await signed_in("reader"), await signed_in("writer")
    assert "/repetir-falhas" in (await client.get("/documentos?estado=falhas")).text
    await reader.post("/documentos/repetir-falhas", data={"colecao": ""})
    assert (await scene.document("ruim.pdf")).version.state == "failed"
    for collection, status in ((str(scene.laws), 403), (str(scene.secret), 404), ("x", 422)):
        answer = await reader.post("/documentos/repetir-falhas", data={"colecao": collection})
        assert answer.status_code == status
    answer = await client.post("/documentos/repetir-falhas", data={"colecao": str(scene.laws)})
    assert answer.status_code == 303
    states = {each.version.state for each in await scene.documents() if "pdf" in each.path}
    assert "failed" not in states
