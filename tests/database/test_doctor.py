"""What `govbot doctor` finds in a database."""

from __future__ import annotations

from govbot.cli import doctor
from govbot.db.dsns import Dsns
from govbot.db.pool import Pool, open_pool


async def test_before_the_first_migration_it_names_the_command_and_looks_no_further(
    empty_dsns: Dsns,
) -> None:
    pool = await open_pool(empty_dsns.app, size=2, name="test-doctor")
    checks = await doctor._stored(pool)
    await pool.close()
    assert [(check.check, check.ok) for check in checks] == [("database", True), ("schema", False)]
    assert "run `govbot migrate`" in checks[1].detail


async def test_installation_without_administrator_is_a_fault(pool: Pool) -> None:
    checks = {check.check: check for check in await doctor._stored(pool)}
    assert {name for name, check in checks.items() if not check.ok} == {"accounts"}
    assert "govbot user add" in checks["accounts"].detail
