"""The embedded PostgreSQL starts, is shared, survives kill -9 of anybody, and stops."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from govbot.db import hold
from govbot.db.access import as_system
from govbot.db.account import Account
from govbot.db.bootstrap import bootstrap
from govbot.db.cluster import Cluster
from govbot.db.embedded import EmbeddedPostgres, embedded
from govbot.db.locks import FileLock
from govbot.db.pool import open_pool
from govbot.errors import Conflict, Unavailable
from tests.database.holder import FAST, ask, holder, is_running
from tests.postgres import in_memory


@dataclass(frozen=True)
class Database:
    run_as: str = ""
    start_timeout_s: float = 60


@dataclass(frozen=True)
class Settings:
    data_dir: Path
    database: Database = field(default_factory=Database)


@pytest.fixture
def tmp_path(tmp_path: Path) -> Iterator[Path]:
    """In memory where it has room: a first start waits longer for the disk than it works."""
    with in_memory("embedded") as memory:
        yield memory or tmp_path


def test_both_roles_have_no_power_over_the_server(postgres: EmbeddedPostgres) -> None:
    query = """
        SELECT string_agg(rolname, ' ' ORDER BY rolname) FROM pg_roles
        WHERE rolname LIKE 'govbot%' AND rolcanlogin AND NOT rolsuper AND NOT rolbypassrls
          AND NOT rolcreatedb AND NOT rolcreaterole AND NOT rolreplication
    """
    assert ask(postgres.dsns().superuser, query) == "govbot_app govbot_owner"


def test_the_owner_role_owns_the_database(postgres: EmbeddedPostgres) -> None:
    query = "SELECT datdba::regrole::text FROM pg_database WHERE datname = 'govbot'"
    assert ask(postgres.dsns().app, query) == "govbot_owner"


def test_nobody_reaches_it_over_the_network(postgres: EmbeddedPostgres) -> None:
    assert ask(postgres.dsns().superuser, "SHOW listen_addresses") == ""
    assert ask(postgres.dsns().superuser, "SHOW unix_socket_permissions") == "0700"


def test_its_log_never_holds_words_of_a_statement_that_fails(postgres: EmbeddedPostgres) -> None:
    for query in ("SELECT 'sigiloso'::integer", "SELECT 'sigiloso &'::tsquery", "SELECT sigiloso"):
        with pytest.raises(psycopg.Error, match="sigiloso"):
            ask(postgres.dsns().app, query)
    logs = Path(str(ask(postgres.dsns().superuser, "SHOW log_directory")))
    text = "".join(path.read_text() for path in logs.glob("*.log"))
    assert "ready to accept connections" in text
    assert "sigiloso" not in text


def test_an_index_of_vectors_can_be_built_in_parallel(postgres: EmbeddedPostgres) -> None:
    with psycopg.connect(postgres.dsns().superuser) as conn:
        conn.execute("CREATE TEMPORARY TABLE v (e halfvec(8))")
        conn.execute(
            "INSERT INTO v SELECT ARRAY[random(), n, 1, 1, 1, 1, 1, 1]::halfvec(8)"
            " FROM generate_series(1, 500) AS n"
        )
        conn.execute("CREATE INDEX ON v USING hnsw (e halfvec_cosine_ops)")
        conn.rollback()


@pytest.mark.parametrize("name", ["with space", "ação & 'cia' \"x\" 100%s $HOME", "x" * 120])
def test_it_works_under_any_path(tmp_path: Path, name: str) -> None:
    data_dir = tmp_path / name
    for _start in range(2):
        with EmbeddedPostgres(data_dir, options=FAST) as server:
            assert ask(server.dsns().app, "SELECT current_user") == "govbot_app"
    assert not is_running(data_dir)


def test_a_path_that_cannot_work_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="line break"):
        EmbeddedPostgres(tmp_path / "a\nb", options=FAST).start()


def test_what_is_committed_is_there_after_a_restart(tmp_path: Path) -> None:
    with (
        EmbeddedPostgres(tmp_path, options=FAST) as server,
        psycopg.connect(server.dsns().owner) as conn,
    ):
        conn.execute("CREATE TABLE t AS SELECT 7 AS n")
    with EmbeddedPostgres(tmp_path, options=FAST) as server:
        assert ask(server.dsns().owner, "SELECT n FROM t") == 7


def test_a_process_killed_while_it_initialises_does_no_harm(tmp_path: Path) -> None:
    delays = [0.0, 0.02, 0.1, 0.3, 0.5, 0.8]
    for delay in delays:
        with holder(tmp_path) as other:
            assert other.line() == "starting"
            time.sleep(delay)
            other.kill()
    with EmbeddedPostgres(tmp_path, options=FAST) as server:
        assert ask(server.dsns().owner, "SELECT current_user") == "govbot_owner"
        assert not list((tmp_path / "postgres").glob("new-*"))
    assert not is_running(tmp_path)


@pytest.mark.parametrize("delay", [0.05, 0.25, 0.45])
def test_each_moment_of_the_first_start_may_be_the_last(tmp_path: Path, delay: float) -> None:
    with holder(tmp_path) as other:
        assert other.line() == "starting"
        time.sleep(delay)
        other.kill()
    with EmbeddedPostgres(tmp_path, options=FAST) as server:
        assert ask(server.dsns().app, "SELECT '[1]'::vector::text") == "[1]"
    assert not is_running(tmp_path)


def test_a_first_start_waits_for_what_a_killed_one_is_still_creating(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path, options=FAST) as server:
        control, ours = (server.dsns(name).superuser for name in ("postgres", "govbot"))
        for _time in range(3):
            with psycopg.connect(control, autocommit=True) as conn:
                conn.execute("DROP DATABASE govbot")
                conn.execute("DROP ROLE govbot_app, govbot_owner")
            with ThreadPoolExecutor(4) as several:
                list(several.map(lambda _: bootstrap(control, ours), range(4)))
            assert ask(server.dsns().app, "SELECT '[1]'::vector::text") == "[1]"


def test_processes_share_the_server_and_the_last_one_stops_it(tmp_path: Path) -> None:
    with holder(tmp_path) as first, holder(tmp_path) as second:
        assert first.ready() == second.ready()
        first.let_go()
        assert is_running(tmp_path)
        with EmbeddedPostgres(tmp_path, options=FAST) as third:
            assert ask(third.dsns().app, "SELECT 1") == 1
        assert is_running(tmp_path)
        second.let_go()
    assert not is_running(tmp_path)


def test_many_processes_may_start_at_the_same_time(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        crowd = [stack.enter_context(holder(tmp_path)) for _ in range(4)]
        assert len({each.ready() for each in crowd}) == 1
        for each in crowd:
            each.let_go()
    assert not is_running(tmp_path)


def test_after_kill_9_of_govbot_the_next_process_joins_the_server(tmp_path: Path) -> None:
    with holder(tmp_path) as first:
        pid = first.ready()
        first.kill()
    with EmbeddedPostgres(tmp_path, options=FAST) as server:
        assert server.pid == pid
    assert not is_running(tmp_path)


def test_after_kill_9_of_everything_the_next_start_recovers(tmp_path: Path) -> None:
    with holder(tmp_path) as first:
        first.ready()
        first.kill()
    for pid in list(Cluster(tmp_path / "postgres").processes()):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    with EmbeddedPostgres(tmp_path, options=FAST) as server:
        assert ask(server.dsns().app, "SELECT 1") == 1


def test_a_stale_pid_file_that_names_a_stranger_does_not_block(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path, options=FAST):
        pass
    stale = tmp_path / "postgres/data/postmaster.pid"
    stale.write_text(f"{os.getpid()}\n{stale.parent}\n1\n5432\n/nowhere\n\n0 0\nready   \n")
    with EmbeddedPostgres(tmp_path, options=FAST) as server:
        assert ask(server.dsns().app, "SELECT 1") == 1


async def test_a_killed_server_is_started_again_and_loses_nothing(tmp_path: Path) -> None:
    async with embedded(Settings(tmp_path)) as dsns:
        pool = await open_pool(dsns.owner, size=3, name="test")
        async with as_system(pool) as conn:
            await conn.execute("CREATE TABLE t (n integer)")
        for number in range(3):
            async with as_system(pool) as conn:
                await conn.execute("INSERT INTO t (n) VALUES (%(n)s)", {"n": number})
            found = Cluster(tmp_path / "postgres").postmaster()
            assert found is not None
            os.kill(found.pid, signal.SIGKILL)
            assert await count_when_back(dsns.owner) == number + 1
        await pool.close()
    assert not is_running(tmp_path)


async def count_when_back(dsn: str) -> int:
    for _ in range(600):
        with contextlib.suppress(psycopg.OperationalError):
            async with await psycopg.AsyncConnection.connect(dsn) as conn:
                row = await (await conn.execute("SELECT count(*) FROM t")).fetchone()
                return int(row[0]) if row else 0
        await asyncio.sleep(0.05)
    raise AssertionError("the server did not come back")


async def test_a_start_that_is_cancelled_leaves_nothing_running(tmp_path: Path) -> None:
    async def hold() -> None:
        async with embedded(Settings(tmp_path)):
            await asyncio.sleep(60)

    async def cancelled_after(delay: float) -> None:
        task = asyncio.create_task(hold())
        await asyncio.sleep(delay)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not is_running(tmp_path)

    for delay in (0.0, 0.3):  # while it initialises, which is ended too
        await cancelled_after(delay)
        assert not list((tmp_path / "postgres").glob("new-*"))
    with EmbeddedPostgres(tmp_path, options=FAST):
        pass
    for delay in (0.0, 0.1, 0.6):  # while it starts, and when it runs
        await cancelled_after(delay)


def test_ctrl_c_in_the_terminal_does_not_reach_the_server(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path, options=FAST) as server:
        assert os.getsid(server.pid) == server.pid
        assert os.getpgid(server.pid) != os.getpgid(0)


def test_the_files_of_another_major_version_are_refused(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path, options=FAST):
        pass
    (tmp_path / "postgres/data/PG_VERSION").write_text("16\n")
    with pytest.raises(Unavailable, match="written by PostgreSQL 16, but this GovBot carries"):
        EmbeddedPostgres(tmp_path, options=FAST).start()


def test_a_server_that_does_not_start_says_why(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path, options=FAST):
        pass
    with pytest.raises(Unavailable, match=r"did not start: .*shared_buffers.*Its log is in"):
        EmbeddedPostgres(tmp_path, options={"shared_buffers": "much"}).start()


def test_a_start_that_cannot_get_its_turn_gives_up_in_time(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path, options=FAST) as server:
        owner = pwd.getpwuid((tmp_path / "postgres").stat().st_uid)
        account = Account(owner.pw_name, owner.pw_uid, owner.pw_gid)
        busy = FileLock(tmp_path / "postgres/start.lock", account)
        with busy.alone(1, threading.Event()), pytest.raises(Unavailable, match="Another GovBot"):
            EmbeddedPostgres(tmp_path, start_timeout_s=0.2).start()
        assert ask(server.dsns().app, "SELECT 1") == 1


def test_the_lines_of_the_administrator_win(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path, options=FAST):
        pass
    (tmp_path / "postgres/data/local.conf").write_text("work_mem = '9MB'\n")
    (tmp_path / "postgres/data/local.conf").chmod(0o644)
    with EmbeddedPostgres(tmp_path, options=FAST) as server:
        assert ask(server.dsns().app, "SHOW work_mem") == "9MB"


def test_other_users_of_the_machine_cannot_look_into_it(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path, options=FAST):
        for name in ("", "data", "run", "log"):
            assert (tmp_path / "postgres" / name).stat().st_mode & 0o077 == 0


def test_a_folder_in_use_from_another_container_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with EmbeddedPostgres(tmp_path, options=FAST) as server:
        (tmp_path / "postgres/users.lock").write_text("another boot pid:[1]")
        os.kill(server.pid, signal.SIGKILL)
        # The kernel does not show processes of elsewhere.
        monkeypatch.setattr(FileLock, "holders_are_here", lambda _self: False)
        with pytest.raises(Unavailable, match="in use from another container"):
            EmbeddedPostgres(tmp_path, options=FAST).start()


def test_a_process_that_is_seen_is_no_other_container_whatever_the_file_says(
    tmp_path: Path,
) -> None:
    with EmbeddedPostgres(tmp_path, options=FAST) as server:
        (tmp_path / "postgres/users.lock").write_text("a service with a /proc of its own pid:[1]")
        os.kill(server.pid, signal.SIGKILL)
        with holder(tmp_path) as other:
            assert other.ready() != server.pid
            other.let_go()


def test_what_a_stopped_server_of_another_container_left_does_not_block(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path, options=FAST):
        pass
    (tmp_path / "postgres/users.lock").write_text("another boot pid:[1]")
    with EmbeddedPostgres(tmp_path, options=FAST) as server:
        assert ask(server.dsns().app, "SELECT 1") == 1


def test_while_a_restore_holds_the_folder_no_server_starts(tmp_path: Path) -> None:
    running = pytest.raises(Conflict, match="is running")
    with EmbeddedPostgres(tmp_path, options=FAST), running, hold.stopped(tmp_path):
        pass
    with hold.stopped(tmp_path), pytest.raises(Unavailable, match="Another GovBot"):
        EmbeddedPostgres(tmp_path, start_timeout_s=0.2).start()


def test_a_lock_of_a_folder_that_was_replaced_is_taken_anew(tmp_path: Path) -> None:
    found = pwd.getpwuid(os.geteuid())
    lock = FileLock(tmp_path / "x", Account(found.pw_name, found.pw_uid, found.pw_gid))
    assert lock.try_alone()
    assert lock.holders_are_here()
    (tmp_path / "x").rename(tmp_path / "old")
    assert not lock.try_alone()
    assert lock.try_alone()


def test_a_holder_in_a_container_inside_or_beside_ours_is_elsewhere(tmp_path: Path) -> None:
    hold_it = (
        "import fcntl, sys, time; f = open(sys.argv[1], 'w'); fcntl.flock(f, fcntl.LOCK_SH);"
        "print('held', flush=True); time.sleep(60)"
    )
    command = ["unshare", "--fork", "--kill-child", "--pid", "--mount-proc"]
    command += [sys.executable, "-c", hold_it, str(tmp_path / "x")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as inside:
        assert inside.stdout is not None
        if inside.stdout.readline() != b"held\n":
            pytest.skip("no container can be made here")
        found = pwd.getpwuid(os.geteuid())
        lock = FileLock(tmp_path / "x", Account(found.pw_name, found.pw_uid, found.pw_gid))
        assert not lock.try_alone()
        assert not lock.holders_are_here()
        lock.close()
        inside.kill()


def test_a_server_that_cannot_be_looked_at_is_never_taken_for_a_dead_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with systemd's ProtectProc= and PrivateUsers=: it lives, and /proc does not show it."""
    here = Cluster(tmp_path)
    here.data.mkdir()
    (here.data / "postmaster.pid").write_text(f"{os.getpid()}\n")
    assert here.postmaster() is None  # a stranger that got the number
    shown = Path.exists
    monkeypatch.setattr(Path, "exists", lambda path: "/proc/" not in str(path) and shown(path))
    with pytest.raises(Unavailable, match="cannot be seen from here"):
        here.postmaster()
