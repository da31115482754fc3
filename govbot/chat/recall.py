"""Search in one's own conversations: stems of questions and answers, sense of the questions.

All of it runs as the person: nobody else's conversations, and no answer whose documents went out
of reach, are ever looked at. The vectors of questions are made after their answers; those of
another embedding model are made again, a batch with each answer and each search.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, LiteralString

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from govbot.chat.reply import Parts
from govbot.chat.snippets import Piece, snippet
from govbot.db.access import Actor, as_actor
from govbot.errors import GovBotError, Unavailable
from govbot.ids import ConversationId, MessageId
from govbot.models.embedder import Embedder
from govbot.privacy import Kind, mask

log = logging.getLogger(__name__)

Connection = AsyncConnection[DictRow]

MAX_QUERY: Final = 200  # characters
BATCH: Final = 64  # questions embedded at once
MOST_SIMILAR: Final = 5
LEAST_LETTERS: Final = 3
# Below this cosine nothing is similar; among many questions it must also stand out, as some models
# give every pair of sentences a high one.
LEAST_COSINE: Final = 0.5
MANY: Final = 8
DEVIATIONS: Final = 1.5
HALF: Final = 0.5
STEMS_WEIGHT: Final = 0.3  # of the share of stems held, beside the cosine

_STEMS: Final[LiteralString] = """
    stems AS MATERIALIZED (
        SELECT t.lexeme,
               (quote_literal(t.lexeme)
                || CASE WHEN t.positions[1] = max(t.positions[1]) OVER () THEN ':*' ELSE '' END
               )::tsquery AS query
        FROM unnest(govbot_tsv(%(query)s)) t
    ),
"""
# A turn is found when its question and the answers that may be read hold all stems together. The
# last one may be the beginning of a word that is being typed.
_WORDS: Final[LiteralString] = """
    held AS MATERIALIZED (
        SELECT m.conversation_id, coalesce(m.reply_to, m.id) AS question_id, s.lexeme
        FROM messages m
        JOIN stems s ON m.tsv @@ s.query
        WHERE m.user_id = %(user)s
          AND EXISTS (SELECT FROM messages q WHERE q.id = coalesce(m.reply_to, m.id) AND q.shown)
    ),
    turns AS (
        SELECT h.conversation_id, h.question_id
        FROM held h
        GROUP BY h.conversation_id, h.question_id
        HAVING count(DISTINCT h.lexeme) = (SELECT count(*) FROM stems)
    ),
    titled AS (
        SELECT c.id AS conversation_id, NULL::uuid AS question_id
        FROM conversations c
        WHERE c.user_id = %(user)s AND position(govbot_fold(%(query)s) IN govbot_fold(c.title)) > 0
    )
    SELECT DISTINCT ON (c.updated_at, c.id) c.id, c.title, c.updated_at, c.archived_at,
           f.question_id
    FROM (
        SELECT t.conversation_id, t.question_id FROM turns t
        UNION ALL
        SELECT t.conversation_id, t.question_id FROM titled t
    ) f
    JOIN conversations c ON c.id = f.conversation_id
    WHERE c.title <> '' AND c.ends_at IS NULL
    ORDER BY c.updated_at DESC, c.id, f.question_id DESC NULLS LAST
    LIMIT %(limit)s
"""
# Questions near in meaning; those that hold half of the stems count too, without a vector as well,
# and stems count on top.
_MEANING: Final[LiteralString] = """
    measured AS MATERIALIZED (
        SELECT m.id AS message_id, m.conversation_id,
               1 - (v.embedding <=> %(vector)s::halfvec) AS cosine,
               (SELECT count(*)::float8 / nullif((SELECT count(*) FROM stems), 0)
                FROM stems s WHERE m.tsv @@ s.query) AS share
        FROM messages m
        LEFT JOIN message_vectors v ON v.message_id = m.id AND v.fingerprint = %(fingerprint)s
        WHERE m.user_id = %(user)s AND m.role = 'user' AND m.shown
    ),
    usual AS (
        SELECT count(o.cosine) AS n, avg(o.cosine) + %(deviations)s * stddev_pop(o.cosine) AS cosine
        FROM measured o
    )
    SELECT c.id, c.title, c.updated_at, c.archived_at, o.message_id AS question_id
    FROM measured o
    CROSS JOIN usual u
    JOIN conversations c ON c.id = o.conversation_id
    WHERE c.title <> '' AND c.ends_at IS NULL
      AND ((o.cosine >= %(least)s AND (u.n < %(many)s OR o.cosine >= u.cosine))
           OR o.share >= %(half)s)
    ORDER BY coalesce(o.cosine, 0) + %(stems_weight)s * coalesce(o.share, 0) DESC, c.id
    LIMIT %(limit)s
