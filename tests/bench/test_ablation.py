"""What each part of the search is worth: each off in turn; `make bench-quality` prints the table.

The difference of a part is paired, question by question, so its standard error is much smaller
than that of a figure by itself.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import sqrt
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import pytest

from govbot.app import open_app
from govbot.cli.acting import acting
from govbot.config import load_settings
from govbot.db.access import Actor
from govbot.eval.questions import Question, read_questions
from govbot.eval.run import Bench
from govbot.eval.score import DEPTH, Place, rank
from govbot.generate.stems import words
from govbot.models.embedder import Embedder
from govbot.retrieval import closeness, fusion, lexical, query, retrieve
from govbot.retrieval.passages import Passage
from govbot.retrieval.synonyms import GROUPS
from tests.bench.prepared import EVERYBODY, prepared, reader_of

# Take every n-th question only, for a first look.
EVERY = int(os.environ.get("GOVBOT_BENCH_EVERY") or 1)

Patch = tuple[object, str, Any]


def _as_found(found: Sequence[Passage], limit: int) -> list[Passage]:
    return list(found)[:limit]


def _unchanged(found: Sequence[Passage], *_: object) -> list[Passage]:
    return list(found)


def _none(*_: object) -> tuple[()]:
    return ()


CLOSENESS: Patch = (retrieve, "by_closeness", _unchanged)
PAIRS: Patch = (lexical, "PAIR_BONUS", 0.0)
NORMS: tuple[Patch, ...] = (
    (fusion, "NAMED", 0.0),
    (lexical, "IDENTITY_WEIGHT", 0.0),
)
SYNONYMS: Patch = (query, "by_rule", _none)
NEAR: Patch = (lexical, "MAX_NEAR", 0)
ACRONYMS: tuple[Patch, ...] = ((lexical, "ACRONYM_WEIGHT", 0.0), (lexical, "MAX_ACRONYMS", 0))
DIVERSITY: Patch = (retrieve, "diverse", _as_found)
PARTS: dict[str, tuple[Patch, ...]] = {
    "all parts": (),
    "without pairs of stems": (PAIRS,),
    "without closeness": (CLOSENESS,),
    "… its long stretch": ((closeness, "STRETCH", 0.0),),
    "… its short stretch": ((closeness, "SHORT_STRETCH", 0.0),),
    "… its related words": ((closeness, "_relatives", _none), (closeness, "RELATED", 0.0)),
    "… its neighbouring words": ((closeness, "ALIKE", 0.0),),
    "… its kind of thing asked for": ((closeness, "KIND", 0.0),),
    "without norms that are named": NORMS,
    "without synonyms": (SYNONYMS,),
    "without acronyms": ACRONYMS,
    "without near spellings": (NEAR,),
    "without diversity": (DIVERSITY,),
}
PLAIN = (PAIRS, CLOSENESS, *NORMS, SYNONYMS, *ACRONYMS, NEAR, DIVERSITY)


@dataclass(frozen=True)
class Case:
    """Questions as an account asks them."""

    name: str
    username: str
    questions: Sequence[Question]


class Remembering:
    """An embedder that embeds each question once."""

    def __init__(self, embedder: Embedder):
        self._embedder = embedder
        self._known: dict[str, list[float]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._embedder, name)

    async def embed_query(self, text: str) -> list[float]:
        if text not in self._known:
            self._known[text] = await self._embedder.embed_query(text)
        return self._known[text]


async def test_each_part_off_in_turn(shared_data: Path) -> None:
    folder = prepared(shared_data)
    settings = load_settings(environ={**os.environ, "GOVBOT_DATA_DIR": str(folder)})
    cases = _cases(shared_data / "qa")
    async with open_app(settings, migrate=True) as app:
        embedder: Any = Remembering(app.embedder)
        bench = Bench(app.pool, settings, embedder, app.generator, app.reranker)
        actors = {case.name: await acting(app.pool, case.username) for case in cases}
        print("\npart", *(f"{case.name} ({len(case.questions)})" for case in cases), sep=" | ")
        whole = await _row(bench, actors, cases, "all parts", (), None)
        assert all(mean(ranks) > 0.4 for ranks in whole)
        for name, patches in PARTS.items():
            if patches:
                await _row(bench, actors, cases, name, patches, whole)
        words_alone = replace(bench, embedder=None)
        await _row(words_alone, actors, cases, "without vectors", (), whole)
        if bench.reranker is not None:
            await _row(replace(bench, reranker=None), actors, cases, "no reranker", (), whole)
        await _row(words_alone, actors, cases, "BM25 of folded stems alone", PLAIN, whole)


def _cases(folder: Path) -> list[Case]:
    faquad, pira, acts, laws = (
        [each for each in read_questions(folder / f"{name}.dev.jsonl") if each.located][::EVERY]
        for name in ("faquad", "pira", "docqa", "leis3")
    )
    return [
        Case("FaQuAD alone", reader_of("faquad"), faquad),
        Case("FaQuAD mixed", EVERYBODY, faquad),
        Case("Pirá mixed", EVERYBODY, pira),
        Case("acts alone, page", reader_of("docs"), acts),
        Case("acts and laws mixed", EVERYBODY, acts + laws),
        Case("FaQuAD mistyped", EVERYBODY, _changed(faquad[::3], _mistyped)),
        Case("FaQuAD in synonyms", EVERYBODY, _changed(faquad, _in_synonyms)),
    ]


def _changed(questions: Sequence[Question], change: Callable[[str], str]) -> list[Question]:
    """The questions that `change` makes different."""
    changed = [replace(each, text=change(each.text)) for each in questions]
    return [new for new, old in zip(changed, questions, strict=True) if new.text != old.text]


def _mistyped(text: str) -> str:
    """Two letters of the longest word change places; no accents."""
    longest = max(re.findall(r"[^\W\d_]+", text), key=len)
    middle = len(longest) // 2
    swapped = longest[: middle - 1] + longest[middle] + longest[middle - 1] + longest[middle + 1 :]
    return text.replace(longest, swapped, 1) if len(longest) > 6 else text


def _in_synonyms(text: str) -> str:
    """The first word that has a synonym of one word is replaced by it."""
    for word in words(text):
        for group in GROUPS:
            singles = [each for each in group if " " not in each]
            others = [each for each in singles if words(each)[0].stem != word.stem]
            if others and len(others) < len(singles):
                return text[: word.start] + others[0] + text[word.end :]
    return text


async def _row(
    bench: Bench,
    actors: dict[str, Actor],
    cases: Sequence[Case],
    name: str,
    patches: Sequence[Patch],
    whole: Sequence[Sequence[float]] | None,
) -> list[list[float]]:
    """Prints hit@1/hit@5/MRR of each case, or what is lost of MRR with its standard error."""
    ranks = []
    with _patched(patches):
        for case in cases:
            ranks.append([await _reciprocal(bench, actors[case.name], q) for q in case.questions])
    shown = [_figures(each) for each in ranks]
    if whole is not None:
        shown = [_lost(*pair) for pair in zip(ranks, whole, strict=True)]
    print(name, *shown, sep=" | ", flush=True)
    return ranks


async def _reciprocal(bench: Bench, actor: Actor, question: Question) -> float:
    found = await retrieve.find(
        bench.pool,
        actor,
        question.text,
        embedder=bench.embedder,
        settings=bench.settings,
        reranker=bench.reranker,
        limit=DEPTH,
    )
    places = [Place(p.filename, p.page_from, p.page_to, p.document_key) for p in found.passages]
    place = rank(question, places)
    return 1 / place if place is not None and place <= DEPTH else 0.0


def _figures(ranks: Sequence[float]) -> str:
    first, five = (mean(each >= 1 / k for each in ranks) for k in (1, 5))
    return f"{first:.3f}/{five:.3f}/{mean(ranks):.3f}"


def _lost(ranks: Sequence[float], whole: Sequence[float]) -> str:
    differences = [one - other for one, other in zip(ranks, whole, strict=True)]
    error = stdev(differences) / sqrt(len(differences))
    return f"{mean(ranks):.3f} {mean(differences):+.3f} ±{error:.3f}"


@contextmanager
def _patched(patches: Sequence[Patch]) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for target, name, value in patches:
            patch.setattr(target, name, value)
        yield
