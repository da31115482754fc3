"""Pictures of pages on disk: bounded, whole or not at all, gone with their document."""

from __future__ import annotations

import os
import time
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from govbot.documents.drawn import DrawnPages
from govbot.documents.files import FileStore

CONTENT = b"x" * 1000
MOST = 10_000


@pytest.fixture
async def kept(tmp_path: Path) -> tuple[DrawnPages, FileStore, str]:
    """The pictures of a store that holds one original."""
    files = FileStore(tmp_path / "files")
    files.prepare()
    source = tmp_path / "source"
    source.write_bytes(b"original")
    stored = await files.put(source, max_bytes=100)
    return files.drawn, files, stored.sha256


Kept = tuple[DrawnPages, FileStore, str]


def pictures(drawn: DrawnPages) -> list[str]:
    return sorted(path.name for path in drawn.root.rglob("*") if path.is_file())


def test_what_is_put_is_there_for_its_version_alone(kept: Kept) -> None:
    drawn, _files, sha256 = kept
    one, other = uuid4(), uuid4()
    drawn.put(sha256, one, "1-1000", CONTENT, most_bytes=MOST)
    assert drawn.get(sha256, one, "1-1000") == CONTENT
    assert drawn.get(sha256, one, "2-1000") is None
    # The same content in another document: nothing tells that somebody looked at this one.
    assert drawn.get(sha256, other, "1-1000") is None
    assert list(drawn.versions()) == [(sha256, one)]
    assert drawn.root.stat().st_mode & 0o77 == 0


def test_the_pictures_looked_at_longest_ago_make_room(kept: Kept) -> None:
    drawn, _files, sha256 = kept
    version = uuid4()
    for number in range(1, 11):
        drawn.put(sha256, version, f"{number}-1000", CONTENT, most_bytes=MOST)
        path = drawn._path(sha256, version, f"{number}-1000")
        os.utime(path, (number, number))
    assert drawn.get(sha256, version, "1-1000") == CONTENT  # looked at just now
    drawn.put(sha256, version, "11-1000", CONTENT, most_bytes=MOST)
    assert drawn.get(sha256, version, "1-1000") is not None
    assert drawn.get(sha256, version, "11-1000") is not None
    assert drawn.get(sha256, version, "2-1000") is None
    assert len(pictures(drawn)) * len(CONTENT) <= MOST * 0.9
    # Another process counts what is there before it adds to it.
    again = DrawnPages(drawn.root, kept[1].path_of)
    again.put(sha256, uuid4(), "1-1000", CONTENT * 5, most_bytes=6_000)
    assert pictures(again) == ["1-1000"]


@pytest.mark.parametrize("most", [0, len(CONTENT) - 1])
def test_without_room_nothing_is_kept(kept: Kept, most: int) -> None:
    drawn, _files, sha256 = kept
    drawn.put(sha256, uuid4(), "1-1000", CONTENT, most_bytes=most)
    assert pictures(drawn) == []


def test_pictures_go_with_the_original_even_those_that_come_late(kept: Kept) -> None:
    drawn, files, sha256 = kept
    version = uuid4()
    drawn.put(sha256, version, "1-1000", CONTENT, most_bytes=MOST)
    files.remove(sha256)
    assert pictures(drawn) == []
    drawn.put(sha256, version, "1-1000", CONTENT, most_bytes=MOST)
    assert pictures(drawn) == []


def test_a_disk_that_refuses_keeps_nothing_and_harms_nothing(kept: Kept) -> None:
    drawn, _files, sha256 = kept
    drawn.root.write_text("a file where the folder should be")
    drawn.put(sha256, uuid4(), "1-1000", CONTENT, most_bytes=MOST)
    assert drawn.get(sha256, uuid4(), "1-1000") is None


def test_the_sweep_takes_what_was_left_half_written(kept: Kept) -> None:
    drawn, _files, sha256 = kept
    drawn.put(sha256, uuid4(), "1-1000", CONTENT, most_bytes=MOST)
    for name, age in (("old", 7200), ("young", 0)):
        (drawn.root / "incoming" / name).write_bytes(b"half")
        moment = time.time() - age
        os.utime(drawn.root / "incoming" / name, (moment, moment))
    drawn.sweep()
    assert pictures(drawn) == ["1-1000", "young"]


@pytest.mark.parametrize(
    ("sha256", "name"), [("../" + "a" * 61, "1-1000"), ("a" * 64, "../1"), ("a" * 64, "")]
)
def test_names_lead_nowhere_else(kept: Kept, sha256: str, name: str) -> None:
    with pytest.raises(ValueError, match="not a"):
        kept[0].get(sha256, UUID(int=1), name)
