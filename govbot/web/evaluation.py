"""Sets of gold questions: written, brought in, taken out.

Row-level security decides which questions a curator sees: those about documents they manage.
"""

from __future__ import annotations

import re
from typing import Annotated, Any
from uuid import UUID

from litestar import Response
from litestar.datastructures import UploadFile
from litestar.params import FromPath, QueryParameter

from govbot import audit
from govbot.db.access import Role, as_actor
from govbot.db.pool import Connection
from govbot.errors import Conflict, Denied, Invalid
from govbot.eval import gate, gold, gold_lines, runs
from govbot.eval.gold import Gold, GoldId, GoldSetId
from govbot.ids import DocumentId
from govbot.web import evaluation_runs, evaluation_words
from govbot.web.i18n import _
from govbot.web.visit import CurrentVisit, Visit

PATH = "/avaliacao"
PAGE = 50
MAX_NAME = 80
FIELDS = ("question", "answers", "documents", "pages", "tags")
IMPORT_BYTES = 4_000_000  # of a file of questions, its form included

Words = Annotated[str, QueryParameter(name="texto", max_length=200)]
Number = Annotated[int, QueryParameter(name="pagina", ge=1, le=10_000)]
Done = Annotated[str, QueryParameter(name="feito", max_length=60)]


async def listing(visit: CurrentVisit) -> Response[str]:
    """The sets, the last runs and how the gate stands."""
    async with as_actor(visit.app.pool, visit.actor) as conn:
        found = await gold.sets(conn)
        latest = await runs.listing(conn, limit=20)
        governs = visit.may(Role.ADMIN)
        accepted = await gate.accepted(conn) if governs else None
        fallen = await gate.warning(conn) if governs else None
    return visit.page(
        "evaluation/page.html",
        sets=found,
        runs=latest,
        accepted=accepted,
        accepted_parts=evaluation_words.made_with(visit, accepted.fingerprint) if accepted else [],
        fallen=fallen,
        watch=visit.app.settings.evaluation,
        governs=governs,
        **evaluation_words.words(visit),
    )


async def create(visit: CurrentVisit) -> Response[Any]:
    """A new set, empty."""
    name = await visit.field("name", max_length=MAX_NAME)
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        set_id = await gold.set_named(conn, visit.actor, name)
    return visit.redirect(f"{PATH}/conjuntos/{set_id}")


async def show(
    visit: CurrentVisit,
    set_id: FromPath[UUID],
    texto: Words = "",
    pagina: Number = 1,
    feito: Done = "",
) -> Response[str]:
    """A set: its questions, its runs with their history, and how to bring questions in."""
    async with as_actor(visit.app.pool, visit.actor) as conn:
        found = await gold.get_set(conn, GoldSetId(set_id))
        questions = await gold.questions(
            conn, found.id, words=texto, limit=PAGE + 1, offset=(pagina - 1) * PAGE
        )
        history = await runs.listing(conn, set_id=found.id, limit=evaluation_runs.HISTORY)
    return visit.page(
        "evaluation/set.html",
        set=found,
        questions=questions[:PAGE],
        more=len(questions) > PAGE,
        number=pagina,
        words=texto,
        done=feito,
        runs=history,
        chart_of_runs=evaluation_runs.history_chart(visit, history),
        governs=visit.may(Role.ADMIN),
        **evaluation_words.words(visit),
    )


async def delete_set(visit: CurrentVisit, set_id: FromPath[UUID]) -> Response[Any]:
    """Deletes a set with its questions; its name has to be typed."""
    typed = " ".join((await visit.field("name", max_length=MAX_NAME)).split())
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        found = await gold.get_set(conn, GoldSetId(set_id))
        if typed != found.name:
            raise Invalid(_("Type the name of the set as it is written above."))
        await gold.delete_set(conn, visit.actor, found.id)
    return visit.redirect(PATH)


async def new_question(visit: CurrentVisit, set_id: FromPath[UUID]) -> Response[str]:
    """The form for a question."""
    async with as_actor(visit.app.pool, visit.actor) as conn:
        found = await gold.get_set(conn, GoldSetId(set_id))
    return visit.page(
        "evaluation/question.html",
        set=found,
        gold=None,
        values=dict.fromkeys(FIELDS, ""),
        problem=None,
    )


async def add_question(visit: CurrentVisit, set_id: FromPath[UUID]) -> Response[Any]:
    """Adds a question to a set."""
    values = dict(await visit.form())
    async with as_actor(visit.app.pool, visit.actor) as conn:
        found = await gold.get_set(conn, GoldSetId(set_id))
    try:
        async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
            await gold.add(
                conn,
                visit.actor,
                set_name=found.name,
                question=values.get("question", ""),
                answers=_lines(values, "answers"),
                document_ids=await _documents(conn, values),
                pages=_pages(values),
                tags=_tags(values),
            )
    except (Invalid, Conflict, Denied) as error:
        return _form(visit, found, None, values, error)
    return visit.redirect(f"{PATH}/conjuntos/{found.id}?feito=pergunta#perguntas")


