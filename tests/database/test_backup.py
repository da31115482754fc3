"""A backup holds one moment, proves itself, finds every damage, and comes back elsewhere."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from govbot import audit
from govbot.backup import manifest as manifests
from govbot.backup import source, swap
from govbot.backup.folder import Backup
from govbot.backup.progress import Meter, Stopped
from govbot.backup.sealed import new_identity
from govbot.cli.main import main
from govbot.config import Settings, load_settings
from govbot.db.access import as_actor, as_system
from govbot.db.dsns import Dsns
from govbot.db.embedded import EmbeddedPostgres
from govbot.db.pool import open_pool
from govbot.documents.files import FileStore
from govbot.errors import Busy, Conflict, Invalid, Unavailable
from govbot.eval import gold
from govbot.ids import UserId
from govbot.installation import backups
from govbot.installation.backups import Parts as Making
from govbot.nodes import installation
from govbot.persons import erase
from govbot.sealing import open_sealer
from tests.database.holder import FAST, ask
from tests.ingestion import Cast, Parts, take


@pytest.fixture
async def making(parts: Parts, cast: Cast, dsns: Dsns) -> Making:
    """An installation with one document, one gold question about it, and a key."""
    received = await take(parts, cast.writer, cast.a)
    await parts.work()
    async with as_actor(parts.pool, cast.admin, write=True) as conn:
        await gold.add(
            conn, cast.admin, set_name="Ouro", question="Como serão as licitações do Município?",
            answers=["públicas"], document_ids=[received.document_id],
        )  # fmt: skip
    await installation.join(parts.pool, open_sealer("", parts.settings.data_dir), parts.files)
    return Making(parts.settings, dsns, parts.pool)


def elsewhere(folder: Path, making: Making, **changes: str) -> Settings:
    """The settings of another, empty machine."""
    environ = {"GOVBOT_DATA_DIR": str(folder), "GOVBOT_BACKUP__FOLDER": str(making.folder.root)}
    return load_settings(environ={**environ, **changes})


def encrypted(making: Making, tmp_path: Path) -> tuple[Making, Path]:
    """The same installation with a pair of keys."""
    private, public = new_identity()
    file = tmp_path / "identity.txt"
    file.write_text(f"# public key: {public}\n{private}\n")
    own = making.settings.backup.model_copy(update={"recipients": (public,)})
    return replace(making, settings=making.settings.model_copy(update={"backup": own})), file


async def actions(dsn: str) -> list[str]:
    pool = await open_pool(dsn, size=1, name="test")
    try:
        async with as_system(pool) as conn:
            assert (await audit.verify(conn)).first_broken is None
            return await audit.actions(conn)
    finally:
        await pool.close()


async def test_a_backup_is_proven_and_comes_back_on_an_empty_machine(
    making: Making, cast: Cast, tmp_path: Path
) -> None:
    first = await backups.make(making, Meter(), check=True, tidy=True)
    assert first.verdict is not None
    assert (first.verdict.problems, first.verdict.good, first.verdict.restored) == ((), True, True)
    assert "1 of 1 gold questions found their document." in first.verdict.notes
    await erase.erase(making.pool, UserId(cast.stranger.id), by=cast.admin)
    second = await backups.make(making, Meter(), originals=False)
    assert second.backup.known.added_bytes == 0
    settings = elsewhere(tmp_path / "new", making)
    for each in (settings.data_dir / "restore-999", settings.data_dir):
        each.mkdir(parents=True, exist_ok=True)
    done = await backups.put_back(settings, first.backup, None, Meter(), replace=False)
    assert (done.originals, done.erased_again, done.aside) == (1, 1, "")
    assert any("secret.key" in note for note in done.notes)
    shutil.copy(making.settings.data_dir / "secret.key", settings.data_dir)
    with EmbeddedPostgres(settings.data_dir, options=FAST) as server:
        dsns = server.dsns()
        assert {"backup.restored", "person.erased"} <= set(await actions(dsns.app))
        assert ask(dsns.superuser, "SELECT count(*) FROM chunks") == 1
        pool = await open_pool(dsns.app, size=1, name="test")
        files = FileStore(settings.data_dir / "files")
        await installation.join(pool, open_sealer("", settings.data_dir), files)
        assert (await backups.ask_gold(pool, settings)).found == 1
        await pool.close()
        with pytest.raises(Conflict, match="is running"):
            await backups.put_back(settings, first.backup, None, Meter(), replace=True)
    assert not list(settings.data_dir.glob("restore-*"))
    with pytest.raises(Conflict, match="not empty"):
        await backups.put_back(settings, first.backup, None, Meter(), replace=False)
    again = await backups.put_back(settings, first.backup, None, Meter(), replace=True)
    assert Path(again.aside, "postgres/data/PG_VERSION").exists()
    assert list(Path(again.aside, "files").glob("??/??/*"))


async def test_an_encrypted_backup_holds_the_keys_and_opens_with_its_own_alone(
    making: Making, tmp_path: Path
) -> None:
    making, identity = encrypted(making, tmp_path)
    made = await backups.make(making, Meter(), check=True)
    assert made.verdict is not None
    assert (made.verdict.problems, made.verdict.restored) == ((), True)
    again = await backups.make(making, Meter())
    assert again.backup.known.added_bytes == 0
    newest = await backups.make(making, Meter(), originals=False)
    rules = {"keep_last": 1, "keep_daily": 0, "keep_weekly": 0, "keep_monthly": 0}
    own = making.settings.backup.model_copy(update=rules)
    few = replace(making, settings=making.settings.model_copy(update={"backup": own}))
    # The first one is the newest that was proven.
    done = await backups.tidy(few, Meter())
    assert (done.removed, set(done.kept)) == (
        (again.backup.id,), {newest.backup.id, made.backup.id},
    )  # fmt: skip
    assert "backup.pruned" in await actions(making.dsns.app)
    for file in made.backup.place.iterdir():
        assert b"licita" not in file.read_bytes()
    verdict = await backups.prove(making, made.backup, None, Meter())
    assert (verdict.good, verdict.restored) == (True, False)
    settings = elsewhere(tmp_path / "new", making)
    with pytest.raises(Invalid, match="is encrypted"):
        await backups.put_back(settings, made.backup, None, Meter(), replace=False)
    other = tmp_path / "other.txt"
    other.write_text(new_identity()[0] + "\n")
    with pytest.raises(Invalid, match="cannot be opened with this key"):
        await backups.put_back(settings, made.backup, other, Meter(), replace=False)
    assert (await backups.prove(making, made.backup, other, Meter())).good is False
    done = await backups.put_back(settings, made.backup, identity, Meter(), replace=False)
    assert done.originals == 1
    key = (settings.data_dir / "secret.key").read_text()
    assert key == (making.settings.data_dir / "secret.key").read_text()


async def test_every_damage_is_found(making: Making) -> None:
    made = (await backups.make(making, Meter())).backup
    original = next((making.folder.root / "objects/clear").glob("??/*"))
    damages = {
        made.place / "database.dump": "database.dump was changed",
        made.place / "settings.tar.gz": "settings.tar.gz was changed",
        made.place / "objects.gz": "objects.gz was changed",
        original: f"original {original.name} was changed",
    }
    for file, words in damages.items():
        whole = file.read_bytes()
        half = len(whole) // 2
        file.chmod(0o600)
        file.unlink()  # the original in use has the same content under another name
        file.write_bytes(whole[:half] + bytes([whole[half] ^ 1]) + whole[half + 1 :])
        verdict = await backups.prove(making, made, None, Meter())
        assert not verdict.good
        assert words in verdict.problems[0]
        file.write_bytes(whole[:-1])
        assert "bytes instead of" in (await backups.prove(making, made, None, Meter())).problems[0]
        file.unlink()
        assert "is missing" in (await backups.prove(making, made, None, Meter())).problems[0]
        file.write_bytes(whole)
    manifest = made.place / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"originals": true', '"originals": false'))
    with pytest.raises(Invalid, match="not what was written"):
        _ = making.folder.find(made.id).known


async def test_a_dump_that_lacks_rows_is_found(making: Making) -> None:
    made = (await backups.make(making, Meter())).backup
    tables = {**made.known.tables, "chunks": 2}
    manifests.write(made.place, made.known.model_copy(update={"tables": tables, "audit_seq": 1}))
    found = making.folder.find(made.id)
    verdict = await backups.prove(making, found, None, Meter())
    assert verdict.problems == (
        "The table chunks has 1 rows instead of 2.",
        "The audit log does not end where it ended.",
    )


async def test_a_backup_that_is_called_off_leaves_nothing_that_counts(making: Making) -> None:
    meter = Meter()

    def stop(step: str, _done: int, _total: int) -> None:
        if step == "database":
            meter.stop.set()

    meter.tell = stop
    with pytest.raises(Stopped):
        await backups.make(making, meter)
    assert making.folder.all() == []
    assert len(list(making.folder.root.glob(".draft-*"))) == 1
    with making.folder.alone():
        assert not list(making.folder.root.glob(".draft-*"))
        with pytest.raises(Busy):
            await backups.make(making, Meter())


async def test_originals_that_are_lost_are_told_and_nothing_else_fails(making: Making) -> None:
    original = next((making.settings.data_dir / "files").glob("??/??/*"))
    original.rename(original.with_name("away"))
    made = await backups.make(making, Meter(), check=True)
    assert made.backup.known.missing == (original.name,)
    assert made.verdict is not None
    assert made.verdict.good
    original.chmod(0o600) if original.exists() else original.write_bytes(b"other")
    assert (await backups.make(making, Meter())).backup.known.missing == (original.name,)


async def test_a_role_that_sees_a_part_makes_no_backup(dsns: Dsns) -> None:
    bound = pytest.raises(Unavailable, match="bound by row-level security")
    with bound as caught, source.open_source(dsns.owner):
        pass
    assert caught.value.error_code == "E-BACKUP-ROLE"


async def test_it_comes_back_into_an_external_database(
    making: Making, empty_dsns: Dsns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @asynccontextmanager
    async def open_database(_settings: Settings) -> AsyncIterator[Dsns]:
        yield replace(empty_dsns, superuser="")

    monkeypatch.setattr(backups, "open_database", open_database)
    made = (await backups.make(making, Meter())).backup
    settings = elsewhere(
        tmp_path / "new", making, GOVBOT_DATABASE__URL="postgresql://nobody@nowhere/x"
    )
    done = await backups.put_back(settings, made, None, Meter(), replace=False)
    assert done.originals == 1
    assert "backup.restored" in await actions(empty_dsns.app)
    assert ask(empty_dsns.superuser, "SELECT count(*) FROM chunks") == 1
    with pytest.raises(Conflict, match="not empty"):
        await backups.put_back(settings, made, None, Meter(), replace=False)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"schema_revision": "9999"}, "made by a newer GovBot"),
        ({"govbot": "99.0.0"}, "made by a newer GovBot"),
    ],
)
async def test_what_a_newer_version_made_is_refused(
    making: Making, tmp_path: Path, change: dict[str, str], words: str
) -> None:
    made = (await backups.make(making, Meter(), originals=False)).backup
    assert made.manifest is not None
    newer = Backup(made.place, made.manifest.model_copy(update=change))
    settings = elsewhere(tmp_path / "new", making)
    with pytest.raises(Invalid, match=words):
        await backups.put_back(settings, newer, None, Meter(), replace=False)
    assert not settings.data_dir.exists()


def test_two_folders_change_places_in_one_step(tmp_path: Path) -> None:
    for place, text in (("data/postgres/data", "old"), ("data/restore-1/postgres/data", "new")):
        folder = tmp_path / place
        folder.mkdir(parents=True)
        (folder / "x").write_text(text)
    aside = swap.put_in_place(tmp_path / "data", tmp_path / "data/restore-1")
    assert aside is not None
    assert (tmp_path / "data/postgres/data/x").read_text() == "new"
    assert (aside / "postgres/data/x").read_text() == "old"


def test_the_command_line_lists_and_makes_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GOVBOT_DATA_DIR", str(tmp_path / "data"))
    assert main(["backup", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
    assert main(["backup", "restore", "latest"]) == 1
    assert "E-BACKUP-UNKNOWN" in capsys.readouterr().err
    file = tmp_path / "key.txt"
    assert main(["backup", "key", "--output", str(file)]) == 0
    public = capsys.readouterr().out.strip()
    assert public.startswith("age1")
    assert f"# public key: {public}" in file.read_text()
    assert file.stat().st_mode & 0o077 == 0
    assert main(["backup", "key", "--output", str(file)]) == 1
