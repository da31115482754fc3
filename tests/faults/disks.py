"""Disks of their own for faults: real ext4 file systems in a file. Only root may mount them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

SIZE_GB = 3  # doctor wants 2 GB free; the file is sparse
LEFT_BYTES = 256 * 1024
TRIES = 50


class Disk:
    """A mounted file system. `place` is where."""

    def __init__(self, image: Path, place: Path) -> None:
        self.image, self.place = image, place
        self._ballast = place / "ballast"

    def mount(self) -> None:
        options = "loop,errors=remount-ro"
        _run("mount", "-t", "ext4", "-o", options, str(self.image), str(self.place))

    def unmount(self) -> None:
        _run("umount", str(self.place))

    def repair(self) -> None:
        """As a boot does it. 1 and 2: errors were corrected."""
        done = subprocess.run(
            ["fsck.ext4", "-p", "-f", str(self.image)], capture_output=True, check=False
        )
        assert done.returncode in (0, 1, 2), done.stdout

    def fill(self, left: int = LEFT_BYTES) -> None:
        """Leaves room for so many bytes. What others write meanwhile counts too."""
        for _ in range(TRIES):
            free = os.statvfs(self.place)
            size = free.f_bavail * free.f_frsize - left
            if size <= 0:
                return
            with self._ballast.open("ab") as file, suppress(OSError):  # others took the room
                os.posix_fallocate(file.fileno(), file.tell(), size)
        raise AssertionError("the disk does not fill up")

    def empty(self) -> None:
        """Frees what `fill` took."""
        self._ballast.unlink(missing_ok=True)

    def break_down(self) -> None:
        """The kernel finds an error and makes the file system read-only, with all that is open:
        https://docs.kernel.org/admin-guide/ext4.html (trigger_fs_error)."""
        listed = _run("losetup", "-j", str(self.image), "-O", "NAME", "-n").split()
        trigger = Path("/sys/fs/ext4") / Path(listed[0]).name / "trigger_fs_error"
        trigger.write_text("played by a test")


@contextmanager
def own_disk(folder: Path) -> Iterator[Disk]:
    """A new file system below `folder`. Skips where none can be mounted."""
    image, place = folder / "disk.img", folder / "disk"
    place.mkdir(parents=True)
    with image.open("wb") as file:
        file.truncate(SIZE_GB << 30)
    disk = Disk(image, place)
    try:
        _run("mkfs.ext4", "-q", "-m", "0", "-E", "lazy_itable_init=1", str(image))
        disk.mount()
    except (OSError, AssertionError) as error:
        pytest.skip(f"mounting a file system needs root and loop devices: {error}")
    place.chmod(0o755)
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(place)], capture_output=True, check=False)
        image.unlink(missing_ok=True)


def _run(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{words[0]}: {done.stderr.strip()}"
    return done.stdout