"""
_BY_WORDS: Final[LiteralString] = "WITH " + _STEMS + _WORDS
_BY_MEANING: Final[LiteralString] = "WITH " + _STEMS + _MEANING


@dataclass(frozen=True, slots=True)
class Recalled:
    """A conversation that was found, with the place in it.

    `question_id` is the question of the turn, None where the title alone was found. `similar`: by
    meaning, not by the words.
    """

    id: ConversationId
    title: str
    updated_at: datetime
    question_id: MessageId | None
    snippet: Sequence[Piece]
    similar: bool = False
    archived_at: datetime | None = None
    pinned_at: None = None


async def search(parts: Parts, actor: Actor, query: str, *, limit: int) -> list[Recalled]:
    """The actor's own conversations that hold the words of `query`, the latest first, then those
    in which something similar was asked, the most similar first."""
    query = " ".join(query.replace("\x00", " ").split())[:MAX_QUERY]
    vector = await _sense(parts.embedder, query)
    async with as_actor(parts.pool, actor) as conn:
        by_words = await _rows(conn, _BY_WORDS, query=query, user=actor.id, limit=limit)
        by_meaning = await _rows(
            conn,
            _BY_MEANING,
            user=actor.id,
            query=query,
            vector=None if vector is None else str(list(vector)),
            fingerprint="" if parts.embedder is None else parts.embedder.fingerprint,
            half=HALF,
            stems_weight=STEMS_WEIGHT,
            least=LEAST_COSINE,
            many=MANY,
            deviations=DEVIATIONS,
            limit=limit,
        )
        similar = _others(by_meaning, by_words)
        texts = await _texts(conn, [*by_words, *similar])
    return [
        _recalled(row, query, texts, similar=at >= len(by_words))
        for at, row in enumerate([*by_words, *similar])
    ]


async def remember(parts: Parts, actor: Actor) -> int:
    """Makes vectors of the actor's questions that have none of the model in use, the newest
    first, BATCH at most; returns how many. A failure is only logged."""
    embedder = parts.embedder
    if embedder is None:
        return 0
    try:
        async with as_actor(parts.pool, actor) as conn:
            rows = await _rows(
                conn,
                """
                SELECT m.id, m.content
                FROM messages m
                JOIN conversations c ON c.id = m.conversation_id AND c.ends_at IS NULL
                WHERE m.user_id = %(user)s AND m.role = 'user'
                  AND NOT EXISTS (SELECT FROM message_vectors v
                                  WHERE v.message_id = m.id AND v.fingerprint = %(fingerprint)s)
                ORDER BY m.created_at DESC
                LIMIT %(limit)s
                """,
                user=actor.id,
                fingerprint=embedder.fingerprint,
                limit=BATCH,
            )
        if not rows:
            return 0
        vectors = await embedder.embed_passages([row["content"] for row in rows])
        async with as_actor(parts.pool, actor, write=True) as conn:
            for row, vector in zip(rows, vectors, strict=True):
                await _store(conn, actor, row["id"], embedder.fingerprint, vector)
    except GovBotError as error:
        log.warning(
            "Questions were not made findable by meaning: %s",
            error.error_code,
            extra={"action": "recall.failed"},
        )
        return 0
    return len(rows)


async def _sense(embedder: Embedder | None, query: str) -> Sequence[float] | None:
    if embedder is None or len(query) < LEAST_LETTERS:
        return None
    try:
        return await embedder.embed_query(query)
    except Unavailable:
        return None


async def _store(
    conn: Connection, actor: Actor, message_id: MessageId, fingerprint: str, vector: Sequence[float]
) -> None:
    """The question may be gone by now; then nothing is stored."""
    await conn.execute(
        """
        INSERT INTO message_vectors (message_id, user_id, fingerprint, embedding)
        SELECT m.id, m.user_id, %(fingerprint)s, %(vector)s::halfvec
        FROM messages m
        WHERE m.id = %(id)s AND m.user_id = %(user)s
        FOR KEY SHARE
        ON CONFLICT (message_id) DO UPDATE
        SET fingerprint = excluded.fingerprint, embedding = excluded.embedding
        """,
        {
            "id": message_id,
            "user": actor.id,
            "fingerprint": fingerprint,
            "vector": str(list(vector)),
        },
    )


async def _texts(conn: Connection, rows: Sequence[Mapping[str, Any]]) -> dict[MessageId, list[str]]:
    """The question and the readable answers of each turn found, masked as in the conversation."""
    questions = [row["question_id"] for row in rows if row["question_id"] is not None]
    found: dict[MessageId, list[str]] = {}
    for row in await _rows(
        conn,
        """
        SELECT coalesce(m.reply_to, m.id) AS question_id, m.content,
               govbot_masked_kinds(m.sources) AS masked
        FROM messages m
        WHERE m.id = ANY (%(ids)s) OR m.reply_to = ANY (%(ids)s)
        ORDER BY m.created_at, m.id
        """,
        ids=questions,
    ):
        text = mask(row["content"], frozenset(map(Kind, row["masked"])))
        found.setdefault(row["question_id"], []).append(text)
    return found


def _others(
    found: Sequence[Mapping[str, Any]], before: Sequence[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """The first of the conversations that are not there yet, each once."""
    seen = {row["id"] for row in before}
    others: list[Mapping[str, Any]] = []
    for row in found:
        if row["id"] not in seen and len(others) < MOST_SIMILAR:
            seen.add(row["id"])
            others.append(row)
    return others


def _recalled(
    row: Mapping[str, Any], query: str, texts: Mapping[MessageId, Sequence[str]], *, similar: bool
) -> Recalled:
    said = texts.get(row["question_id"], ())
    return Recalled(
        ConversationId(row["id"]),
        row["title"],
        row["updated_at"],
        row["question_id"],
        snippet(query, said),
        similar,
        row["archived_at"],
    )


async def _rows(
    conn: Connection, statement: LiteralString, **parameters: object
) -> list[Mapping[str, Any]]:
    cursor = await conn.execute(statement, parameters)
    return list(await cursor.fetchall())
