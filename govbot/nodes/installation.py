"""What makes nodes one installation: one security key, and one folder of originals.

A node with another key could not open what the others sealed; one with another folder would lack
half of the originals, and delete the other half as nobody's. Neither starts.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from govbot import audit
from govbot.db.access import OPERATOR, as_system
from govbot.db.pool import Connection, Pool
from govbot.errors import BadConfig, Conflict
from govbot.ids import new_id
from govbot.sealing import Sealer

if TYPE_CHECKING:
    from typing import Protocol

    class Originals(Protocol):
        """The folder of originals."""

        def read_mark(self) -> str | None: ...
        def write_mark(self, mark: str) -> None: ...
        def holds(self, sha256: str) -> bool: ...


log = logging.getLogger(__name__)

PURPOSE: Final = "installation"
_SAMPLE: Final = 20  # originals that are looked for in a folder without a mark


async def join(pool: Pool, sealer: Sealer, files: Originals) -> str:
    """The id of the installation; the first process of a database makes it one.

    A folder without a mark gets it when it holds originals of this database, or when there are none
    yet. Raises Conflict E-NODE-KEY and E-NODE-FILES for what belongs elsewhere.
    """
    async with as_system(pool) as conn:
        mark, proof = await _known(conn) or await _begin(conn, sealer)
    _check_key(sealer, mark, proof)
    found = await asyncio.to_thread(files.read_mark)
    if found == mark:
        return mark
    if found is not None:
        raise Conflict(
            "The folder of originals belongs to another installation: give this node the folder "
            "that the others have (data_dir).",
            code="E-NODE-FILES",
        )
    async with as_system(pool) as conn:
        wanted = await _newest_originals(conn)
    if wanted and not await asyncio.to_thread(lambda: any(map(files.holds, wanted))):
        raise Conflict(
            "The folder of originals is empty, and the database knows of documents: mount the "
            "folder that all nodes share (data_dir), or bring it back from a backup. If the "
            "originals are lost, run `govbot nodes adopt`.",
            code="E-NODE-FILES",
        )
    await asyncio.to_thread(files.write_mark, mark)
    return mark


async def adopt(pool: Pool, sealer: Sealer, files: Originals) -> str:
    """Makes this key and this folder those of the installation, after a loss; its id, a new one.

    What was sealed with a lost key stays closed. No other node may run.
    """
    mark = str(new_id())
    async with as_system(pool) as conn:
        await _begin(conn, sealer)
        await conn.execute(
            "UPDATE installation SET id = %(id)s, proof = %(proof)s",
            {"id": mark, "proof": sealer.seal(mark, PURPOSE)},
        )
        await audit.record(conn, actor=OPERATOR, action="installation.adopted")
    await asyncio.to_thread(files.write_mark, mark)
    return mark


async def _known(conn: Connection) -> tuple[str, bytes] | None:
    cursor = await conn.execute("SELECT id, proof FROM installation")
    row = await cursor.fetchone()
    return (str(row["id"]), bytes(row["proof"])) if row else None


async def _begin(conn: Connection, sealer: Sealer) -> tuple[str, bytes]:
    mark = str(new_id())
    await conn.execute(
        "INSERT INTO installation (id, proof) VALUES (%(id)s, %(proof)s)"
        " ON CONFLICT (single) DO NOTHING",
        {"id": mark, "proof": sealer.seal(mark, PURPOSE)},
    )
    found = await _known(conn)  # another process may have been first
    assert found is not None  # noqa: S101 - the row was written above, by us or before us
    return found


def _check_key(sealer: Sealer, mark: str, proof: bytes) -> None:
    try:
        fits = sealer.open(proof, PURPOSE) == mark
    except BadConfig:
        fits = False
    if not fits:
        raise Conflict(
            "The security key is not that of this installation: give this node the key of the "
            "others (security.key, or secret.key of data_dir). If the key is lost, run "
            "`govbot nodes adopt`.",
            code="E-NODE-KEY",
        )


async def _newest_originals(conn: Connection) -> list[str]:
    cursor = await conn.execute(
        "SELECT v.sha256 FROM document_versions v ORDER BY v.created_at DESC LIMIT %(most)s",
        {"most": _SAMPLE},
    )
    return [str(row["sha256"]) for row in await cursor.fetchall()]
