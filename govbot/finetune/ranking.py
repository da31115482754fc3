"""What a sentence-transformers model finds for held questions in a corpus, by cosine alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from govbot.eval.questions import Question
from govbot.eval.score import DEPTH, Outcome, Scored, scored
from govbot.finetune.examples import Candidate
from govbot.models.files import ModelFiles

MEASURES: Final = ("hit@1", "hit@5", "hit@10", "mrr@10")
_BATCH: Final = 16
_SLICE: Final = 256  # texts between two reports of progress


def rankings(
    model: Any,
    files: ModelFiles,
    questions: Sequence[Question],
    corpus: Sequence[Candidate],
    on_done: Callable[[int], None] = lambda n: None,
) -> list[Scored]:
    """How each question ranks the corpus, exactly, as the vectors' part of the search would.

    A passage of several windows has the mean of their vectors, as at ingestion.
    """
    import numpy as np

    texts = [window for each in corpus for window in each.windows]
    vectors = _encoded(model, texts, files.passage_prefix, on_done)
    starts = np.cumsum([0, *(len(each.windows) for each in corpus)])[:-1]
    means = np.add.reduceat(vectors, starts, axis=0)
    means /= np.linalg.norm(means, axis=1, keepdims=True).clip(min=1e-12)
    asked = _encoded(model, [q.text for q in questions], files.query_prefix, on_done)
    rows = []
    for question, vector in zip(questions, asked, strict=True):
        cosines = means @ vector
        # Stable, so that equal cosines do not depend on the machine.
        best = np.argsort(-cosines, kind="stable")[:DEPTH]
        places = [corpus[int(at)].place for at in best]
        rows.append(scored(Outcome(question, places, 0.0, True)))
    return rows


def _encoded(model: Any, texts: Sequence[str], prefix: str, on_done: Callable[[int], None]) -> Any:
    import numpy as np

    parts = []
    for start in range(0, len(texts), _SLICE):
        part = list(texts[start : start + _SLICE])
        parts.append(
            model.encode(
                part,
                prompt=prefix,
                batch_size=_BATCH,
                show_progress_bar=False,
                convert_to_numpy=True,
                normalize_embeddings=True,
            )
        )
        on_done(len(part))
    return np.concatenate(parts)
