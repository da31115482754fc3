"""Entries as JSON lines: what exports, archives and receivers hold, and how it is read back."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from uuid import UUID

from govbot.audit.book import Entry, summary
from govbot.errors import Invalid


def to_line(entry: Entry) -> str:
    """One line, with its end."""
    return json.dumps(summary(entry), ensure_ascii=False, separators=(",", ":")) + "\n"


def from_line(line: str | bytes, place: str) -> Entry:
    """The entry of a line. Raises Invalid, naming the place, where it is none."""
    try:
        found = json.loads(line)
        return Entry(
            int(found["seq"]),
            datetime.fromisoformat(found["at"]),
            UUID(found["actor_id"]) if found["actor_id"] else None,
            str(found["actor"]),
            str(found["action"]),
            str(found["resource"]),
            str(found["details"]),
            str(found["ip"]),
            bytes.fromhex(found["prev_hash"]),
            bytes.fromhex(found["hash"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise Invalid(
            "%(place)s: this is no line of an exported audit log.",
            code="E-AUDIT-LINE",
            place=place,
        ) from error


def read_file(file: Path) -> Iterator[Entry]:
    """The entries of a file by number, whatever its order; each number and hash once.

    A compressed file must be in order. Files larger than memory are read.
    """
    if file.suffix == ".gz":
        with gzip.open(file, "rb") as packed:
            yield from _unique(_parsed(packed, file))
        return
    places = sorted(_places(file))
    with file.open("rb") as stream:

        def lines() -> Iterator[Entry]:
            for _seq, offset in places:
                stream.seek(offset)
                yield from_line(stream.readline(), str(file))

        yield from _unique(lines())


def _places(file: Path) -> Iterator[tuple[int, int]]:
    """The number and the offset of each line."""
    with file.open("rb") as stream:
        offset = 0
        for line in stream:
            if line.strip():
                yield from_line(line, str(file)).seq, offset
            offset += len(line)


def _parsed(stream: Iterable[bytes], file: Path) -> Iterator[Entry]:
    for number, line in enumerate(stream, 1):
        if line.strip():
            yield from_line(line, f"{file}:{number}")


def _unique(found: Iterator[Entry]) -> Iterator[Entry]:
    """Receivers get entries at least once."""
    last: tuple[int, bytes] | None = None
    for entry in found:
        if (entry.seq, entry.hash) != last:
            yield entry
        last = (entry.seq, entry.hash)
