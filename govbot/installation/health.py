"""How every part of a running installation does: what the page of the system shows.

`govbot doctor` looks at the same things from outside, without a service that runs.
"""

from __future__ import annotations

import asyncio
import platform
import shutil
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

from govbot import __version__, audit
from govbot.audit import checkpoints, positions
from govbot.audit.keys import open_key
from govbot.auth import ldap_sync
from govbot.backup import state
from govbot.backup.folder import folder_of
from govbot.db import schema
from govbot.db.access import as_system
from govbot.db.pool import Connection
from govbot.documents import folders
from govbot.errors import GovBotError
from govbot.eval import gate
from govbot.extract.tesseract import PACKAGES, find_engine
from govbot.generate import State
from govbot.ingest.work import Group, count_work
from govbot.installation import key_files, model_files
from govbot.installation.vectors import vectors
from govbot.jobs import control
from govbot.nodes import roster

if TYPE_CHECKING:
    from govbot.app import App

Level = Literal["ok", "note", "problem"]
FREE_GB: Final = 2.0  # below it something must be done; `govbot doctor` says so too
SCARCE_GB: Final = 10.0
OLD_BACKUP: Final = timedelta(days=2)
SLOW_S: Final = 20.0  # a part that answers later counts as one that does not answer
SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """What a look at one part found. `code` names a sentence of the page and its remedy, filled
    from `facts`; `error` is what a part says itself."""

    part: str
    level: Level
    code: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    error: GovBotError | None = None


Look = Callable[["App"], Awaitable[list[Finding]]]


async def examine(app: App, *, worker_alive: Callable[[], bool] = lambda: True) -> list[Finding]:
    """Looks at all parts, each within SLOW_S seconds; a part that fails is a finding too."""

    async def queue(app: App) -> list[Finding]:
        return await _queue(app, worker_alive())

    looks: dict[str, Look] = {
        "version": _version,
        "database": _database,
        "disk": _disk,
        "queue": queue,
        "models": _models,
        "embedder": _embedder,
        "vectors": _vectors,
        "quality": _quality,
        "ocr": _ocr,
        "folders": _folders,
        "audit": _audit,
        "backups": _backups,
        "keys": _keys,
        "accounts": _accounts,
        "directory": _directory,
        "nodes": _nodes,
    }
    found: list[Finding] = []
    for part, look in looks.items():
        found += await _tried(part, look, app)
    return found


def worst(found: list[Finding]) -> Level:
    """The state of all of them together."""
    levels = {each.level for each in found}
    return "problem" if "problem" in levels else "note" if "note" in levels else "ok"


async def _tried(part: str, look: Look, app: App) -> list[Finding]:
    try:
        async with asyncio.timeout(SLOW_S):
            return await look(app)
    except TimeoutError:
        return [Finding(part, "problem", "slow", {"seconds": int(SLOW_S)})]
    except GovBotError as error:
        return [Finding(part, "problem", "error", error=error)]


async def _version(_app: App) -> list[Finding]:
    facts = {"version": __version__, "schema": schema.head() or "", "python": _python()}
    return [Finding("version", "ok", "version", facts)]


def _python() -> str:
    return platform.python_version()


async def _database(app: App) -> list[Finding]:
    async with app.pool.connection() as conn:
        await schema.check(conn)
        cursor = await conn.execute(
            "SELECT current_setting('server_version') AS server,"
            " (SELECT extversion FROM pg_extension WHERE extname = 'vector') AS vector,"
            " pg_database_size(current_database()) AS size"
        )
        row = await cursor.fetchone() or {}
    facts = {
        "server": str(row["server"]).partition(" ")[0],
        "vector": row["vector"],
        "megabytes": round(int(row["size"]) / 1e6),
    }
    where = "database.external" if app.settings.database.url else "database.embedded"
    return [Finding("database", "ok", where, facts)]


async def _disk(app: App) -> list[Finding]:
    usage = await asyncio.to_thread(shutil.disk_usage, app.settings.data_dir)
    free, total = usage.free / 1e9, usage.total / 1e9
    facts = {"free": round(free, 1), "total": round(total, 1), "folder": app.settings.data_dir}
    if free < FREE_GB:
        return [Finding("disk", "problem", "disk.full", facts)]
    return [Finding("disk", "note" if free < SCARCE_GB else "ok", "disk", facts)]


