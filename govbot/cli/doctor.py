"""`govbot doctor`: look at every part of this installation and say what is wrong and what to do."""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from govbot.cli import current_settings, output, run_async
from govbot.cli.doctor_answering import models
from govbot.errors import GovBotError
from govbot.installation.model_files import llama_build, stored

if TYPE_CHECKING:
    from govbot.audit.checkpoints import Standing
    from govbot.config import Settings
    from govbot.db.pool import Pool

SHOWN = 5  # documents named in a sentence
FREE_GB = 2  # less free space than this is reported as a problem


@dataclass(frozen=True, slots=True)
class Check:
    """What one look found; a part that is merely absent by choice is `ok` with a remark."""

    check: str
    ok: bool
    detail: str


def command(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check this installation, part by part; exit code 1 when something must be done."""
    checks = run_async(_examine)
    if as_json:
        output.print_json(checks)
    else:
        rows = [["ok" if c.ok else "FAIL", c.check, c.detail] for c in checks]
        output.print_table(["", "check", "detail"], rows)
    if not all(check.ok for check in checks):
        raise typer.Exit(1)


async def _examine() -> list[Check]:
    settings = current_settings()
    checks = [_configuration(settings), _data_folder(settings.data_dir), _keys(settings)]
    async with AsyncExitStack() as stack:
        try:
            pool = await _database(stack, settings)
        except GovBotError as error:
            checks.append(Check("database", False, str(error)))
        else:
            checks += await _stored(pool, settings)
        checks.append(await _embedder(settings))
    checks.append(await _reranker(settings))
    checks += [Check(*found) for found in await models(settings)]
    checks.append(Check("llama.cpp", *llama_build()))
    checks.append(Check("models", *stored(settings)))
    checks.append(_ocr(settings))
    checks.append(_watched(settings))
    return checks


async def _stored(pool: Pool, settings: Settings) -> list[Check]:
    """The server, the schema, and what stands in its tables when it is the right one."""
    checks = [await _tried("database", _server, pool), await _tried("schema", _schema, pool)]
    if all(check.ok for check in checks):
        for name, look in (
            ("documents", _documents),
            ("originals", lambda pool: _originals(pool, settings)),
            ("queue", _queue),
            ("accounts", _accounts),
            ("audit log", lambda pool: _audit(pool, settings)),
            ("vectors", lambda pool: _vectors(pool, settings)),
            ("evaluation", lambda pool: _evaluation(pool, settings)),
        ):
            checks.append(await _tried(name, look, pool))
    return checks


async def _tried(name: str, look: Callable[[Pool], Awaitable[str]], pool: Pool) -> Check:
    try:
        return Check(name, True, await look(pool))
    except GovBotError as error:
        return Check(name, False, str(error))


def _configuration(settings: Settings) -> Check:
    return Check("configuration", True, str(settings.file or "defaults (no govbot.toml found)"))


def _data_folder(folder: Path) -> Check:
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free / 1e9
    return Check("data folder", free >= FREE_GB, f"{folder}: {free:.1f} GB free")


async def _database(stack: AsyncExitStack, settings: Settings) -> Pool:
    from govbot.db.database import open_database
    from govbot.db.pool import open_pool

    dsns = await stack.enter_async_context(open_database(settings, on_progress=output.say))
    pool = await open_pool(dsns.app, size=2, name="govbot-doctor")
    stack.push_async_callback(pool.close)
    return pool


async def _server(pool: Pool) -> str:
    async with pool.connection() as conn:
        cursor = await conn.execute(
            "SELECT current_setting('server_version') AS server,"
            " (SELECT extversion FROM pg_extension WHERE extname = 'vector') AS vector"
        )
        row = await cursor.fetchone()
    return f"PostgreSQL {row['server']}, pgvector {row['vector']}" if row else ""


async def _schema(pool: Pool) -> str:
    from govbot.db import schema

    async with pool.connection() as conn:
        await schema.check(conn)
    return schema.head() or ""


async def _documents(pool: Pool) -> str:
    from govbot.db.access import as_system

    async with as_system(pool) as conn:
        cursor = await conn.execute(
            "SELECT state, count(*) AS n FROM document_versions WHERE collection_key <> 0"
            " GROUP BY state ORDER BY state"
        )
        rows = await cursor.fetchall()
    return ", ".join(f"{row['n']} {row['state']}" for row in rows) or "none yet"


async def _originals(pool: Pool, settings: Settings) -> str:
    from govbot.documents.disposal import missing_originals
    from govbot.documents.files import FileStore
    from govbot.errors import Unavailable

    missing = await missing_originals(pool, FileStore(settings.data_dir / "files"), limit=SHOWN)
    if missing:
        raise Unavailable(
            "Originals are missing in data_dir/files, of %(names)s: restore the folder from a "
            "backup, or send the files again.",
            code="E-ORIGINAL",
            names=", ".join(document.filename for document in missing),
        )
    return "all there"


async def _queue(pool: Pool) -> str:
    async with pool.connection() as conn:
        cursor = await conn.execute(
            "SELECT status::text AS status, count(*) AS n FROM procrastinate_jobs GROUP BY status"
        )
        rows = await cursor.fetchall()
    return ", ".join(f"{row['n']} {row['status']}" for row in rows) or "empty"


async def _accounts(pool: Pool) -> str:
    from govbot.db.access import as_system
    from govbot.errors import Unavailable

    async with as_system(pool) as conn:
        cursor = await conn.execute(
            "SELECT count(*) AS n, count(*) FILTER (WHERE role = 'admin') AS admins FROM users"
            " WHERE disabled_at IS NULL"
        )
        row = await cursor.fetchone()
    if row is None or not row["admins"]:
        raise Unavailable("There is no administrator: run `govbot user add NAME --role admin`.")
    return f"{row['n']} active, {row['admins']} of them administrators"


async def _audit(pool: Pool, settings: Settings) -> str:
    """The chain against its checkpoints, which must not lag, and what receivers lack."""
    from govbot import audit
    from govbot.audit import checkpoints, positions
    from govbot.audit.keys import KEY_FILE, open_key
    from govbot.audit.proof import Evidence
    from govbot.db.access import as_system
    from govbot.errors import Conflict, Unavailable

    text, file = settings.audit.key.get_secret_value(), settings.data_dir / KEY_FILE
    key = open_key(text, settings.data_dir) if text or file.exists() else None
    file = checkpoints.file_of(settings.audit.checkpoint_file, settings.data_dir)
    signed = tuple(checkpoints.read(file)) if file.exists() else ()
    async with as_system(pool) as conn:
        report = await audit.verify(conn, Evidence(signed, frozenset({key.public} if key else ())))
        standing = await checkpoints.standing(conn, key) if key else None
        failing = [each for each in await positions.all_of(conn, "forward:") if each.error]
    if report.first_broken is not None:
        raise Conflict(
            "The chain is broken at entry %(entry)s (%(reason)s).",
            code="E-AUDIT-CHAIN",
            entry=report.first_broken,
            reason=str(report.reason),
        )
    if standing is not None:
        _require_checkpoints(standing, file, settings)
    if failing:
        raise Unavailable(
            "The receiver %(name)s of the audit log has nothing after entry %(entry)s: %(reason)s",
            code="E-AUDIT-RECEIVER",
            name=failing[0].name.removeprefix("forward:"),
            entry=failing[0].seq,
            reason=failing[0].error,
        )
    remark = f"{standing.behind} since the last checkpoint" if standing else "no checkpoint yet"
    return f"{report.entries} entries, the chain is whole; {remark}"


def _require_checkpoints(standing: Standing, file: Path, settings: Settings) -> None:
    """Raises Unavailable where checkpoints fail, lag or have vanished."""
    from govbot.audit import checkpoints
    from govbot.errors import Unavailable

    reason = standing.error
    if standing.seq and not file.exists():
        reason = f"{file} is not there any more."
    elif standing.waiting_s > checkpoints.limit_s(settings.audit.checkpoint_minutes):
        reason = reason or "start the service, or run `govbot audit checkpoint`."
    if reason:
        raise Unavailable(
            "No checkpoint since entry %(entry)s: %(reason)s",
            code="E-AUDIT-CHECKPOINTS",
            entry=standing.seq,
            reason=reason,
        )


async def _evaluation(pool: Pool, settings: Settings) -> str:
    from govbot.cli.doctor_evaluation import evaluation

    return await evaluation(pool, settings)


async def _vectors(pool: Pool, settings: Settings) -> str:
    from govbot.installation.vectors import vectors

    return await vectors(pool, settings)


def _keys(settings: Settings) -> Check:
    from govbot.installation.key_files import key_files, open_to_others, sealing_problem

    if problem := sealing_problem(settings):
        return Check("keys", False, problem)
    if bad := open_to_others(settings):
        names = ", ".join(str(file) for file in bad[:SHOWN])
        return Check("keys", False, f"other accounts may read {names}: chmod o-rwx")
    return Check("keys", True, f"{len(key_files(settings))} files, closed to other accounts")


async def _embedder(settings: Settings) -> Check:
    from govbot.models.embedder import kind_of, open_embedder

    try:
        embedder = open_embedder(settings)
        if embedder is None:
            return Check("embedder", True, "none: the search goes by words alone")
        try:
            vector = await embedder.embed_query("teste")
        finally:
            await embedder.aclose()
    except GovBotError as error:
        return Check("embedder", False, str(error))
    kind = kind_of(settings)
    return Check("embedder", True, f"{embedder.name} ({kind}), {len(vector)} dimensions")


async def _reranker(settings: Settings) -> Check:
    from govbot.models.reranker import open_reranker

    try:
        reranker = open_reranker(settings)
        if reranker is None:
            return Check("reranker", True, "none: the order of the search stands")
        try:
            await reranker.score("teste", ["teste"])
        finally:
            await reranker.aclose()
    except GovBotError as error:
        return Check("reranker", False, str(error))
    return Check("reranker", True, reranker.name)


def _ocr(settings: Settings) -> Check:
    """Without it GovBot works, and scanned documents wait: no fault, but a remedy."""
    from govbot.extract.tesseract import PACKAGES, find_engine

    ocr = settings.ocr
    if ocr.enabled == "off":
        return Check("OCR", True, 'ocr.enabled is "off": scanned pages stay unread')
    engine = find_engine(ocr.languages, ocr.dpi)
    if engine is not None:
        return Check("OCR", True, f"{engine.name}: {engine.program}")
    if shutil.which("tesseract"):
        missing = f"Tesseract has no data for the languages {ocr.languages}"
    else:
        missing = "Tesseract is not installed"
    return Check(
        "OCR",
        True,
        f"{missing}: scanned pages stay unread until the Debian packages {PACKAGES} are installed",
    )


def _watched(settings: Settings) -> Check:
    folders = [folder.path for folder in settings.watch.folders]
    missing = [path for path in folders if not Path(path).is_dir()]
    if missing:
        return Check("watched folders", False, f"not there: {', '.join(missing)}")
    return Check("watched folders", True, ", ".join(folders) or "none")
