"""Supervisor of the embedded PostgreSQL: started by the first GovBot process, stopped by the last.

The server runs in its own session, so that Ctrl-C reaches GovBot only. Every process that uses it
holds a shared lock on `users.lock`; starting and stopping happen under `start.lock`. After a
kill -9 of everything the server may still run: the next process joins it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, Protocol, Self

from psycopg.conninfo import make_conninfo

from govbot.db import cluster as files
from govbot.db.account import Account, account_for, create
from govbot.db.bootstrap import DATABASE, bootstrap
from govbot.db.cluster import Cluster, Postmaster
from govbot.db.dsns import Dsns
from govbot.db.locks import FileLock
from govbot.db.process import exit_of, pid_namespace, send, wait_all_gone, wait_exit
from govbot.errors import Unavailable

log = logging.getLogger(__name__)

Progress = Callable[[str], None]

_FAST_STOP_S: Final = 60.0
_IMMEDIATE_STOP_S: Final = 15.0
_REMAINS_S: Final = 10.0
_POLL_S: Final = 0.02
_RESTART_WAITS_S: Final = (0.0, 1.0, 2.0, 5.0, 10.0, 30.0)


class DatabaseSettings(Protocol):
    """The part of `[database]` that is read here."""

    @property
    def run_as(self) -> str: ...
    @property
    def start_timeout_s(self) -> float: ...


class Settings(Protocol):
    """The settings that are read here."""

    @property
    def data_dir(self) -> Path: ...
    @property
    def database(self) -> DatabaseSettings: ...


@asynccontextmanager
async def embedded(
    settings: Settings, *, on_progress: Progress | None = None
) -> AsyncIterator[Dsns]:
    """The embedded server, running and kept running until the end of the block."""
    server = EmbeddedPostgres(
        settings.data_dir,
        run_as=settings.database.run_as,
        start_timeout_s=settings.database.start_timeout_s,
        on_progress=on_progress,
    )
    starting = asyncio.ensure_future(asyncio.to_thread(server.start))
    try:
        await asyncio.shield(starting)
    except asyncio.CancelledError:
        server.give_up()
        with contextlib.suppress(Unavailable):
            await starting
        await asyncio.to_thread(server.stop)
        raise
    keeper = asyncio.create_task(server.keep())
    try:
        yield server.dsns()
    finally:
        server.give_up()
        keeper.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await keeper
        await asyncio.to_thread(server.stop)


class EmbeddedPostgres:
    """One process's hold on the server of one data folder. Blocking; also a context manager."""

    def __init__(
        self,
        data_dir: Path,
        *,
        run_as: str = "",
        start_timeout_s: float = 120,
        options: Mapping[str, str] | None = None,
        on_progress: Progress | None = None,
    ):
        """`options` are lines of postgresql.conf over our own; `on_progress` gets sentences."""
        self._cluster = Cluster(data_dir.resolve() / "postgres")
        self._run_as = run_as
        self._timeout_s = start_timeout_s
        self._options = dict(options or {})
        self._tell = on_progress or (lambda _sentence: None)
        self._programs = files.programs()
        self._child: subprocess.Popen[bytes] | None = None
        self._users: FileLock | None = None
        self._account: Account | None = None
        self._postmaster: Postmaster | None = None
        self._stop = threading.Event()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start the server or join the running one; at most `start_timeout_s` seconds.

        Raises Unavailable with one sentence that says what to do.
        """
        try:
            account = self._prepared_folder()
            with self._start_lock(account).alone(self._timeout_s, self._stop) as lock_fd:
                users = self._users_lock(account)
                try:
                    self._run(account, lock_fd)
                except BaseException:
                    self._abandon(users)
                    raise
                users.share()
                self._users = users
        except OSError as error:
            raise Unavailable(
                'The embedded database in "%(path)s" cannot be started: %(reason)s.',
                path=str(self._cluster.folder),
                reason=error.strerror or str(error),
            ) from error

    def stop(self) -> None:
        """Let go of the server, and stop it when nobody else uses it."""
        users, self._users = self._users, None
        if users is None or self._account is None:
            return
        never = threading.Event()
        with self._start_lock(self._account).alone(self._timeout_s, never):
            try:
                if users.try_alone():
                    self._shut_down()
            finally:
                users.close()

    def give_up(self) -> None:
        """Make a `start` that runs in another thread raise soon."""
        self._stop.set()

    async def keep(self) -> None:
        """Start the server again whenever it dies (out of memory, kill -9), for ever."""
        failures = 0
        while self._postmaster is not None and self._account is not None:
            await exit_of(self._postmaster.pid)
            await asyncio.sleep(_RESTART_WAITS_S[min(failures, len(_RESTART_WAITS_S) - 1)])
            log.error("The embedded PostgreSQL ended: starting it again", extra=_action("restart"))
            try:
                await asyncio.to_thread(self._restart, self._account)
                failures = 0
            except (Unavailable, OSError) as error:
                failures += 1
                log.error("It did not start: %s", error, extra=_action("restart-failed"))

    def dsns(self, database: str = DATABASE) -> Dsns:
        """Connection strings for `database`, one per role."""
        return Dsns(
            app=self._dsn(files.APPLICATION, database),
            owner=self._dsn(files.OWNER, database),
            superuser=self._dsn(files.SUPERUSER, database),
        )

    @property
    def pid(self) -> int:
        """The process id of the server."""
        return self._postmaster.pid if self._postmaster else 0

    def _dsn(self, role: str, database: str) -> str:
        host = self._postmaster.socket_dir if self._postmaster else ""
        return make_conninfo(host=host, port=files.PORT, dbname=database, user=role)

    def _prepared_folder(self) -> Account:
        """Create the folders of the cluster, private to the account that runs it."""
        folder = self._cluster.folder
        as_root = os.geteuid() == 0
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o711 if as_root else 0o700)
        account = account_for(
            folder, self._run_as, reach=[self._programs / "postgres", folder.parent]
        )
        for path in (folder, self._cluster.log):
            files.own_private(path, account)
        self._account = account
        return account

    def _start_lock(self, account: Account) -> FileLock:
        return FileLock(self._cluster.folder / "start.lock", account)

    def _users_lock(self, account: Account) -> FileLock:
        return FileLock(self._cluster.folder / "users.lock", account)

    def _restart(self, account: Account) -> None:
        with self._start_lock(account).alone(self._timeout_s, self._stop) as lock_fd:
            self._run(account, lock_fd)

    def _run(self, account: Account, lock_fd: int) -> None:
        """Join the running server or start one. Holds start.lock."""
        deadline = time.monotonic() + self._timeout_s
        if self._cluster.postmaster() is None:
            self._refuse_strangers(account)
            self._clear_remains(account)
            if not self._cluster.exists():
                self._initialise(account, lock_fd, deadline)
            self._cluster.configure(account, self._options)
            self._launch(account)
        self._postmaster = self._wait_ready(deadline)
        bootstrap(self._dsn(files.SUPERUSER, "postgres"), self._dsn(files.SUPERUSER, DATABASE))

    def _refuse_strangers(self, account: Account) -> None:
        """Two servers on one folder would destroy it, and neither sees the other's processes
        when they run in different containers: only the lock file is common to both.

        What the file says is left by whoever held it last, and one machine may give several names
        to itself (a service with a /proc of its own, say): it only counts where the kernel does
        not show the holder.
        """
        here = pid_namespace()
        users = self._users_lock(account)
        try:
            if not users.try_alone() and not users.holders_are_here() and users.read() != here:
                raise Unavailable(
                    'The database folder "%(path)s" is in use from another container: stop that '
                    "GovBot first, or give this one its own data folder.",
                    path=str(self._cluster.folder),
                )
            users.write(here)
        finally:
            users.close()

    def _clear_remains(self, account: Account) -> None:
        """After a killed server: end what is left of it, then forget its lock files.

        PostgreSQL checks those itself, but takes a zombie, or a stranger that got the same
        process id after a reboot, for a living server.
        """
        if self._child is not None:
            self._child.poll()
        self._cluster.wipe_unfinished()
        wait_all_gone(self._cluster.processes, kill_after_s=_REMAINS_S)
        self._cluster.forget_server(account)

    def _initialise(self, account: Account, lock_fd: int, deadline: float) -> None:
        """initdb in a temporary folder, renamed when whole.

        initdb inherits the start lock: when we are killed, the next process waits for its end.
        """
        self._tell("Creating the database (only the first time)")
        draft = Path(tempfile.mkdtemp(prefix="new-", dir=self._cluster.folder))
        account.give(draft, 0o700)
        command = [str(self._programs / "initdb"), "-D", str(draft), "-U", files.SUPERUSER]
        command += ["--auth-local=peer", "--auth-host=reject", "--encoding=UTF8", "--locale=C"]
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions"]
        if self._options.get("fsync") == "off":
            command.append("--no-sync")
        with create(self._cluster.start_log) as output:
            child = account.popen(
                command,
                cwd=self._cluster.folder,
                env=files.environment(),
                stdout=output,
                stderr=output,
                pass_fds=[lock_fd],
            )
            status = self._outcome(child, deadline)
        if status != 0:
            shutil.rmtree(draft, ignore_errors=True)
            raise self._did_not_start()
        draft.rename(self._cluster.data)
        _sync(self._cluster.folder)

    def _outcome(self, child: subprocess.Popen[bytes], deadline: float) -> int:
        """Its exit status; it is killed when it takes too long or nobody waits for it any more."""
        while (status := child.poll()) is None:
            if self._stop.wait(_POLL_S) or time.monotonic() > deadline:
                os.killpg(child.pid, signal.SIGKILL)
                return child.wait()
        return status

    def _launch(self, account: Account) -> None:
        self._tell("Starting the database")
        with create(self._cluster.start_log) as output:
            command = [str(self._programs / "postgres"), "-D", str(self._cluster.data)]
            self._child = account.popen(
                [*command, "-c", f"cluster_name={self._cluster.title()}"],
                cwd=self._cluster.data,
                env=files.environment(),
                stdout=output,
                stderr=output,
            )

    def _wait_ready(self, deadline: float) -> Postmaster:
        """The server once it takes connections. A crash recovery may last minutes."""
        told = time.monotonic()
        while not ((found := self._cluster.postmaster()) and found.ready):
            ended = self._child is not None and self._child.poll() is not None
            if ended and self._cluster.postmaster() is None:
                raise self._did_not_start()
            if time.monotonic() > deadline or self._stop.is_set():
                raise Unavailable(
                    "The embedded PostgreSQL was not ready within %(seconds)s seconds: it may be "
                    "recovering from a crash. Start again, or raise database.start_timeout_s. "
                    'Its log is in "%(log)s".',
                    seconds=round(self._timeout_s),
                    log=str(self._cluster.log),
                )
            if time.monotonic() - told > 5:
                told = time.monotonic()
                self._tell("The database is still starting (it may be recovering from a crash)")
            time.sleep(_POLL_S)
        return found

    def _did_not_start(self) -> Unavailable:
        return Unavailable(
            'The embedded PostgreSQL did not start: %(reason)s. Its log is in "%(log)s".',
            reason=self._cluster.last_words().rstrip("."),
            log=str(self._cluster.log),
        )

    def _abandon(self, users: FileLock) -> None:
        """After a start that failed: stop the server, unless others use it or it is recovering.

        A recovery that takes longer than our patience goes on, so that the next start joins it.
        """
        found = self._cluster.postmaster()
        recovering = found is not None and not found.ready and not self._stop.is_set()
        if not recovering and users.try_alone():
            self._shut_down()
        users.close()

    def _shut_down(self) -> None:
        """Fast shutdown (open transactions are rolled back), then immediate, both bounded."""
        log.info("Stopping the embedded PostgreSQL", extra=_action("stop"))
        if self._child is not None and self._child.poll() is None:
            send(self._child.pid, signal.SIGINT)  # it may have no postmaster.pid yet
        for sign, seconds in ((signal.SIGINT, _FAST_STOP_S), (signal.SIGQUIT, _IMMEDIATE_STOP_S)):
            found = self._cluster.postmaster()
            if found is None:
                break
            send(found.pid, sign)
            wait_exit(found.pid, seconds)
        wait_all_gone(self._cluster.processes, kill_after_s=_REMAINS_S)
        if self._child is not None:
            _end(self._child)


def _end(child: subprocess.Popen[bytes]) -> None:
    """Signal until it has ended: a signal between fork and exec is lost on Python's own handler."""
    deadline = time.monotonic() + _REMAINS_S
    while child.poll() is None:
        child.send_signal(signal.SIGINT if time.monotonic() < deadline else signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(0.2)


def _action(name: str) -> dict[str, str]:
    return {"action": f"database.{name}"}


def _sync(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
