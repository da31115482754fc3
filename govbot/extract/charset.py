"""The character set of text that does not say it."""

from __future__ import annotations

import re

_BOMS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_PORTUGUESE = re.compile(r"[ãõçáéíóúâêôàÃÕÇÁÉÍÓÚÂÊÔÀº°ª§–—“”‘’]")
_SAMPLE = 200_000


def decode(data: bytes) -> tuple[str, str]:
    """The text and its character set: a byte order mark, UTF-16 without one, UTF-8, Windows-1252
    where its letters are Portuguese, else what charset-normalizer finds."""
    for bom, charset in _BOMS.items():
        if data.startswith(bom):
            return data.decode(charset, errors="replace"), charset.removesuffix("-sig")
    wide = wide_charset(data[:4096])
    if wide:
        return data.decode(wide, errors="replace"), wide
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        pass
    legacy = data.decode("cp1252", errors="replace")
    # Short Portuguese texts are often taken for Central European or Cyrillic: believe 1252 first
    # when it gives letters that Portuguese uses.
    strange = [char for char in legacy if char > "\x7f"]
    if len(_PORTUGUESE.findall(legacy)) >= 0.9 * len(strange):
        return legacy, "cp1252"
    from charset_normalizer import from_bytes

    best = from_bytes(data[:_SAMPLE]).best()
    charset = best.encoding if best else "latin-1"
    return data.decode(charset, errors="replace"), charset


def wide_charset(head: bytes) -> str:
    """The UTF-16 kind of a text, told by its mark or by where its zero bytes stand; else empty.

    Letters of Western languages have a zero in one of their two bytes, hardly ever in the other.
    """
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    pairs = len(head) // 2
    low, high = head[0 : 2 * pairs : 2].count(0), head[1 : 2 * pairs : 2].count(0)
    if pairs >= 4 and high > 0.7 * pairs and low <= 0.01 * pairs:
        return "utf-16-le"
    if pairs >= 4 and low > 0.7 * pairs and high <= 0.01 * pairs:
        return "utf-16-be"
    return ""
