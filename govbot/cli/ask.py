"""`govbot ask`: one question, answered with citations, as one user."""

from __future__ import annotations

from dataclasses import asdict, dataclass
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
    model: Annotated[
        str, typer.Option("--model", help="Name of the model that shall answer, of the list.")
    ] = "",
    explain: Annotated[
        bool, typer.Option("--explain", help="Tell which model wrote it and why, and the times.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Answer a question, with citations."""
    run_async(_ask, _Order(question, user, day_of(as_of), model, explain, as_json))


@dataclass(frozen=True, slots=True)
class _Order:
    question: str
    username: str | None
    as_of: date | None
    model: str
    explain: bool
    as_json: bool


async def _ask(order: _Order) -> None:
    from govbot.app import open_app
    from govbot.chat.answer import ask
    from govbot.chat.reply import Wishes
    from govbot.cli.acting import acting

    async with open_app(current_settings()) as app:
        actor = await acting(app.pool, order.username)
        wishes = Wishes(model=order.model)
        answer = await ask(app, actor, order.question, as_of=order.as_of, wishes=wishes)
    if order.as_json:
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
    if order.explain:
        _print_reasons(answer)


def _print_reasons(answer: Answer) -> None:
    """Which model wrote it and why, and how long each part took."""
    print()
    if answer.routed is not None:
        signs = f" ({', '.join(answer.routed.signs)})" if answer.routed.signs else ""
        print(f"model: {answer.routed.model}, {answer.routed.reason}{signs}")
        for passed in answer.routed.passed:
            print(f"passed over: {passed}")
    elif "cached" in answer.timings:
        print("model: none, the answer lay in the cache")
    else:
        print(f"model: none, {answer.engine}")
    for name, value in answer.timings.items():
        print(f"{name}: {value:g}")


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
        "routed": asdict(answer.routed) if answer.routed is not None else None,
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
