"""`govbot doctor`: what stands in the database. Every function raises GovBotError when it fails."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from govbot.cli.doctor_finding import Found, Visit, absent, fail, ok, warn

if TYPE_CHECKING:
    from pathlib import Path

    from govbot.audit.checkpoints import Standing
    from govbot.config import Settings

SHOWN: Final = 5  # documents named in a sentence
CLOCKS_S: Final = 5.0
CLOCKS_WRONG_S: Final = 60.0
SILENT_S: Final = 120  # a worker that was not heard of for so long has ended


async def server(visit: Visit) -> Found:
    """PostgreSQL and pgvector, and whether they are new enough."""
    from govbot.db.schema import check_versions

    async with visit.database.connection() as conn:
        cursor = await conn.execute(
            "SELECT current_setting('server_version_num')::integer AS number,"
            " current_setting('server_version') AS server,"
            " (SELECT coalesce(installed_version, default_version)"
            "  FROM pg_available_extensions WHERE name = 'vector') AS vector,"
            " pg_database_size(current_database()) AS size"
        )
        row = await cursor.fetchone() or {}
    check_versions(row["number"], row["server"], row["vector"])
    where = "external" if visit.settings.database.url else "embedded"
    size = f"{row['size'] / 1e6:.0f} MB"
    return ok(f"PostgreSQL {row['server']}, pgvector {row['vector']}, {where}, {size}")


async def schema(visit: Visit) -> Found:
    """The schema of this version, and a login that row-level security binds."""
    from govbot.db import schema

    async with visit.database.connection() as conn:
        await schema.check(conn)
    return ok(schema.head())


async def extension(visit: Visit) -> Found:
    """The extension in the database against the one that the server has."""
    async with visit.database.connection() as conn:
        cursor = await conn.execute(
            "SELECT installed_version, default_version FROM pg_available_extensions"
            " WHERE name = 'vector'"
        )
        row = await cursor.fetchone() or {}
    here, there = row["installed_version"], row["default_version"]
    if here != there:
        remedy = "As the owner of the database: ALTER EXTENSION vector UPDATE;"
        return warn(f"pgvector {here} in the database, {there} on the server", remedy)
    return ok(f"pgvector {here}")


async def connections(visit: Visit) -> Found:
    """Whether the server lets in as many as GovBot may ask for."""
    async with visit.database.connection() as conn:
        cursor = await conn.execute(
            "SELECT current_setting('max_connections')::integer AS most,"
            " (SELECT count(*) FROM pg_stat_activity a WHERE a.backend_type = 'client backend')"
            " AS used"
        )
        row = await cursor.fetchone() or {}
    wanted = visit.settings.database.pool_size + 10  # the queue's own, listeners, commands
    seen = f"{row['used']} of {row['most']} in use, one node may ask for {wanted}"
    if wanted > row["most"]:
        return fail(seen, "Lower database.pool_size, or raise max_connections of the server.")
    free = row["most"] - row["used"]
    remedy = "Raise max_connections of the server, or lower database.pool_size of the nodes."
    return warn(seen, remedy) if free < 5 else ok(seen)


async def clock(visit: Visit) -> Found:
    """The clock of the database against this machine's, and against what was written last."""
    from govbot.db.access import as_system

    async with as_system(visit.database) as conn:
        before = time.time()
        cursor = await conn.execute(
            "SELECT extract(epoch FROM clock_timestamp())::float8 AS now,"
            " (SELECT extract(epoch FROM l.at)::float8 FROM audit_log l ORDER BY l.seq DESC"
            "  LIMIT 1) AS written"
        )
        row = await cursor.fetchone() or {}
        after = time.time()
    remedy = "Synchronise both clocks with the same time servers: timedatectl set-ntp true."
    apart = max(before - row["now"], row["now"] - after, 0.0)
    if row["written"] and row["written"] > row["now"] + CLOCKS_WRONG_S:
        ahead = row["written"] - row["now"]
        words = f"the newest entry of the audit log is {ahead:.0f} s in the future"
        return fail(words, f"The database's clock was set back. {remedy}")
    seen = f"{apart:.1f} s apart"
    if apart > CLOCKS_WRONG_S:
        return fail(seen, remedy)
    return warn(seen, remedy) if apart > CLOCKS_S else ok(seen)


