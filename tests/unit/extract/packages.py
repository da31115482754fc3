"""Office packages with some of their members changed."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

Change = Callable[[str, bytes], bytes | None]


def changed(path: Path, change: Change, name: str = "") -> Path:
    """A copy beside the file, each member as `change(name, data)` makes it; None leaves it out."""
    target = path.with_name(name or f"changed-{path.name}")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for member in old.namelist():
            data = change(member, old.read(member))
            if data is not None:
                new.writestr(member, data)
    return target


def replaced(path: Path, member: str, *pairs: tuple[bytes, bytes]) -> Path:
    """A copy with bytes of one member replaced; each must be there."""

    def change(name: str, data: bytes) -> bytes:
        if name == member:
            for old, new in pairs:
                assert old in data
                data = data.replace(old, new)
        return data

    return changed(path, change)
