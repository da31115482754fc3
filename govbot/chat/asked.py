"""All that a question is answered with: itself, what was said before, what was chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from govbot.chat import choice, store
from govbot.chat.prompt import Turn
from govbot.documents import attached
from govbot.ids import ConversationId, MessageId
from govbot.retrieval.scope import EVERYTHING, Scope

Connection = AsyncConnection[DictRow]

HISTORY_TURNS = 4


@dataclass(frozen=True, slots=True)
class Asked:
    """A question under way. `again`: another answer is wanted than the one before."""

    question: str
    as_of: date | None
    again: bool
    model: str = ""
    history: Sequence[Turn] = ()
    scope: Scope = EVERYTHING
    private: bool = False  # the conversation is temporary, or has files of its own


async def in_place(
    conn: Connection, conversation_id: ConversationId, question_id: MessageId, asked: Asked
) -> Asked:
    """The question with what its conversation gives it."""
    temporary = (await store.get_conversation(conn, conversation_id)).ends_at is not None
    return replace(
        asked,
        history=await _history(conn, conversation_id, question_id),
        scope=await choice.scope_of(conn, conversation_id),
        private=temporary or bool(await attached.attached(conn, conversation_id)),
    )


async def _history(
    conn: Connection, conversation_id: ConversationId, question_id: MessageId
) -> list[Turn]:
    """Earlier turns whose answers may still be read."""
    earlier: list[Turn] = []
    for turn in await store.turns(conn, conversation_id):
        if turn.question.id == question_id:
            break
        answer = turn.answers[-1]
        if not answer.hidden and answer.state in ("done", "stopped"):
            sources = tuple(answer.sources)
            earlier.append(Turn(turn.question.content, answer.content, sources))
    return earlier[-HISTORY_TURNS:]