async def documents(visit: Visit) -> Found:
    """How many versions are in which state."""
    from govbot.db.access import as_system

    async with as_system(visit.database) as conn:
        cursor = await conn.execute(
            "SELECT state, count(*) AS n FROM document_versions WHERE collection_key <> 0"
            " GROUP BY state ORDER BY state"
        )
        rows = await cursor.fetchall()
    return ok(", ".join(f"{row['n']} {row['state']}" for row in rows) or "none yet")


async def originals(visit: Visit) -> Found:
    """Whether the file of every document is there."""
    from govbot.documents.disposal import missing_originals
    from govbot.documents.files import FileStore

    store = FileStore(visit.settings.data_dir / "files")
    missing = await missing_originals(visit.database, store, limit=SHOWN)
    if missing:
        names = ", ".join(document.filename for document in missing)
        remedy = "Restore data_dir/files from a backup, or send the files again."
        return fail(f"missing in data_dir/files: {names} [E-ORIGINAL]", remedy)
    return ok("all there")


async def queue(visit: Visit) -> Found:
    """What waits, whether it is paused, and whether somebody works on it."""
    from govbot.db.access import as_system
    from govbot.jobs import control

    async with as_system(visit.database) as conn:
        stopped = await control.paused(conn)
        cursor = await conn.execute(
            "SELECT status::text AS status, count(*) AS n FROM procrastinate_jobs"
            " GROUP BY status ORDER BY status"
        )
        counts = {row["status"]: row["n"] for row in await cursor.fetchall()}
        cursor = await conn.execute(
            "SELECT count(*) AS n FROM procrastinate_workers"
            " WHERE last_heartbeat > now() - make_interval(secs => %(silent)s)",
            {"silent": SILENT_S},
        )
        workers = (await cursor.fetchone() or {"n": 0})["n"]
    seen = ", ".join(f"{n} {status}" for status, n in counts.items()) or "empty"
    if stopped is not None:
        words = f"{seen}; paused since {stopped.at:%Y-%m-%d %H:%M} UTC"
        return warn(words, "`govbot jobs resume` lets it go on.")
    if counts.get("todo") and not workers:
        return warn(f"{seen}; nobody works on it", "Start the service: systemctl start govbot.")
    return ok(f"{seen}; {workers} at work")


async def nodes(visit: Visit) -> Found:
    """The processes that serve from this database: alive, of one version, without a problem."""
    from govbot import __version__
    from govbot.db.access import as_system
    from govbot.nodes import roster

    async with as_system(visit.database) as conn:
        found = await roster.listed(conn)
    living = [node for node in found if node.lives]
    if bad := [f"{node.name} ({node.problem})" for node in living if node.problem]:
        return fail(", ".join(bad), "Its log says why: journalctl -u govbot on that machine.")
    gone = [node.name for node in found if not node.lives]
    words = f"{len(living)} at work" + (f", without a word: {', '.join(gone)}" if gone else "")
    others = sorted({node.version for node in living} - {__version__})
    if others:
        return warn(f"{words}; other versions: {', '.join(others)}", "Upgrade all nodes.")
    if gone and living:
        return warn(words, "Start them again, or wait a day until they are forgotten.")
    return ok(words if found else "none: the service does not run")


