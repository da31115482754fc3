"""Thumbs under answers. Rating down shows question, answer and citations to curators, without the
person: a copy is made for them, which goes when the rating is withdrawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from govbot import audit
from govbot.db.access import Actor, found
from govbot.db.pool import Connection
from govbot.errors import Invalid
from govbot.feedback.states import MAX_COMMENT, Reason
from govbot.ids import ConversationId, MessageId, new_id
from govbot.privacy import mask

UP: Final = 1
DOWN: Final = -1


@dataclass(frozen=True, slots=True)
class Rating:
    """A thumb: `value` 1 or -1; only the latter has a reason, and perhaps a comment.

    Raises Invalid when the parts do not fit together.
    """

    value: Literal[-1, 1]
    reason: Reason | None = None
    comment: str = ""

    def __post_init__(self) -> None:
        if (self.value == DOWN) != (self.reason is not None):
            raise Invalid("Say what is wrong with the answer.", code="E-RATING")
        if self.value == UP and self.comment:
            raise Invalid("Comments go with a thumb down.", code="E-RATING")
        if len(self.comment) > MAX_COMMENT:
            raise Invalid(
                "The comment is longer than %(limit)s characters.",
                code="E-RATING",
                limit=MAX_COMMENT,
            )


async def require(
    conn: Connection, answer_id: MessageId, *, conversation_id: ConversationId | None = None
) -> None:
    """Raises NotFound for an answer that the actor cannot rate, as `rate` does."""
    await _question(conn, answer_id, conversation_id)


async def rate(
    conn: Connection,
    actor: Actor,
    answer_id: MessageId,
    rating: Rating,
    *,
    conversation_id: ConversationId | None = None,
) -> None:
    """Rates a finished answer of the actor, in place of an earlier rating.

    Raises NotFound for an answer that is not the actor's, is hidden, under way or failed, or is
    not in the conversation.
    """
    question = await _question(conn, answer_id, conversation_id)
    await _forget(conn, answer_id)
    cursor = await conn.execute(
        """
        INSERT INTO answer_ratings (message_id, user_id, rating, reason, comment, collections,
                                    secrecy)
        SELECT a.id, %(user)s, %(rating)s, %(reason)s, %(comment)s,
               ARRAY(SELECT DISTINCT d.collection_key FROM documents d
                     WHERE d.key = ANY (a.sources) ORDER BY d.collection_key),
               coalesce((SELECT max(d.secrecy) FROM documents d WHERE d.key = ANY (a.sources)), 0)
        FROM messages a WHERE a.id = %(message)s
        RETURNING rating, rated_at::date AS day, collections, secrecy
        """,
        {
            "message": answer_id,
            "user": actor.id,
            "rating": rating.value,
            "reason": rating.reason or "",
            "comment": rating.comment,
        },
    )
    await _count(conn, found(await cursor.fetchone()), 1)
    if rating.value == DOWN:
        await _report(conn, answer_id, rating, question)
    details = {"rating": "up" if rating.value == UP else "down"}
    await _record(
        conn, actor, answer_id, details | ({"why": rating.reason.value} if rating.reason else {})
    )


async def withdraw(
    conn: Connection,
    actor: Actor,
    answer_id: MessageId,
    *,
    conversation_id: ConversationId | None = None,
) -> None:
    """Takes a rating back, and what curators see of it, also of an answer that is hidden by now.

    Raises NotFound when there is none, or the conversation is another.
    """
    if conversation_id is not None:
        cursor = await conn.execute(
            """
            SELECT c.id FROM conversations c
            WHERE c.id = %(id)s AND c.user_id = govbot_actor()
            """,
            {"id": conversation_id},
        )
        found(await cursor.fetchone())
    found(await _forget(conn, answer_id) or None)
    await _record(conn, actor, answer_id, {"rating": "withdrawn"})


async def of_messages(
    conn: Connection, message_ids: Sequence[MessageId]
) -> dict[MessageId, Rating]:
    """The actor's own ratings of these answers."""
    cursor = await conn.execute(
        """
        SELECT message_id, rating, reason, comment
        FROM answer_ratings
        WHERE message_id = ANY (%(ids)s::uuid[])
        """,
        {"ids": list(message_ids)},
    )
    return {
        MessageId(row["message_id"]): Rating(
            row["rating"], Reason(row["reason"]) if row["reason"] else None, row["comment"]
        )
        for row in await cursor.fetchall()
    }


async def _question(
    conn: Connection, answer_id: MessageId, conversation_id: ConversationId | None
) -> str:
    cursor = await conn.execute(
        """
        SELECT q.content
        FROM messages a
        JOIN messages q ON q.id = a.reply_to
        WHERE a.id = %(id)s AND a.user_id = govbot_actor() AND a.state IN ('done', 'stopped')
          AND (%(conversation)s::uuid IS NULL OR a.conversation_id = %(conversation)s::uuid)
        """,
        {"id": answer_id, "conversation": conversation_id},
    )
    return str(found(await cursor.fetchone())["content"])


async def _forget(conn: Connection, answer_id: MessageId) -> int:
    cursor = await conn.execute(
        """
        DELETE FROM answer_ratings WHERE message_id = %(id)s
        RETURNING rating, rated_at::date AS day, collections, secrecy
        """,
        {"id": answer_id},
    )
    rows = await cursor.fetchall()
    for row in rows:
        await _count(conn, row, -1)
    return len(rows)


async def _count(conn: Connection, row: Mapping[str, Any], sign: Literal[-1, 1]) -> None:
    """The rating in the figures, which know no answer and no person."""
    await conn.execute(
        """
        SELECT govbot_store_rating(%(day)s, %(collections)s::integer[], %(secrecy)s::smallint,
                                   %(rating)s::smallint, %(sign)s::smallint)
        """,
        {**row, "sign": sign},
    )


async def _report(conn: Connection, answer_id: MessageId, rating: Rating, question: str) -> None:
    """The copy for curators. What a person typed is masked: they agreed to show the question, not
    somebody's CPF."""
    await conn.execute(
        """
        INSERT INTO answer_reports (id, message_id, question, answer, as_of, refused, excerpts,
                                    reason, comment, sources, citations)
        SELECT %(id)s, a.id, %(question)s, a.content, q.as_of, a.refused, a.excerpts, %(reason)s,
               %(comment)s, a.sources,
               coalesce((SELECT jsonb_agg(jsonb_build_object(
                                'kind', c.kind, 'number', c.number,
                                'document_key', c.document_key, 'version_id', c.version_id,
                                'page_from', c.page_from, 'page_to', c.page_to,
                                'heading', c.heading, 'quote', c.quote)
                                ORDER BY c.kind, c.number)
                         FROM citations c WHERE c.message_id = a.id), '[]')
        FROM messages a
        JOIN messages q ON q.id = a.reply_to
        WHERE a.id = %(message)s
        """,
        {
            "id": new_id(),
            "message": answer_id,
            "question": mask(question),
            "reason": rating.reason,
            "comment": mask(rating.comment),
        },
    )


async def _record(
    conn: Connection, actor: Actor, answer_id: MessageId, details: dict[str, str]
) -> None:
    """That and how an answer was rated, without a word of it or of the comment."""
    await audit.record(
        conn,
        actor=actor,
        action="answer.rated",
        resource=f"answer:{answer_id}",
        details=dict(details),
    )
