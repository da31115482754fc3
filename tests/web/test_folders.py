"""The page of the watched folders: for administrators alone."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import pytest

from govbot.db.access import as_system
from govbot.db.pool import Pool
from govbot.documents import folders
from govbot.documents.folders import Configured, FolderFile
from govbot.jobs.queue import Queue
from tests.web.conftest import HTMX, SignIn
from tests.web.office import Office, make_office

PATH = "/admin/pastas"
NORMS, LOST = "/srv/normas", "/srv/<atas>"


@pytest.fixture
async def scene(pool: Pool, queue: Queue, tmp_path: Path) -> Office:
    office = await make_office(pool, queue, tmp_path)
    async with as_system(pool) as conn:
        await folders.configure(
            conn, [Configured(NORMS, "Legislação", "none"), Configured(LOST, "Atas", "none")]
        )
        await folders.record_look(conn, NORMS, files=1234, waiting=2)
        await folders.record_look(
            conn, LOST, files=0, waiting=0, error_code="E-FOLDER-EMPTY", error="empty"
        )
        await folders.put_files(conn, NORMS, [_refused(f"foto-{n}.png") for n in range(3)])
    return office


async def test_each_folder_shows_its_counts_and_its_trouble(
    scene: Office, signed_in: SignIn
) -> None:
    client = await signed_in("admin")
    client.cookies.set("govbot_language", "en")
    page = (await client.get(PATH)).text
    assert "1,234" in page
    assert "<atas>" not in page
    assert "may be a lost mount" in page
    assert re.search(r'href="[^"]*normas[^"]*">3</a>', page)


async def test_refused_files_are_shown_with_their_reason_page_by_page(
    scene: Office, signed_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("govbot.web.admin_folders.PAGE", 2)
    client = await signed_in("admin")
    client.cookies.set("govbot_language", "en")
    page = (await client.get(PATH, params={"pasta": NORMS}, headers=HTMX)).text
    assert re.findall(r"foto-\d\.png</th>", page) == ["foto-0.png</th>", "foto-1.png</th>"]
    assert "This kind of file cannot be read." in page
    following = re.search(r'rel="next" href="([^"]+)"', page)
    assert following
    page = (await client.get(unescape(following[1]), headers=HTMX)).text
    assert re.findall(r"foto-\d\.png</th>", page) == ["foto-2.png</th>"]
    assert 'rel="next"' not in page


async def test_a_look_is_asked_for_and_done_with_when_the_look_was(
    scene: Office, signed_in: SignIn
) -> None:
    client = await signed_in("admin")
    answer = await client.post(f"{PATH}/olhar", data={"path": NORMS}, headers=HTMX)
    assert (answer.status_code, answer.headers["hx-trigger"]) == (204, "folders-changed")
    async with as_system(scene.app.pool) as conn:
        assert await folders.looks_asked(conn) == [NORMS]
        await folders.record_look(conn, NORMS, files=1, waiting=0)
        assert await folders.looks_asked(conn) == []


def _refused(place: str) -> FolderFile:
    return FolderFile(place, 1, 1, 1, "", None, "refused", "E-FORMATO", "Pictures cannot be read.")
