"""Backups of this installation: what the command line and the page of the administrators call.

Here the parts meet that know nothing of one another: the backup itself, the gold questions that
prove its search, the erasures that a restore has to repeat, and the record of it all.
"""

from __future__ import annotations

import contextlib
import errno
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from govbot import audit
from govbot.backup import create as creating
from govbot.backup import external, state
from govbot.backup import prune as pruning
from govbot.backup import restore as restoring
from govbot.backup.create import Reason, Wish
from govbot.backup.folder import Backup, Folder, folder_of
from govbot.backup.manifest import Gold, Model, Verdict
from govbot.backup.order import Order, Restored
from govbot.backup.progress import Meter
from govbot.backup.prune import Pruned
from govbot.backup.sealed import read_identities
from govbot.backup.verify import Proof, in_thread, verify
from govbot.config import Settings
from govbot.db import schema
from govbot.db.access import OPERATOR, Actor, as_actor, as_system
from govbot.db.database import open_database
from govbot.db.dsns import Dsns
from govbot.db.pool import Pool, open_pool
from govbot.errors import Conflict, GovBotError, NotFound, Unavailable
from govbot.eval import gold
from govbot.eval.questions import Question
from govbot.eval.score import DEPTH, Place, rank
from govbot.ids import UserId
from govbot.models.store import Store
from govbot.persons import erase
from govbot.retrieval.retrieve import find

log = logging.getLogger(__name__)

GOLD_QUESTIONS: Final = 50
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True, slots=True)
class Parts:
    """What a backup is made with. `by`: who asked for it; None: the service itself."""

    settings: Settings
    dsns: Dsns
    pool: Pool
    by: Actor | None = OPERATOR

    @property
    def folder(self) -> Folder:
        return folder_of(self.settings)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A new backup, what its check found, and what was removed after it."""

    backup: Backup
    verdict: Verdict | None = None
    pruned: Pruned | None = None


@asynccontextmanager
async def open_parts(settings: Settings, *, by: Actor | None = OPERATOR) -> AsyncIterator[Parts]:
    """The database as it is, of whatever schema: a backup comes before a migration."""
    async with open_database(settings) as dsns:
        pool = await open_pool(dsns.app, size=2, name="govbot-backup")
        try:
            yield Parts(settings, dsns, pool, by)
        finally:
            await pool.close()


async def make(
    parts: Parts,
    meter: Meter,
    *,
    reason: Reason = "manual",
    originals: bool = True,
    check: bool = False,
    tidy: bool = False,
) -> Outcome:
    """Makes a backup, checks it and removes old ones, as asked. Raises Busy, Unavailable."""
    folder = parts.folder
    with folder.alone():
        meter.file = folder.running_file
        try:
            gold_now = await _ask_if_current(parts)
            wish = Wish(reason, originals, gold_now, _models(parts.settings))
            made = await in_thread(
                lambda: creating.create(folder, parts.settings, parts.dsns, wish, meter), meter
            )
        except (GovBotError, OSError) as error:
            raise _failed(folder, error) from error
        state.created(folder.root, made.backup.known)
        await _record_made(parts, made.backup)
        verdict = await _proven(parts, made.backup, made.once, meter) if check else None
        # A backup that is not good must not take an older one's place.
        may_remove = tidy and (verdict is None or verdict.good)
        pruned = await _pruned(parts, meter) if may_remove else None
    return Outcome(folder.find(made.backup.id), verdict, pruned)


async def prove(parts: Parts, backup: Backup, identity: Path | None, meter: Meter) -> Verdict:
    """Checks a backup, whatever `backup.verify` says of the nightly one. Raises Busy, Invalid."""
    keys = identities(parts.settings, backup, identity)
    with parts.folder.alone():
        meter.file = parts.folder.running_file
        return await _proven(parts, backup, keys, meter)


async def tidy(parts: Parts, meter: Meter, *, rehearse: bool = False) -> Pruned:
    """Removes what no rule keeps."""
    with parts.folder.alone():
        if rehearse:
            return pruning.prune(parts.folder, parts.settings.backup, meter, rehearse=True)
        return await _pruned(parts, meter)


async def put_back(
    settings: Settings, backup: Backup, identity: Path | None, meter: Meter, *, replace: bool
) -> Restored:
    """Restores a backup into the installation of the settings."""
    keys = identities(settings, backup, identity)
    order = Order(backup, replace, keys if backup.known.sealed else None, _erase_again)
    if not settings.database.url:
        return await restoring.restore(order, settings, meter)
    async with open_database(settings) as dsns:
        return await external.restore(order, settings, dsns, meter)


def identities(settings: Settings, backup: Backup, given: Path | None) -> Sequence[Any] | None:
    """The private keys that may open it; None where there is none, or none is needed."""
    if not backup.known.sealed:
        return None
    file = given or (Path(own) if (own := settings.backup.identity_file) else None)
    return read_identities(file) if file else None


async def ask_gold(pool: Pool, settings: Settings) -> Gold:
    """Puts gold questions to the search, by words alone: the same with and without models."""
    async with as_actor(pool, OPERATOR) as conn:
        questions: list[Question] = []
        for each in await gold.sets(conn):
            found = await gold.questions(conn, each.id, limit=GOLD_QUESTIONS - len(questions))
            questions += [one.as_question() for one in found if one.as_question().located]
    hits = 0
    for question in questions:
        result = await find(
            pool,
            OPERATOR,
            question.text,
            embedder=None,
            settings=settings,
            limit=DEPTH,
            mode="lexical",
        )
        places = [
            Place(each.filename, each.page_from, each.page_to, each.document_key)
            for each in result.passages
        ]
        hits += rank(question, places, by_page=False) is not None
    return Gold(asked=len(questions), found=hits)


def _failed(folder: Folder, error: GovBotError | OSError) -> GovBotError:
    """What is told; it is kept for whoever looks later."""
    told = error
    if isinstance(told, OSError):
        told = Unavailable(
            "The backup cannot be written (%(reason)s).",
            reason=told.strerror or str(told),
            code="E-BACKUP-SPACE" if told.errno in _FULL else "E-BACKUP-FOLDER",
        )
    log.error("No backup was made: %s", told, extra={"action": "backup.failed"})
    with contextlib.suppress(OSError):
        state.failed(folder.root, datetime.now(UTC), told.error_code)
    return told


async def _ask_if_current(parts: Parts) -> Gold | None:
    """None before a migration: the search only knows today's schema."""
    try:
        async with parts.pool.connection() as conn:
            await schema.check(conn)
        return await ask_gold(parts.pool, parts.settings)
    except GovBotError as error:
        log.info("The search was not asked: %s", error, extra={"action": "backup.gold"})
        return None


