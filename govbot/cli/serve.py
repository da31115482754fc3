"""`govbot serve`: web application, job worker, folder watchers and timers in one event loop."""

from __future__ import annotations

import asyncio
import faulthandler
import gc
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Annotated

import typer

from govbot.cli import config_file, current_settings, run_async

if TYPE_CHECKING:
    from govbot.app import App
    from govbot.audit.keeper import Keeper
    from govbot.certificates import Served
    from govbot.config import Settings
    from govbot.demo.load import DemoUser
    from govbot.installation.pulse import Pulse
    from govbot.nodes.node import Node
    from govbot.systemd import Notifier
    from govbot.web.server import Server

log = logging.getLogger(__name__)

STEP_S = 60  # what one step of the start may take before systemd gives up


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
    from govbot import logs, tracing
    from govbot.app import open_app
    from govbot.chat.live import close_interrupted
    from govbot.cli.eval_gate import ask_gate
    from govbot.web.server import address_of

    settings = current_settings()
    if demo:
        settings = _as_demo(settings)
    else:  # the demo's start tells of its steps in words
        logs.configure(settings)
    started = perf_counter()
    service = _service(settings)
    tracing.configure(settings)
    say = _say if demo else partial(service.notifier.progress, seconds=STEP_S)
    async with open_app(settings, migrate=demo, on_progress=say) as app, _node(app) as node:
        await close_interrupted(app)
        users = await _load_demo(app) if demo else []
        logs.configure(settings)
        await ask_gate(app)

        address = address_of(settings, service.sockets[0])  # a stop closes them

        def ready() -> None:
            # What is loaded now stays to the end: to look through it for garbage, again and again,
            # would hold up all who ask at that moment.
            gc.collect()
            gc.freeze()
            service.notifier.ready()
            _announce(settings, address, users, perf_counter() - started)

        await _run(app, node, service, ready)
    tracing.close()


@asynccontextmanager
async def _node(app: App) -> AsyncIterator[Node]:
    """This process as one of those that share the database, until it leaves."""
    from govbot.nodes.node import Node

    web = app.settings.web
    node = Node(app.pool, app.queue.dsn, app.node, f"{socket.gethostname()}:{web.port}")
    node.problem = lambda: "E-FILES-AWAY" if app.files.away else ""
    await node.enter()
    try:
        yield node
    finally:
        await node.leave()


@dataclass(frozen=True, slots=True)
class Service:
    """What the process was started with: opened before anything else."""

    sockets: list[socket.socket]
    certificate: Served | None
    notifier: Notifier
    watchdog_s: float | None


def _service(settings: Settings) -> Service:
    """Raises Unavailable without a port, BadConfig with a certificate that cannot be used."""
    from govbot.systemd import Notifier, watchdog_s
    from govbot.web.server import certificate_of, listening

    faulthandler.enable()  # says where it hangs when the watchdog ends it
    return Service(listening(settings), certificate_of(settings), Notifier(), watchdog_s())


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


