"""What a dossier holds: questions, answers and sources as far as the exporting person may read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from govbot.chat.cited import Citation
from govbot.chat.store import Connection, Message, Turn
from govbot.errors import Conflict, NotFound
from govbot.ids import MessageId, VersionId

MOST: Final = 300  # questions of one dossier; the first ones


@dataclass(frozen=True, slots=True)
class Source:
    """A citation, and the SHA-256 of the original file that it was read from."""

    citation: Citation
    sha256: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A question with its answer; `nearest` are documents that came near where none answered."""

    question: Message
    answer: Message
    sources: Sequence[Source]
    nearest: Sequence[Source]


@dataclass(frozen=True, slots=True)
class Dossier:
    """`left_out` counts questions whose answers are out of the exporting person's reach, and
    `cut` those beyond MOST. `shared_by` is empty for one's own conversation."""

    title: str
    organisation: str
    exported_by: str
    exported_at: datetime
    program: str
    entries: Sequence[Entry]
    left_out: int = 0
    cut: int = 0
    shared_by: str = ""


async def entries_of(conn: Connection, turns: Sequence[Turn]) -> tuple[list[Entry], int]:
    """The finished turns with their newest answer, and how many are hidden from this reader.

    Runs in the transaction that read `turns`, so that hashes come under the same rights.
    """
    kept = [turn for turn in turns if not turn.answers[-1].hidden]
    shown = [turn for turn in kept if turn.answers[-1].state != "running"]
    hashes = await _hashes(conn, shown)
    entries = [
        Entry(
            turn.question,
            turn.answers[-1],
            [Source(each, hashes.get(each.version_id, "")) for each in turn.answers[-1].citations],
            [Source(each, hashes.get(each.version_id, "")) for each in turn.answers[-1].nearest],
        )
        for turn in shown
    ]
    return entries, len(turns) - len(kept)


def only(turns: Sequence[Turn], answer_id: MessageId) -> list[Turn]:
    """The turn of one answer with that answer alone; NotFound when it is not among them, Conflict
    while it is being written."""
    for turn in turns:
        for answer in turn.answers:
            if answer.id == answer_id and not answer.hidden:
                if answer.state == "running":
                    raise Conflict("Wait until the answer is finished.", code="E-EXPORT")
                return [Turn(turn.question, [answer])]
    raise NotFound


async def _hashes(conn: Connection, turns: Sequence[Turn]) -> dict[VersionId, str]:
    wanted = {each.version_id for each in _citations(turns)}
    cursor = await conn.execute(
        "SELECT v.id, v.sha256 FROM document_versions v WHERE v.id = ANY (%(ids)s)",
        {"ids": list(wanted)},
    )
    return {VersionId(row["id"]): row["sha256"] for row in await cursor.fetchall()}


def _citations(turns: Sequence[Turn]) -> Iterator[Citation]:
    for turn in turns:
        yield from turn.answers[-1].citations
        yield from turn.answers[-1].nearest
