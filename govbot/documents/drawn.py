"""Pictures of pages on disk, so that a page is drawn once: a cache that may be deleted any time.

They lie by content and version: what somebody looked at in one document says nothing to the readers
of another one that happens to have the same content. Nothing here knows who may see a page: the row
of the version decides that, before this is asked.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final
from uuid import UUID

log = logging.getLogger(__name__)

_NAME: Final = re.compile(r"[a-z0-9-]{1,40}")
_KEPT: Final = 0.9  # of the limit, once it is passed: not every new picture makes room
_UNFINISHED_S: Final = 3600.0


class DrawnPages:
    """The pictures under one folder. Safe for several threads, and for processes that remove.

    `original` tells where a content lies: pictures of one that is gone are not kept. All methods
    touch the disk: call them in a thread.
    """

    def __init__(self, root: Path, original: Callable[[str], Path]) -> None:
        self.root = root
        self._incoming = root / "incoming"
        self._original = original
        self._lock = threading.Lock()
        self._size: int | None = None  # bytes; None until it was counted

    def get(self, sha256: str, version_id: UUID, name: str) -> bytes | None:
        """What was kept under this name, or None; being asked for keeps it longer."""
        path = self._path(sha256, version_id, name)
        try:
            content = path.read_bytes()
            os.utime(path)
        except OSError:
            return None
        return content

    def put(
        self, sha256: str, version_id: UUID, name: str, content: bytes, *, most_bytes: int
    ) -> None:
        """Keeps `content`, whole or not at all; the oldest go while all are above `most_bytes`.

        Nothing is kept when the disk refuses, or when the original was deleted meanwhile.
        """
        if len(content) > most_bytes:
            return
        path = self._path(sha256, version_id, name)
        try:
            self._write(path, content)
        except OSError as error:
            log.info(
                "A picture of a page is not kept",
                extra={"action": "picture.not_kept", "reason": error.strerror},
            )
            return
        # Whoever deletes the original does so before its pictures: one of the two sees the other.
        if not self._original(sha256).exists():
            self.forget(sha256)
        self._make_room(len(content), most_bytes)

    def forget(self, sha256: str) -> None:
        """Removes all pictures of a content."""
        shutil.rmtree(self._folder(sha256), ignore_errors=True)

    def forget_version(self, sha256: str, version_id: UUID) -> None:
        """Removes the pictures of a version."""
        shutil.rmtree(self._folder(sha256) / str(version_id), ignore_errors=True)
        with contextlib.suppress(OSError):
            self._folder(sha256).rmdir()

    def versions(self) -> Iterator[tuple[str, UUID]]:
        """Every content and version that pictures are kept of, in no order."""
        for folder in self.root.glob("[0-9a-f][0-9a-f]/*/*"):
            with contextlib.suppress(ValueError):
                yield folder.parent.name, UUID(folder.name)

    def sweep(self) -> None:
        """Removes what a killed process left half written."""
        before = time.time() - _UNFINISHED_S
        with contextlib.suppress(OSError):
            for entry in os.scandir(self._incoming):
                with contextlib.suppress(OSError):
                    if entry.stat().st_mtime < before:
                        os.unlink(entry.path)

    def _folder(self, sha256: str) -> Path:
        return self.root / sha256[:2] / self._original(sha256).name

    def _path(self, sha256: str, version_id: UUID, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise ValueError(f"not a name of a picture: {name!r}")
        return self._folder(sha256) / str(version_id) / name

    def _write(self, path: Path, content: bytes) -> None:
        self.root.mkdir(exist_ok=True, mode=0o700)
        self._incoming.mkdir(exist_ok=True, mode=0o700)
        handle, name = tempfile.mkstemp(dir=self._incoming)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            Path(name).replace(path)
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(name)
            raise

    def _make_room(self, added: int, most_bytes: int) -> None:
        with self._lock:
            if self._size is not None:
                self._size += added
                if self._size <= most_bytes:
                    return
            files = sorted(self._files())
            size = sum(length for _at, length, _path in files)
            if size > most_bytes:
                size = _remove_oldest(files, size, int(most_bytes * _KEPT))
            self._size = size

    def _files(self) -> Iterator[tuple[float, int, str]]:
        """Of each picture: when it was asked for last, its size, its path."""
        for folder in self.root.glob("[0-9a-f][0-9a-f]/*/*"):
            with contextlib.suppress(OSError):
                for entry in os.scandir(folder):
                    with contextlib.suppress(OSError):
                        found = entry.stat()
                        yield found.st_mtime, found.st_size, entry.path


def _remove_oldest(files: list[tuple[float, int, str]], size: int, until: int) -> int:
    for _at, length, path in files:
        if size <= until:
            break
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        size -= length
        for folder in Path(path).parents[:2]:  # of the version, then of the content, if now empty
            with contextlib.suppress(OSError):
                folder.rmdir()
    return size
