"""OLE files ([MS-CFB]) made by hand: a header, one allocation table, a directory, the streams."""

from __future__ import annotations

import struct
from collections.abc import Mapping

_FREE, _END, _TABLE = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD


def ole_file(streams: Mapping[str, bytes]) -> bytes:
    """A version 3 file; each stream has at least 4096 bytes, so that no mini stream is needed."""
    entries = [_entry("Root Entry", 5, _END, 0, child=1 if streams else _FREE)]
    directory_sectors = (len(streams) + 1 + 3) // 4
    table = [_TABLE]
    table += [index + 2 for index in range(directory_sectors - 1)] + [_END]
    body = b""
    for number, (name, data) in enumerate(streams.items(), start=1):
        padded = data.ljust(max(4096, -(-len(data) // 512) * 512), b"\0")
        first = len(table)
        count = len(padded) // 512
        table += [first + index + 1 for index in range(count - 1)] + [_END]
        following = number + 1 if number < len(streams) else _FREE
        entries.append(_entry(name, 2, first, len(padded), right=following))
        body += padded
    entries += [_entry("", 0, 0, 0)] * (directory_sectors * 4 - len(entries))
    assert len(table) <= 128
    table += [_FREE] * (128 - len(table))
    header = struct.pack(
        "<8s16sHHHHH6xIIIIIIIII", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"", 0x3E, 3, 0xFFFE, 9, 6,
        0, 1, 1, 0, 4096, _END, 0, _END, 0,
    )  # fmt: skip
    tables = struct.pack("<109I", 0, *[_FREE] * 108)
    return header + tables + struct.pack("<128I", *table) + b"".join(entries) + body


def _entry(
    name: str, kind: int, start: int, size: int, *, child: int = _FREE, right: int = _FREE
) -> bytes:
    encoded = name.encode("utf-16-le")
    length = len(encoded) + 2 if name else 0
    return (
        encoded.ljust(64, b"\0")
        + struct.pack("<HBBIII", length, kind, 1, _FREE, right, child)
        + b"\0" * 36
        + struct.pack("<IQ", start, size)
    )
