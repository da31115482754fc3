"""Random histories of watched folders: in the end database and folders are equal."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import os
import random
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from govbot.db.access import as_system
from govbot.db.pool import Connection, Pool
from govbot.ingest import look, mirror
from govbot.ingest.folder import is_temporary
from tests.ingestion import Cast, Parts, assert_consistent
from tests.watching import SETTLE, Watchers, with_folders

FOLDERS = ("x", "y", "z")
COLLECTIONS = {"x": "A", "y": "A", "z": "B"}
NAMES = ("a.txt", "b.txt", "d/a.txt", "d/e/b.txt", "c.txt.part")
DIRECTORIES = ("d", "d/e", "g")
TEXTS = tuple(f"Artigo {n}" for n in range(4))
KEPT = "fica.txt"  # no folder is ever empty: that would be a lost mount

_folder = st.sampled_from((*FOLDERS, "x", "x", "y"))
_place = st.tuples(_folder, st.sampled_from(NAMES))
_steps = st.one_of(
    st.tuples(st.just("write"), _place, st.sampled_from(TEXTS)),
    st.tuples(st.just("append"), _place, st.sampled_from(TEXTS)),
    st.tuples(st.just("rename"), _place, _place),
    st.tuples(st.just("rename directory"), st.tuples(_folder, st.sampled_from(DIRECTORIES)),
              st.tuples(_folder, st.sampled_from(DIRECTORIES))),
    st.tuples(st.just("swap"), _place, _place),
    st.tuples(st.just("copy"), _place, _place),
    st.tuples(st.just("delete"), _place, st.none()),
    st.tuples(st.just("touch"), _place, st.none()),
    st.tuples(st.just("link away"), _place, st.none()),
    st.tuples(st.just("look"), _folder, st.sampled_from((0.0, 1.0, SETTLE))),
    st.tuples(st.just("look"), _folder, st.sampled_from((0.0, 1.0, SETTLE))),
    st.tuples(st.just("killed"), _folder, st.integers(1, 25)),
    st.tuples(st.just("restart"), st.none(), st.none()),
    st.tuples(st.just("settle"), st.none(), st.none()),
    st.tuples(st.just("settle"), st.none(), st.none()),
    st.tuples(st.just("write"), _place, st.sampled_from(TEXTS)),
    st.tuples(st.just("copy"), _place, _place),
)  # fmt: skip


class Killed(BaseException):
    """The process ended here."""


class Disk:
    """The folders, changed as people and programs change them.

    Each write gets a time of its own: on a real clock nothing changes twice between two looks that
    are the settle time apart and stays the same to see.
    """

    def __init__(self, root: Path):
        self.root = root
        self._times = itertools.count(10**18, 10**9)
        self._secret = root / "secret.txt"
        for name in FOLDERS:
            (root / name).mkdir(parents=True)
            self.write((name, KEPT), f"fica {name}")
        self._secret.write_text("segredo")

    def at(self, place: tuple[str, str]) -> Path:
        return self.root / place[0] / place[1]

    def write(self, place: tuple[str, str], text: str) -> None:
        path = self.at(place)
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_symlink() or len(text) % 2:
            path.unlink(missing_ok=True)
        path.write_text(text)
        self._stamp(path)

    def append(self, place: tuple[str, str], text: str) -> None:
        path = self.at(place)
        if _is_file(path):
            self.write(place, path.read_text() + text)

    def rename(self, one: tuple[str, str], other: tuple[str, str]) -> None:
        if _is_file(self.at(one)):
            self.at(other).parent.mkdir(parents=True, exist_ok=True)
            self.at(one).replace(self.at(other))

    def rename_directory(self, one: tuple[str, str], other: tuple[str, str]) -> None:
        if self.at(one).is_dir() and not self.at(other).exists():
            self.at(other).parent.mkdir(parents=True, exist_ok=True)
            if not self.at(other).is_relative_to(self.at(one)):
                self.at(one).rename(self.at(other))

    def swap(self, one: tuple[str, str], other: tuple[str, str]) -> None:
        if one != other and _is_file(self.at(one)) and _is_file(self.at(other)):
            aside = self.root / "aside"
            self.at(one).rename(aside)
            self.at(other).rename(self.at(one))
            aside.rename(self.at(other))

    def copy(self, one: tuple[str, str], other: tuple[str, str]) -> None:
        if one != other and _is_file(self.at(one)):
            self.write(other, self.at(one).read_text())

    def delete(self, place: tuple[str, str], _: None = None) -> None:
        self.at(place).unlink(missing_ok=True)

    def touch(self, place: tuple[str, str], _: None = None) -> None:
        if _is_file(self.at(place)):
            self._stamp(self.at(place))

    def link_away(self, place: tuple[str, str], _: None = None) -> None:
        if _is_file(self.at(place)):
            self.at(place).unlink()
            self.at(place).symlink_to(self._secret)

    def _stamp(self, path: Path) -> None:
        moment = next(self._times)
        os.utime(path, ns=(moment, moment))

    def files(self) -> dict[tuple[str, str], str]:
        """What lies in the folders: the SHA-256 by folder and place."""
        return {
            (name, path.relative_to(self.root / name).as_posix()): _sha256(path)
            for name in FOLDERS
            for path in (self.root / name).rglob("*")
            if _is_file(path) and not is_temporary(path.name)
        }

    def contents(self) -> set[tuple[str, str]]:
        """Each content with the collection where it belongs."""
        return {(COLLECTIONS[name], sha256) for (name, _), sha256 in self.files().items()}

    def state(self) -> dict[str, tuple[int, int, int]]:
        """What a reader must not change."""
        return {
            str(path): (info.st_mode, info.st_mtime_ns, info.st_ctime_ns)
            for path in self.root.rglob("*")
            for info in [path.lstat()]
        }


class History:
    """Plays steps on the disk and in the service, and compares the two."""

    def __init__(self, parts: Parts, disk: Disk):
        self.parts = with_folders(
            parts, *({"path": str(disk.root / n), "collection": COLLECTIONS[n]} for n in FOLDERS)
        )
        self.disk = disk
        self.watchers = Watchers(self.parts)
        self.present = disk.contents()
        self.places: dict[tuple[str, str], set[tuple[str, str]]] = {}
        self.processed: Counter[tuple[str, str]] = Counter()

    async def play(self, steps: list[tuple[str, Any, Any]]) -> None:
        await self.watchers.start()
        for kind, one, other in [*steps, ("settle", None, None)]:
            match kind:
                case "look":
                    await self._look(one, other)
                case "killed":
                    with _dies_after(other):
                        try:
                            await self._look(one, SETTLE)
                        except Killed:
                            await self.watchers.start()
                case "restart":
                    await self.watchers.start()
                case "settle":
                    await self._settle()
                case _:
                    getattr(self.disk, kind.replace(" ", "_"))(one, other)
                    self._note_change()

    def _note_change(self) -> None:
        """A content is present as long as a file holds it.

        With one exception: when its place in one folder gets another content before the folder
        that it went to is looked at, the document follows the place and gets a new version.
        """
        files = self.disk.files()
        self.present &= self.disk.contents()
        for place, sha256 in files.items():
            self.places.setdefault((COLLECTIONS[place[0]], sha256), set()).add(place)
        for content in list(self.present):
            folders = {name for (name, _), sha256 in files.items() if sha256 == content[1]}
            for place in self.places[content]:
                if place in files and files[place] != content[1] and place[0] not in folders:
                    self.present.discard(content)

    async def _look(self, name: str, after: float) -> None:
        self.watchers.now += after
        await self.watchers.looks[FOLDERS.index(name)].compare(now=self.watchers.now)

    async def _settle(self) -> None:
        before = self.disk.state()
        await self.watchers.settle()
        assert self.disk.state() == before, "the source was touched"
        await self._compare()

    async def _compare(self) -> None:
        files = self.disk.files()
        async with as_system(self.parts.pool) as conn:
            rows = await _documents(conn)
            processed = await _processed(conn)
        live = [row for row in rows if row["trashed_at"] is None]
        held = [(row["collection"], row["sha256"]) for row in live]
        assert Counter(held) == Counter(self.disk.contents()), "each content once, nothing else"
        for row in live:
            place = (Path(row["folder"]).name, row["path"])
            assert files.get(place) == row["sha256"], f"{place} is not what it was"
            assert row["filename"] == place[1].rpartition("/")[2]
        taken = {(row["collection"], sha256) for row in rows for sha256 in row["contents"]}
        assert processed.keys() == taken, "the trash and old versions hold the rest"
        again = {key for key in self.present if self.processed[key] and
                 processed[key] != self.processed[key]}  # fmt: skip
        assert not again, "a content that never went away was processed again"
        self.processed, self.present, self.places = processed, self.disk.contents(), {}
        self._note_change()


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the pauses that leave room for questions."""
    monkeypatch.setattr(look, "REST_S", 0.0)


