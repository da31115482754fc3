"""Reading in the viewer: searching, zooming, small pages, the text to select, what is kept."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from govbot.db.access import as_system
from govbot.documents import grants, store
from govbot.documents.types import Level, Principal, Target
from govbot.extract.render import PageRenderer
from tests.web.conftest import HTMX, SignIn
from tests.web.scene import LAW, Scene

Ask = Callable[..., Awaitable[str]]


@pytest.fixture
async def ask(signed_in: SignIn, scene: Scene) -> Ask:
    """What the reader's htmx gets for the rest of an address of the law."""
    reader = await signed_in("reader")

    async def get(tail: str, *, of: object = scene.law) -> str:
        answer = await reader.get(f"/documentos/{of}{tail}", headers=HTMX)
        assert answer.status_code == 200, answer.text
        return answer.text

    return get


def counted(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is asked of the child that draws, as it happens."""
    asked: list[Any] = []
    real = PageRenderer._ask

    async def ask(self: PageRenderer, request: dict[str, Any]) -> Any:
        asked.append((request.get("numbers"), request.get("width")))
        return await real(self, request)

    monkeypatch.setattr(PageRenderer, "_ask", ask)
    return asked


async def test_a_page_is_drawn_once_whoever_looks(
    ask: Ask, signed_in: SignIn, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = counted(monkeypatch)
    admin = await signed_in("admin")
    for _look in range(2):
        await ask("/pagina/1")
        assert (await admin.get(f"/documentos/{scene.law}/pagina/1/imagem")).is_success
    assert asked == [([1], 1000)]
    # All small pages come from one child.
    asked.clear()
    page = await ask("/miniaturas?pagina=2")
    small = re.findall(r'src="([^"]+largura=200)"', page)
    assert len(small) == 2
    for path in small:
        assert (await admin.get(path)).headers["content-type"] == "image/png"
    assert asked == [([1, 2], 200)]
    assert re.search(r'href="[^"]+/pagina/2" aria-current="page"', page)
    # What a power cut or another hand left is drawn anew.
    for path in scene.app.files.drawn.root.rglob("1-*"):
        path.write_bytes(b"")
    asked.clear()
    await ask("/pagina/1")
    assert asked == [([1], 1000)]


async def test_the_words_lie_over_the_picture_in_their_order(ask: Ask) -> None:
    page = await ask("/pagina/1")
    layer = re.search(r'<svg class="words".*?</svg>', page, re.DOTALL)
    assert layer
    lines = re.findall(r"<text[^>]*>(.*?)</text>", layer[0])
    assert [re.sub(r"<[^>]+>", "", line) for line in lines] == LAW
    assert " style=" not in page


async def test_a_term_is_found_on_all_pages_with_the_words_around_it(ask: Ask) -> None:
    page = await ask("/busca?q=FERIAS")
    assert "4 ocorrências de “FERIAS”" in page
    assert "sobre as <mark>férias</mark> dos servidores" in page
    assert re.findall(r'href="[^"]+/pagina/1\?busca=FERIAS(?:&amp;achado=(\d))?#achado"', page) == [
        *("", "2", "3", "4")
    ]
    assert "não consta neste documento" in await ask("/busca?q=licitacao")
    assert "Escreva uma palavra" in await ask("/busca?q=%20.%20")
    # A sentence that goes on over the lines of the page.
    assert "1 ocorrência" in await ask("/busca?q=servidor%20e%20no%20interesse")


async def test_hits_are_marked_and_followed_from_page_to_page(ask: Ask) -> None:
    first = await ask("/pagina/1?busca=art.&achado=2")
    assert "“art.”: 2 de 2 nesta página" in first
    assert first.count('<rect class="hit"') == 1
    assert first.count('<rect class="hit current" id="achado"') == 1
    assert 'data-key="found-before" href="' in first
    after = re.search(r'data-key="found-after" href="([^"]+)"', first)
    assert after
    assert after[1].endswith("/pagina/2?busca=art.#achado")
    second = await ask("/pagina/2?busca=art.")
    before = re.search(r'data-key="found-before" href="([^"]+)"', second)
    assert before
    assert before[1].endswith("/pagina/1?busca=art.&amp;achado=-1#achado")
    assert "found-after" not in second
    assert "2 de 2 nesta página" in await ask("/pagina/1?busca=art.&achado=-1")
    elsewhere = await ask("/pagina/2?busca=adicional")
    assert "não consta nesta página" in elsewhere
    assert "found-before" in elsewhere


async def test_zoom_and_search_go_along_with_the_page(ask: Ask) -> None:
    page = await ask("/pagina/1?busca=lei&zoom=150")
    assert 'class="sheet zoom-150"' in page
    assert '/pagina/2?busca=lei&amp;zoom=150"' in page
    assert '/pagina/1?busca=lei&amp;zoom=200"' in page
    assert '/pagina/1?busca=lei&amp;zoom=125"' in page
    assert 'data-key="larger"' not in await ask("/pagina/1?zoom=9999")
    assert 'data-key="smaller"' not in await ask("/pagina/1?zoom=1")


@pytest.mark.parametrize(
    ("number", "page"), [("2", "2"), ("1", "1"), ("99", "2"), ("0", "1"), ("-5", "1")]
)
async def test_a_number_leads_to_its_page(
    signed_in: SignIn, scene: Scene, number: str, page: str
) -> None:
    reader = await signed_in("reader")
    path = f"/documentos/{scene.law}/pagina"
    answer = await reader.get(f"{path}?numero={number}&zoom=150")
    assert answer.headers["location"] == f"{path}/{page}?zoom=150"


async def test_paragraphs_of_a_text_have_addresses(ask: Ask, scene: Scene) -> None:
    page = await ask("/pagina/1?busca=ponto", of=scene.memo)
    assert '<p id="p1">Memorando interno</p>' in page
    assert '<p id="p3">O <mark id="achado" data-passage class="hit current">ponto</mark>' in page
    assert "<svg class=" not in page.replace('<svg class="icon"', "")


async def test_personal_data_that_is_hidden_is_hidden_in_the_list_of_places(
    ask: Ask, scene: Scene
) -> None:
    number = "529.982.247-25"
    text = f"O servidor de CPF {number} pediu férias."
    async with as_system(scene.app.pool) as conn:
        await conn.execute("UPDATE collections SET mask_personal = '{cpf}'")
        await conn.execute(
            "UPDATE version_pages SET text = %(text)s WHERE version_id = %(id)s",
            {"text": text, "id": scene.memo},
        )
    page = await ask("/busca?q=pediu", of=scene.memo)
    assert "1 ocorrência" in page
    assert number not in page
    assert "***.982.247-**" in page
    assert number in await ask("/pagina/1", of=scene.memo)


async def test_what_is_known_about_the_document_stands_beside_it(
    ask: Ask, signed_in: SignIn, scene: Scene
) -> None:
    async with as_system(scene.app.pool) as conn:
        await conn.execute(
            "UPDATE documents SET kind = 'lei', number = '12', year = 2021, revoked_on = %(day)s,"
            " revoked_by = (SELECT key FROM documents WHERE filename = 'memorando.txt')"
            " WHERE filename = 'lei-12.pdf'",
            {"day": "2024-01-02"},
        )
        cursor = await conn.execute(
            "INSERT INTO document_versions (id, document_id, document_key, collection_key, number,"
            " sha256, size_bytes, mime, state, pages, created_by) SELECT gen_random_uuid(),"
            " document_id, document_key, collection_key, 2, sha256, 1, mime, 'ready', 2, %(by)s"
            " FROM document_versions WHERE id = %(law)s RETURNING id, sha256, document_id",
            {"by": scene.actors["curator"].id, "law": scene.law},
        )
        row = await cursor.fetchone()
        assert row
        await conn.execute(
            "UPDATE version_pages SET version_id = %(new)s WHERE version_id = %(law)s",
            {"new": row["id"], "law": scene.law},
        )
    page = await ask("/pagina/1", of=row["id"])
    assert "Lei nº 12/2021" in page
    assert row["sha256"] in page
    assert f'href="/?documento={row["document_id"]}"' in page
    assert page.count(">memorando.txt</a>") == 2  # in the note and among the facts
    assert "Curator Souza" not in page
    admin = await signed_in("admin")
    assert "Curator Souza" in (await admin.get(f"/documentos/{row['id']}/pagina/1")).text
    assert ">Lei das férias</a>" in await ask("/pagina/1", of=scene.memo)  # revokes
    # What one may not read revoked nothing, as far as one may know.
    async with as_system(scene.app.pool) as conn:
        memo = (await store.get_version(conn, scene.memo)).document_id
        reader = Principal.user(scene.actors["reader"].id)
        await grants.set_grant(conn, None, Target.document(memo), reader, Level.READ, effect="deny")
    hidden = await ask("/pagina/1", of=row["id"])
    assert "memorando.txt" not in hidden
    assert "Revogado" in hidden


async def test_looks_that_go_on_are_written_down_once(
    ask: Ask, signed_in: SignIn, scene: Scene
) -> None:
    await ask("/pagina/1")
    await ask("/pagina/1?busca=lei")
    await ask("/pagina/1?zoom=200")
    await ask("/busca?q=lei")
    await ask("/busca?q=xyz")
    async with as_system(scene.app.pool) as conn:
        cursor = await conn.execute(
            "SELECT details FROM audit_log WHERE action = 'document.opened' ORDER BY seq"
        )
        rows = [row["details"] for row in await cursor.fetchall()]
    assert rows == ['{"page":1,"version":1}', '{"search":true,"version":1}']


async def test_recognised_words_are_selected_and_found_on_a_scan(ask: Ask, scene: Scene) -> None:
    words = [["Diárias", 0.1, 0.5, 0.1, 0.01, 0], ["de", 0.21, 0.5, 0.03, 0.01, 0]]
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
    page = await ask("/pagina/1?busca=diarias")
    assert re.search(r'<tspan x="100.0" textLength="110.0"[^>]*>Diárias </tspan>', page)
    assert re.search(r'class="hit current" id="achado" data-passage x="0.10000" y="0.50000"', page)