async def _queue(app: App, alive: bool) -> list[Finding]:
    async with as_system(app.pool) as conn:
        stopped = await control.paused(conn)
        counts = await count_work(conn)
    facts = {str(group): number for group, number in counts.items()}
    found: list[Finding] = []
    if not alive:
        found.append(Finding("queue", "problem", "queue.stopped"))
    if stopped is not None:
        found.append(Finding("queue", "note", "queue.paused", {"by": stopped.by}))
    if counts[Group.FAILED]:
        found.append(Finding("queue", "note", "queue.failed", facts))
    return found or [Finding("queue", "ok", "queue", facts)]


async def _models(app: App) -> list[Finding]:
    found = []
    for model in app.generator.models():
        facts = {"name": model.label, "where": model.where, "megabytes": model.bytes >> 20}
        if model.kind == "extractive":
            found.append(Finding("models", "note", "models.none"))
        elif model.status.state is State.FAILED:
            found.append(Finding("models", "problem", "models.failed", facts, model.status.failure))
        elif model.presence == "out":
            found.append(Finding("models", "note", "models.out", facts))
        else:
            found.append(Finding("models", "ok", f"models.{model.presence}", facts))
    ok, words = await asyncio.to_thread(model_files.stored, app.settings)
    if not ok:
        found.append(Finding("models", "problem", "models.file", {"files": words}))
    return found


async def _embedder(app: App) -> list[Finding]:
    if app.embedder is None:
        return [Finding("embedder", "note", "embedder.none")]
    vector = await app.embedder.embed_query("teste")
    facts = {"name": app.embedder.name, "dimensions": len(vector)}
    return [Finding("embedder", "ok", "embedder", facts)]


async def _vectors(app: App) -> list[Finding]:
    identity = (app.embedder.name, app.embedder.fingerprint) if app.embedder else None
    await vectors(app.pool, app.settings, lambda: identity)
    async with as_system(app.pool) as conn:
        cursor = await conn.execute("SELECT count(*) AS n FROM chunks")
        row = await cursor.fetchone() or {"n": 0}
    return [Finding("vectors", "ok", "vectors", {"passages": row["n"]})]


async def _quality(app: App) -> list[Finding]:
    if not app.settings.evaluation.set:
        return [Finding("quality", "ok", "quality.unwatched")]
    async with as_system(app.pool) as conn:
        fell = await gate.has_fallen(conn)
    return [Finding("quality", "problem" if fell else "ok", "quality.fell" if fell else "quality")]


async def _ocr(app: App) -> list[Finding]:
    ocr = app.settings.ocr
    if ocr.enabled == "off":
        return [Finding("ocr", "note", "ocr.off")]
    engine = await asyncio.to_thread(find_engine, ocr.languages, ocr.dpi)
    if engine is None:
        facts = {"packages": PACKAGES, "languages": ocr.languages}
        return [Finding("ocr", "note", "ocr.missing", facts)]
    return [Finding("ocr", "ok", "ocr", {"name": engine.name, "languages": ocr.languages})]


async def _folders(app: App) -> list[Finding]:
    async with as_system(app.pool) as conn:
        watched = await folders.list_folders(conn)
    bad = [each for each in watched if each.error_code]
    if bad:
        names = ", ".join(each.path for each in bad[:SHOWN])
        return [Finding("folders", "problem", "folders.failed", {"folders": names})]
    if not watched:
        return [Finding("folders", "ok", "folders.none")]
    refused = sum(each.refused for each in watched)
    facts = {"folders": len(watched), "refused": refused}
    return [Finding("folders", "note" if refused else "ok", "folders", facts)]