@settings(
    max_examples=int(os.environ.get("GOVBOT_TEST_HISTORIES", "20")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(steps=st.lists(_steps, min_size=20, max_size=50))
async def test_after_any_history_database_and_folders_are_equal(
    parts: Parts, cast: Cast, tmp_path: Path, hurry: None, steps: list[tuple[str, Any, Any]]
) -> None:
    await _clear(parts)
    shutil.rmtree(tmp_path / "disk", ignore_errors=True)
    await History(parts, Disk(tmp_path / "disk")).play(steps)


async def test_they_are_equal_after_changes_that_never_stop_while_looks_and_worker_run(
    parts: Parts, cast: Cast, tmp_path: Path, hurry: None
) -> None:
    history = History(parts, Disk(tmp_path / "disk"))
    disk, dice = history.disk, random.Random(7)
    places = [(folder, name) for folder in FOLDERS for name in NAMES]
    steps: list[Callable[..., None]] = [
        disk.rename, disk.swap, disk.copy, disk.delete, disk.touch,
    ]  # fmt: skip

    async def change() -> None:
        for _ in range(150):
            if dice.random() < 0.5:
                disk.write(dice.choice(places), dice.choice(TEXTS))
            else:
                step = dice.choice(steps)
                one = step in (disk.delete, disk.touch)
                step(dice.choice(places), *([] if one else [dice.choice(places)]))
            await asyncio.sleep(0.01)

    async def look_on(changing: asyncio.Task[None]) -> None:
        while not changing.done():
            await history.watchers.look(after=dice.choice((0.5, SETTLE)))
            await asyncio.sleep(0)

    async def work_on(changing: asyncio.Task[None]) -> None:
        while not changing.done():
            await history.parts.work()
            await asyncio.sleep(0.05)

    await history.watchers.start()
    async with asyncio.TaskGroup() as group:
        changing = group.create_task(change())
        group.create_task(look_on(changing))
        group.create_task(work_on(changing))
    history.present = set()
    await history.play([])
    await history.parts.work()
    await assert_consistent(history.parts)


@contextmanager
def _dies_after(transactions: int) -> Iterator[None]:
    """The process is killed before the transaction after this many."""
    left = itertools.count(transactions, -1)

    @asynccontextmanager
    async def dying(pool: Pool) -> AsyncIterator[Connection]:
        if next(left) <= 0:
            raise Killed
        async with as_system(pool) as conn:
            yield conn

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(look, "as_system", dying)
        patch.setattr(mirror, "as_system", dying)
        yield


async def _documents(conn: Connection) -> list[dict[str, Any]]:
    cursor = await conn.execute(
        """
        SELECT c.name AS collection, d.folder, d.path, d.filename, d.trashed_at,
               (array_agg(v.sha256 ORDER BY v.number DESC))[1] AS sha256,
               array_agg(v.sha256) AS contents
        FROM documents d
        JOIN collections c ON c.key = d.collection_key
        JOIN document_versions v ON v.document_id = d.id
        GROUP BY c.name, d.id
        """
    )
    return await cursor.fetchall()


async def _processed(conn: Connection) -> Counter[tuple[str, str]]:
    """How often each content of a collection was handed to the queue."""
    cursor = await conn.execute(
        """
        SELECT c.name, v.sha256 FROM document_versions v
        JOIN collections c ON c.key = v.collection_key
        UNION ALL
        SELECT c.name, (array_agg(v.sha256 ORDER BY v.number DESC))[1]
        FROM audit_log a
        JOIN documents d ON d.id::text = a.resource
        JOIN collections c ON c.key = d.collection_key
        JOIN document_versions v ON v.document_id = d.id
        WHERE a.action = 'document.restored'
        GROUP BY a.seq, c.name
        """
    )
    return Counter((row["name"], row["sha256"]) for row in await cursor.fetchall())


async def _clear(parts: Parts) -> None:
    async with as_system(parts.pool) as conn:
        await conn.execute("DELETE FROM watched_folders")
        await conn.execute("DELETE FROM documents")


def _is_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
