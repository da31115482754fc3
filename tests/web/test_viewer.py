"""Pages of documents, their pictures and the original files."""

from __future__ import annotations

import io
import re

import pytest
from PIL import Image
from psycopg.sql import SQL, Identifier
from psycopg.types.json import Jsonb

from govbot.db.access import as_system
from tests.web.conftest import HTMX, Client, SignIn
from tests.web.scene import CAST, MEMO, QUOTE, Scene, Script, revoke

UNKNOWN = "00000000-0000-7000-8000-000000000000"


async def cite(client: Client, scene: Scene, **changes: object) -> str:
    """Asks, and gives the query that names the first citation of the answer."""
    scene.app.answers.script = Script(citations=[scene.citation(**changes)])  # type: ignore[arg-type]
    answer = await client.post("/conversas", data={"question": "Férias?"})
    page = (await client.get(answer.headers["location"])).text
    path = re.findall(r'sse-connect="([^"]+)"', page)[-1]
    done = (await client.get(path)).text
    found = re.search(r"\?(m=[^\"&]+)&amp;(c=\d+)", done)
    assert found
    return f"?{found[1]}&{found[2]}"


async def test_a_cited_page_shows_its_picture_and_marks_the_passage(
    signed_in: SignIn, scene: Scene
) -> None:
    reader = await signed_in("reader")
    query = await cite(reader, scene)
    page = await reader.get(f"/documentos/{scene.law}/pagina/1{query}")
    assert page.status_code == 200
    assert "Lei das férias" in page.text
    assert "página 1 de 2" in page.text
    assert "Art. 1º › § 1º" in page.text
    assert page.text.count("<rect") == 2
    assert f'src="/documentos/{scene.law}/pagina/1/imagem"' in page.text
    assert "\n".join(re.findall(r"<mark>([^<]+)</mark>", page.text)) == QUOTE


async def test_the_marks_lie_on_the_lines_of_the_passage(signed_in: SignIn, scene: Scene) -> None:
    reader = await signed_in("reader")
    query = await cite(reader, scene)
    page = (await reader.get(f"/documentos/{scene.law}/pagina/1{query}", headers=HTMX)).text
    tops = [float(y) for y in re.findall(r'<rect[^>]* y="([\d.]+)"', page)]
    # The fourth and fifth lines stand 638 and 604 points above the bottom of 842.
    assert tops == pytest.approx([1 - 648 / 842, 1 - 614 / 842], abs=0.01)


async def test_htmx_gets_the_page_without_the_frame(signed_in: SignIn, scene: Scene) -> None:
    reader = await signed_in("reader")
    fragment = await reader.get(f"/documentos/{scene.law}/pagina/2", headers=HTMX)
    assert "<html" not in fragment.text
    assert "data-close-panel" in fragment.text
    whole = await reader.get(f"/documentos/{scene.law}/pagina/2")
    assert "<html" in whole.text


async def test_pages_lead_to_their_neighbours_and_back_to_the_passage(
    signed_in: SignIn, scene: Scene
) -> None:
    reader = await signed_in("reader")
    query = (await cite(reader, scene)).replace("&", "&amp;")
    base = f"/documentos/{scene.law}/pagina"
    first = (await reader.get(f"{base}/1{query.replace('&amp;', '&')}")).text
    assert f'rel="next" href="{base}/2{query}"' in first
    assert 'rel="prev"' not in first
    assert f'href="{base}/1{query}#passagem"' not in first
    second = (await reader.get(f"{base}/2{query.replace('&amp;', '&')}")).text
    assert f'href="{base}/1{query}#passagem"' in second
    assert f'rel="prev" href="{base}/1{query}"' in second
    assert "Voltar ao trecho" in second
    assert "<rect" not in second


async def test_text_opens_at_the_passage(signed_in: SignIn, scene: Scene) -> None:
    reader = await signed_in("reader")
    quote = "O expediente encerra às 17 horas."
    start = MEMO.index(quote)
    query = await cite(
        reader, scene, version_id=scene.memo, document_key=scene.memo_key,
        quote=quote, start=start, end=start + len(quote),
    )  # fmt: skip
    page = (await reader.get(f"/documentos/{scene.memo}/pagina/1{query}")).text
    assert f'<mark id="passagem" data-passage>{quote}</mark>' in page
    assert '<img src="/documentos' not in page


