"""Whether the passages found can answer at all, judged before anything is generated. Pure.

Better a clear "not found" than an answer made of passages about something else.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from govbot.retrieval.calibration import SHIPPED, Calibration
from govbot.retrieval.passages import Passage
from govbot.retrieval.signals import Signals, Worth, signals_of

_ARTICLE = re.compile(r"\bart(?:igo)?s?\.?\s*(\d+)")
_NORM = re.compile(
    r"\b(?:lei|decreto|resolucao|portaria|medida provisoria|emenda|instrucao normativa)"
    r"(?:[ -](?:complementar|federal|estadual|municipal|delegada|constitucional|lei))*"
    r"\s*(?:n[or]?s?\b\.?\s*)?(\d+)"
)
_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether the passages answer a question, and how likely that is (0 to 1)."""

    sufficient: bool
    confidence: float
    signals: Signals


def judge(
    question: str,
    passages: Sequence[Passage],
    worth: Worth,
    calibration: Calibration = SHIPPED,
    *,
    min_confidence: float | None = None,
) -> Judgement:
    """Whether the passages found for a question hold its answer, and the article it asks for.

    "What does art. 250 of Law 14.133 say?" shares nearly all its words with every article of that
    law; only a passage with art. 250, of a document that bears or names that number, can answer.
    `worth` is what the search says of the question's stems (see signals.py); `min_confidence`
    takes the place of the calibration's threshold.
    """
    articles, norms = _articles(question), _norms(question)
    bearing = [passage for passage in passages if _bears(passage, articles, norms)]
    signals = signals_of(question, passages, worth)
    confidence = calibration.confidence(signals) if bearing else 0.0
    threshold = calibration.threshold if min_confidence is None else min_confidence
    return Judgement(bool(bearing) and confidence >= threshold, confidence, signals)


def _bears(passage: Passage, articles: set[str], norms: set[str]) -> bool:
    if not articles:
        return True
    if not articles & _articles(f"{passage.heading}\n{passage.text}"):
        return False
    named = f"{passage.title}\n{passage.filename}\n{passage.heading}\n{passage.text}"
    return not norms or bool(norms & set(_NUMBER.findall(_plain(named))))


def _articles(text: str) -> set[str]:
    return {number.lstrip("0") for number in _ARTICLE.findall(_plain(text))}


def _norms(text: str) -> set[str]:
    return {number.lstrip("0") for number in _NORM.findall(_plain(text))}


def _plain(text: str) -> str:
    """Lower case without accents; no points inside numbers, other signs than points as spaces."""
    folded = unicodedata.normalize("NFKD", text.lower())
    kept = "".join(char for char in folded if not unicodedata.combining(char))
    return re.sub(r"[^\w.]+|_", " ", re.sub(r"(?<=\d)\.(?=\d{3}(?!\d))", "", kept))
