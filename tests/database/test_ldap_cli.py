"""`govbot ldap`, and the timer of the service."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from govbot.auth.ldap import LdapDirectory
from govbot.auth.ldap_sync import list_syncs
from govbot.cli import serve_timers
from govbot.cli.main import main
from govbot.db.access import as_system
from govbot.db.dsns import Dsns
from govbot.db.pool import Pool, open_pool
from tests.slapd import BASE, PASSWORD, PEOPLE, READER, READER_PASSWORD, Slapd


@pytest.fixture
def configured(
    tmp_path: Path, dsns: Dsns, own_slapd: Slapd, monkeypatch: pytest.MonkeyPatch
) -> Slapd:
    """The settings of a directory in the working directory; the database is the test's."""

    @asynccontextmanager
    async def open_store(_: Any) -> AsyncIterator[Pool]:
        pool = await open_pool(dsns.app, size=2, name="test-cli")
        try:
            yield pool
        finally:
            await pool.close()

    (tmp_path / "reader.password").write_text(f"{READER_PASSWORD}\n")
    (tmp_path / "govbot.toml").write_text(
        f'data_dir = "."\n[ldap]\nservers = ["{own_slapd.ldap}"]\nbase_dn = "{BASE}"\n'
        f'ca_file = "{own_slapd.authority.file}"\nbind_dn = "{READER}"\n'
        'bind_password_file = "reader.password"\n'
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("govbot.app.open_store", open_store)
    return own_slapd


def test_test_prints_each_step_and_fails_with_what_to_do(
    configured: Slapd, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ldap", "test", "maria", "--json"]) == 0
    steps = json.loads(capsys.readouterr().out)
    assert [step["step"] for step in steps][-3:] == ["user", "groups", "mapping"]
    assert main(["ldap", "test", "nobody"]) == 1
    shown = capsys.readouterr().out
    assert "FAIL  user      nobody" in shown
    assert "Correct ldap.user_filter" in shown
    assert READER_PASSWORD not in shown + json.dumps(steps)


def test_sync_shows_first_and_does_then(
    configured: Slapd, dsns: Dsns, capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(_sign_in(configured, dsns))
    configured.delete(f"uid=gil,{PEOPLE}")
    assert main(["ldap", "sync", "--dry-run", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [{"user": "gil", "reason": "absent"}]
    assert main(["ldap", "sync", "--json"]) == 0
    done = json.loads(capsys.readouterr().out)
    assert (done["accounts"], done["disabled"]) == (2, 1)
    configured.stop()
    assert main(["ldap", "sync"]) == 1
    assert "E-DIRECTORY" in capsys.readouterr().err


def test_without_a_directory_the_commands_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["ldap", "test"]) == 1
    assert "set ldap.servers" in capsys.readouterr().err


async def test_the_timer_compares_and_outlives_an_outage(
    own_slapd: Slapd, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Served:
        def __init__(self) -> None:
            self.pool = pool
            self.settings = type("S", (), {"ldap": own_slapd.settings(sync_minutes=1)})()

    assert await LdapDirectory(own_slapd.settings(), pool).check("maria", PASSWORD)
    looks = 0

    async def next_look(_seconds: float) -> None:
        nonlocal looks
        looks += 1
        if looks == 1:
            own_slapd.stop()
            async with as_system(pool) as conn:
                await conn.execute("UPDATE directory_syncs SET started_at = now() - interval '1 h'")
        if looks == 3:
            raise asyncio.CancelledError

    monkeypatch.setattr("govbot.cli.serve_timers.asyncio.sleep", next_look)
    with pytest.raises(asyncio.CancelledError):
        await serve_timers._compare_accounts(Served())  # type: ignore[arg-type]
    async with as_system(pool) as conn:
        assert [sync.outcome for sync in await list_syncs(conn)] == ["failed", "done"]


async def _sign_in(slapd: Slapd, dsns: Dsns) -> None:
    pool = await open_pool(dsns.app, size=2, name="test-cli")
    ldap = LdapDirectory(slapd.settings(), pool)
    for name in ("maria", "gil"):
        assert await ldap.check(name, PASSWORD)
    await pool.close()
