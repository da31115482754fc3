"""Originals come from unknown hands: whatever they are, they are saved, not run."""

from __future__ import annotations

import pytest

from govbot.db.access import as_system
from tests.web.conftest import SignIn
from tests.web.scene import Scene


async def change(scene: Scene, table: str, **values: str) -> None:
    """Sets columns of the memo's document or version."""
    column, value = next(iter(values.items()))
    key = "id" if table == "document_versions" else "key"
    query = f"UPDATE {table} SET {column} = %(value)s WHERE {key} = %(key)s"
    async with as_system(scene.app.pool) as conn:
        await conn.execute(
            query.encode(),
            {"value": value, "key": scene.memo if key == "id" else scene.memo_key},
        )


@pytest.mark.parametrize(
    ("mime", "sent"),
    [
        ("text/html", "application/octet-stream"),
        ("application/xhtml+xml", "application/octet-stream"),
        ("image/svg+xml", "application/octet-stream"),
        ("message/rfc822", "application/octet-stream"),
        ("text/javascript", "application/octet-stream"),
        ("text/plain", "text/plain"),
    ],
)
async def test_only_plain_types_are_named(
    signed_in: SignIn, scene: Scene, mime: str, sent: str
) -> None:
    await change(scene, "document_versions", mime=mime)
    reader = await signed_in("reader")
    for query in ("", "?abrir=true"):
        answer = await reader.get(f"/documentos/{scene.memo}/arquivo{query}")
        assert answer.status_code == 200
        assert answer.headers["content-type"].partition(";")[0] == sent
        assert answer.headers["content-disposition"].startswith("attachment")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in answer.headers["content-security-policy"]


async def test_an_original_that_is_shown_may_load_and_run_nothing(
    signed_in: SignIn, scene: Scene
) -> None:
    answer = await (await signed_in("reader")).get(f"/documentos/{scene.law}/arquivo?abrir=true")
    policy = answer.headers["content-security-policy"]
    assert answer.headers["content-disposition"].startswith("inline")
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "script-src" not in policy
    assert "connect-src" not in policy


@pytest.mark.parametrize(
    "name",
    ['a".html', "a\\.txt", "ação; filename=x.exe", "x%0d%0aSet-Cookie: a=b", "\u202etxt.exe"],
)
async def test_the_name_of_a_file_stays_inside_its_header(
    signed_in: SignIn, scene: Scene, name: str
) -> None:
    await change(scene, "documents", filename=name)
    answer = await (await signed_in("reader")).get(f"/documentos/{scene.memo}/arquivo")
    value = answer.headers["content-disposition"]
    assert "set-cookie" not in answer.headers
    assert value.isascii()
    assert value.count(";") == 1
    assert value.count('"') in (0, 2)


async def test_hidden_characters_of_a_page_are_shown_by_number(
    signed_in: SignIn, scene: Scene
) -> None:
    hidden = "Prazo de \u202edez dias" + "".join(chr(0xE0000 + ord(letter)) for letter in "ok")
    async with as_system(scene.app.pool) as conn:
        await conn.execute(
            "UPDATE version_pages SET text = %(text)s WHERE version_id = %(id)s",
            {"text": hidden, "id": scene.memo},
        )
    page = (await (await signed_in("reader")).get(f"/documentos/{scene.memo}/pagina/1")).text
    assert "Prazo de ⟦U+202E⟧dez dias⟦U+E006F⟧⟦U+E006B⟧" in page
    assert "\u202e" not in page
