"""Pages on the wire: gzip for browsers that take it."""

from __future__ import annotations

import secrets
import zlib

SMALLEST = 1024  # bytes; below, packing saves nothing
PADDING = 100  # most bytes of random length
# Identification, deflate, a file name follows, no time, no hints, unknown system (RFC 1952).
_HEAD = b"\x1f\x8b\x08\x08\0\0\0\0\0\xff"


def packed(text: str, accepted: str) -> tuple[bytes, dict[str, str]]:
    """The bytes of a page and the headers that say how they are packed.

    The gzip header carries a file name of random length: what a page holds cannot be guessed from
    how well it is packed with something that a stranger put into its address (BREACH; "Heal the
    Breach", Palacios, Palacios and Ortega, 2022).
    """
    body = text.encode()
    headers = {"Vary": "Accept-Encoding, HX-Request"}
    if len(body) < SMALLEST or "gzip" not in accepted:
        return body, headers
    packer = zlib.compressobj(5, zlib.DEFLATED, -zlib.MAX_WBITS)
    deflated = packer.compress(body) + packer.flush()
    name = secrets.token_hex(PADDING)[: secrets.randbelow(PADDING)].encode() + b"\0"
    tail = zlib.crc32(body).to_bytes(4, "little") + (len(body) & 0xFFFFFFFF).to_bytes(4, "little")
    return _HEAD + name + deflated + tail, {**headers, "Content-Encoding": "gzip"}
