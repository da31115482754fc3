"""What remains of an answer beside the conversation: a question in vain, without the person."""

from __future__ import annotations

from datetime import date

from govbot.chat.answer import Answer
from govbot.config import Settings
from govbot.db.pool import Connection
from govbot.feedback import gaps


async def record(conn: Connection, settings: Settings, question: str, answer: Answer) -> None:
    """In the transaction that closes the answer, as the person; `question` stands alone."""
    if answer.refused and not answer.stopped and settings.feedback.gaps:
        sources = [citation.document_key for citation in answer.nearest]
        await gaps.record(conn, question, sources, day=date.today())
