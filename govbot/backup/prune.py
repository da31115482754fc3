"""Removes backups that nobody needs any more, and the originals that only they named."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from govbot.backup import manifest as manifests
from govbot.backup.folder import Backup, Folder
from govbot.backup.manifest import Manifest
from govbot.backup.objects import FOLDER, Objects, listed
from govbot.backup.progress import Meter
from govbot.config.backup import Backup as Keeping
from govbot.errors import GovBotError


@dataclass(frozen=True, slots=True)
class Pruned:
    """What went: backups by id, and the bytes of originals that no other one names."""

    removed: tuple[str, ...]
    kept: tuple[str, ...]
    bytes: int = 0


def doomed(backups: Sequence[Backup], keeping: Keeping) -> list[Backup]:
    """Those that no rule keeps. Damaged ones stay for a person to look at.

    The newest one stays in any case, and the newest that was proven.
    """
    usable = [each for each in backups if each.manifest is not None]
    usable.sort(key=lambda each: each.known.made_at, reverse=True)
    kept = {each.id for each in usable[: keeping.keep_last]}
    rules: tuple[tuple[int, Callable[[datetime], object]], ...] = (
        (keeping.keep_daily, lambda at: at.date()),
        (keeping.keep_weekly, lambda at: at.isocalendar()[:2]),
        (keeping.keep_monthly, lambda at: (at.year, at.month)),
    )
    for number, period in rules:
        kept |= _newest_of_each(usable, number, period)
    kept |= {each.id for each in [e for e in usable if e.proven and e.known.originals][:1]}
    return [each for each in usable if each.id not in kept]


def prune(folder: Folder, keeping: Keeping, meter: Meter, *, rehearse: bool = False) -> Pruned:
    """Blocking; call it with the folder held. `rehearse` removes nothing."""
    meter.begin("prune")
    everything = folder.all()
    gone = doomed(everything, keeping)
    ids = {each.id for each in gone}
    kept = tuple(each.id for each in everything if each.id not in ids)
    if rehearse:
        return Pruned(tuple(sorted(ids)), kept)
    for each in gone:
        folder.remove(each)
        meter.add(0)
    return Pruned(tuple(sorted(ids)), kept, remove_unnamed(folder))


def remove_unnamed(folder: Folder) -> int:
    """Removes originals that no backup names; none while a backup's list cannot be read."""
    named: dict[str, set[str]] = {}
    for each in folder.all():
        try:
            known: Manifest = each.known
            names = named.setdefault(known.store, set())
            names.update(piece.name for piece in listed(each.place / manifests.OBJECTS))
        except GovBotError:
            return 0
    stores = (folder.root / FOLDER).glob("*")
    return sum(
        Objects(folder.root, store.name).remove_unnamed(named.get(store.name, set()))
        for store in stores
    )


def _newest_of_each(
    backups: Sequence[Backup], number: int, period: Callable[[datetime], object]
) -> set[str]:
    found: dict[object, str] = {}
    for each in backups:
        found.setdefault(period(each.known.made_at), each.id)
    return set(list(found.values())[:number])
