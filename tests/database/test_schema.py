"""The schema is brought up to date once, and what does not fit is refused with what to do."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from govbot import resources
from govbot.db.access import as_system, found
from govbot.db.database import open_database
from govbot.db.dsns import Dsns
from govbot.db.embedded import EmbeddedPostgres
from govbot.db.pool import Pool, open_pool
from govbot.db.schema import check, check_versions, head, migrate
from govbot.errors import Unavailable
from govbot.ids import new_id


@dataclass(frozen=True)
class Database:
    url: str = ""
    owner_url: str = ""
    run_as: str = ""
    start_timeout_s: float = 60


@dataclass(frozen=True)
class Settings:
    database: Database
    data_dir: Path = field(default=Path("/nowhere"))


def set_version(dsns: Dsns, version: str) -> None:
    with psycopg.connect(dsns.owner) as conn:
        conn.execute("UPDATE alembic_version SET version_num = %s", [version])


def test_every_step_is_reported_in_order(empty_dsns: Dsns) -> None:
    steps: list[tuple[str, str]] = []
    migrate(empty_dsns.owner, on_step=lambda *step: steps.append(step))
    names = [step[0] for step in steps]
    assert names == sorted(names)
    assert names[0] == "0001"
    assert names[-1] == head()
    assert all(title for _, title in steps)


def test_a_second_run_changes_nothing(dsns: Dsns) -> None:
    steps: list[str] = []
    migrate(dsns.owner, on_step=lambda revision, _title: steps.append(revision))
    assert steps == []


def test_two_runs_at_the_same_time_do_not_collide(empty_dsns: Dsns) -> None:
    steps: list[str] = []
    failures: list[Exception] = []

    def run() -> None:
        try:
            migrate(empty_dsns.owner, on_step=lambda revision, _title: steps.append(revision))
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(steps) == len(set(steps)) > 0


async def test_the_application_finds_the_schema_current(pool: Pool) -> None:
    async with pool.connection() as conn:
        await check(conn)


async def test_an_empty_database_is_refused(empty_dsns: Dsns) -> None:
    pool = await open_pool(empty_dsns.owner, size=1, name="test")
    async with pool.connection() as conn:
        with pytest.raises(Unavailable, match=r"at nothing, .* run `govbot migrate`"):
            await check(conn)
    await pool.close()


async def test_an_older_schema_is_refused(dsns: Dsns, pool: Pool) -> None:
    set_version(dsns, "0001")
    async with pool.connection() as conn:
        expected = f"at 0001, this version needs {head()}: run `govbot migrate`."
        with pytest.raises(Unavailable, match=expected):
            await check(conn)


async def test_a_newer_schema_is_refused(dsns: Dsns, pool: Pool) -> None:
    set_version(dsns, "9999")
    async with pool.connection() as conn:
        with pytest.raises(Unavailable, match="9999, which this version of GovBot does not know"):
            await check(conn)


def test_a_newer_schema_is_not_migrated(dsns: Dsns) -> None:
    set_version(dsns, "9999")
    with pytest.raises(Unavailable, match="install the newer GovBot"):
        migrate(dsns.owner)


async def test_a_login_that_ignores_policies_is_refused(dsns: Dsns) -> None:
    pool = await open_pool(dsns.superuser, size=1, name="test")
    async with pool.connection() as conn:
        with pytest.raises(Unavailable, match="ignores row-level security"):
            await check(conn)
    await pool.close()


def test_a_login_that_may_not_prepare_the_database_is_told_what_is_missing(
    empty_dsns: Dsns,
) -> None:
    with pytest.raises(Unavailable, match="may not prepare it: permission denied"):
        migrate(empty_dsns.app)


@pytest.mark.parametrize(
    ("number", "version", "vector", "sentence"),
    [
        (150020, "15.20", "0.8.0", "PostgreSQL 15.20: GovBot needs 16"),
        (160014, "16.14", None, "has no pgvector"),
        (160014, "16.14", "0.6.0", "pgvector 0.6.0: GovBot needs 0.8.0"),
    ],
)
def test_a_server_that_is_too_old_is_refused(
    number: int, version: str, vector: str | None, sentence: str
) -> None:
    with pytest.raises(Unavailable, match=sentence):
        check_versions(number, version, vector)


@pytest.mark.parametrize("vector", ["0.8.0", "0.8.5", "0.10.1", "1.0.0"])
def test_a_server_that_is_new_enough_is_accepted(vector: str) -> None:
    check_versions(160000, "16.0", vector)


async def test_one_login_for_everything_becomes_the_application_role(empty_dsns: Dsns) -> None:
    async with open_database(Settings(Database(url=empty_dsns.superuser))) as external:
        migrate(external.owner)
        pool = await open_pool(external.app, size=1, name="test")
        async with as_system(pool) as conn:
            await check(conn)
            await conn.execute(
                "INSERT INTO collections (id, name) VALUES (%(id)s, 'Atos')", {"id": new_id()}
            )
        async with pool.connection() as conn:
            cursor = await conn.execute("SELECT current_user AS u, count(*) AS n FROM collections")
            assert found(await cursor.fetchone()) == {"u": "govbot_app", "n": 0}
        await pool.close()


async def test_a_login_that_may_not_become_the_application_role_is_told_so(dsns: Dsns) -> None:
    with pytest.raises(Unavailable, match='GRANT govbot_app TO "govbot_owner"'):
        async with open_database(Settings(Database(url=dsns.owner))):
            pass


async def test_two_logins_are_used_as_they_are(dsns: Dsns) -> None:
    settings = Settings(Database(url=dsns.app, owner_url=dsns.owner))
    async with open_database(settings) as external:
        assert external == Dsns(app=dsns.app, owner=dsns.owner)


async def test_a_database_that_does_not_answer_is_one_sentence(tmp_path: Path) -> None:
    url = f"postgresql:///govbot?host={tmp_path}&password=segredo"
    with pytest.raises(Unavailable, match=r"cannot be reached: .*Check database\.url") as caught:
        async with open_database(Settings(Database(url=url))):
            pass
    assert "\n" not in str(caught.value)
    assert "segredo" not in str(caught.value)


async def test_the_embedded_server_is_used_without_a_url(tmp_path: Path) -> None:
    async with open_database(Settings(Database(), data_dir=tmp_path)) as dsns:
        with psycopg.connect(dsns.app) as conn:
            assert conn.execute("SELECT current_user").fetchone() == ("govbot_app",)


async def test_the_options_of_a_url_win_over_ours(postgres: EmbeddedPostgres) -> None:
    dsn = postgres.dsns().app + " options='-c statement_timeout=1234'"
    pool = await open_pool(dsn, size=1, name="test")
    async with pool.connection() as conn:
        row = await (await conn.execute("SHOW statement_timeout")).fetchone()
    await pool.close()
    assert row == {"statement_timeout": "1234ms"}


def test_the_folders_beside_the_package_are_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert (resources.migrations_dir() / "env.py").is_file()
    monkeypatch.setattr(resources, "_PACKAGE", tmp_path / "govbot")
    monkeypatch.setattr("sys.prefix", str(tmp_path / "usr"))
    with pytest.raises(Unavailable, match='"migrations" is missing'):
        resources.migrations_dir()
    installed = tmp_path / "usr/share/govbot/migrations"
    installed.mkdir(parents=True)
    assert resources.migrations_dir() == installed
