"""What a restore is asked for, what it did, and whether this version can do it at all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from govbot import __version__
from govbot.backup.folder import Backup
from govbot.backup.manifest import damaged
from govbot.backup.objects import check
from govbot.backup.progress import Meter
from govbot.backup.sealed import KEY
from govbot.db import schema
from govbot.db.pool import Pool
from govbot.errors import Invalid

NEWER: Final = "E-BACKUP-NEWER"

Reapply = Callable[[Pool, Sequence[str]], Awaitable[tuple[int, list[str]]]]
"""Erases these persons again: how many there were, and those who could not be."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is wanted. `identities`: private keys of age, for an encrypted backup."""

    backup: Backup
    replace: bool = False
    identities: Sequence[Any] | None = None
    reapply: Reapply | None = None


@dataclass(slots=True)
class Restored:
    """What was done, and what a person has to know or do now."""

    backup: str
    rows: int = 0
    originals: int = 0
    erased_again: int = 0
    aside: str = ""
    mark: str = ""
    """The id of the installation, which its folder of originals bears, too."""
    notes: list[str] = field(default_factory=list)


def require_fit(order: Order) -> None:
    """Raises Invalid for a backup that this version cannot restore."""
    known = order.backup.known
    theirs, ours = known.govbot.partition(".")[0], __version__.partition(".")[0]
    if theirs != ours and int(theirs or 0) < int(ours or 0):
        raise Invalid(
            "The backup was made by GovBot %(theirs)s: restore it with GovBot %(major)s.x, and "
            "upgrade that.",
            theirs=known.govbot,
            major=theirs,
            code="E-BACKUP-OLDER",
        )
    if theirs != ours or not schema.knows(known.schema_revision):
        raise Invalid(
            "The backup was made by a newer GovBot (%(theirs)s, schema %(schema)s): this is "
            "%(ours)s. Install that version or a later one, and restore again.",
            theirs=known.govbot,
            schema=known.schema_revision,
            ours=__version__,
            code=NEWER,
        )
    if known.sealed and order.identities is None:
        raise Invalid(
            "The backup is encrypted: give the file with the private key (--identity, or "
            "backup.identity_file).",
            code=KEY,
        )


def check_pieces(backup: Backup, meter: Meter) -> None:
    """Raises Invalid E-BACKUP-DAMAGED before anything is touched."""
    meter.begin("checksums", sum(piece.size for piece in backup.known.pieces))
    for piece in backup.known.pieces:
        if wrong := check(backup.place / piece.name, piece, meter):
            raise damaged(backup.id, f"{piece.name} {wrong}")
