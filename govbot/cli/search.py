"""`govbot search`: the passages found for a question, as one user."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer

from govbot.cli import current_settings, output, run_async
from govbot.cli.days import AsOf, day_of

if TYPE_CHECKING:
    from govbot.retrieval.passages import Passage

SHOWN_CHARACTERS = 160


def command(
    question: Annotated[str, typer.Argument(help="The question.")],
    user: Annotated[
        str | None, typer.Option("--as", help="Search with this user's rights; else as operator.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=100, help="Most passages to show.")] = 10,
    as_of: AsOf = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the passages found for a question."""
    passages = run_async(_search, question, user, limit, day_of(as_of))
    if as_json:
        output.print_json([_json(passage) for passage in passages])
        return
    today = date.today()
    rows = [
        (
            f"{p.score:.3f}",
            p.filename,
            p.page_from,
            p.ended(today),
            p.heading,
            p.text[:SHOWN_CHARACTERS],
        )
        for p in passages
    ]
    output.print_table(("score", "file", "page", "in force until", "heading", "text"), rows)


async def _search(
    question: str, username: str | None, limit: int, as_of: date | None
) -> list[Passage]:
    from govbot.app import open_app
    from govbot.cli.acting import acting
    from govbot.retrieval.retrieve import find

    settings = current_settings()
    async with open_app(settings) as app:
        actor = await acting(app.pool, username)
        found = await find(
            app.pool,
            actor,
            question,
            embedder=app.embedder,
            settings=settings,
            reranker=app.reranker,
            limit=limit,
            as_of=as_of,
        )
    return found.passages


def _json(passage: Passage) -> dict[str, Any]:
    return {
        "document": passage.title or passage.filename,
        "document_id": passage.document_id,
        "filename": passage.filename,
        "collection": passage.collection,
        "version": passage.version,
        "page": passage.page_from,
        "heading": passage.heading,
        "score": round(passage.score, 4),
        "coverage": round(passage.coverage, 4),
        "valid_from": passage.valid_from,
        "valid_to": passage.valid_to,
        "revoked_on": passage.revoked_on,
        "text": passage.text,
    }
