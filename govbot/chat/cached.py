"""Cached answers in the database; row-level security shows those whose sources may all be read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from govbot.ids import MessageId, UserId, VersionId

Connection = AsyncConnection[DictRow]

MOST = 5000  # entries; the oldest go first


@dataclass(frozen=True, slots=True)
class Key:
    """SHA-256 digests: `exact` of all that makes an answer; `context` of the same without the
    words of the question and the order of the passages."""

    exact: bytes
    context: bytes


@dataclass(frozen=True, slots=True)
class Kept:
    """What a generator said. Its marks number `passages` (ids of chunks) from 1; `shown` are the
    numbers of those that reached the model."""

    content: str
    passages: tuple[int, ...]
    shown: tuple[int, ...]


async def same(conn: Connection, key: Key) -> Kept | None:
    """The entry with this key, unless it has expired or a source of it is out of reach."""
    cursor = await conn.execute(
        """
        SELECT content, passages, shown
        FROM cached_answers
        WHERE key = %(key)s AND context = %(context)s AND expires_at > now()
        """,
        {"key": key.exact, "context": key.context},
    )
    row = await cursor.fetchone()
    return Kept(row["content"], tuple(row["passages"]), tuple(row["shown"])) if row else None


async def near(
    conn: Connection, key: Key, vector: Sequence[float], fingerprint: str, least: float
) -> tuple[bytes, Kept] | None:
    """The entry of the nearest question of the same context, and its key; `least` is a cosine."""
    cursor = await conn.execute(
        """
        SELECT key, content, passages, shown
        FROM cached_answers
        WHERE context = %(context)s AND fingerprint = %(fingerprint)s AND expires_at > now()
          AND 1 - (embedding <=> %(vector)s::halfvec) >= %(least)s
        ORDER BY embedding <=> %(vector)s::halfvec, key
        LIMIT 1
        """,
        {
            "context": key.context,
            "fingerprint": fingerprint,
            "vector": str(list(vector)),
            "least": least,
        },
    )
    row = await cursor.fetchone()
    if row is None:
        return None
    return bytes(row["key"]), Kept(row["content"], tuple(row["passages"]), tuple(row["shown"]))


async def put(
    conn: Connection,
    key: Key,
    entry: Kept,
    *,
    owner: UserId | None,
    answer_id: MessageId | None,
    shared: bool,
    sources: Sequence[int],
    versions: Sequence[VersionId],
    hours: int,
    vector: Sequence[float] | None = None,
    fingerprint: str | None = None,
) -> None:
    """Keeps an answer in place of the one before; what has expired or is too much goes.

    `owner` is None for the operator, who has no account. Raises Denied when a source has gone out
    of reach meanwhile.
    """
    await conn.execute("DELETE FROM cached_answers WHERE key = %(key)s", {"key": key.exact})
    await conn.execute(
        """
        INSERT INTO cached_answers (key, context, user_id, message_id, shared, content, passages,
                                    shown, sources, versions, fingerprint, embedding, expires_at)
        VALUES (%(key)s, %(context)s, %(owner)s, %(message)s, %(shared)s, %(content)s,
                %(passages)s, %(shown)s, %(sources)s, %(versions)s, %(fingerprint)s,
                %(vector)s::halfvec, now() + make_interval(hours => %(hours)s))
        ON CONFLICT (key) DO NOTHING
        """,
        {
            "key": key.exact,
            "context": key.context,
            "owner": owner,
            "message": answer_id,
            "shared": shared,
            "content": entry.content,
            "passages": list(entry.passages),
            "shown": list(entry.shown),
            "sources": list(sources),
            "versions": list(versions),
            "hours": hours,
            "fingerprint": fingerprint,
            "vector": str(list(vector)) if vector is not None else None,
        },
    )
    if answer_id is not None:
        await mark(conn, answer_id, key.exact)
    await trim(conn)


async def mark(conn: Connection, answer_id: MessageId, key: bytes) -> None:
    """Writes down which entry an answer came from, or became."""
    await conn.execute(
        "UPDATE messages SET cached_as = %(key)s WHERE id = %(id)s", {"id": answer_id, "key": key}
    )


async def forget(conn: Connection, answer_id: MessageId) -> None:
    """Takes the entry behind an answer out of the cache: it was a bad one."""
    await conn.execute(
        """
        DELETE FROM cached_answers
        WHERE key = (SELECT m.cached_as FROM messages m WHERE m.id = %(id)s)
        """,
        {"id": answer_id},
    )


async def trim(conn: Connection, at_most: int = MOST) -> int:
    """Removes expired entries, and the oldest beyond `at_most`; returns how many."""
    cursor = await conn.execute(
        "SELECT govbot_trim_cached_answers(%(most)s) AS removed", {"most": at_most}
    )
    row = await cursor.fetchone()
    return int(row["removed"]) if row else 0