async def _proven(
    parts: Parts, backup: Backup, keys: Sequence[Any] | None, meter: Meter
) -> Verdict:
    async def ask(pool: Pool) -> Gold:
        return await ask_gold(pool, parts.settings)

    proof = Proof(parts.settings, parts.dsns, keys, ask)
    verdict = await verify(backup, proof, meter)
    if backup.place.parent == parts.folder.root:
        state.verified(parts.folder.root, backup.id, verdict)
    level = logging.INFO if verdict.good else logging.ERROR
    log.log(
        level,
        "The backup %s was checked: %s",
        backup.id,
        "good" if verdict.good else verdict.problems[0],
        extra={"action": "backup.verified"},
    )
    async with as_system(parts.pool) as conn:
        await audit.record(
            conn,
            actor=parts.by,
            action="backup.verified",
            resource=f"backup:{backup.id}",
            details={
                "good": verdict.good,
                "restored": verdict.restored,
                "problems": list(verdict.problems),
            },
        )
    return verdict


async def _pruned(parts: Parts, meter: Meter) -> Pruned:
    done = await in_thread(lambda: pruning.prune(parts.folder, parts.settings.backup, meter), meter)
    if done.removed:
        async with as_system(parts.pool) as conn:
            await audit.record(
                conn,
                actor=parts.by,
                action="backup.pruned",
                details={"removed": list(done.removed), "bytes": done.bytes},
            )
    return done


async def _record_made(parts: Parts, backup: Backup) -> None:
    known = backup.known
    log.info("The backup %s was made", backup.id, extra={"action": "backup.created"})
    if known.missing:
        log.warning(
            "%d originals are missing on the disk", len(known.missing), extra={"action": "backup"}
        )
    async with as_system(parts.pool) as conn:
        await audit.record(
            conn,
            actor=parts.by,
            action="backup.created",
            resource=f"backup:{backup.id}",
            details={
                "reason": known.reason,
                "bytes": known.bytes,
                "originals": known.objects,
                "encrypted": known.sealed,
                "missing": len(known.missing),
            },
        )


async def _erase_again(pool: Pool, numbers: Sequence[str]) -> tuple[int, list[str]]:
    """Whoever is not in the restored database, or was erased in it, stays so."""
    again, left = 0, []
    for number in numbers:
        try:
            await erase.erase(pool, UserId(UUID(number)), by=None)
            again += 1
        except (NotFound, ValueError):
            continue
        except Conflict as error:
            if error.error_code != "E-ERASED":
                left.append(f"{number} ({error})")
    return again, left


def _models(settings: Settings) -> tuple[Model, ...]:
    """The models of the data folder by name and checksum; their files are fetched again."""
    found = []
    for each in Store(settings.data_dir / "models").all():
        manifest = each.manifest
        files = {file.path: file.sha256 for file in manifest.files} if manifest else {}
        source = manifest.source if manifest else ""
        found.append(Model(name=each.name, kind=str(each.kind), source=source, files=files))
    return tuple(found)
