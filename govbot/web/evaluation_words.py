"""What the pages of the evaluation call figures, states and parts of a configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from govbot.eval.runs import Run
from govbot.eval.score import MEASURES
from govbot.web.i18n import _
from govbot.web.visit import Visit

MEASURE_NAMES: Final = {
    "hit@1": _("Right passage comes first"),
    "hit@3": _("Right passage among the first 3"),
    "hit@5": _("Right passage among the first 5"),
    "hit@10": _("Right passage among the first 10"),
    "mrr@10": _("Mean reciprocal rank (MRR)"),
    "ndcg@10": _("Discounted cumulative gain (nDCG)"),
    "doc_hit@1": _("Right document comes first"),
    "doc_hit@3": _("Right document among the first 3"),
    "doc_hit@5": _("Right document among the first 5"),
    "doc_hit@10": _("Right document among the first 10"),
    "withheld_right": _("Evidence judged too little, rightly"),
    "withheld_wrong": _("Evidence judged too little, wrongly"),
    "answer_hit": _("Answer holds the expected one"),
    "cite_page": _("Citations of a right page"),
    "cite_span": _("Citations that quote the expected answer"),
    "cite_opens": _("Citations whose page holds the quote"),
    "refusal": _("Answered exactly where that is possible"),
    "refused": _("Refused in all"),
    "refused_right": _("Refused where nothing answers"),
    "refused_wrong": _("Refused although it can be answered"),
    "support": _("Sentences that their passages support"),
}
SHORT_NAMES: Final = {
    "mrr@10": _("MRR"),
    "hit@5": _("First 5"),
    "answer_hit": _("Right answers"),
    "refusal": _("Right refusals"),
}
TIME_NAMES: Final = {
    "p50_ms": _("Search, median (ms)"),
    "p95_ms": _("Search, 95 in 100 below (ms)"),
    "answer_p50_ms": _("Answer, median (ms)"),
    "answer_p95_ms": _("Answer, 95 in 100 below (ms)"),
}
STATES: Final = {
    "waiting": _("Waiting"),
    "running": _("Running"),
    "done": _("Ready"),
    "failed": _("Failed"),
    "cancelled": _("Cancelled"),
}
PARTS: Final = {
    "embedder": _("embedder"),
    "reranker": _("reranker"),
    "chunking": _("passages"),
    "prompt": _("prompt"),
    "generator": _("generator"),
    "retrieval": _("search settings"),
    "calibration": _("calibration"),
    "code": _("version of GovBot"),
}
SHOWN_ID: Final = 8


def words(visit: Visit) -> dict[str, Any]:
    """What the templates of runs call."""
    return {
        "measure_short": lambda name: visit.translate(SHORT_NAMES[name]),
        "measure_name": lambda name: visit.translate(MEASURE_NAMES[name]),
        "state_name": lambda run: visit.translate(STATES[run.state]),
        "run_name": lambda run: run_name(visit, run),
        "share": lambda value: share(visit, value),
        "signed": lambda value: signed(visit, value),
    }


def run_name(visit: Visit, run: Run) -> str:
    """How a run is called: its label, else when it was made."""
    return run.label or visit.language.moment(run.created_at)


def figures_of(visit: Visit, run: Run) -> list[tuple[str, str, str]]:
    """Name, value and standard error of each figure that was measured."""
    shares = [
        (visit.translate(MEASURE_NAMES[name]), share(visit, value), _error(visit, run, name))
        for name in MEASURES
        if (value := run.figure(name)) is not None
    ]
    times = [
        (visit.translate(label), visit.language.number(value), "")
        for name, label in TIME_NAMES.items()
        if (value := run.figure(name)) is not None
    ]
    return shares + times


def made_with(visit: Visit, parts: Mapping[str, str]) -> list[tuple[str, str]]:
    """The parts of a configuration in words."""
    return [(visit.translate(PARTS[name]), parts[name]) for name in PARTS if name in parts]


def share(visit: Visit, value: float | None) -> str:
    """A figure to three places."""
    return "–" if value is None else visit.language.number(round(value, 3))


def signed(visit: Visit, value: float) -> str:
    """A difference with its sign."""
    sign = "+" if value > 0 else "−" if value < 0 else ""
    return f"{sign}{visit.language.number(round(abs(value), 3))}"


def _error(visit: Visit, run: Run, name: str) -> str:
    error = run.error_of(name)
    return "" if error is None else f"± {visit.language.number(round(error, 3))}"
