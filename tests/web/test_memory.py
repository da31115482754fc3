"""Pinned passages and search in one's own conversations, as pages show them."""

from __future__ import annotations

import re

from govbot.chat.store import Citation
from govbot.db.access import as_system
from tests.web.conftest import HTMX, SignIn
from tests.web.scene import Scene, Script, revoke
from tests.web.test_chat import answered


async def test_a_source_is_pinned_shown_and_unpinned_with_and_without_htmx(
    scene: Scene, signed_in: SignIn
) -> None:
    reader = await signed_in("reader")
    citation = scene.citation()
    await searchable(scene, citation)
    script = Script(citations=[citation], sources=[scene.law_key])
    conversation, page = await answered(reader, scene, script)
    (path,) = re.findall(r'hx-post="([^"]+/fixar)"', page)
    assert 'id="fixados"' in page
    assert "Lei das férias" not in _pins(page)
    done = await reader.post(path, data={"kind": "cited"})
    assert (done.status_code, done.headers["location"]) == (303, f"{conversation}#fixados")
    pins = _pins((await reader.get(conversation)).text)
    assert "Lei das férias" in pins
    assert "1/5" in pins
    assert (await reader.post(path, headers=HTMX)).text.strip().startswith("<section")
    # The panel of the source offers it too; on a page of its own it leads back.
    source = re.findall(r'href="(/documentos/[^"]+c=1)#passagem"', page)[0].replace("&amp;", "&")
    assert f'hx-post="{path}"' in (await reader.get(source, headers=HTMX)).text
    alone = (await reader.get(source)).text
    assert f'action="{path}"' in alone
    assert f'hx-post="{path}"' not in alone
    # What may no longer be read is not named.
    await revoke(scene)
    pins = _pins((await reader.get(conversation)).text)
    assert "Lei das férias" not in pins
    assert str(scene.law) not in pins
    (unpin,) = re.findall(r'hx-post="([^"]+/soltar)"', pins)
    gone = await reader.post(unpin, headers=HTMX)
    assert gone.status_code == 200
    assert "hidden" in gone.text
    assert (await reader.post(unpin)).status_code == 404


async def test_the_search_shows_what_was_found_in_its_place(
    scene: Scene, signed_in: SignIn
) -> None:
    reader = await signed_in("reader")
    texts = ("O descanso é de <b>trinta</b> dias, sem **qualquer** desconto [1].",)
    script = Script(texts, citations=[scene.citation()], sources=[scene.law_key])
    conversation, _ = await answered(reader, scene, script)
    found = (await reader.get("/conversas?q=descontos+trinta", headers=HTMX)).text
    assert "<mark>trinta</mark>" in found
    assert "<mark>desconto</mark>" in found
    assert "<b>" not in found
    (place,) = re.findall(r'href="([^"]+)#m-[0-9a-f-]+"', found)
    assert place == conversation
    stranger = await signed_in("stranger")
    assert "mark" not in (await stranger.get("/conversas?q=trinta", headers=HTMX)).text
    await revoke(scene)
    assert "trinta" not in (await reader.get("/conversas?q=desconto", headers=HTMX)).text


async def searchable(scene: Scene, citation: Citation) -> None:
    """The page of the citation as a passage that is searched."""
    async with as_system(scene.app.pool) as conn:
        await conn.execute(
            """
            INSERT INTO chunks (version_id, document_key, collection_key, ord, page_from, page_to,
                                heading, text, start_offset, end_offset, tsv, length)
            SELECT p.version_id, p.document_key, p.collection_key, 0, 1, 1, '', p.text, 0,
                   length(p.text), govbot_tsv(p.text), 10
            FROM version_pages p
            WHERE p.version_id = %(version)s AND p.number = 1
            """,
            {"version": citation.version_id},
        )


def _pins(page: str) -> str:
    return page[page.index('id="fixados"') : page.index("</section>", page.index('id="fixados"'))]
