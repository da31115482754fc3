"""What the service does for the log by itself, and what its start tells."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from pydantic import SecretStr

from govbot import audit, metrics
from govbot.audit import checkpoints
from govbot.audit.keeper import Keeper
from govbot.audit.proof import Evidence
from govbot.config.table import Audit, AuditReceiver, Generation, Settings, Web
from govbot.db.access import as_system
from govbot.db.pool import Pool
from govbot.errors import Unavailable


def settings(folder: Path, **values: object) -> Settings:
    return Settings(data_dir=folder, audit=Audit(**values))  # type: ignore[arg-type]


async def fill(pool: Pool, entries: int) -> None:
    for _ in range(entries):
        async with as_system(pool) as conn:
            await audit.record(conn, actor=None, action="test.done")


async def told(pool: Pool) -> dict[str, object]:
    """The changed settings of the newest start."""
    async with as_system(pool) as conn:
        entry = (await audit.entries(conn, action="service.started"))[0]
    found = json.loads(entry.details).get("settings", {})
    assert isinstance(found, dict)
    return {name: value for name, value in found.items() if name != "data_dir"}


async def test_a_start_tells_the_settings_that_changed(pool: Pool, tmp_path: Path) -> None:
    first = Settings(
        data_dir=tmp_path, web=Web(port=9000), generation=Generation(api_key=SecretStr("a"))
    )
    await Keeper(pool, first).started()
    assert await told(pool) == {
        "web.port": {"after": "9000", "before": None},
        "generation.api_key": "changed",
    }
    await Keeper(pool, first).started()
    assert await told(pool) == {}
    second = Settings(data_dir=tmp_path, generation=Generation(api_key=SecretStr("b")))
    await Keeper(pool, second).started()
    assert await told(pool) == {
        "web.port": {"after": None, "before": "9000"},
        "generation.api_key": "changed",
    }
    await Keeper(pool, Settings(data_dir=tmp_path)).started()
    assert await told(pool) == {"generation.api_key": "changed"}


async def test_the_database_keeps_no_secret(pool: Pool, tmp_path: Path) -> None:
    secret = "segredo-muito-longo"
    keeper = Keeper(
        pool, Settings(data_dir=tmp_path, generation=Generation(api_key=SecretStr(secret)))
    )
    await keeper.started()
    async with as_system(pool) as conn:
        cursor = await conn.execute("SELECT value FROM settings_seen")
        kept = [row["value"] for row in await cursor.fetchall()]
        entries = await audit.entries(conn)
    assert not any(secret in text for text in [*kept, *(each.details for each in entries)])


async def test_a_checkpoint_is_due_by_number(pool: Pool, tmp_path: Path) -> None:
    keeper = Keeper(pool, settings(tmp_path, checkpoint_entries=5))
    await fill(pool, 4)
    assert (await keeper.look()).behind == 4
    await fill(pool, 1)
    assert (await keeper.look()).behind == 0


async def test_a_checkpoint_is_due_by_time(pool: Pool, owner_pool: Pool, tmp_path: Path) -> None:
    keeper = Keeper(pool, settings(tmp_path, checkpoint_minutes=10))
    await fill(pool, 1)
    assert (await keeper.look()).behind == 1
    late = Keeper(pool, settings(tmp_path, checkpoint_minutes=1))
    late._settings = late._settings.model_copy(update={"checkpoint_minutes": 0})
    assert (await late.look()).behind == 0


async def test_metrics_tell_of_checkpoints_that_lag(pool: Pool, tmp_path: Path) -> None:
    (tmp_path / "block").write_text("")
    keeper = Keeper(
        pool,
        settings(tmp_path, checkpoint_entries=1, checkpoint_file=str(tmp_path / "block" / "x")),
    )
    await fill(pool, 3)
    with pytest.raises(Unavailable):
        await keeper.look()
    text = metrics.render().decode()
    assert "govbot_audit_checkpoint_behind 3.0" in text
    async with as_system(pool) as conn:
        standing = await checkpoints.standing(conn, keeper._key)
    assert "cannot be written" in standing.error


async def test_the_end_is_told_signed_and_sent(pool: Pool, tmp_path: Path) -> None:
    copy = tmp_path / "copy.jsonl"
    receiver = AuditReceiver(name="siem", kind="file", path=str(copy))
    keeper = Keeper(pool, settings(tmp_path, forward=(receiver,)))
    await fill(pool, 3)
    await keeper.close()
    [signed] = checkpoints.read(keeper.file)
    lines = [json.loads(line) for line in copy.read_text().splitlines()]
    assert lines[-1]["action"] == "service.stopped"
    assert [line["seq"] for line in lines] == [1, 2, 3, 4]
    assert (signed.seq, signed.hash) == (4, lines[-1]["hash"])


async def test_it_runs_until_it_is_told_to_end(pool: Pool, tmp_path: Path) -> None:
    keeper = Keeper(pool, settings(tmp_path, checkpoint_entries=1), look_s=0.05)
    task = asyncio.create_task(keeper.run())
    await fill(pool, 2)
    async with asyncio.timeout(20):
        while not keeper.file.exists():
            await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await keeper.close()
    async with as_system(pool) as conn:
        report = await audit.verify(conn, Evidence(tuple(checkpoints.read(keeper.file))))
    assert report.first_broken is None
    assert report.checkpoints >= 2


async def test_retention_is_for_ever_unless_it_is_set(pool: Pool, tmp_path: Path) -> None:
    await fill(pool, 3)
    keeper = Keeper(pool, settings(tmp_path, checkpoint_entries=1))
    await keeper.look()
    assert await keeper.prune() == 0
    young = Keeper(pool, settings(tmp_path, retention_days=1))
    assert await young.prune() == 0
