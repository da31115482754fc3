"""The page of the backups: nothing yet, one under way, what was found; the wish that it leaves."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from govbot.backup.folder import Folder, folder_of
from govbot.db.dsns import Dsns
from govbot.db.pool import Pool
from govbot.installation import backup_wishes
from govbot.jobs.queue import Queue
from tests.web.conftest import HTMX, SignIn
from tests.web.office import Office, make_office

PATH = "/admin/copias"


@pytest.fixture
async def scene(pool: Pool, queue: Queue, tmp_path: Path) -> Office:
    return await make_office(pool, queue, tmp_path)


async def test_a_backup_is_asked_for_made_by_the_service_and_shown_as_proven(
    scene: Office, dsns: Dsns, signed_in: SignIn
) -> None:
    admin = await signed_in("admin")
    folder = folder_of(scene.app.settings)
    assert 'id="backup-now"' in (await admin.get(PATH)).text
    assert (await admin.post(PATH)).status_code == 303
    assert 'id="backup-now"' not in (await admin.get(PATH, headers=HTMX)).text
    refused = await admin.post(PATH)
    assert (refused.status_code, "E-BACKUP" in refused.text) == (429, False)
    wish = backup_wishes.take(scene.app.settings)
    assert wish is not None
    assert (wish.kind, wish.by.name) == ("create", "admin")
    assert backup_wishes.take(scene.app.settings) is None
    app: Any = SimpleNamespace(
        settings=scene.app.settings, pool=scene.app.pool, queue=scene.desk.queue,
        owner_dsn=dsns.owner,
    )  # fmt: skip
    await backup_wishes.work(backup_wishes.parts_of(app, wish.by), wish)
    made = folder.all()[0]
    assert made.proven
    assert made.known.reason == "page"
    page = (await admin.get(PATH)).text
    assert made.id in page
    assert 'class="chip ready"' in page
    assert (await admin.post(f"{PATH}/conferir", data={"backup": made.id})).status_code == 303
    (made.place / "manifest.json").write_text("{}")
    assert 'class="chip failed"' in (await admin.get(PATH, headers=HTMX)).text
    with folder.alone():
        assert 'role="status"' in (await admin.get(PATH, headers=HTMX)).text


async def test_a_service_that_may_not_write_there_leaves_the_wish_to_the_unit_that_may(
    scene: Office, signed_in: SignIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    admin, settings = await signed_in("admin"), scene.app.settings
    state = tmp_path / "state"
    state.mkdir()
    monkeypatch.setenv("STATE_DIRECTORY", str(state))
    monkeypatch.setattr(Folder, "read_only", lambda _folder: True)
    assert (await admin.post(PATH)).status_code == 303
    assert backup_wishes.take_if_able(settings) is None
    assert [each.name for each in state.iterdir()] == [backup_wishes.FILE]
    assert (await admin.post(PATH)).status_code == 429
    monkeypatch.setattr(backup_wishes, "FORGOTTEN_S", 0.0)
    assert (await admin.post(PATH)).status_code == 303
    monkeypatch.undo()
    assert not folder_of(settings).read_only()
    assert backup_wishes.take_if_able(settings) is None
    monkeypatch.setenv("STATE_DIRECTORY", str(state))
    wish = backup_wishes.take_if_able(settings)
    assert wish is not None
    assert wish.kind == "create"


async def test_what_is_no_backup_is_not_found(scene: Office, signed_in: SignIn) -> None:
    admin = await signed_in("admin")
    for name in ("..", "../x", "objects", "/etc"):
        answer = await admin.post(f"{PATH}/conferir", data={"backup": name})
        assert answer.status_code == 404
