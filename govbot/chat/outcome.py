"""What remains of an answer beside the conversation, without the person: figures, and questions
that were asked in vain.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from govbot.analytics import categories, facts
from govbot.analytics.categories import CategoryId, Classifier
from govbot.analytics.facts import Fact
from govbot.chat import routing
from govbot.chat.reply import Answer, Parts
from govbot.db.access import Actor, as_actor
from govbot.db.pool import Connection
from govbot.feedback import gaps


@dataclass(frozen=True, slots=True)
class Kind:
    """What a question is about, as far as it is known."""

    category_id: CategoryId | None = None
    sentiment: str = ""


async def kind_of(parts: Parts, classifier: Classifier, actor: Actor, question: str) -> Kind:
    """Before the transaction that closes the answer: models compute here."""
    async with as_actor(parts.pool, actor) as conn:
        known = await categories.categories(conn)
    return Kind(await classifier.category(question, known), await classifier.mood(question))


async def record(
    conn: Connection,
    parts: Parts,
    question: str,
    answer: Answer,
    kind: Kind | None = None,
    *,
    private: bool = False,
) -> None:
    """In the transaction that closes the answer, as the person; `question` stands alone. What was
    asked of `private` files, or in a temporary conversation, is nobody's gap."""
    kind, today = kind or Kind(), date.today()
    refused = answer.refused and not answer.stopped
    said = answer.nearest if refused else answer.citations
    documents = [citation.document_key for citation in said]
    if refused and parts.settings.feedback.gaps and not private:
        await gaps.record(conn, question, documents, day=today)
    outcome: facts.Outcome = (
        "stopped" if answer.stopped else "refused" if answer.refused else "answered"
    )
    fact = Fact(outcome, answer.engine, documents, answer.timings, kind.category_id, kind.sentiment)
    await facts.record(conn, fact, day=today)
    await routing.count(conn, answer.routed, day=today)


async def record_failure(conn: Connection, parts: Parts) -> None:
    """In the transaction that closes an answer that failed."""
    await facts.record(conn, Fact("failed", parts.generator.name), day=date.today())