async def folders(visit: Visit) -> Found:
    """How the watched folders did at the last look."""
    from govbot.db.access import as_system
    from govbot.documents import folders

    if not visit.settings.watch.folders:
        return absent("no folder is watched")
    async with as_system(visit.database) as conn:
        watched = await folders.list_folders(conn)
    bad = [each for each in watched if each.error_code]
    if bad:
        words = "; ".join(f"{each.path}: {each.error} [{each.error_code}]" for each in bad[:SHOWN])
        return fail(words, "Mount the folder, or let the service's account read it.")
    refused = sum(each.refused for each in watched)
    seen = f"{len(watched)} looked at, {sum(each.files for each in watched)} files"
    remedy = "`govbot folder list` and the page of the folders name them."
    return warn(f"{seen}, {refused} refused", remedy) if refused else ok(seen)


async def accounts(visit: Visit) -> Found:
    """Somebody must be able to administer."""
    from govbot.db.access import as_system

    async with as_system(visit.database) as conn:
        cursor = await conn.execute(
            "SELECT count(*) AS n, count(*) FILTER (WHERE role = 'admin') AS admins FROM users"
            " WHERE disabled_at IS NULL"
        )
        row = await cursor.fetchone() or {"n": 0, "admins": 0}
    if not row["admins"]:
        words = "there is no administrator"
        return fail(words, "Run `govbot user add NAME --role admin`, or `govbot setup`.")
    return ok(f"{row['n']} active, {row['admins']} of them administrators")


async def audit(visit: Visit) -> Found:
    """The chain against its checkpoints, which must not lag, and what receivers lack."""
    from govbot import audit
    from govbot.audit import checkpoints, positions
    from govbot.audit.keys import KEY_FILE, open_key
    from govbot.audit.proof import Evidence
    from govbot.db.access import as_system

    own = visit.settings
    text, file = own.audit.key.get_secret_value(), own.data_dir / KEY_FILE
    key = open_key(text, own.data_dir) if text or file.exists() else None
    file = checkpoints.file_of(own.audit.checkpoint_file, own.data_dir)
    signed = tuple(checkpoints.read(file)) if file.exists() else ()
    async with as_system(visit.database) as conn:
        report = await audit.verify(conn, Evidence(signed, frozenset({key.public} if key else ())))
        standing = await checkpoints.standing(conn, key) if key else None
        failing = [each for each in await positions.all_of(conn, "forward:") if each.error]
    if report.first_broken is not None:
        words = f"broken at entry {report.first_broken} ({report.reason}) [E-AUDIT-CHAIN]"
        return fail(words, "Keep the database as it is and follow docs/audit.md.")
    if standing is not None and (late := _late(standing, file, own)):
        words = f"no checkpoint since entry {standing.seq}: {late} [E-AUDIT-CHECKPOINTS]"
        return fail(words, "Start the service, or run `govbot audit checkpoint`.")
    if failing:
        each = failing[0]
        name = each.name.removeprefix("forward:")
        words = f"receiver {name} has nothing after entry {each.seq}: {each.error}"
        return fail(f"{words} [E-AUDIT-RECEIVER]", "See that it runs; it gets everything then.")
    remark = f"{standing.behind} since the last checkpoint" if standing else "no checkpoint yet"
    return ok(f"{report.entries} entries, the chain is whole; {remark}")


def _late(standing: Standing, file: Path, settings: Settings) -> str:
    """Why checkpoints fail, lag or have vanished; else empty."""
    from govbot.audit import checkpoints

    if standing.seq and not file.exists():
        return f"{file} is not there any more"
    if standing.waiting_s > checkpoints.limit_s(settings.audit.checkpoint_minutes):
        return standing.error or f"the oldest entry waits for {standing.waiting_s / 60:.0f} min"
    return standing.error


async def evaluation(visit: Visit) -> Found:
    """How the gate of changes stands to the settings."""
    from govbot.cli.doctor_evaluation import evaluation

    seen = await evaluation(visit.database, visit.settings)
    return ok(seen) if visit.settings.evaluation.set else absent(seen)


async def vectors(visit: Visit) -> Found:
    """How the stored vectors stand to the embedder."""
    from govbot.installation.vectors import vectors

    return ok(await vectors(visit.database, visit.settings))
