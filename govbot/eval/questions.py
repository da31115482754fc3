"""Question sets: one JSON object per line, `{id, question, answers, doc, page?, tags?}`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from govbot.errors import Invalid


@dataclass(frozen=True, slots=True)
class Question:
    """A question with the answers that count as right and the place where they stand.

    No `answers`: the documents do not tell, and a refusal is right. `documents` are original file
    names and `keys` documents of the database, any of which will do; no `pages`: any page will do.
    `gold_id` is the row of a question of the database.
    """

    id: str
    text: str
    answers: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    pages: tuple[int, ...] = ()
    keys: tuple[int, ...] = ()
    tags: tuple[str, ...] = ()
    gold_id: UUID | None = None

    @property
    def answerable(self) -> bool:
        return bool(self.answers)

    @property
    def located(self) -> bool:
        """Whether it can be said where the answer stands."""
        return self.answerable and bool(self.documents or self.keys)


def read_questions(file: Path) -> list[Question]:
    """Reads a set; raises Invalid naming the line that is wrong."""
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid("%(file)s cannot be read.", file=file) from error
    return parse_questions(lines, str(file))


def parse_questions(lines: Iterable[str], origin: str) -> list[Question]:
    """The questions of these lines; `origin` is what messages call them. Raises Invalid."""
    questions = [
        _question(line, f"{origin}:{number}")
        for number, line in enumerate(lines, 1)
        if line.strip()
    ]
    if not questions:
        raise Invalid("%(file)s holds no question.", file=origin)
    return questions


def _question(line: str, place: str) -> Question:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise Invalid("%(place)s is not JSON.", place=place) from error
    if not isinstance(row, dict) or not str(row.get("question") or "").strip():
        raise Invalid('%(place)s has no "question".', place=place)
    pages = row.get("pages_all") or ([row["page"]] if row.get("page") is not None else [])
    if not isinstance(pages, list) or not all(type(page) is int for page in pages):
        raise Invalid('%(place)s: "page" must be a number.', place=place)
    return Question(
        id=str(row.get("id") or place.rpartition(":")[2]),
        text=str(row["question"]),
        answers=_texts(row, "answers", place),
        # "a.pdf|b.pdf": the answer stands in either.
        documents=tuple(name for name in str(row.get("doc") or "").split("|") if name),
        pages=tuple(pages),
        tags=_texts(row, "tags", place),
    )


def _texts(row: dict[str, Any], key: str, place: str) -> tuple[str, ...]:
    value = row.get(key) or []
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise Invalid('%(place)s: "%(key)s" must be a list of texts.', place=place, key=key)
    return tuple(value)
