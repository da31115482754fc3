"""A search without an answer: for the API and for curators, under the asker's own rights."""

from __future__ import annotations

from datetime import date

from govbot import audit
from govbot.app import App
from govbot.db.access import Actor, as_actor
from govbot.privacy import mask
from govbot.retrieval.retrieve import Retrieval, find
from govbot.retrieval.scope import within


async def searched(
    app: App,
    actor: Actor,
    question: str,
    *,
    limit: int | None,
    as_of: date | None = None,
    collection_key: int | None = None,
) -> Retrieval:
    """The passages that may answer `question`, the best first; what was handed out is audited."""
    found = await find(
        app.pool, actor, question, embedder=app.embedder, settings=app.settings,
        reranker=app.reranker, limit=limit, as_of=as_of, scope=within(collection_key),
    )  # fmt: skip
    details: dict[str, object] = {
        "chunks": [passage.chunk_id for passage in found.passages],
        "versions": sorted({str(passage.version_id) for passage in found.passages}),
    }
    if as_of is not None:
        details["as_of"] = as_of.isoformat()
    if app.settings.audit.question_text:
        details["question"] = mask(question)
    async with as_actor(app.pool, actor, write=True) as conn:
        await audit.record(conn, actor=actor, action="search.made", details=details)
    return found