async def question(visit: CurrentVisit, gold_id: FromPath[UUID]) -> Response[str]:
    """A question, to be changed."""
    async with as_actor(visit.app.pool, visit.actor) as conn:
        found = await gold.get(conn, GoldId(gold_id))
        its_set = await gold.get_set(conn, found.set_id)
    return visit.page(
        "evaluation/question.html", set=its_set, gold=found, values=_values(found), problem=None
    )


async def change_question(visit: CurrentVisit, gold_id: FromPath[UUID]) -> Response[Any]:
    """Changes a question."""
    values = dict(await visit.form())
    async with as_actor(visit.app.pool, visit.actor) as conn:
        found = await gold.get(conn, GoldId(gold_id))
        its_set = await gold.get_set(conn, found.set_id)
    try:
        async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
            same = _lines(values, "documents") == _lines(_values(found), "documents")
            await gold.change(
                conn,
                visit.actor,
                found.id,
                question=values.get("question", ""),
                answers=_lines(values, "answers"),
                document_ids=None if same else await _documents(conn, values),
                pages=_pages(values),
                tags=_tags(values),
            )
    except (Invalid, Conflict, Denied) as error:
        return _form(visit, its_set, found, values, error)
    return visit.redirect(f"{PATH}/conjuntos/{its_set.id}?feito=mudada#perguntas")


async def delete_question(visit: CurrentVisit, gold_id: FromPath[UUID]) -> Response[Any]:
    """Deletes a question."""
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        found = await gold.get(conn, GoldId(gold_id))
        await gold.remove(conn, visit.actor, found.id)
    return visit.redirect(f"{PATH}/conjuntos/{found.set_id}?feito=excluida#perguntas")


async def import_questions(visit: CurrentVisit, set_id: FromPath[UUID]) -> Response[Any]:
    """Adds the questions of a file of JSON lines."""
    item = (await visit.request.form()).get("file")
    if not isinstance(item, UploadFile) or not item.filename:
        raise Invalid(_("Choose a file."), code="E-NO-FILE")
    try:
        lines = (await item.read()).decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise Invalid(_("The file is not text in UTF-8.")) from error
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        found = await gold.get_set(conn, GoldSetId(set_id))
        done = await gold_lines.import_lines(
            conn, visit.actor, found.name, lines, origin=item.filename
        )
    told = f"{done.added}-{done.known}-{done.unresolved}"
    return visit.redirect(f"{PATH}/conjuntos/{found.id}?feito={told}#perguntas")


async def export_questions(visit: CurrentVisit, set_id: FromPath[UUID]) -> Response[str]:
    """The questions that the visitor sees, as JSON lines; taking them is in the audit log."""
    async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
        found = await gold.get_set(conn, GoldSetId(set_id))
        lines = gold_lines.export_lines(await gold.questions(conn, found.id))
        await audit.record(
            conn,
            actor=visit.actor,
            action="gold.exported",
            resource=f"gold-set:{found.id}",
            details={"set": found.name, "questions": len(lines)},
        )
    name = re.sub(r"[^A-Za-z0-9]+", "-", found.name).strip("-") or "perguntas"
    return Response(
        "".join(f"{line}\n" for line in lines),
        media_type="application/jsonl",
        headers={"Content-Disposition": f'attachment; filename="{name}.jsonl"'},
    )


def _form(
    visit: Visit,
    its_set: gold.GoldSet,
    found: Gold | None,
    values: dict[str, str],
    error: Invalid | Conflict | Denied,
) -> Response[str]:
    return visit.page(
        "evaluation/question.html",
        status=error.status,
        set=its_set,
        gold=found,
        values=dict.fromkeys(FIELDS, "") | values,
        problem=visit.language.sentence(error),
    )


def _values(found: Gold) -> dict[str, str]:
    """A question as the fields of its form."""
    names = list(dict.fromkeys([*(each.filename for each in found.documents), *found.files]))
    return {
        "question": found.question,
        "answers": "\n".join(found.answers),
        "documents": "\n".join(names),
        "pages": ", ".join(str(page) for page in found.pages),
        "tags": ", ".join(found.tags),
    }


def _lines(values: dict[str, str], name: str) -> list[str]:
    return [line.strip() for line in values.get(name, "").splitlines() if line.strip()]


def _tags(values: dict[str, str]) -> list[str]:
    return [tag.strip() for tag in values.get("tags", "").split(",") if tag.strip()]


def _pages(values: dict[str, str]) -> list[int]:
    found = re.split(r"[\s,;]+", values.get("pages", "").strip())
    if not all(page.isascii() and page.isdigit() and len(page) < 7 for page in found if page):
        raise Invalid(_("Pages are numbers from 1."), code="E-GOLD")
    return [int(page) for page in found if page]


async def _documents(conn: Connection, values: dict[str, str]) -> list[DocumentId]:
    """Documents by the file names of the form; raises Invalid for a name that none bears."""
    names = _lines(values, "documents")
    found = await gold.documents_named(conn, names)
    missing = [name for name in names if name not in found]
    if missing:
        raise Invalid(
            _('You manage no document with the file name "%(name)s".'),
            code="E-GOLD",
            name=missing[0],
        )
    return [document_id for name in names for document_id in found[name]]
