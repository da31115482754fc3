"""Gold questions in the database: questions with known answers, kept in named sets.

A question tells of its documents, so it is there only for those who manage all of them (row-level
security decides); one without documents is there for every curator.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NewType
from uuid import UUID

from psycopg.errors import CheckViolation

from govbot import audit
from govbot.db.access import Actor
from govbot.db.pool import Connection
from govbot.documents.rights import MANAGED, account_of
from govbot.errors import Conflict, Denied, Invalid, NotFound
from govbot.eval.questions import Question
from govbot.ids import DocumentId, UserId, new_id

GoldId = NewType("GoldId", UUID)
GoldSetId = NewType("GoldSetId", UUID)

MAX_QUESTION = 4000  # characters
MAX_ANSWERS = 20

_GOLD = """
    SELECT g.id, g.set_id, s.name AS set_name, g.label, g.question, g.answers, g.document_keys,
           g.files, g.pages, g.tags, g.created_by, g.created_at, g.updated_at,
           (SELECT coalesce(jsonb_agg(jsonb_build_object(
                       'id', d.id, 'title', d.title, 'filename', d.filename) ORDER BY d.key), '[]')
            FROM documents d WHERE d.key = ANY (g.document_keys)) AS documents
    FROM gold_questions g
    JOIN gold_sets s ON s.id = g.set_id
