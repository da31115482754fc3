"""Names of the streams in an OLE file (Word 97 and its time), read with few and small reads.

The full reader, olefile, is for the sandbox; this runs in the server, on files of strangers.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

SIGNATURE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_MAX_SECTORS = 256  # of the directory: 2 000 names, or 16 000 with large sectors
_END = 0xFFFFFFFA  # this and greater numbers are marks and no sectors


def stream_names(path: Path) -> set[str]:
    """Names of streams and storages in the directory; what can be read of it."""
    names: set[str] = set()
    with path.open("rb") as file:
        for sector in _directory(file):
            for start in range(0, len(sector) - 127, 128):
                entry = sector[start : start + 128]
                (length,) = struct.unpack_from("<H", entry, 64)
                if entry[66] in (1, 2, 5) and 2 <= length <= 64:
                    names.add(entry[: length - 2].decode("utf-16-le", "replace"))
    return names


def _directory(file: BinaryIO) -> Iterator[bytes]:
    """The sectors of the directory, in order; a loop in them ends the walk."""
    header = file.read(512)
    if len(header) < 512 or not header.startswith(SIGNATURE):
        return
    (shift,) = struct.unpack_from("<H", header, 30)
    size = 1 << shift if shift in (9, 12) else 512
    (number,) = struct.unpack_from("<I", header, 48)
    tables = struct.unpack_from("<109I", header, 76)
    seen: set[int] = set()
    while number < _END and number not in seen and len(seen) < _MAX_SECTORS:
        seen.add(number)
        sector = _at(file, (number + 1) * size, size)
        if not sector:
            return
        yield sector
        number = _next(file, tables, number, size)


def _next(file: BinaryIO, tables: tuple[int, ...], number: int, size: int) -> int:
    """The sector after `number`, from the allocation table; tables beyond the first 109 are for
    files of more than 7 MB, whose directory nearly always begins before that."""
    index, place = divmod(number, size // 4)
    if index >= len(tables) or tables[index] >= _END:
        return _END
    data = _at(file, (tables[index] + 1) * size + 4 * place, 4)
    return int(struct.unpack("<I", data)[0]) if len(data) == 4 else _END


def _at(file: BinaryIO, offset: int, size: int) -> bytes:
    file.seek(offset)
    return file.read(size)
