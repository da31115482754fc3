"""What `govbot doctor` finds in a database."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from govbot.cli import doctor
from govbot.cli.doctor_finding import Check, State
from govbot.config import Settings, load_settings
from govbot.db.access import as_system
from govbot.db.dsns import Dsns
from govbot.db.pool import Pool, open_pool


async def found(pool: Pool) -> dict[str, Check]:
    return {check.check: check for check in await doctor.stored(pool, Settings())}


async def test_before_the_first_migration_it_names_the_command_and_looks_no_further(
    empty_dsns: Dsns,
) -> None:
    pool = await open_pool(empty_dsns.app, size=2, name="test-doctor")
    checks = await found(pool)
    await pool.close()
    assert [(name, check.state) for name, check in checks.items()] == [
        ("database", State.OK),
        ("schema", State.FAIL),
    ]
    assert "run `govbot migrate`" in checks["schema"].seen


async def test_installation_without_administrator_is_a_fault(pool: Pool) -> None:
    checks = await found(pool)
    assert {name for name, check in checks.items() if check.state is State.FAIL} == {"accounts"}
    assert "govbot user add" in checks["accounts"].remedy


async def test_vectors_of_another_model_are_a_fault(pool: Pool) -> None:
    async with as_system(pool) as conn:
        await conn.execute(
            "INSERT INTO embedding_models (name, fingerprint, dimension, state)"
            " VALUES ('bge-m3', 'other', 1024, 'active')"
        )
    check = (await found(pool))["vectors"]
    assert check.state is State.FAIL
    assert "bge-m3" in check.seen
    assert "govbot reindex" in check.seen


async def test_an_entry_from_the_future_betrays_a_clock_that_was_set_back(
    pool: Pool, dsns: Dsns
) -> None:
    with psycopg.connect(dsns.owner) as conn:
        conn.execute(
            "INSERT INTO audit_log VALUES (100000, now() + interval '2 hours', NULL, '', 'test',"
            " '', '{}', '', '', 'x')"
        )
    check = (await found(pool))["database clock"]
    assert check.state is State.FAIL
    assert "in the future" in check.seen


async def test_database_that_is_down_leaves_all_other_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "PARTS", ())  # they have tests of their own
    settings = load_settings(
        environ={
            "GOVBOT_DATA_DIR": str(tmp_path / "data"),
            "GOVBOT_DATABASE__URL": "postgresql://nobody:hunter2@127.0.0.1:9/none",
        }
    )
    checks = {check.check: check for check in await doctor.examine(settings)}
    assert checks["database"].state is State.FAIL
    assert "Connection refused" in checks["database"].seen
    assert "database.url" in checks["database"].remedy
    assert "hunter2" not in str(checks)
    assert checks["disk"].state is not State.FAIL
    assert "schema" not in checks
