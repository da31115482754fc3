"""From signals to a decision: a logistic model of few weights, and the one kept in the database.

The weights that GovBot brings were fitted on public question sets with the right document shown
and hidden in turn (tests/bench/README.md); `govbot eval calibrate` fits them, or the threshold
alone, on the organisation's own questions.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from govbot.retrieval.signals import NAMES, Signals

if TYPE_CHECKING:
    from govbot.models.embedder import Embedder
    from govbot.models.reranker import Reranker

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Calibration:
    """Confidence is 1 / (1 + exp(-(bias + sum of weight * signal))); below `threshold`: refuse."""

    weights: Mapping[str, float]
    bias: float
    threshold: float

    def confidence(self, signals: Signals) -> float:
        """How likely it is that the passages hold the answer, 0 to 1."""
        total = self.bias + sum(
            weight * getattr(signals, name) for name, weight in self.weights.items()
        )
        return 1 / (1 + math.exp(-max(-60.0, min(60.0, total))))


# Fitted on FaQuAD and Pirá, each alone and both together, with the right document shown and hidden;
# the threshold refuses 3 % of their answerable questions (tests/bench/README.md). Cosines and
# scores of rerankers mean another thing with each model: they weigh nothing until calibrated.
SHIPPED: Final = Calibration(
    weights={
        "coverage": 1.26,
        "stretch": 0.7,
        "pairs": 0.3,
        "names": 1.06,
        "standout": 5.23,
        "dense": 0.0,
        "rerank": 0.0,
    },
    bias=-3.75,
    threshold=0.2,
)


@dataclass(frozen=True, slots=True)
class Fitted:
    """A calibration with what it was fitted on and did there (shares from 0 to 1)."""

    calibration: Calibration
    answerable: int
    unanswerable: int
    refused_right: float
    refused_wrong: float


async def load(conn: AsyncConnection[Any], embedder: str, reranker: str) -> Calibration:
    """The calibration for these models, by their fingerprints ("": none); else the shipped one."""
    cursor = await conn.execute(
        """
        SELECT c.weights, c.bias, c.threshold FROM calibrations c
        WHERE c.embedder = %(embedder)s AND c.reranker = %(reranker)s
        """,
        {"embedder": embedder, "reranker": reranker},
    )
    row = await cursor.fetchone()
    if row is None:
        return SHIPPED
    if set(row["weights"]) != set(NAMES):
        log.warning(
            "The stored calibration is of another release and not used: calibrate again.",
            extra={"action": "retrieval.calibration-stale"},
        )
        return SHIPPED
    return Calibration(row["weights"], row["bias"], row["threshold"])


async def store(conn: AsyncConnection[Any], embedder: str, reranker: str, fitted: Fitted) -> None:
    """Keeps a calibration in place of the one before; `conn` is inside `as_system`."""
    await conn.execute(
        """
        INSERT INTO calibrations (embedder, reranker, weights, bias, threshold, answerable,
                                  unanswerable, refused_right, refused_wrong)
        VALUES (%(embedder)s, %(reranker)s, %(weights)s, %(bias)s, %(threshold)s, %(answerable)s,
                %(unanswerable)s, %(refused_right)s, %(refused_wrong)s)
        ON CONFLICT (embedder, reranker) DO UPDATE
        SET weights = excluded.weights, bias = excluded.bias, threshold = excluded.threshold,
            answerable = excluded.answerable, unanswerable = excluded.unanswerable,
            refused_right = excluded.refused_right, refused_wrong = excluded.refused_wrong,
            fitted_at = now()
        """,
        {
            "embedder": embedder,
            "reranker": reranker,
            "weights": Jsonb(dict(fitted.calibration.weights)),
            "bias": fitted.calibration.bias,
            "threshold": fitted.calibration.threshold,
            "answerable": fitted.answerable,
            "unanswerable": fitted.unanswerable,
            "refused_right": fitted.refused_right,
            "refused_wrong": fitted.refused_wrong,
        },
    )


async def forget(conn: AsyncConnection[Any], embedder: str, reranker: str) -> bool:
    """Goes back to the shipped calibration; False when there was no other."""
    cursor = await conn.execute(
        "DELETE FROM calibrations WHERE embedder = %(embedder)s AND reranker = %(reranker)s",
        {"embedder": embedder, "reranker": reranker},
    )
    return cursor.rowcount > 0


def models_of(embedder: Embedder | None, reranker: Reranker | None) -> tuple[str, str]:
    """The fingerprints under which a calibration is kept."""
    return (embedder.fingerprint if embedder else "", reranker.fingerprint if reranker else "")
