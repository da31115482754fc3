"""Which backups stay."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from govbot.backup import manifest as manifests
from govbot.backup.folder import Backup, Folder
from govbot.backup.manifest import Manifest, Piece, Verdict
from govbot.backup.objects import Listing
from govbot.backup.progress import Meter
from govbot.backup.prune import doomed, prune
from govbot.config.backup import Backup as Keeping

NOON = datetime(2031, 3, 31, 12, tzinfo=UTC)
FEW = Keeping(keep_last=1, keep_daily=3, keep_weekly=2, keep_monthly=2)


def made(days: float, *, proven: bool = False, whole: bool = True) -> Backup:
    at = NOON - timedelta(days=days)
    manifest = Manifest(
        format=1, id="x", made_at=at, reason="timer", govbot="0.1", schema_revision="1", server="18"
    )
    verdict = Verdict(at=at, good=True, restored=True, seconds=1) if proven else None
    return Backup(Path(f"/b/{at:%Y%m%dT%H%M%S}"), manifest if whole else None, verdict)


def left(backups: Iterable[Backup], keeping: Keeping = FEW) -> list[float]:
    everything = list(backups)
    gone = {each.id for each in doomed(everything, keeping)}
    kept = [each for each in everything if each.id not in gone]
    return [(NOON - each.known.made_at) / timedelta(days=1) for each in kept if each.manifest]


def test_days_weeks_and_months_each_keep_their_newest() -> None:
    # The 31st of March 2031 is a Monday: yesterday is of the week before.
    assert left(made(days) for days in range(100)) == [0, 1, 2, 31]


def test_of_a_day_with_many_the_newest_stays() -> None:
    assert left(made(hours / 24) for hours in (0, 1, 2, 13, 14)) == [0, 13 / 24]


def test_the_newest_that_was_proven_stays_however_old() -> None:
    keeping = Keeping(keep_last=1, keep_daily=0, keep_weekly=0, keep_monthly=0)
    found = [made(0), made(300), made(400, proven=True), made(500, proven=True)]
    assert left(found, keeping) == [0, 400]


def test_a_damaged_one_is_left_to_a_person() -> None:
    assert doomed([made(0), made(50, whole=False)], Keeping(keep_last=1)) == []


@given(st.lists(st.integers(0, 2000), unique=True, min_size=1), st.integers(1, 5))
def test_the_newest_ones_always_stay(days: list[int], last: int) -> None:
    keeping = Keeping(keep_last=last, keep_daily=0, keep_weekly=0, keep_monthly=0)
    assert left((made(each) for each in days), keeping) == [
        each for each in days if each in sorted(days)[:last]
    ]


def test_originals_go_with_the_last_backup_that_names_them(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    names = {"a": "a" * 64, "b": "b" * 64}
    for days, letters in ((0, "b"), (40, "ab")):
        place = folder.draft(manifests.new_id(NOON - timedelta(days=days)))
        listing = Listing(place / manifests.OBJECTS)
        for letter in letters:
            listing.add(Piece(name=names[letter], size=1, sha256=names[letter]))
        listing.close()
        known = made(days).known.model_copy(update={"store": "clear"})
        manifests.write(place, known)
        folder.keep(place)
    for name in names.values():
        file = tmp_path / "objects/clear" / name[:2] / name
        file.parent.mkdir(parents=True)
        file.write_bytes(b"x")
    keeping = Keeping(keep_last=1, keep_daily=0, keep_weekly=0, keep_monthly=0)
    with folder.alone():
        assert len(prune(folder, keeping, Meter(), rehearse=True).removed) == 1
        assert len(folder.all()) == 2
        done = prune(folder, keeping, Meter())
    assert (len(done.removed), len(done.kept), done.bytes) == (1, 1, 1)
    assert [each.name for each in (tmp_path / "objects/clear").glob("*/*")] == [names["b"]]