async def _audit(app: App) -> list[Finding]:
    own = app.settings
    key = await asyncio.to_thread(open_key, own.audit.key.get_secret_value(), own.data_dir)
    async with as_system(app.pool) as conn:
        standing = await checkpoints.standing(conn, key)
        failing = [each for each in await positions.all_of(conn, "forward:") if each.error]
        checked = await _last_verified(conn)
    found = []
    late = standing.waiting_s > checkpoints.limit_s(own.audit.checkpoint_minutes)
    if standing.error or late:
        facts = {"entry": standing.seq, "reason": standing.error}
        found.append(Finding("audit", "problem", "audit.checkpoints", facts))
    for each in failing[:SHOWN]:
        facts = {"name": each.name.removeprefix("forward:"), "entry": each.seq}
        found.append(Finding("audit", "problem", "audit.receiver", facts))
    if checked is not None and checked.details.find('"broken"') >= 0:
        found.append(Finding("audit", "problem", "audit.broken"))
    if found:
        return found
    facts = {"entries": standing.seq + standing.behind, "behind": standing.behind}
    return [Finding("audit", "ok", "audit", {**facts, "at": checked.at if checked else None})]


async def _backups(app: App) -> list[Finding]:
    root = folder_of(app.settings).root
    known = await asyncio.to_thread(state.read, root)
    if known.failed_at:
        return [Finding("backups", "problem", "backups.failed", {"error": known.failed_code})]
    if not known.created_at:
        return [Finding("backups", "note", "backups.none", {"folder": root})]
    made = datetime.fromtimestamp(known.created_at, UTC)
    facts = {"at": made, "name": known.verified_id}
    if known.verified_at and not known.verified_good:
        return [Finding("backups", "problem", "backups.damaged", facts)]
    if datetime.now(UTC) - made > OLD_BACKUP:
        return [Finding("backups", "note", "backups.old", facts)]
    code = "backups" if known.verified_at else "backups.unchecked"
    return [Finding("backups", "ok" if known.verified_at else "note", code, facts)]


async def _last_verified(conn: Connection) -> audit.Entry | None:
    found = await audit.entries(conn, limit=1, action="audit.verified")
    return found[0] if found else None


async def _keys(app: App) -> list[Finding]:
    problem = await asyncio.to_thread(key_files.sealing_problem, app.settings)
    if problem:
        return [Finding("keys", "problem", "keys.sealing", {"reason": problem})]
    bad = await asyncio.to_thread(key_files.open_to_others, app.settings)
    if bad:
        names = ", ".join(str(each) for each in bad[:SHOWN])
        return [Finding("keys", "problem", "keys.open", {"files": names})]
    return [Finding("keys", "ok", "keys")]


async def _accounts(app: App) -> list[Finding]:
    async with as_system(app.pool) as conn:
        cursor = await conn.execute(
            "SELECT count(*) AS n, count(*) FILTER (WHERE u.role = 'admin') AS admins"
            " FROM users u WHERE u.disabled_at IS NULL"
        )
        row = await cursor.fetchone() or {"n": 0, "admins": 0}
    facts = {"people": row["n"], "admins": row["admins"]}
    if row["admins"] < 2:
        return [Finding("accounts", "note", "accounts.one", facts)]
    return [Finding("accounts", "ok", "accounts", facts)]


async def _directory(app: App) -> list[Finding]:
    if not app.settings.ldap.servers:
        return [Finding("directory", "ok", "directory.none")]
    async with as_system(app.pool) as conn:
        syncs = await ldap_sync.list_syncs(conn, limit=1)
    if not syncs:
        return [Finding("directory", "note", "directory.never")]
    if syncs[0].outcome in ("failed", "refused"):
        return [Finding("directory", "problem", "directory.failed", {"reason": syncs[0].reason})]
    facts = {"accounts": syncs[0].accounts, "at": syncs[0].started_at}
    return [Finding("directory", "ok", "directory", facts)]


async def _nodes(app: App) -> list[Finding]:
    async with as_system(app.pool) as conn:
        listed = await roster.listed(conn)
    living = [each for each in listed if each.lives]
    gone = ", ".join(each.name for each in listed if not each.lives)
    found = [
        Finding("nodes", "problem", "nodes.problem", {"name": each.name, "code": each.problem})
        for each in living
        if each.problem
    ]
    if gone:
        found.append(Finding("nodes", "note", "nodes.gone", {"names": gone}))
    if len({each.version for each in living}) > 1:
        versions = ", ".join(f"{each.name}: {each.version}" for each in living)
        found.append(Finding("nodes", "note", "nodes.versions", {"versions": versions}))
    return found or [Finding("nodes", "ok", "nodes", {"nodes": len(living)})]