async def test_a_passage_with_wrong_offsets_is_found_by_its_words(
    signed_in: SignIn, scene: Scene
) -> None:
    reader = await signed_in("reader")
    query = await cite(reader, scene, start=0, end=5)
    page = (await reader.get(f"/documentos/{scene.law}/pagina/1{query}")).text
    assert "<mark>As férias podem" in page


async def test_the_picture_is_a_picture_of_the_page(signed_in: SignIn, scene: Scene) -> None:
    reader = await signed_in("reader")
    answer = await reader.get(f"/documentos/{scene.law}/pagina/1/imagem")
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["cache-control"] == "no-store"
    picture = Image.open(io.BytesIO(answer.content))
    assert picture.width == 1000
    darkest = picture.convert("L").getextrema()[0]
    assert isinstance(darkest, int)
    assert darkest < 100
    large = await reader.get(f"/documentos/{scene.law}/pagina/1/imagem?largura=99999")
    assert Image.open(io.BytesIO(large.content)).width == 2400


async def test_the_original_is_sent_to_be_saved(signed_in: SignIn, scene: Scene) -> None:
    reader = await signed_in("reader")
    answer = await reader.get(f"/documentos/{scene.law}/arquivo")
    assert answer.content.startswith(b"%PDF-")
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["content-disposition"] == 'attachment; filename="lei-12.pdf"'
    opened = await reader.get(f"/documentos/{scene.law}/arquivo?abrir=true")
    assert opened.headers["content-disposition"].startswith("inline")
    text = await reader.get(f"/documentos/{scene.memo}/arquivo?abrir=true")
    assert text.headers["content-disposition"].startswith("attachment")
    assert text.text == MEMO


async def test_html_of_others_is_never_run(signed_in: SignIn, scene: Scene) -> None:
    async with as_system(scene.app.pool) as conn:
        await conn.execute(
            "UPDATE document_versions SET mime = 'text/html' WHERE id = %(id)s", {"id": scene.memo}
        )
    reader = await signed_in("reader")
    answer = await reader.get(f"/documentos/{scene.memo}/arquivo?abrir=true")
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["content-type"] == "application/octet-stream"


TAILS = [
    "/pagina/1",
    "/pagina/1?busca=ferias&zoom=200",
    "/pagina/1/imagem",
    "/pagina/1/imagem?largura=200",
    "/busca?q=ferias",
    "/miniaturas",
    "/arquivo",
    "/arquivo?abrir=true",
]


async def test_what_may_not_be_read_does_not_exist(
    signed_in: SignIn, anyone: Client, scene: Scene
) -> None:
    """Also once its pictures lie on the disk, and at once when a right is lost."""
    clients = {name: await signed_in(name) for name in CAST}
    for tail in TAILS:
        path = f"/documentos/{scene.law}{tail}"
        for name in ("reader", "admin"):
            assert (await clients[name].get(path)).is_success, tail
        for name in ("stranger", "curator"):
            hidden = await clients[name].get(path)
            missing = await clients[name].get(f"/documentos/{UNKNOWN}{tail}")
            assert hidden.status_code == missing.status_code == 404, (name, tail)
            assert without_id(hidden.text) == without_id(missing.text)
            assert "férias" not in hidden.text
        assert (await clients["auditor"].get(path)).status_code == 403
        assert (await anyone.get(path)).status_code == 303
    await revoke(scene)
    for tail in TAILS:
        assert (await clients["reader"].get(f"/documentos/{scene.law}{tail}")).status_code == 404


async def test_somebody_elses_citation_is_not_shown(signed_in: SignIn, scene: Scene) -> None:
    query = await cite(await signed_in("reader"), scene)
    admin = await signed_in("admin")
    assert (await admin.get(f"/documentos/{scene.law}/pagina/1{query}")).status_code == 404


async def test_a_citation_belongs_to_its_document(signed_in: SignIn, scene: Scene) -> None:
    reader = await signed_in("reader")
    query = await cite(reader, scene)
    assert (await reader.get(f"/documentos/{scene.memo}/pagina/1{query}")).status_code == 404


