"""Figures for monitoring that cost a query: by a timer, within bounds, in spite of faults."""

from __future__ import annotations

import asyncio
import json
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from govbot import metrics
from govbot.config import Settings, load_settings
from govbot.db.access import as_system
from govbot.db.pool import Pool
from govbot.installation import sampling
from govbot.jobs.queue import Queue
from govbot.jobs.standing import standing
from tests.certificates import make_authority
from tests.ingestion import Cast, Parts, take

LAW = "LEI Nº 1, DE 1º DE JANEIRO DE 2020\n\nArt. 1º Esta Lei dispõe sobre as licitações."


@dataclass
class Models:
    """What is asked of the models when metrics are read."""

    reported: int = 0

    def report(self) -> None:
        self.reported += 1


@dataclass
class Service:
    settings: Settings
    pool: Pool
    generator: Any


def value(name: str, **labels: str) -> float:
    return metrics.registry.get_sample_value(name, labels) or 0.0


@pytest.fixture
def service(pool: Pool, tmp_path: Path) -> Service:
    settings = load_settings(environ={"GOVBOT_DATA_DIR": str(tmp_path)})
    return Service(settings, pool, Models())


async def test_documents_queue_database_and_disks_are_told(
    parts: Parts, cast: Cast, service: Service
) -> None:
    await take(parts, cast.curator, cast.a, "lei.txt", LAW)
    await sampling.gather(service)
    assert value("govbot_documents", state="queued") == 1
    assert value("govbot_jobs_by_kind", kind=sampling.KINDS[0], state="todo") == 1
    assert 0 <= value("govbot_jobs_oldest_seconds", kind=sampling.KINDS[0]) < 60
    await parts.work()
    await sampling.gather(service)
    assert value("govbot_documents", state="ready") == 1
    assert value("govbot_chunks") >= 1
    assert value("govbot_jobs_by_kind", kind=sampling.KINDS[0], state="todo") == 0
    assert value("govbot_database_bytes") > 1_000_000
    for folder in ("data", "backup"):
        assert (
            0
            < value("govbot_disk_free_bytes", folder=folder)
            < value("govbot_disk_bytes", folder=folder)
        )
    for part in ("queue", "database", "documents", "folders", "disk", "backup"):
        assert time.time() - value("govbot_sampled_timestamp_seconds", part=part) < 60


async def test_a_job_waits_since_it_could_have_begun(pool: Pool, queue: Queue) -> None:
    async with as_system(pool) as conn:
        for name in ("old", "late"):
            await queue.defer_in(conn, "kind-of-test", lock=name, version_id=name)
        await conn.execute("UPDATE procrastinate_events SET at = at - interval '2 hours'")
        await conn.execute(
            "UPDATE procrastinate_jobs SET scheduled_at = now() + interval '1 hour'"
            " WHERE lock = 'late'"
        )
        found = await standing(conn)
        assert found.counts == {("kind-of-test", "todo"): 2}
        assert 7190 < found.oldest_s["kind-of-test"] < 7260
        await conn.execute("UPDATE procrastinate_jobs SET scheduled_at = now() + interval '1 day'")
        assert (await standing(conn)).oldest_s == {}


async def test_backup_and_certificate_are_read_from_their_files(
    service: Service, tmp_path: Path
) -> None:
    certificate, key = make_authority(tmp_path).issue("localhost")
    web = service.settings.web.model_copy(
        update={"tls_certificate": str(certificate), "tls_key": str(key)}
    )
    service.settings = service.settings.model_copy(update={"web": web})
    root = tmp_path / "backups"
    root.mkdir()
    state = {"created_at": 1000.0, "bytes": 77, "verified_at": 900.0, "verified_good": True}
    (root / "state.json").write_text(json.dumps(state))
    await sampling.gather(service, seldom=False)
    assert value("govbot_backup_last_success_timestamp_seconds") == 1000
    assert value("govbot_backup_last_verify_timestamp_seconds") == 900
    assert value("govbot_backup_bytes") == 77
    assert value("govbot_backup_failing") == 0
    assert value("govbot_certificate_expiry_timestamp_seconds") > time.time()
    (root / "state.json").write_text(json.dumps({**state, "verified_good": False}))
    await sampling.gather(service, seldom=False)
    assert value("govbot_backup_last_verify_timestamp_seconds") == 0
    assert value("govbot_backup_failing") == 1


async def test_a_part_that_hangs_or_breaks_leaves_the_others_their_figures(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(_app: object) -> None:
        await asyncio.sleep(60)

    async def wrong(_app: object) -> None:
        raise ZeroDivisionError

    looks = {"hangs": hang, "breaks": wrong, **sampling.LOOKS}
    monkeypatch.setattr(sampling, "LOOKS", looks)
    monkeypatch.setattr(sampling, "LOOK_S", 0.3)
    begun = time.monotonic()
    await sampling.gather(service, seldom=False)
    assert time.monotonic() - begun < 5
    for part in ("hangs", "breaks"):
        labels = {"part": part}
        assert metrics.registry.get_sample_value("govbot_sampled_timestamp_seconds", labels) is None
    assert value("govbot_sampled_timestamp_seconds", part="database") > time.time() - 60


async def test_a_share_that_does_not_answer_is_asked_once_and_holds_nothing_up() -> None:
    asked, gate = [], asyncio.Event()
    loop = asyncio.get_running_loop()

    def hangs() -> int:
        asked.append(1)
        asyncio.run_coroutine_threadsafe(gate.wait(), loop).result()
        return 1

    for _ in range(3):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await sampling._aside("share", hangs)
    assert len(asked) == 1
    gate.set()
    for _ in range(100):
        await asyncio.sleep(0.01)
        if "share" not in sampling._under_way:
            break
    assert await sampling._aside("share", lambda: 7) == 7


async def test_reading_the_figures_asks_the_database_nothing(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("a connection was asked for")

    async with as_system(service.pool) as conn:
        await conn.execute("SELECT 1")
    before = value("govbot_database_pool_requests_total", pool="govbot")
    monkeypatch.setattr(service.pool, "connection", forbidden)
    sampling.at_hand(service)
    sampling.at_hand(service)
    assert service.generator.reported == 2
    assert value("govbot_database_pool_requests_total", pool="govbot") == before + 1
    assert value("govbot_database_pool_limit", pool="govbot") >= 1
    assert not math.isnan(value("govbot_database_pool_in_use", pool="govbot"))
