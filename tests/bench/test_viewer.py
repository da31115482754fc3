"""How long the viewer takes: a page drawn or from the disk, a term in 5 000 pages, two versions."""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median

import pytest

from govbot.db.access import as_system
from govbot.db.pool import Pool
from govbot.ids import VersionId, new_id
from tests.web.conftest import HTMX, Client, SignIn, signed_in
from tests.web.scene import LAW, Scene, make_scene

__all__ = ["signed_in"]

PAGES = 5_000
TIMES = 15
PAGE = "\n".join(LAW * 4)  # about 1 700 characters


@pytest.fixture
async def scene(pool: Pool, tmp_path: Path) -> Scene:
    return await make_scene(pool, tmp_path)


async def add_version(scene: Scene, number: int, last_page: str) -> VersionId:
    """A long version of the memo; a word of its last page stands nowhere else."""
    version = VersionId(new_id())
    async with as_system(scene.app.pool) as conn:
        await conn.execute(
            "INSERT INTO document_versions (id, document_id, document_key, collection_key, number,"
            " sha256, size_bytes, mime, state, pages) SELECT %(id)s, document_id, document_key,"
            " collection_key, %(number)s, sha256, 1, mime, 'ready', %(pages)s"
            " FROM document_versions WHERE id = %(memo)s",
            {"id": version, "number": number, "pages": PAGES, "memo": scene.memo},
        )
        await conn.execute(
            "INSERT INTO version_pages (version_id, document_key, collection_key, number, text)"
            " SELECT v.id, v.document_key, v.collection_key, n,"
            " CASE WHEN n = %(pages)s THEN %(last)s ELSE %(text)s || n END"
            " FROM document_versions v, generate_series(1, %(pages)s) n WHERE v.id = %(id)s",
            {"id": version, "pages": PAGES, "last": last_page, "text": PAGE},
        )
    return version


async def took(client: Client, path: str, times: int = TIMES) -> float:
    """Milliseconds of the middle one of so many answers."""
    seen = []
    for _time in range(times):
        started = time.perf_counter()
        answer = await client.get(path, headers=HTMX)
        seen.append(1000 * (time.perf_counter() - started))
        assert answer.status_code == 200, path
    return median(seen)


async def test_the_viewer_answers_quickly(signed_in: SignIn, scene: Scene) -> None:
    reader = await signed_in("reader")
    await took(reader, "/documentos", 1)  # what the first page of all has to load
    law, figures = f"/documentos/{scene.law}", {}
    figures["page, drawn"] = await took(reader, f"{law}/pagina/1", 1)
    figures["page, from the disk"] = await took(reader, f"{law}/pagina/1")
    figures["picture, from the disk"] = await took(reader, f"{law}/pagina/1/imagem")
    figures["larger picture, drawn"] = await took(reader, f"{law}/pagina/1/imagem?largura=2400", 1)
    figures["2 small pages, drawn"] = await took(reader, f"{law}/pagina/1/imagem?largura=200", 1)
    long = await add_version(scene, 2, "Disposições finais: jabuticaba.")
    base = f"/documentos/{long}"
    async with as_system(scene.app.pool) as conn:
        await conn.execute("ANALYZE version_pages")
    figures["page of 5 000"] = await took(reader, f"{base}/pagina/2500")
    figures["a term on the last of 5 000 pages"] = await took(
        reader, f"{base}/busca?q=jabuticaba", 3
    )
    figures["a term on every page"] = await took(reader, f"{base}/busca?q=ferias", 3)
    figures["page with the way to the last hit"] = await took(
        reader, f"{base}/pagina/1?busca=jabuticaba", 3
    )
    await add_version(scene, 3, "Disposições transitórias: jabuticaba.")
    document = (await reader.get(f"{base}/pagina/1", headers=HTMX)).text
    path = document.split('href="/?documento=')[1].split('"')[0]
    figures["5 000 pages compared"] = await took(
        reader, f"/documentos/{path}/comparar?de=2&para=3", 3
    )
    for name, milliseconds in figures.items():
        print(f"{name}: {milliseconds:.0f} ms", flush=True)
    assert figures["page, from the disk"] < figures["page, drawn"]
