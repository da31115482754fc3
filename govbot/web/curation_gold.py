"""A bad answer or a topic without answer becomes a gold question: one page, one button."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from litestar import Response
from litestar.params import FromPath

from govbot.db.access import as_actor
from govbot.db.pool import Connection
from govbot.errors import Conflict, Denied, GovBotError, Invalid, NotFound
from govbot.eval import gold
from govbot.eval.gold import GoldId
from govbot.feedback import gaps, reports
from govbot.feedback.gaps import TopicId
from govbot.feedback.reports import ReportId
from govbot.feedback.states import Decision, State
from govbot.generate.sentences import split
from govbot.generate.stems import content_stems
from govbot.ids import DocumentId
from govbot.web import curation
from govbot.web.i18n import _
from govbot.web.search import searched
from govbot.web.visit import CurrentVisit, Visit

SET: Final = _("Curation")
NOWHERE: Final = "none"  # the choice of no passage
MAX_ANSWERS: Final = 4000  # characters of all answers


@dataclass(frozen=True, slots=True)
class Choice:
    """A page that may hold the answer; `sentence` of it is the likeliest one."""

    value: str
    name: str
    page: int
    sentence: str
    address: str


@dataclass(frozen=True, slots=True)
class _Case:
    """What is turned into a gold question, and where it is shown."""

    question: str
    decision: Decision
    address: str
    cited: Sequence[Choice] = ()


@dataclass(frozen=True, slots=True)
class _Filled:
    """The form as it was sent."""

    set_name: str
    question: str
    answers: str
    choice: str


async def report_form(visit: CurrentVisit, report_id: FromPath[UUID]) -> Response[str]:
    """The form for a bad answer, filled in."""
    async with as_actor(visit.app.pool, visit.actor) as conn:
        case = await _of_report(conn, ReportId(report_id))
    return await _page(visit, case)


async def from_report(visit: CurrentVisit, report_id: FromPath[UUID]) -> Response[Any]:
    """Makes the gold question and notes it with the bad answer."""
    async with as_actor(visit.app.pool, visit.actor) as conn:
        case = await _of_report(conn, ReportId(report_id))
    filled = await _filled(visit)
    try:
        async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
            made = await _add(visit, conn, filled)
            await reports.decide(
                conn, visit.actor, ReportId(report_id), case.decision, gold_id=made
            )
    except (Invalid, Conflict, Denied) as error:
        return await _page(visit, case, filled, error)
    return visit.redirect(f"{case.address}?feito=pergunta")


async def topic_form(visit: CurrentVisit, topic_id: FromPath[UUID]) -> Response[str]:
    """The form for a topic, filled in."""
    async with as_actor(visit.app.pool, visit.actor) as conn:
        case = await _of_topic(visit, conn, TopicId(topic_id))
    return await _page(visit, case)


async def from_topic(visit: CurrentVisit, topic_id: FromPath[UUID]) -> Response[Any]:
    """Makes the gold question and notes it with the topic."""
    least = visit.app.settings.feedback.gap_min_people
    async with as_actor(visit.app.pool, visit.actor) as conn:
        case = await _of_topic(visit, conn, TopicId(topic_id))
    filled = await _filled(visit)
    try:
        async with as_actor(visit.app.pool, visit.actor, write=True) as conn:
            made = await _add(visit, conn, filled)
            await gaps.decide(
                conn, visit.actor, TopicId(topic_id), case.decision, least_people=least,
                gold_id=made,
            )  # fmt: skip
    except (Invalid, Conflict, Denied) as error:
        return await _page(visit, case, filled, error)
    return visit.redirect(f"{case.address}?feito=pergunta")


async def _of_report(conn: Connection, report_id: ReportId) -> _Case:
    report = await reports.get_report(conn, report_id)
    cited = [
        Choice(
            f"{each.document_id}:{each.page_from}",
            each.name,
            each.page_from,
            " ".join(each.quote.split()),
            f"/documentos/{each.version_id}/pagina/{each.page_from}",
        )
        for each in await reports.quoted(conn, report_id)
        if each.kind == "cited"
    ]
    return _Case(
        report.question,
        Decision(_begun(report.state), report.note),
        f"{curation.PATH}/respostas/{report_id}",
        cited,
    )


async def _of_topic(visit: Visit, conn: Connection, topic_id: TopicId) -> _Case:
    least = visit.app.settings.feedback.gap_min_people
    topic, _said = await gaps.get_topic(conn, topic_id, least_people=least)
    return _Case(
        topic.question,
        Decision(_begun(topic.state), topic.note),
        f"{curation.PATH}/lacunas/{topic_id}",
    )


def _begun(state: State) -> State:
    return State.WORKING if state is State.OPEN else state


async def _filled(visit: Visit) -> _Filled:
    return _Filled(
        set_name=await visit.field("set", max_length=80, required=False),
        question=await visit.field("question", required=False),
        answers=await visit.field("answers", max_length=MAX_ANSWERS, required=False),
        choice=await visit.field("place", max_length=60, required=False),
    )


async def _add(visit: Visit, conn: Connection, filled: _Filled) -> GoldId:
    """Raises Invalid, Conflict, Denied."""
    if not filled.choice:
        raise Invalid("Choose where the answer stands.", code="E-EMPTY")
    answers = [line.strip() for line in filled.answers.splitlines() if line.strip()]
    if filled.choice == NOWHERE:
        answers, documents, pages = [], [], []
    else:
        document_id, page = _place(filled.choice)
        documents, pages = [document_id], [page]
        if not answers:
            sentence = (await visit.form()).get(f"sentence-{filled.choice}", "").strip()
            answers = [sentence] if sentence else []
        if not answers:
            raise Invalid("Write the answer.", code="E-EMPTY")
    return await gold.add(
        conn,
        visit.actor,
        set_name=filled.set_name or visit.translate(SET),
        question=filled.question,
        answers=answers,
        document_ids=documents,
        pages=pages,
        tags=("curadoria",),
    )


def _place(choice: str) -> tuple[DocumentId, int]:
    document, _colon, page = choice.partition(":")
    try:
        return DocumentId(UUID(document)), int(page)
    except ValueError as error:
        raise NotFound from error


async def _page(
    visit: Visit,
    case: _Case,
    filled: _Filled | None = None,
    problem: GovBotError | None = None,
) -> Response[str]:
    found = await searched(
        visit.app, visit.actor, filled.question if filled else case.question, limit=curation.TRIED
    )
    choices = list(case.cited)
    for passage in found.passages:
        choices.append(
            Choice(
                f"{passage.document_id}:{passage.page_from}",
                passage.title or passage.filename,
                passage.page_from,
                likeliest(case.question, passage.text),
                f"/documentos/{passage.version_id}/pagina/{passage.page_from}",
            )
        )
    choices = list({choice.value: choice for choice in reversed(choices)}.values())[::-1]
    async with as_actor(visit.app.pool, visit.actor) as conn:
        sets = [each.name for each in await gold.sets(conn)]
    first = choices[0].value if choices and (case.cited or found.sufficient) else ""
    return visit.page(
        "curation/gold.html",
        status=problem.status if problem else 200,
        case=case,
        choices=choices,
        sets=sets,
        filled=filled or _Filled(visit.translate(SET), case.question, "", first),
        nowhere=NOWHERE,
        problem=visit.language.sentence(problem) if problem else "",
        **curation.helpers(visit),
    )


def likeliest(question: str, text: str) -> str:
    """The sentence of the text that shares the most stems with the question; a heading is none."""
    asked = set(content_stems(question))
    sentences = [
        " ".join(text[each.start : each.end].split()) for each in split(text) if each.level >= 0
    ]
    return max(
        sentences, key=lambda sentence: len(asked & set(content_stems(sentence))), default=""
    )
