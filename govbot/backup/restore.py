"""Restores a backup: on an empty machine, or in the place of what is there.

The database of an older version is brought up to date; a newer one is refused. Whoever was erased
after the backup was made is erased again before anybody can look.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Final

import psycopg

from govbot.backup import belongings, erasures, source, swap
from govbot.backup.erasures import Erasures
from govbot.backup.manifest import like_folder, write_whole
from govbot.backup.order import Order, Restored, check_pieces, require_fit
from govbot.backup.originals import mark_folder, put_keys, take_originals
from govbot.backup.progress import Meter
from govbot.backup.settle import fill_and_settle
from govbot.backup.verify import in_thread
from govbot.config import Settings
from govbot.db import hold
from govbot.db.embedded import EmbeddedPostgres
from govbot.errors import GovBotError

NEWER: Final = "E-BACKUP-NEWER"
_QUICK: Final = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


async def restore(order: Order, settings: Settings, meter: Meter) -> Restored:
    """Into the embedded database of `data_dir`. Raises Conflict, Invalid, Unavailable.

    Killed at any moment, the folder holds what it held before or what was restored, and the
    restore can be begun again.
    """
    require_fit(order)
    data_dir = settings.data_dir.resolve()
    if not order.replace:
        swap.require_empty(data_dir)
    hold.require_unused(data_dir)
    await in_thread(lambda: check_pieces(order.backup, meter), meter)
    known = erasures.read(order.backup.place.parent)
    done = Restored(order.backup.id)
    with swap.draft(data_dir) as draft:
        await in_thread(lambda: take_originals(order, data_dir, draft, meter, done), meter)
        known.add(await asyncio.to_thread(_erased_here, settings, done))
        with hold.stopped(data_dir):
            server = _server(settings, draft)
            await in_thread(server.start, meter)
            try:
                await fill_and_settle(order, server.dsns(), settings, meter, known, done)
            finally:
                await asyncio.to_thread(server.stop)
            await asyncio.to_thread(_finish, order, settings, data_dir, draft, done)
    _note_missing(order, done)
    return done


def _server(settings: Settings, draft: Path) -> EmbeddedPostgres:
    """A server of its own; it is synced to the disk as a whole before it takes its place."""
    owner = hold.owner_name(settings.data_dir) if os.geteuid() == 0 else ""
    return EmbeddedPostgres(
        draft,
        run_as=owner or settings.database.run_as,
        start_timeout_s=settings.database.start_timeout_s,
        options=_QUICK,
    )


def _erased_here(settings: Settings, done: Restored) -> Erasures:
    """Who was erased in the database that is to be replaced, where it still starts.

    A server that a killed GovBot left running ends with it.
    """
    if not (settings.data_dir / "postgres" / "data").exists():
        return Erasures()
    own = settings.database
    try:
        with (
            EmbeddedPostgres(
                settings.data_dir, run_as=own.run_as, start_timeout_s=own.start_timeout_s
            ) as server,
            psycopg.connect(server.dsns().superuser) as conn,
        ):
            return Erasures(source.erased(conn), source.purged(conn))
    except (GovBotError, psycopg.Error) as error:
        done.notes.append(
            "The database that was here could not be read "
            f"({str(error).splitlines()[0]}): who was erased since the newest backup has to be "
            "erased again by hand (govbot person erase)."
        )
        return Erasures()


def _finish(order: Order, settings: Settings, data_dir: Path, draft: Path, done: Restored) -> None:
    """Keys first, then the originals, then the database: each step leaves a usable folder."""
    small = belongings.read(order.backup, order.identities)
    put_keys(order, settings, data_dir, small, done)
    conf = data_dir / "postgres/data" / belongings.LOCAL_CONF
    local = conf.read_bytes() if conf.exists() else small.get(belongings.LOCAL_CONF)
    if local:
        made = draft / "postgres/data" / belongings.LOCAL_CONF
        made.write_bytes(local)
        like_folder(made)
    swap.move_in(draft, data_dir)
    for file in (draft / "archives").glob("*"):
        folder = data_dir / belongings.ARCHIVE_FOLDER
        if not folder.is_dir():
            folder.mkdir(mode=0o700)
            like_folder(folder)
        if not (folder / file.name).exists():
            file.rename(folder / file.name)
    aside = swap.put_in_place(data_dir, draft)
    mark_folder(data_dir, done.mark)
    done.aside = str(aside) if aside else ""
    _put_checkpoints(settings, data_dir, aside, small, done)


def _put_checkpoints(
    settings: Settings, data_dir: Path, aside: Path | None, small: dict[str, bytes], done: Restored
) -> None:
    """An older log ends before the newest checkpoint: those here go aside with their database."""
    if settings.audit.checkpoint_file:
        done.notes.append(
            "The signed checkpoints in audit.checkpoint_file may go on after the restored audit "
            "log: keep that file, and begin another with `govbot audit checkpoint --new-file`."
        )
        return
    file = data_dir / belongings.CHECKPOINTS
    if file.exists() and aside is not None:
        os.link(file, aside / file.name)
    if belongings.CHECKPOINTS in small:
        write_whole(file, small[belongings.CHECKPOINTS].decode())
        file.chmod(0o600)
    elif aside is not None:
        file.unlink(missing_ok=True)


def _note_missing(order: Order, done: Restored) -> None:
    if order.backup.known.missing:
        done.notes.append(
            f"{len(order.backup.known.missing)} originals were missing when the backup was made."
        )
    if not order.backup.known.originals:
        done.notes.append(
            "The backup holds no originals: `govbot doctor` tells whether all are in the folder."
        )
