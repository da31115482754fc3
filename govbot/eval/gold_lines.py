"""Gold sets as lines of JSON, in and out; the same lines that `govbot eval run FILE` takes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from govbot import audit
from govbot.db.access import Actor
from govbot.db.pool import Connection
from govbot.documents.rights import MANAGED
from govbot.eval import gold
from govbot.eval.questions import Question, parse_questions


@dataclass(frozen=True, slots=True)
class Imported:
    """How many questions came in, were there already, and name files that no document bears."""

    added: int
    known: int
    unresolved: int


async def import_lines(
    conn: Connection, actor: Actor, set_name: str, lines: Iterable[str], *, origin: str = "line"
) -> Imported:
    """Adds the questions of these lines to a set; those it has already (same words) are left out.

    File names become documents where the actor manages documents of these names; else the names
    stay and the question is its author's and the administrators'. Raises Invalid naming a line.
    """
    asked = parse_questions(lines, origin)
    set_id = await gold.set_named(conn, actor, set_name)
    known = {each.question.casefold() for each in await gold.questions(conn, set_id)}
    keys = await _keys(conn, sorted({name for each in asked for name in each.documents}))
    added = unresolved = 0
    for question in asked:
        text = gold.checked_question(question.text)
        if text.casefold() in known:
            continue
        known.add(text.casefold())
        resolved = _resolved(replace(question, text=text), keys)
        await gold.insert(conn, actor, set_id, resolved)
        added += 1
        unresolved += bool(resolved.documents)
    await audit.record(
        conn,
        actor=actor,
        action="gold.imported",
        resource=f"gold-set:{set_id}",
        details={"set": set_name, "questions": added},
    )
    return Imported(added, len(asked) - added, unresolved)


def export_lines(questions: Sequence[gold.Gold]) -> list[str]:
    """One line of JSON for each question, documents by their file names."""
    return [json.dumps(_row(each), ensure_ascii=False) for each in questions]


def _row(each: gold.Gold) -> dict[str, object]:
    names = list(dict.fromkeys([*(d.filename for d in each.documents), *each.files]))
    return {
        "id": each.label or str(each.id),
        "question": each.question,
        "answers": list(each.answers),
        "doc": "|".join(names),
        "pages_all": list(each.pages),
        "tags": list(each.tags),
    }


def _resolved(question: Question, keys: dict[str, list[int]]) -> Question:
    if not question.documents or any(name not in keys for name in question.documents):
        return question
    found = [key for name in question.documents for key in keys[name]]
    return replace(question, documents=(), keys=tuple(found))


async def _keys(conn: Connection, names: list[str]) -> dict[str, list[int]]:
    """The managed documents that bear each of these names."""
    cursor = await conn.execute(
        f"""
        SELECT d.filename, array_agg(d.key ORDER BY d.key) AS keys FROM documents d
        WHERE d.filename = ANY (%(names)s) AND d.trashed_at IS NULL AND {MANAGED}
        GROUP BY d.filename
        """,  # noqa: S608 - a constant
        {"names": names},
    )
    return {row["filename"]: list(row["keys"]) for row in await cursor.fetchall()}
