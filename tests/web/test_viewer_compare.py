"""Two versions of a document compared, as far as each reader may read them."""

from __future__ import annotations

import re

from govbot.db.access import as_system
from govbot.ids import VersionId, new_id
from tests.web.conftest import SignIn
from tests.web.scene import LAW, SECOND_PAGE, Scene

NEW = [*LAW[:2], LAW[2].replace("trinta", "vinte"), *LAW[3:5], "Art. 4º Novo."]


async def add_version(scene: Scene, number: int, text: str, *, approved: bool = True) -> VersionId:
    """Another version of the law, with one page."""
    version = VersionId(new_id())
    async with as_system(scene.app.pool) as conn:
        await conn.execute(
            "UPDATE collections SET needs_review = %(review)s", {"review": not approved}
        )
        await conn.execute(
            "INSERT INTO document_versions (id, document_id, document_key, collection_key, number,"
            " sha256, size_bytes, mime, state, pages) SELECT %(id)s, document_id, document_key,"
            " collection_key, %(number)s, sha256, 1, mime, 'ready', 1 FROM document_versions"
            " WHERE id = %(law)s",
            {"id": version, "number": number, "law": scene.law},
        )
        await conn.execute(
            "INSERT INTO version_pages (version_id, document_key, collection_key, number, text)"
            " SELECT id, document_key, collection_key, 1, %(text)s FROM document_versions"
            " WHERE id = %(id)s",
            {"id": version, "text": text},
        )
    return version


def words(page: str, tag: str) -> list[str]:
    return [each.strip() for each in re.findall(f"<{tag}>(.*?)</{tag}>", page)]


async def test_two_versions_are_compared_and_each_change_leads_to_its_page(
    signed_in: SignIn, scene: Scene
) -> None:
    reader = await signed_in("reader")
    async with as_system(scene.app.pool) as conn:
        cursor = await conn.execute(
            "SELECT document_id FROM document_versions WHERE id = %(id)s", {"id": scene.law}
        )
        row = await cursor.fetchone()
    assert row
    path = f"/documentos/{row['document_id']}/comparar"
    assert "nada a comparar" in (await reader.get(path)).text
    second = await add_version(scene, 2, "\n".join(NEW))
    page = (await reader.get(path)).text
    assert "4 parágrafos são diferentes" in page
    assert words(page, "del") == ["trinta", LAW[5], *SECOND_PAGE]
    assert words(page, "ins") == ["vinte", "Art. 4º Novo."]
    assert f'href="/documentos/{scene.law}/pagina/1#p3"' in page
    assert f'href="/documentos/{second}/pagina/1#p3"' in page
    assert "1 parágrafo sem mudanças" in page
    # The same either way round; what is not there, and a version with itself, do not exist.
    assert (await reader.get(f"{path}?de=2&para=1")).text.count("<del>") == page.count("<del>")
    for query in ("?de=1&para=3", "?para=7", "?de=1&para=1", "?de=2"):
        assert (await reader.get(path + query)).status_code == 404, query
    # A draft exists only for those who write: for readers everything is as before.
    await add_version(scene, 3, "Minuta secreta.", approved=False)
    assert (await reader.get(path + "?de=1&para=3")).status_code == 404
    again = (await reader.get(path)).text
    assert "Minuta secreta" not in again
    assert without_token(again) == without_token(page)
    admin = await signed_in("admin")
    assert "Minuta secreta" in (await admin.get(path)).text
    await add_version(scene, 4, "\n".join(NEW))
    assert "mesmo texto" in (await reader.get(path + "?de=2&para=4")).text
    stranger = await signed_in("stranger")
    assert (await stranger.get(path)).status_code == 404


def without_token(page: str) -> str:
    return re.sub(r'csrf" value="[^"]*"|"X-CSRF-Token": "[^"]*"', "", page)


async def test_many_changes_are_shown_in_parts(signed_in: SignIn, scene: Scene) -> None:
    old = await add_version(scene, 2, "\n".join(f"Item {n}: prazo {n}" for n in range(200)))
    await add_version(scene, 3, "\n".join(f"Item {n}: prazo {n} dias" for n in range(200)))
    reader = await signed_in("reader")
    async with as_system(scene.app.pool) as conn:
        cursor = await conn.execute(
            "SELECT document_id FROM document_versions WHERE id = %(id)s", {"id": old}
        )
        row = await cursor.fetchone()
    assert row
    path = f"/documentos/{row['document_id']}/comparar?de=2&para=3"
    parts = [(await reader.get(f"{path}&n={n}")).text for n in (1, 2, 4)]
    assert "200 parágrafos são diferentes" in parts[0]
    assert [len(words(part, "ins")) for part in parts] == [61, 62, 21]
    assert "1 / 4" in parts[0]
    assert 'rel="next"' not in parts[2]
