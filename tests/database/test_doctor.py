"""What `govbot doctor` finds in a database."""

from __future__ import annotations

from govbot.cli import doctor
from govbot.config import Settings
from govbot.db.access import as_system
from govbot.db.dsns import Dsns
from govbot.db.pool import Pool, open_pool


async def test_before_the_first_migration_it_names_the_command_and_looks_no_further(
    empty_dsns: Dsns,
) -> None:
    pool = await open_pool(empty_dsns.app, size=2, name="test-doctor")
    checks = await doctor._stored(pool, Settings())
    await pool.close()
    assert [(check.check, check.ok) for check in checks] == [("database", True), ("schema", False)]
    assert "run `govbot migrate`" in checks[1].detail


async def test_installation_without_administrator_is_a_fault(pool: Pool) -> None:
    checks = {check.check: check for check in await doctor._stored(pool, Settings())}
    assert {name for name, check in checks.items() if not check.ok} == {"accounts"}
    assert "govbot user add" in checks["accounts"].detail


async def test_vectors_of_another_model_are_a_fault(pool: Pool) -> None:
    async with as_system(pool) as conn:
        await conn.execute(
            "INSERT INTO embedding_models (name, fingerprint, dimension, state)"
            " VALUES ('bge-m3', 'other', 1024, 'active')"
        )
    checks = {check.check: check for check in await doctor._stored(pool, Settings())}
    assert not checks["vectors"].ok
    assert "bge-m3" in checks["vectors"].detail
    assert "govbot reindex" in checks["vectors"].detail
