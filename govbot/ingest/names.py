"""Names of files from outside, made safe to store, list and offer for download."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata

MAX_NAME = 255
MAX_PLACE = 1000
FALLBACK = "documento"
_SEPARATORS = re.compile(r"[/\\]+")
# Control characters, bidirectional and other invisible marks, halves of characters, private ones.
_INVISIBLE = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")


def clean_filename(name: str) -> str:
    """The last part of a name, NFC, without invisible characters; 1 to 255 characters."""
    parts = [part for part in _SEPARATORS.split(name) if part.strip(" .")]
    return _clean(parts[-1] if parts else "")


def clean_place(place: str) -> str:
    """A relative path with every part made safe, "/" between them; 1 to 1000 characters."""
    parts = [_clean(part) for part in _SEPARATORS.split(place) if part.strip(" .")]
    joined = "/".join(parts) or FALLBACK
    return joined if len(joined) <= MAX_PLACE else joined[-MAX_PLACE:].lstrip("/")


def unique_place(path: str) -> str:
    """A place for a file's relative path that no other path has, the path itself where it is clean.

    What cleaning would change (invisible marks, bytes that are no UTF-8, parts too long) ends in
    "~" and eight digits of the path's hash, so that two such files keep places of their own.
    """
    parts = [_clean(part) for part in _SEPARATORS.split(path) if part.strip(" .")]
    place = "/".join(parts)
    if place == path and len(place) <= MAX_PLACE:
        return place
    mark = "~" + hashlib.sha256(os.fsencode(path)).hexdigest()[:8]
    folder, slash, name = (place or FALLBACK)[: MAX_PLACE - len(mark)].rpartition("/")
    return clean_place(folder + slash + name[: MAX_NAME - len(mark)].rstrip(" .") + mark)


def _clean(part: str) -> str:
    if _is_clean(part):
        return part
    kept = "".join(
        " " if c in "\t\n\r" else c
        for c in part
        if c in "\t\n\r" or unicodedata.category(c) not in _INVISIBLE
    )
    name = " ".join(unicodedata.normalize("NFC", kept).split()).strip(" .")
    if len(name) <= MAX_NAME:
        return name or FALLBACK
    stem, dot, suffix = name.rpartition(".")
    if not dot or len(suffix) > 16:
        return name[:MAX_NAME]
    return stem[: MAX_NAME - len(suffix) - 1] + dot + suffix


def _is_clean(part: str) -> bool:
    """The quick answer for nearly all names."""
    return (
        part.isprintable()
        and 0 < len(part) <= MAX_NAME
        and "  " not in part
        and part == part.strip(" .")
        and unicodedata.is_normalized("NFC", part)
    )
