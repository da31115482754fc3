"""When the evidence is enough, learned from questions whose answers are known.

Each question is judged as it is and once more with the documents that hold its answer left out of
what was found, as if its asker might not read them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from govbot import audit
from govbot.db.access import OPERATOR, Actor, as_system
from govbot.errors import Invalid
from govbot.eval.questions import Question
from govbot.eval.run import Bench
from govbot.retrieval.calibration import (
    SHIPPED,
    Calibration,
    Fitted,
    forget,
    models_of,
    store,
)
from govbot.retrieval.passages import Passage
from govbot.retrieval.retrieve import find
from govbot.retrieval.signals import JUDGED, NAMES, Signals, signals_of

# So many passages are found that enough are left when those of one document go.
FOUND = 4 * JUDGED
# With fewer questions of either kind a share of 3 % means nothing.
MIN_QUESTIONS = 20
# With fewer than this the weights stay as they are and the threshold alone is fitted.
MIN_FOR_WEIGHTS = 100
FOLDS = 5
# Pull of the weights towards the shipped ones: that of so many questions, roughly.
STIFFNESS = 10.0
STEPS = 50

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sample:
    """What was found for the question of this number, and whether it can answer it."""

    question: int
    signals: Signals
    answerable: bool


@dataclass(frozen=True, slots=True)
class Cut:
    """What a threshold refuses: shares of the unanswerable and of the answerable questions."""

    threshold: float
    refused_right: float
    refused_wrong: float


@dataclass(frozen=True, slots=True)
class Report:
    """What came of a calibration. `cuts` are judged on questions that were not fitted on; `area`
    is the area under the ROC curve there."""

    fitted: Fitted
    cuts: tuple[Cut, ...]
    area: float
    weights_fitted: bool


async def samples_of(
    bench: Bench,
    actor: Actor,
    questions: Sequence[Question],
    *,
    on_done: Callable[[], None] = lambda: None,
) -> list[Sample]:
    """Two samples of a question whose document is known, one of another."""
    samples = []
    for number, question in enumerate(questions):
        found = await find(
            bench.pool,
            actor,
            question.text,
            embedder=bench.embedder,
            settings=bench.settings,
            reranker=bench.reranker,
            limit=FOUND,
        )
        for answerable, passages in judged_twice(question, found.passages):
            signals = signals_of(question.text, passages, found.worth)
            samples.append(Sample(number, signals, answerable))
        on_done()
    return samples


def fit(samples: Sequence[Sample], max_wrong: float) -> Report:
    """The highest threshold that refuses at most `max_wrong` of the answerable questions.

    With enough questions the weights are fitted too: logistic regression by Newton's method with a
    pull towards the shipped weights. The figures are of each fifth of the questions judged by the
    weights of the other four. Raises Invalid E-CALIBRATION when there are too few questions.
    """
    wanted = np.array([sample.answerable for sample in samples])
    answerable, others = int(wanted.sum()), int((~wanted).sum())
    if min(answerable, others) < MIN_QUESTIONS:
        raise Invalid(
            "A calibration needs %(minimum)s questions with an answer and as many without, or "
            "whose document is known: here are %(answerable)s and %(others)s.",
            code="E-CALIBRATION",
            minimum=MIN_QUESTIONS,
            answerable=answerable,
            others=others,
        )
    enough = min(answerable, others) >= MIN_FOR_WEIGHTS
    rows = np.array([[getattr(s.signals, name) for name in NAMES] for s in samples])
    fold = np.array([sample.question % FOLDS for sample in samples])
    confidence = np.empty(len(samples))
    for part in range(FOLDS):
        out = fold == part
        weights = _weights(rows[~out], wanted[~out]) if enough else _shipped()
        confidence[out] = _logistic(rows[out], weights)
    weights = _weights(rows, wanted) if enough else _shipped()
    threshold = _threshold(confidence[wanted], max_wrong)
    at = _cut(threshold, confidence, wanted)
    calibration = Calibration(
        dict(zip(NAMES, weights[:-1].tolist(), strict=True)), float(weights[-1]), threshold
    )
    steps = sorted({round(0.05 * n, 2) for n in range(1, 20)} | {threshold})
    return Report(
        Fitted(calibration, answerable, others, at.refused_right, at.refused_wrong),
        tuple(_cut(step, confidence, wanted) for step in steps),
        area(confidence[wanted], confidence[~wanted]),
        enough,
    )


async def keep(bench: Bench, report: Report) -> None:
    """Stores what was fitted, for the models in use from the next question on; audited."""
    models = models_of(bench.embedder, bench.reranker)
    async with as_system(bench.pool) as conn:
        await store(conn, *models, report.fitted)
        await audit.record(
            conn,
            actor=OPERATOR,
            action="evidence.calibrated",
            details={
                "embedder": bench.embedder.name if bench.embedder else "",
                "reranker": bench.reranker.name if bench.reranker else "",
                "threshold": report.fitted.calibration.threshold,
                "questions": report.fitted.answerable,
                "weights": report.weights_fitted,
            },
        )


async def discard(bench: Bench) -> bool:
    """Goes back to what GovBot brings, for the models in use; False when nothing was stored."""
    async with as_system(bench.pool) as conn:
        gone = await forget(conn, *models_of(bench.embedder, bench.reranker))
        if gone:
            await audit.record(conn, actor=OPERATOR, action="evidence.calibration-forgotten")
    return gone


def judged(samples: Sequence[Sample], calibration: Calibration) -> tuple[Cut, float]:
    """What a calibration refuses of these samples, and the area under its ROC curve."""
    wanted = np.array([sample.answerable for sample in samples])
    confidence = np.array([calibration.confidence(sample.signals) for sample in samples])
    cut = _cut(calibration.threshold, confidence, wanted)
    return cut, area(confidence[wanted], confidence[~wanted])


def area(answerable: Matrix, others: Matrix) -> float:
    """Area under the ROC curve: how often an answerable question has the higher confidence."""
    if not len(answerable) or not len(others):
        return 0.5
    higher = answerable[:, None] > others[None, :]
    equal = answerable[:, None] == others[None, :]
    return float(np.mean(higher + 0.5 * equal))


def judged_twice(
    question: Question, passages: Sequence[Passage]
) -> list[tuple[bool, Sequence[Passage]]]:
    """What a reader of everything finds, and one who may not read the documents of the answer."""
    if not question.answerable:
        return [(False, passages)]
    if not question.located:
        return [(True, passages)]
    hidden = [
        passage
        for passage in passages
        if passage.filename not in question.documents and passage.document_key not in question.keys
    ]
    return [(True, passages), (False, hidden)]


def _shipped() -> Matrix:
    return np.array([*(SHIPPED.weights[name] for name in NAMES), SHIPPED.bias])


def _weights(rows: Matrix, wanted: npt.NDArray[np.bool_]) -> Matrix:
    """Weights and bias of least loss; both kinds of question weigh the same in all."""
    inputs = np.hstack([rows, np.ones((len(rows), 1))])
    share = np.where(wanted, 0.5 / wanted.sum(), 0.5 / (~wanted).sum()) * len(rows)
    start = _shipped()
    pull = np.full(len(start), STIFFNESS)
    pull[-1] = 0.01  # the bias is free
    weights = start.copy()
    for _ in range(STEPS):
        expected = _logistic(rows, weights)
        gradient = inputs.T @ (share * (expected - wanted)) + pull * (weights - start)
        curvature = share * expected * (1 - expected)
        step = np.linalg.solve((inputs * curvature[:, None]).T @ inputs + np.diag(pull), gradient)
        weights = weights - step
        if float(np.abs(step).max()) < 1e-8:
            break
    return weights


def _logistic(rows: Matrix, weights: Matrix) -> Matrix:
    total: Matrix = rows @ weights[:-1] + weights[-1]
    return 1 / (1 + np.exp(-np.clip(total, -60, 60)))


def _threshold(answerable: Matrix, max_wrong: float) -> float:
    """The highest confidence below which at most that share of the answerable questions lies."""
    ordered = np.sort(answerable)
    # Rounded down: what has exactly this confidence must not be refused for a digit left out.
    return float(np.floor(ordered[int(max_wrong * len(ordered))] * 1e4) / 1e4)


def _cut(threshold: float, confidence: Matrix, wanted: npt.NDArray[np.bool_]) -> Cut:
    refused = confidence < threshold
    return Cut(threshold, _mean(refused[~wanted]), _mean(refused[wanted]))


def _mean(values: npt.NDArray[np.bool_]) -> float:
    return float(values.mean()) if len(values) else 0.0
