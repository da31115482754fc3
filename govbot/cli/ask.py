"""`govbot ask`: one question, answered with citations, as one user."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer

from govbot.cli import current_settings, output, run_async
from govbot.cli.days import AsOf, day_of

if TYPE_CHECKING:
    from govbot.chat.answer import Answer
    from govbot.chat.cited import Citation


def command(
    question: Annotated[str, typer.Argument(help="The question.")],
    user: Annotated[
        str | None, typer.Option("--as", help="Ask with this user's rights; else as operator.")
    ] = None,
    as_of: AsOf = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Answer a question, with citations."""
    run_async(_ask, question, user, day_of(as_of), as_json)


async def _ask(question: str, username: str | None, as_of: date | None, as_json: bool) -> None:
    from govbot.app import open_app
    from govbot.chat.answer import ask
    from govbot.cli.acting import acting

    async with open_app(current_settings()) as app:
        actor = await acting(app.pool, username)
        answer = await ask(app, actor, question, as_of=as_of)
    if as_json:
        output.print_json(_json(answer))
        return
    print(answer.text)
    shown = answer.nearest if answer.refused else answer.citations
    if shown:
        print()
    for citation in shown:
        pages = _pages(citation)
        print(f"[{citation.number}] {citation.title} ({citation.filename}), {pages}")
    _print_doubts(answer)


def _print_doubts(answer: Answer) -> None:
    """The sentences that the passages cited do not bear out, with what is missing there."""
    from govbot.chat.support import told

    doubtful = [e for e in told(answer.text, answer.support) if e["state"] != "supported"]
    if doubtful:
        print()
    for each in doubtful:
        missing = ": " + ", ".join(each["missing"]) if each["missing"] else ""
        print(f"{each['state']} ({each['reason']}{missing}): {each['text']}")


def _pages(citation: Citation) -> str:
    if citation.page_to > citation.page_from:
        return f"p. {citation.page_from}-{citation.page_to}"
    return f"p. {citation.page_from}"


def _json(answer: Answer) -> dict[str, Any]:
    from govbot.chat.support import told

    return {
        "answer": answer.text,
        "refused": answer.refused,
        "engine": answer.engine,
        "citations": [_citation(citation) for citation in answer.citations],
        "nearest": [_citation(citation) for citation in answer.nearest],
        "support": told(answer.text, answer.support),
        "timings": answer.timings,
    }


def _citation(citation: Citation) -> dict[str, Any]:
    fields = asdict(citation)
    return {
        "number": citation.number,
        "document": fields["title"],
        "document_id": fields["document_id"],
        "filename": fields["filename"],
        "version": fields["version"],
        "page": fields["page_from"],
        "page_to": fields["page_to"],
        "heading": fields["heading"],
        "quote": fields["quote"],
        "valid_to": fields["valid_to"],
        "revoked_on": fields["revoked_on"],
    }