@pytest.mark.parametrize("number", ["0", "3", "99999999", "-1", "x"])
async def test_a_page_that_is_not_there_is_missing(
    signed_in: SignIn, scene: Scene, number: str
) -> None:
    reader = await signed_in("reader")
    answer = await reader.get(f"/documentos/{scene.law}/pagina/{number}")
    assert answer.status_code in (404, 422)


async def test_a_damaged_file_still_shows_its_text(signed_in: SignIn, scene: Scene) -> None:
    async with as_system(scene.app.pool) as conn:
        row = await (
            await conn.execute(
                "SELECT sha256 FROM document_versions WHERE id = %(id)s", {"id": scene.law}
            )
        ).fetchone()
    assert row
    path = scene.app.files.path_of(row["sha256"])
    path.chmod(0o600)
    path.write_bytes(b"%PDF-1.7 broken")
    reader = await signed_in("reader")
    page = await reader.get(f"/documentos/{scene.law}/pagina/1")
    assert page.status_code == 200
    assert "Art. 1º O servidor" in page.text
    assert (await reader.get(f"/documentos/{scene.law}/pagina/1/imagem")).status_code == 422


async def test_opening_is_written_down_and_pictures_are_not(
    signed_in: SignIn, scene: Scene
) -> None:
    reader = await signed_in("reader")
    await reader.get(f"/documentos/{scene.law}/pagina/2")
    await reader.get(f"/documentos/{scene.law}/pagina/2/imagem")
    await reader.get(f"/documentos/{scene.law}/arquivo")
    stranger = await signed_in("stranger")
    await stranger.get(f"/documentos/{scene.law}/pagina/1")
    async with as_system(scene.app.pool) as conn:
        cursor = await conn.execute(
            "SELECT actor_name, details, ip FROM audit_log WHERE action = 'document.opened'"
            " ORDER BY seq"
        )
        rows = await cursor.fetchall()
    assert [(row["actor_name"], row["details"]) for row in rows] == [
        ("reader", '{"page":2,"version":1}'),
        ("reader", '{"file":true,"version":1}'),
    ]
    assert rows[0]["ip"] == "192.0.2.7"


def without_id(text: str) -> str:
    return re.sub(r'value="/documentos/[^"]*"|"X-CSRF-Token": "[^"]*"', "", text)


async def test_a_passage_on_a_scanned_page_is_marked_by_its_words(
    signed_in: SignIn, scene: Scene
) -> None:
    words = [[word, 0.1, 0.5, 0.2, 0.01, line] for line, word in enumerate(QUOTE.split())]
    async with as_system(scene.app.pool) as conn:
        await conn.execute(
            "UPDATE document_versions SET ocr_pages = '{1}' WHERE id = %(id)s", {"id": scene.law}
        )
        await conn.execute(
            "INSERT INTO page_words"
            " (version_id, document_key, collection_key, number, engine, words)"
            " SELECT id, document_key, collection_key, 1, 'e', %(words)s FROM document_versions"
            " WHERE id = %(id)s",
            {"id": scene.law, "words": Jsonb(words)},
        )
    reader = await signed_in("reader")
    query = await cite(reader, scene)
    page = (await reader.get(f"/documentos/{scene.law}/pagina/1{query}", headers=HTMX)).text
    tops = re.findall(r'<rect[^>]* y="([\d.]+)"', page)
    assert tops
    assert set(tops) == {"0.50000"}


@pytest.mark.parametrize("column", ["ocr_pages", "unread_pages"])
async def test_the_viewer_says_how_a_scanned_page_was_read(
    signed_in: SignIn, scene: Scene, column: str
) -> None:
    async with as_system(scene.app.pool) as conn:
        await conn.execute(
            SQL("UPDATE document_versions SET {} = '{{2}}' WHERE id = %(id)s").format(
                Identifier(column)
            ),
            {"id": scene.law},
        )
    reader = await signed_in("reader")
    notes = [
        (await reader.get(f"/documentos/{scene.law}/pagina/{number}", headers=HTMX)).text.count(
            "calm-note"
        )
        for number in (1, 2)
    ]
    assert notes == [0, 1]
