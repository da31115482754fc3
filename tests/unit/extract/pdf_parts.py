"""Puts PDFs together from raw objects, right or wrong."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence

TEXT = b"BT /F1 12 Tf 72 700 Td (Art. 1o Fica criado o cadastro de fornecedores.) Tj ET"


def stream(content: bytes, entries: bytes = b"") -> bytes:
    return b"<</Length %d%s>>stream\n%s\nendstream" % (len(content), entries, content)


def assembled(objects: Sequence[bytes]) -> bytes:
    """A file whose objects are numbered from 1; the first one is the catalogue."""
    data = bytearray(b"%PDF-1.7\n")
    places = []
    for number, body in enumerate(objects, start=1):
        places.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(data)
    data += b"xref\n0 %d\n0000000000 65535 f \n" % (len(places) + 1)
    data += b"".join(b"%010d 00000 n \n" % place for place in places)
    data += b"trailer\n<</Size %d/Root 1 0 R>>\n" % (len(places) + 1)
    return bytes(data) + b"startxref\n%d\n%%%%EOF\n" % start


def assembled_with_stream(objects: Sequence[bytes], compressed: Mapping[int, int]) -> bytes:
    """Like `assembled`, with a stream of cross references.

    `compressed` maps the numbers of objects to the number of the object stream that they open.
    """
    data = bytearray(b"%PDF-1.7\n")
    rows = [b"\x00" + bytes(6)]
    for number, body in enumerate(objects, start=1):
        if number in compressed:
            rows.append(b"\x02" + compressed[number].to_bytes(4, "big") + bytes(2))
            continue
        rows.append(b"\x01" + len(data).to_bytes(4, "big") + bytes(2))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start, number = len(data), len(objects) + 1
    rows.append(b"\x01" + start.to_bytes(4, "big") + bytes(2))
    entries = b"/Type/XRef/W[1 4 2]/Root 1 0 R/Size %d" % (number + 1)
    data += b"%d 0 obj\n%s\nendobj\n" % (number, stream(b"".join(rows), entries))
    return bytes(data) + b"startxref\n%d\n%%%%EOF\n" % start


def bomb(filling: bytes, megabytes: int, first: bytes = b"") -> bytes:
    """A zlib stream of so many MiB in a thousandth of their size, made without writing them."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    head = packer.compress(first) + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(filling * (1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return b"\x78\xda" + head + block * megabytes + packer.flush() + bytes(4)
