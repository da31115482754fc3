"""Where an answer leads on to: subjects that stand beside the cited passages, and suggested
questions of the collections cited that speak of the same.

No model: headings are what the documents themselves offer. Everything is read under the rights of
the moment, so that nothing out of reach, nor what is not in force today, is ever suggested.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from govbot.chat.store import Message, Turn
from govbot.generate.stems import content_stems
from govbot.ids import ConversationId
from govbot.privacy import Kind, mask
from govbot.retrieval.scope import Scope, enter

Connection = AsyncConnection[DictRow]

MOST: Final = 3
NEAR: Final = 8  # passages to either side of a cited one
CITED: Final = 3  # citations looked around
LONGEST: Final = 90  # characters of a subject
_PART = re.compile(
    r"^(?:(?:livro|t[ií]tulo|cap[ií]tulo|se[cç][aã]o|subse[cç][aã]o|anexo|cl[aá]usula|item)\s+"
    r"(?:[ivxlcdm]+|\d+|[úu]nic[oa]|primeir[oa]|segund[oa]|terceir[oa])(?:-[a-z])?"
    r"|(?:art(?:igo)?s?\.?|§)\s*\d[\d.]*\s*[ºo°]?(?:-[a-z])?(?:\s*(?:a|e|,)\s*\d[\d.]*\s*[ºo°]?)*"
    r"|\d+(?:\.\d+)*\.?)\s*[-–—.:)]*\s*",
    re.IGNORECASE,
)
_NORM = re.compile(r"[^,]*\bn[ºo°.]*\s*\d[\d./]*(?=,)", re.IGNORECASE)
_OF = re.compile(r"^(?:d[aeo]s?|sobre)\s+(?=\S)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Further:
    """A question to go on with: `question` as a curator wrote it, or a `subject` of the document
    `title` for the page to ask about."""

    question: str = ""
    subject: str = ""
    title: str = ""


async def further(
    conn: Connection,
    conversation_id: ConversationId,
    turns: Sequence[Turn],
    *,
    organisation: str = "",
) -> list[Further]:
    """At most MOST for the last answer of a branch; none while it is written or without sources.

    The name of the organisation, which stands at the head of its documents, is no subject.
    """
    if not turns:
        return []
    answer = turns[-1].answers[-1]
    if answer.hidden or answer.refused or answer.state != "done" or not answer.citations:
        return []
    asked = [turn.question.content for turn in turns]
    found = await _suggested(conn, answer, asked)
    found += await _subjects(conn, conversation_id, answer, [*asked, organisation])
    return found[:MOST]


async def _suggested(conn: Connection, answer: Message, asked: Sequence[str]) -> list[Further]:
    """At most one question of the cited collections that shares most with the question asked."""
    cursor = await conn.execute(
        """
        SELECT DISTINCT s.question
        FROM suggested_questions s
        JOIN documents d ON d.collection_key = s.collection_key
        WHERE d.key = ANY (%(keys)s)
        ORDER BY s.question
        LIMIT 100
        """,
        {"keys": [citation.document_key for citation in answer.citations]},
    )
    before = {frozenset(content_stems(question)) for question in asked}
    last = set(content_stems(asked[-1]))
    shared = [
        (len(last & set(content_stems(row["question"]))), row["question"])
        for row in await cursor.fetchall()
        if frozenset(content_stems(row["question"])) not in before
    ]
    best = max(shared, default=(0, ""), key=lambda each: each[0])
    return [Further(question=best[1])] if best[0] else []


async def _subjects(
    conn: Connection, conversation_id: ConversationId, answer: Message, asked: Sequence[str]
) -> list[Further]:
    """Subjects of headings around the cited passages that were not spoken of yet."""
    await enter(conn, Scope(conversation=conversation_id))
    said = set(content_stems(" ".join([*asked, *(each.heading for each in answer.citations)])))
    found: list[Further] = []
    for citation in answer.citations[:CITED]:
        cursor = await conn.execute(
            """
            SELECT c.heading, govbot_masked_kinds(ARRAY[c.document_key]) AS masked
            FROM chunks c
            JOIN (
                SELECT o.ord
                FROM chunks o
                WHERE o.version_id = %(version)s
                  AND (o.page_from, o.start_offset) <= (%(page)s, %(start)s)
                ORDER BY o.ord DESC
                LIMIT 1
            ) h ON c.ord BETWEEN h.ord - %(near)s AND h.ord + %(near)s
            WHERE c.version_id = %(version)s AND c.heading <> ''
            ORDER BY abs(c.ord - h.ord), c.ord DESC
            """,
            {
                "version": citation.version_id,
                "page": citation.page_from,
                "start": citation.start,
                "near": NEAR,
            },
        )
        for row in await cursor.fetchall():
            heading = mask(row["heading"], frozenset(map(Kind, row["masked"])))
            for subject in named(heading.split(" › ")):
                stems = set(content_stems(subject))
                if stems and not stems <= said:
                    said |= stems
                    found.append(Further(subject=subject, title=short(citation.title)))
    return found


def named(parts: Iterable[str]) -> list[str]:
    """What the parts of a heading are about, the narrowest first, without their numbers; parts
    that are only a number, or whole sentences, give nothing."""
    subjects = []
    for part in reversed(list(parts)):
        subject = _OF.sub("", _PART.sub("", " ".join(part.split()))).strip(" .:;-–—")
        if 3 < len(subject) <= LONGEST and not subject.endswith((",", ";")) and "*" not in subject:
            subjects.append(_calm(subject))
    return subjects


def short(title: str) -> str:
    """A norm without its date: "LEI Nº 1.487, DE 9 DE NOVEMBRO DE 2023" is "Lei nº 1.487"."""
    norm = _NORM.match(title)
    return _calm(norm[0]) if norm else title


def _calm(text: str) -> str:
    """Small letters for what is written in capitals; º and ª count as small ones in Unicode."""
    shouted = " " in text and not any(each.islower() and each not in "ºª" for each in text)
    return text.capitalize() if shouted else text
