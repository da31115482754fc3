"""`govbot serve`: web application, job worker, folder watchers and timers in one event loop."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic, perf_counter
from typing import TYPE_CHECKING, Annotated

import typer

from govbot.cli import current_settings, run_async

if TYPE_CHECKING:
    import uvicorn

    from govbot.app import App
    from govbot.audit.keeper import Keeper
    from govbot.config import Settings
    from govbot.demo.load import DemoUser

log = logging.getLogger(__name__)

STREAMS_END_S = 10  # open event streams may end within this at shutdown
HOUSEKEEPING_S = 3600
TEMPORARY_LOOK_S = 60  # for temporary conversations whose time is over
DIRECTORY_LOOK_S = 60
SWEEP_S = 24 * 3600  # walks through the whole store


def command(
    demo: Annotated[
        bool, typer.Option("--demo", help="Migrate, load the demonstration and show its users.")
    ] = False,
) -> None:
    """Run the web application, the queue and the watched folders."""
    run_async(_serve, demo)
    _leave()


def _leave() -> None:
    """Ends the process without the interpreter's own end, where a thread still loads a model.

    All parts are closed by now, and libraries that are torn down in the middle of their loading
    crash the process.
    """
    if any(thread.name.startswith("embedder") for thread in threading.enumerate()):
        sys.stdout.flush()
        logging.shutdown()
        os._exit(0)


async def _serve(demo: bool) -> None:
    from govbot import logs
    from govbot.app import open_app
    from govbot.chat.live import close_interrupted
    from govbot.cli.eval_gate import ask_gate

    settings = current_settings()
    if demo:
        settings = _as_demo(settings)
    else:  # the demo's start tells of its steps in words
        logs.configure(settings)
    started = perf_counter()
    say = _say if demo else _silent
    listening = _listen(settings)
    async with open_app(settings, migrate=demo, on_progress=say) as app:
        await close_interrupted(app)
        users = await _load_demo(app) if demo else []
        logs.configure(settings)
        await ask_gate(app)
        await _run(app, listening, lambda: _announce(settings, users, perf_counter() - started))


def _as_demo(settings: Settings) -> Settings:
    """The name of the demo's invented organisation, and no second factors for its accounts.

    What the operator has set stays.
    """
    from govbot.demo.load import manifest

    changes: dict[str, object] = {}
    if settings.origin("organisation") == "default":
        changes["organisation"] = manifest()["organisation"]
    if settings.origin("auth.second_factor") == "default":
        changes["auth"] = settings.auth.model_copy(update={"second_factor": "off"})
    return settings.model_copy(update=changes)


def _listen(settings: Settings) -> socket.socket:
    """The listening socket, before anything else is opened. Raises Unavailable."""
    from govbot.errors import Unavailable

    web = settings.web
    try:
        return socket.create_server(
            (web.host, web.port),
            family=socket.AF_INET6 if ":" in web.host else socket.AF_INET,
            backlog=2048,
        )
    except OSError as error:
        raise Unavailable(
            "Cannot listen on %(host)s port %(port)s (%(reason)s): choose another web.port.",
            host=web.host,
            port=web.port,
            reason=error.strerror or str(error),
        ) from error


async def _run(app: App, listening: socket.socket, on_ready: Callable[[], None]) -> None:
    """Everything that runs until a signal; the order of the end is the reverse of the start."""
    from govbot import tasks
    from govbot.audit.keeper import Keeper
    from govbot.ingest.watch import watch
    from govbot.installation import changes
    from govbot.models.courier import Courier

    ready = asyncio.Event()
    keeper = Keeper(app.pool, app.settings)
    async with asyncio.TaskGroup() as group:
        worker = group.create_task(tasks.worker(app).run(), name="worker")
        server = _server(app, ready, worker_alive=lambda: not worker.done())
        background = [worker, group.create_task(_housekeeping(app), name="housekeeping")]
        background.append(group.create_task(_end_temporary(app), name="temporary"))
        if app.settings.ldap.servers and app.settings.ldap.sync_minutes:
            background.append(group.create_task(_compare_accounts(app), name="directory"))
        if app.settings.watch.folders:
            background.append(group.create_task(watch(app), name="watcher"))
        background.append(group.create_task(keeper.run(), name="audit"))
        background.append(group.create_task(changes.follow(app), name="settings"))
        courier = Courier(app.pool, app.settings)
        background.append(group.create_task(courier.run(), name="models"))
        background.append(group.create_task(_index_vectors(app), name="vector index"))
        background.append(group.create_task(app.generator.watch(), name="models"))
        welcome = _welcome(app, keeper, ready, on_ready)
        background.append(group.create_task(welcome, name="welcome"))
        with _signals(server):
            await server.serve(sockets=[listening])
        for task in background:
            task.cancel()
    await keeper.close()


def _server(app: App, ready: asyncio.Event, *, worker_alive: Callable[[], bool]) -> uvicorn.Server:
    import uvicorn

    from govbot.web.site import build_site
    from govbot.web.wire import GuardedProtocol

    class Server(uvicorn.Server):
        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield  # `_signals` below decides, so that the database is stopped last

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            ready.set()

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            # Streams end when their answers do, and uvicorn waits for them.
            closing = asyncio.create_task(app.answers.close())
            await super().shutdown(sockets)
            await closing

    return Server(
        uvicorn.Config(
            build_site(app, worker_alive=worker_alive),
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=STREAMS_END_S,
            http=GuardedProtocol,
            ws="none",
            limit_concurrency=2000,
            lifespan="on",
        )
    )


@contextmanager
def _signals(server: uvicorn.Server) -> Iterator[None]:
    """The first SIGINT or SIGTERM ends the server in order, a second one at once."""
    loop = asyncio.get_running_loop()

    def stop() -> None:
        server.force_exit = server.should_exit
        server.should_exit = True

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


async def _welcome(
    app: App, keeper: Keeper, ready: asyncio.Event, on_ready: Callable[[], None]
) -> None:
    import sdnotify

    from govbot.errors import GovBotError

    await ready.wait()
    await keeper.started()
    sdnotify.SystemdNotifier().notify("READY=1")
    on_ready()
    if app.embedder is None:
        log.warning(
            "There is no embedder: the search goes by words alone. See [embedder] in the settings.",
            extra={"action": "embedder.none"},
        )
        return
    try:
        # The first question should not wait for the model to load.
        await app.embedder.embed_query("aquecimento")
    except GovBotError as error:
        log.error(
            "The embedder does not work; answers go by words alone: %s",
            error,
            extra={"action": "embedder.failed"},
        )


async def _housekeeping(app: App) -> None:
    from govbot.auth import attempts, limits, sessions
    from govbot.chat import cached
    from govbot.db.access import as_system
    from govbot.documents import disposal
    from govbot.errors import GovBotError
    from govbot.feedback import gathering
    from govbot.ingest import acronyms, parts, upkeep
    from govbot.ingest.ocr_return import requeue_unread
    from govbot.ingest.personal import look_through
    from govbot.installation.clock import Clock
    from govbot.persons.retention import purge_conversations

    swept, clock = float(-SWEEP_S), Clock()
    while True:
        try:
            async with as_system(app.pool) as conn:
                await sessions.delete_expired(conn)
                window = app.settings.auth.sign_in_window_minutes
                await attempts.delete_forgotten(conn, window_minutes=window)
                await limits.forget(conn)
                old = await clock.believed(conn)
            await upkeep.sweep(app)
            await requeue_unread(app)
            if old:
                days = app.settings.documents.trash_days
                await disposal.purge_trash(app.pool, app.files, days=days)
                await purge_conversations(app.pool, days=app.settings.privacy.conversation_days)
            await look_through(app.pool)
            await parts.sweep(app)
            await acronyms.look_through(app.pool)
            async with as_system(app.pool) as conn:
                await cached.trim(conn)
            await gathering.keep_up(app)
            if monotonic() - swept >= SWEEP_S:
                await disposal.sweep_originals(app.pool, app.files)
                swept = monotonic()
        except GovBotError as error:
            log.warning("Housekeeping waits: %s", error, extra={"action": "housekeeping.failed"})
        await asyncio.sleep(HOUSEKEEPING_S)


async def _end_temporary(app: App) -> None:
    """Deletes temporary conversations soon after their time is over."""
    from govbot.chat.conversations import end_temporary
    from govbot.errors import GovBotError

    while True:
        try:
            await end_temporary(app.pool)
        except GovBotError as error:
            log.warning(
                "Temporary conversations wait: %s", error, extra={"action": "temporary.failed"}
            )
        await asyncio.sleep(TEMPORARY_LOOK_S)


async def _index_vectors(app: App) -> None:
    """Looks now and then whether the vectors need an index; making one takes minutes."""
    from govbot.errors import GovBotError
    from govbot.ingest import vector_index

    while True:
        try:
            await vector_index.look(app.pool, app.owner_dsn, app.settings.retrieval)
        except GovBotError as error:
            log.warning("%s", error, extra={"action": "vector-index.failed"})
        await asyncio.sleep(vector_index.LOOK_S)


async def _compare_accounts(app: App) -> None:
    """Compares the accounts with the directory; of several nodes, one does it each time."""
    from govbot.auth import ldap_sync
    from govbot.auth.ldap import LdapDirectory
    from govbot.db.access import as_system
    from govbot.errors import GovBotError

    minutes = app.settings.ldap.sync_minutes
    ldap = LdapDirectory(app.settings.ldap, app.pool)
    while True:
        try:
            async with as_system(app.pool) as conn:
                due = await ldap_sync.is_due(conn, minutes)
            if due:
                await ldap_sync.sync(ldap)
        except GovBotError as error:
            log.warning(
                "The accounts are not compared with the directory: %s",
                error,
                extra={"action": "directory.failed"},
            )
        await asyncio.sleep(DIRECTORY_LOOK_S)


async def _load_demo(app: App) -> list[DemoUser]:
    from govbot.demo.load import load

    return await load(app, _say)


def _announce(settings: Settings, users: list[DemoUser], seconds: float) -> None:
    address = settings.web.base_url or f"http://{settings.web.host}:{settings.web.port}"
    log.info(
        "GovBot is ready at %s after %.1f s", address, seconds, extra={"action": "service.ready"}
    )
    if not users:
        return
    lines = [
        "",
        f"  GovBot is ready: {address}   ({seconds:.1f} s)",
        "",
        f"  {'user':<12} {'password':<21} {'role':<8} groups",
        *(
            f"  {u.username:<12} {u.password or '(changed)':<21} {u.role:<8} {', '.join(u.groups)}"
            for u in users
        ),
        "",
        f"  Passwords are kept in {settings.data_dir / 'demo-users.txt'}. Ctrl-C stops everything.",
        "",
    ]
    print("\n".join(lines), flush=True)


def _say(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)


def _silent(_text: str) -> None:
    pass