async def _run(app: App, node: Node, service: Service, on_ready: Callable[[], None]) -> None:
    """Everything that runs until a signal; the order of the end is the reverse of the start."""
    from govbot import tasks
    from govbot.audit.keeper import Keeper
    from govbot.cli.serve_timers import timers
    from govbot.ingest.watch import watch
    from govbot.installation import backup_wishes, changes, sampling
    from govbot.models.courier import Courier
    from govbot.nodes.presence import Presence
    from govbot.web.server import Server, keep_certificate

    keeper = Keeper(app.pool, app.settings)
    async with asyncio.TaskGroup() as group:
        worker = group.create_task(tasks.worker(app).run(), name="worker")
        server = Server(app, node, service.certificate, worker_alive=lambda: not worker.done())
        background = [worker, group.create_task(node.run(), name="node")]
        background.append(group.create_task(Presence(app.files).run(), name="originals"))
        background.append(group.create_task(app.answers.look_after(node), name="answers"))
        regular = node.duty("timers", lambda: timers(app))
        background.append(group.create_task(regular, name="timers"))
        if app.settings.watch.folders:
            watching = node.duty("watch", lambda: watch(app))
            background.append(group.create_task(watching, name="watcher"))
        background.append(group.create_task(keeper.run(), name="audit"))
        background.append(group.create_task(changes.follow(app), name="settings"))
        background.append(group.create_task(sampling.follow(app), name="figures"))
        background.append(group.create_task(backup_wishes.follow(app), name="backups"))
        courier = Courier(app.pool, app.settings)
        bringing = node.duty("models", courier.run)
        background.append(group.create_task(bringing, name="bringing models"))
        background.append(group.create_task(_index_vectors(app), name="vector index"))
        background.append(group.create_task(app.generator.watch(), name="models"))
        pulse = _pulse(app, service, worker_alive=lambda: not worker.done())
        background.append(group.create_task(pulse.run(), name="pulse"))
        if service.certificate is not None:
            keeping = keep_certificate(service.certificate)
            background.append(group.create_task(keeping, name="certificate"))
        welcome = _welcome(app, keeper, server.ready, on_ready)
        background.append(group.create_task(welcome, name="welcome"))

        def reload() -> None:
            background.append(group.create_task(_reload(app, service), name="reload"))

        with _signals(server, service.notifier, reload):
            await server.serve(sockets=service.sockets)
        for task in background:
            task.cancel()
    await keeper.close()


def _pulse(app: App, service: Service, *, worker_alive: Callable[[], bool]) -> Pulse:
    from govbot.installation import pulse

    parts = (
        pulse.database(app.pool, embedded=not app.settings.database.url),
        pulse.models(app.generator),
        pulse.worker(worker_alive),
    )
    return pulse.Pulse(service.notifier, parts, watchdog_s=service.watchdog_s)


@contextmanager
def _signals(server: Server, notifier: Notifier, reload: Callable[[], None]) -> Iterator[None]:
    """The first SIGINT or SIGTERM ends the server in order, a second one at once; SIGHUP reloads,
    but where a terminal was closed it ends."""
    loop = asyncio.get_running_loop()

    def stop() -> None:
        notifier.stopping()
        server.force_exit = server.should_exit
        server.should_exit = True

    handlers = {signal.SIGINT: stop, signal.SIGTERM: stop}
    handlers[signal.SIGHUP] = stop if sys.stderr.isatty() else reload
    for number, handler in handlers.items():
        loop.add_signal_handler(number, handler)
    try:
        yield
    finally:
        for number in handlers:
            loop.remove_signal_handler(number)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # what is left is the end


async def _reload(app: App, service: Service) -> None:
    """Takes up anew what may change without a new start: how logs are written, the certificate."""
    from govbot import logs
    from govbot.config import load_settings
    from govbot.errors import BadConfig
    from govbot.web.server import renew

    service.notifier.reloading()
    try:
        fresh = load_settings(config_file.get())
    except BadConfig as error:
        log.error("The settings stay as they were: %s", error, extra={"action": "reload.refused"})
    else:
        app.settings = app.settings.model_copy(update={"logging": fresh.logging})
        logs.configure(app.settings)
        log.info("The settings of the logs were read anew", extra={"action": "service.reloaded"})
    if service.certificate is not None:
        await renew(service.certificate, always=True)
    service.notifier.ready()


async def _welcome(
    app: App, keeper: Keeper, ready: asyncio.Event, on_ready: Callable[[], None]
) -> None:
    from govbot.errors import GovBotError

    await ready.wait()
    await keeper.started()
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


async def _load_demo(app: App) -> list[DemoUser]:
    from govbot.demo.load import load

    return await load(app, _say)


def _announce(settings: Settings, address: str, users: list[DemoUser], seconds: float) -> None:
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
