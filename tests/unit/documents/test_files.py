"""The file store: content addressed, whole or not at all, nothing left behind."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from govbot.documents.files import FileStore
from govbot.errors import BadDocument, NotFound, TooLarge, Unavailable

MB = 1_000_000


@pytest.fixture
def files(tmp_path: Path) -> FileStore:
    store = FileStore(tmp_path / "files")
    store.prepare()
    return store


async def blocks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def everything(files: FileStore) -> list[Path]:
    return sorted(p for p in files.root.rglob("*") if p.is_file())


async def test_a_stream_is_stored_under_its_sha256(files: FileStore) -> None:
    stored = await files.put(blocks(b"ola ", b"mundo"), max_bytes=MB)
    assert stored.sha256 == hashlib.sha256(b"ola mundo").hexdigest()
    assert stored.path == files.root / stored.sha256[:2] / stored.sha256[2:4] / stored.sha256
    assert stored.path.read_bytes() == b"ola mundo"
    assert stored.size == 9


async def test_a_file_and_a_stream_of_one_content_are_stored_once(
    files: FileStore, tmp_path: Path
) -> None:
    source = tmp_path / "a.txt"
    source.write_bytes(b"ola")
    first = await files.put(source, max_bytes=MB)
    inode = first.path.stat().st_ino
    second = await files.put(blocks(b"ola"), max_bytes=MB)
    assert second == first
    assert second.path.stat().st_ino == inode
    assert everything(files) == [first.path]


async def test_a_stored_file_is_read_only(files: FileStore) -> None:
    stored = await files.put(blocks(b"ola"), max_bytes=MB)
    assert stat.S_IMODE(stored.path.stat().st_mode) == 0o400


async def test_the_source_file_stays_where_it_is(files: FileStore, tmp_path: Path) -> None:
    source = tmp_path / "a.txt"
    source.write_bytes(b"ola")
    await files.put(source, max_bytes=MB)
    assert source.read_bytes() == b"ola"


@pytest.mark.parametrize("size", [10, 11])
async def test_the_limit_is_the_last_size_that_fits(files: FileStore, size: int) -> None:
    if size == 10:
        assert (await files.put(blocks(b"x" * 10), max_bytes=10)).size == 10
        return
    with pytest.raises(TooLarge) as caught:
        await files.put(blocks(b"x" * 6, b"x" * 5), max_bytes=10)
    assert caught.value.error_code == "E-TAMANHO"
    assert everything(files) == []


async def test_a_sparse_file_of_gigabytes_is_refused_without_being_read(
    files: FileStore, tmp_path: Path
) -> None:
    path = tmp_path / "vazio.pdf"
    with path.open("wb") as file:
        file.truncate(20 << 30)
    with pytest.raises(TooLarge) as caught:
        await asyncio.wait_for(files.put(path, max_bytes=200_000_000), 5)
    assert caught.value.error_code == "E-TAMANHO"
    assert not any((files.root / "incoming").iterdir())


async def test_an_empty_file_is_refused(files: FileStore) -> None:
    with pytest.raises(BadDocument) as caught:
        await files.put(blocks(), max_bytes=MB)
    assert caught.value.error_code == "E-VAZIO"
    assert everything(files) == []


async def test_a_stream_that_breaks_leaves_nothing(files: FileStore) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"half"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await files.put(broken(), max_bytes=MB)
    assert everything(files) == []


async def test_a_file_that_is_not_there_is_not_found(files: FileStore, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        await files.put(tmp_path / "nada.txt", max_bytes=MB)


async def test_a_full_disk_is_a_sentence_for_the_operator(
    files: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Unavailable, match="is full") as caught:
        await files.put(blocks(b"ola"), max_bytes=MB)
    assert caught.value.error_code == "E-DISK-FULL"
    monkeypatch.undo()
    assert everything(files) == []


async def test_what_a_killed_process_left_is_removed_at_start(files: FileStore) -> None:
    kept = await files.put(blocks(b"ola"), max_bytes=MB)
    (files.root / "incoming" / "tmpabc").write_bytes(b"half")
    FileStore(files.root).prepare()
    assert everything(files) == [kept.path]


async def test_what_another_process_is_writing_is_left_alone(files: FileStore) -> None:
    async def slow() -> AsyncIterator[bytes]:
        yield b"first"
        FileStore(files.root).prepare()  # another process starts in the middle of the upload
        yield b"second"

    stored = await files.put(slow(), max_bytes=MB)
    assert stored.path.read_bytes() == b"firstsecond"


async def test_a_removed_content_can_be_stored_again(files: FileStore) -> None:
    stored = await files.put(blocks(b"ola"), max_bytes=MB)
    files.remove(stored.sha256)
    files.remove(stored.sha256)
    assert everything(files) == []
    assert (await files.put(blocks(b"ola"), max_bytes=MB)).path.exists()


@pytest.mark.parametrize("name", ["../../etc/passwd", "ab", "A" * 64, ""])
def test_a_path_is_made_of_a_sha256_only(files: FileStore, name: str) -> None:
    with pytest.raises(ValueError, match="SHA-256"):
        files.path_of(name)
