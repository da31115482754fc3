"""`govbot access`: why somebody may read a document, what they can see, the leak test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from govbot.cli import current_settings, output, run_async
from govbot.cli.document_rights import DEGREES

if TYPE_CHECKING:
    from govbot.documents.explain import Explanation
    from govbot.documents.reach import Reach
    from govbot.documents.types import Secrecy
    from govbot.documents.verdict import Rule
    from govbot.ids import DocumentId
    from govbot.retrieval.leaks import LeakTest, Tested

app = typer.Typer(no_args_is_help=True, help="Explain who may read what, and test for leaks.")

Username = Annotated[str, typer.Argument(metavar="USER", help="User name.")]
Document = Annotated[str, typer.Argument(metavar="DOCUMENT", help="Its identifier, as listed.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def explain(username: Username, document: Document, as_json: AsJson = False) -> None:
    """Say why a user may, or may not, read a document."""
    run_async(_explain, username, document, as_json)


@app.command("list")
def list_(username: Username, as_json: AsJson = False) -> None:
    """List what a user can see, each with the rules that decide."""
    run_async(_list, username, as_json)


@app.command("leak-test")
def leak_test(
    username: Username,
    question: Annotated[str, typer.Argument(help="The question.")],
    limit: Annotated[int, typer.Option(min=1, max=100, help="Most passages to test.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Search as operator and as a user: what passes, what is blocked by which rule, what leaks.

    The exit code is 1 when something leaks.
    """
    if run_async(_leak_test, username, question, limit, as_json):
        raise typer.Exit(1)


async def _explain(username: str, document: str, as_json: bool) -> None:
    from govbot.app import open_store
    from govbot.auth import users
    from govbot.db.access import OPERATOR, as_system
    from govbot.documents.explain import explain as explain_access

    async with open_store(current_settings()) as pool, as_system(pool) as conn:
        user = await users.by_username(conn, username)
        found = await explain_access(conn, OPERATOR, user.id, _document_id(document))
    if as_json:
        output.print_json(_facts(found))
        return
    print(f"{username} {_verdict(found)}: {found.document}")
    output.print_table(
        ["decides", "effect", "rule"],
        [[r.decides, r.outcome.value, _words(r, found)] for r in found.verdict.rules],
    )


async def _list(username: str, as_json: bool) -> None:
    from govbot.app import open_store
    from govbot.auth import users
    from govbot.db.access import OPERATOR, as_system
    from govbot.documents.reach import reach

    async with open_store(current_settings()) as pool, as_system(pool) as conn:
        user = await users.by_username(conn, username)
        found = await reach(conn, OPERATOR, user.id)
    if as_json:
        output.print_json(_reach_facts(found))
        return
    print(f"{username}: clearance {_degree(found.person.clearance)}")
    output.print_table(
        ["collection", "may", "reads", "finds", "of", "rules"],
        [
            [
                s.name, s.level.value if s.level else "nothing", s.counts.readable, s.counts.found,
                s.counts.documents, "; ".join(_words(r) for r in s.rules if r.decides),
            ]
            for s in found.collections
        ],
    )  # fmt: skip
    output.print_table(
        ["document", "id", "may", "rules"],
        [
            [
                d.document, d.document_id, _may(d),
                "; ".join(_words(r, d) for r in d.verdict.rules if r.decides),
            ]
            for d in found.documents
        ],
    )  # fmt: skip
    if found.more:
        output.warn(f"the first {len(found.documents)} documents by name; there are more")


async def _leak_test(username: str, question: str, limit: int, as_json: bool) -> int:
    from govbot.app import open_app
    from govbot.auth import users
    from govbot.db.access import OPERATOR, as_system
    from govbot.retrieval.leaks import leak_test as test

    settings = current_settings()
    async with open_app(settings) as app:
        async with as_system(app.pool) as conn:
            user = await users.by_username(conn, username)
        found = await test(
            app.pool, OPERATOR, user.id, question,
            embedder=app.embedder, settings=settings, limit=limit,
        )  # fmt: skip
    if as_json:
        output.print_json(_leak_facts(found))
        return found.leaks
    output.print_table(
        ["place", "result", "found by user", "file", "page", "rules"],
        [
            [
                t.place, _result(t), t.got, t.passage.filename, t.passage.page_from,
                "; ".join(_words(r, t.explanation) for r in t.explanation.verdict.rules
                          if r.decides),
            ]
            for t in found.tested
        ],
    )  # fmt: skip
    print(f"{len(found.tested)} passages, {found.blocked} blocked, {found.leaks} leaks")
    return found.leaks


def _document_id(text: str) -> DocumentId:
    from govbot.errors import NotFound
    from govbot.ids import DocumentId

    try:
        return DocumentId(UUID(text))
    except ValueError as error:
        raise NotFound("%(text)s is not the identifier of a document.", text=text) from error


def _degree(degree: Secrecy) -> str:
    return DEGREES[degree]


def _verdict(found: Explanation) -> str:
    if not found.verdict.readable:
        return "may not read"
    return f"may {_may(found)}" + ("" if found.verdict.found else " (no question finds it)")


def _may(found: Explanation) -> str:
    verdict = found.verdict
    return verdict.level.value if verdict.readable and verdict.level else "nothing"


def _words(rule: Rule, found: Explanation | None = None) -> str:
    """A rule in a few words."""
    if rule.scope is not None and rule.level is not None:
        words = f"{rule.reason.value} {rule.level.value} on the {rule.scope}"
        return words + (f" by group {rule.via}" if rule.via else "")
    if rule.reason.value == "secrecy" and found is not None:
        clearance_word = _degree(found.person.clearance)
        return f"secrecy {_degree(found.secrecy)}, clearance {clearance_word}"
    return rule.reason.value


def _result(tested: Tested) -> str:
    if tested.leaks:
        return "LEAKS"
    return "passes" if tested.passes else "blocked"


def _facts(found: Explanation) -> dict[str, Any]:
    return {
        "user": found.person.username,
        "clearance": _degree(found.person.clearance),
        "document_id": found.document_id,
        "document": found.document,
        "collection": found.collection,
        "secrecy": _degree(found.secrecy),
        "level": found.verdict.level,
        "readable": found.verdict.readable,
        "found": found.verdict.found,
        "rules": list(found.verdict.rules),
    }


def _reach_facts(found: Reach) -> dict[str, Any]:
    return {
        "user": found.person.username,
        "clearance": _degree(found.person.clearance),
        "disabled": found.person.disabled,
        "collections": list(found.collections),
        "documents": [_facts(each) for each in found.documents],
        "more": found.more,
    }


def _leak_facts(found: LeakTest) -> dict[str, Any]:
    return {
        "user": found.person.username,
        "blocked": found.blocked,
        "leaks": found.leaks,
        "passages": [
            {
                "place": each.place,
                "result": _result(each).lower(),
                "found_by_user": each.got,
                "document_id": each.passage.document_id,
                "filename": each.passage.filename,
                "page": each.passage.page_from,
                "text": each.passage.text,
                "rules": [rule for rule in each.explanation.verdict.rules if rule.decides],
            }
            for each in found.tested
        ],
    }