"""


@dataclass(frozen=True, slots=True)
class GoldSet:
    """A named set; `questions` counts those that the reader sees."""

    id: GoldSetId
    name: str
    questions: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class GoldDocument:
    """A document in which the answer stands."""

    id: DocumentId
    title: str
    filename: str


@dataclass(frozen=True, slots=True)
class Gold:
    """One gold question. No `answers`: refusing is right; no `pages`: any page will do.

    `files` are names of files that no document managed by the author bore when it was written.
    """

    id: GoldId
    set_id: GoldSetId
    set_name: str
    label: str
    question: str
    answers: tuple[str, ...]
    documents: tuple[GoldDocument, ...]
    document_keys: tuple[int, ...]
    files: tuple[str, ...]
    pages: tuple[int, ...]
    tags: tuple[str, ...]
    created_by: UserId | None
    created_at: datetime
    updated_at: datetime

    def as_question(self) -> Question:
        """What the evaluation asks."""
        return Question(
            id=self.label or str(self.id),
            text=self.question,
            answers=self.answers,
            documents=self.files,
            pages=self.pages,
            keys=self.document_keys,
            tags=self.tags,
            gold_id=self.id,
        )


async def add(
    conn: Connection,
    actor: Actor,
    *,
    set_name: str,
    question: str,
    answers: Sequence[str],
    document_ids: Sequence[DocumentId] = (),
    pages: Sequence[int] = (),
    tags: Sequence[str] = (),
) -> GoldId:
    """A new question, in a set that is made when it is not there yet; audited without its text.

    Raises Invalid, NotFound for a document that the actor does not see, Denied for one that they
    do not manage, Conflict E-GOLD-TWICE when the set has the question already.
    """
    set_id = await set_named(conn, actor, set_name)
    text = checked_question(question)
    await _refuse_twin(conn, set_id, text)
    keys = await _keys_of(conn, document_ids)
    gold_id = await insert(
        conn,
        actor,
        set_id,
        Question("", text, tuple(answers), pages=tuple(pages), keys=tuple(keys), tags=tuple(tags)),
    )
    await audit.record(
        conn,
        actor=actor,
        action="gold.added",
        resource=f"gold:{gold_id}",
        details={"set": set_name, "documents": [str(each) for each in document_ids]},
    )
    return gold_id


async def insert(conn: Connection, actor: Actor, set_id: GoldSetId, question: Question) -> GoldId:
    """The row of a question, not audited: for `add` and the import. Raises Invalid, Denied."""
    gold_id = GoldId(new_id())
    try:
        await conn.execute(
            """
            INSERT INTO gold_questions (id, set_id, label, question, answers, document_keys, files,
                                        pages, tags, created_by)
            VALUES (%(id)s, %(set_id)s, %(label)s, %(question)s, %(answers)s, %(keys)s, %(files)s,
                    %(pages)s, %(tags)s, %(user)s)
            """,
            _values(question)
            | {
                "id": gold_id,
                "set_id": set_id,
                "label": question.id[:200],
                "files": sorted(set(question.documents)),
                "user": account_of(actor),
            },
        )
    except CheckViolation as error:
        raise Invalid("Pages are numbers from 1.", code="E-GOLD") from error
    return gold_id


async def change(
    conn: Connection,
    actor: Actor,
    gold_id: GoldId,
    *,
    question: str,
    answers: Sequence[str],
    document_ids: Sequence[DocumentId] | None = None,
    pages: Sequence[int] = (),
    tags: Sequence[str] = (),
) -> None:
    """Everything of a question but its set; `document_ids` None leaves its documents and files.

    Raises NotFound, Invalid, Denied.
    """
    before = await get(conn, gold_id)
    keys = before.document_keys if document_ids is None else await _keys_of(conn, document_ids)
    files = before.files if document_ids is None else ()
    changed = Question(
        "",
        checked_question(question),
        tuple(answers),
        pages=tuple(pages),
        keys=tuple(keys),
        tags=tuple(tags),
    )
    try:
        await conn.execute(
            """
            UPDATE gold_questions
            SET question = %(question)s, answers = %(answers)s, document_keys = %(keys)s,
                files = %(files)s, pages = %(pages)s, tags = %(tags)s, updated_at = now()
            WHERE id = %(id)s
            """,
            _values(changed) | {"id": gold_id, "files": list(files)},
        )
    except CheckViolation as error:
        raise Invalid("Pages are numbers from 1.", code="E-GOLD") from error
    await audit.record(
        conn,
        actor=actor,
        action="gold.changed",
        resource=f"gold:{gold_id}",
        details={"set": before.set_name},
    )


async def remove(conn: Connection, actor: Actor, gold_id: GoldId) -> None:
    """Deletes a question; raises NotFound."""
    gold = await get(conn, gold_id)
    await conn.execute("DELETE FROM gold_questions WHERE id = %(id)s", {"id": gold_id})
    await audit.record(
        conn,
        actor=actor,
        action="gold.removed",
        resource=f"gold:{gold_id}",
        details={"set": gold.set_name},
    )


async def get(conn: Connection, gold_id: GoldId) -> Gold:
    """One question; raises NotFound when it is not there for the actor."""
    cursor = await conn.execute(_GOLD + " WHERE g.id = %(id)s", {"id": gold_id})
    row = await cursor.fetchone()
    if row is None:
        raise NotFound
    return _gold(row)


async def questions(
    conn: Connection,
    set_id: GoldSetId,
    *,
    words: str = "",
    limit: int | None = None,
    offset: int = 0,
) -> list[Gold]:
    """The questions of a set that the actor sees, in the order of their making."""
    cursor = await conn.execute(
        _GOLD
        + """
        WHERE g.set_id = %(set_id)s
          AND (%(words)s = '' OR position(lower(%(words)s) IN lower(g.question)) > 0
               OR %(words)s = ANY (g.tags))
        ORDER BY g.id
        LIMIT %(limit)s OFFSET %(offset)s
        """,
        {"set_id": set_id, "words": words.strip(), "limit": limit, "offset": offset},
    )
    return [_gold(row) for row in await cursor.fetchall()]


async def sets(conn: Connection) -> list[GoldSet]:
    """All sets, by name, with the number of questions that the actor sees."""
    cursor = await conn.execute(
        """
        SELECT s.id, s.name, s.created_at,
               (SELECT count(*) FROM gold_questions g WHERE g.set_id = s.id) AS questions
        FROM gold_sets s ORDER BY lower(s.name)
        """
    )
    return [GoldSet(**row) for row in await cursor.fetchall()]


async def get_set(conn: Connection, set_id: GoldSetId) -> GoldSet:
    """One set; raises NotFound."""
    found = [each for each in await sets(conn) if each.id == set_id]
    if not found:
        raise NotFound
    return found[0]


async def find_set(conn: Connection, name: str) -> GoldSet | None:
    """The set with this name, if there is one."""
    wanted = " ".join(name.split())
    return next((each for each in await sets(conn) if each.name == wanted), None)


async def set_named(conn: Connection, actor: Actor, name: str) -> GoldSetId:
    """The set with this name, made when it is not there, audited. Raises Invalid, Denied."""
    name = " ".join(name.split())
    try:
        cursor = await conn.execute(
            """
            INSERT INTO gold_sets (id, name, created_by) VALUES (%(id)s, %(name)s, %(user)s)
            ON CONFLICT (name) DO NOTHING
            """,
            {"id": new_id(), "name": name, "user": account_of(actor)},
        )
    except CheckViolation as error:
        raise Invalid("A set's name has from 1 to 80 characters.", code="E-GOLD") from error
    found = await find_set(conn, name)
    if found is None:
        raise NotFound
    if cursor.rowcount:
        await audit.record(
            conn,
            actor=actor,
            action="gold.set-created",
            resource=f"gold-set:{found.id}",
            details={"set": name},
        )
    return found.id


async def delete_set(conn: Connection, actor: Actor, set_id: GoldSetId) -> None:
    """Deletes a set with all its questions; runs keep their figures. Raises NotFound, Denied."""
    found = await get_set(conn, set_id)
    cursor = await conn.execute("DELETE FROM gold_sets WHERE id = %(id)s", {"id": set_id})
    if cursor.rowcount == 0:
        raise Denied("Only administrators delete a set: it may hold questions of others.")
    await audit.record(
        conn,
        actor=actor,
        action="gold.set-deleted",
        resource=f"gold-set:{set_id}",
        details={"set": found.name, "questions": found.questions},
    )


async def documents_named(conn: Connection, names: Sequence[str]) -> dict[str, list[DocumentId]]:
    """The documents that the actor manages and that bear each of these file names."""
    cursor = await conn.execute(
        f"""
        SELECT d.filename, array_agg(d.id ORDER BY d.key) AS ids FROM documents d
        WHERE d.filename = ANY (%(names)s) AND d.trashed_at IS NULL AND {MANAGED}
        GROUP BY d.filename
        """,  # noqa: S608 - a constant
        {"names": list(names)},
    )
    return {row["filename"]: list(row["ids"]) for row in await cursor.fetchall()}


def checked_question(text: str) -> str:
    """The text without surrounding space; raises Invalid when it is empty or too long."""
    text = " ".join(text.replace("\x00", "").split())
    if not 1 <= len(text) <= MAX_QUESTION:
        raise Invalid(
            "A question has from 1 to %(maximum)s characters.", code="E-GOLD", maximum=MAX_QUESTION
        )
    return text


def _values(question: Question) -> dict[str, Any]:
    answers = [" ".join(each.split()) for each in question.answers if each.strip()]
    if len(answers) > MAX_ANSWERS:
        raise Invalid(
            "A question has at most %(maximum)s answers.", code="E-GOLD", maximum=MAX_ANSWERS
        )
    return {
        "question": checked_question(question.text),
        "answers": answers,
        "keys": sorted(set(question.keys)),
        "pages": sorted(set(question.pages)),
        "tags": sorted({tag.strip()[:60] for tag in question.tags if tag.strip()}),
    }


async def _refuse_twin(conn: Connection, set_id: GoldSetId, question: str) -> None:
    """Among the questions that the actor sees: others must not be learned of in this way."""
    cursor = await conn.execute(
        """
        SELECT g.id FROM gold_questions g
        WHERE g.set_id = %(set_id)s AND lower(g.question) = lower(%(question)s)
        LIMIT 1
        """,
        {"set_id": set_id, "question": question},
    )
    if await cursor.fetchone() is not None:
        raise Conflict("The set has this question already.", code="E-GOLD-TWICE")


async def _keys_of(conn: Connection, document_ids: Sequence[DocumentId]) -> list[int]:
    wanted = set(document_ids)
    cursor = await conn.execute(
        f"SELECT d.key, {MANAGED} AS managed FROM documents d"  # noqa: S608 - a constant
        " WHERE d.id = ANY (%(ids)s::uuid[])",
        {"ids": list(wanted)},
    )
    rows = await cursor.fetchall()
    if len(rows) < len(wanted):
        raise NotFound
    if not all(row["managed"] for row in rows):
        raise Denied("This is for those who manage the document.")
    return [int(row["key"]) for row in rows]


def _gold(row: dict[str, Any]) -> Gold:
    documents = tuple(
        GoldDocument(DocumentId(UUID(each["id"])), each["title"], each["filename"])
        for each in row["documents"]
    )
    lists = {
        name: tuple(row[name]) for name in ("answers", "document_keys", "files", "pages", "tags")
    }
    return Gold(**{**row, **lists, "documents": documents})
