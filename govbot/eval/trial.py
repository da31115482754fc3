"""A new embedder on trial: measured on its own vectors before they are searched by anybody.

The trial runs inside the transaction that makes the model the active one, so only it sees the new
state; when the figures fall and the gate refuses, that transaction is taken back.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Protocol

from govbot.config import Settings
from govbot.db.access import OPERATOR, as_system
from govbot.db.pool import Connection, Pool
from govbot.errors import Conflict
from govbot.eval import gate, gold, runs
from govbot.eval.fingerprint import Fingerprint, fingerprint
from govbot.eval.questions import Question
from govbot.eval.score import DEPTH, OF_ANSWERS, Outcome, Place, Scored, scored
from govbot.generate import Generator
from govbot.models.embedder import Embedder
from govbot.models.reranker import Reranker
from govbot.retrieval.retrieve import retrieve

log = logging.getLogger(__name__)


class App(Protocol):
    """The parts that a trial needs."""

    @property
    def pool(self) -> Pool: ...
    @property
    def settings(self) -> Settings: ...
    @property
    def embedder(self) -> Embedder | None: ...
    @property
    def reranker(self) -> Reranker | None: ...
    @property
    def generator(self) -> Generator: ...


@dataclass(slots=True)
class Trial:
    """Call it with the connection of the activation; `record` it when that is over."""

    app: App
    force: bool
    reference: gate.Acceptance
    made_with: Fingerprint
    set: gold.GoldSet
    questions: list[Question]
    rows: list[Scored] = field(default_factory=list)
    falls: list[gate.Fall] = field(default_factory=list)

    async def __call__(self, conn: Connection) -> None:
        """Raises Conflict E-GATE when the figures fall, the gate refuses and nobody forces it."""
        for question in self.questions:
            self.rows.append(await self._asked(conn, question))
        before = await runs.outcomes(conn, self.reference.run_id) if self.reference.run_id else []
        self.falls = gate.falls(_of_search(self.app.settings), before, self.rows)
        if self.falls and not self.force and self.app.settings.evaluation.gate == "refuse":
            raise Conflict(
                "With the new vectors the search is worse than before (%(fell)s). The old ones"
                " stay in use. Set embedder.model back, or use `govbot reindex --force`.",
                code="E-GATE",
                fell=gate.told(self.falls),
            )

    async def record(self) -> None:
        """Keeps the run, and accepts the embedder that passed or was forced."""
        wanted = runs.Wanted(
            self.set.name, self.questions, set_id=self.set.id, answers=False, label="reindex"
        )
        async with as_system(self.app.pool) as conn:
            run_id = await runs.create(conn, None, wanted)
            await runs.begin(conn, run_id, self.made_with, len(self.rows))
            await runs.store(conn, run_id, 0, self.rows)
            run = await runs.finish(conn, run_id)
            if not self.falls or self.force:
                await self._accept(conn, run)
        if self.falls:
            log.warning(
                "The new vectors find less than the old ones: %s",
                gate.told(self.falls),
                extra={"action": "evaluation.fell", "changed": ["embedder"]},
            )

    async def _accept(self, conn: Connection, run: runs.Run) -> None:
        """The embedder alone; the run of the reference stays, which has answers too."""
        reference = await runs.get(conn, self.reference.run_id) if self.reference.run_id else run
        accepted = gate.with_embedder(self.reference, self.made_with)
        forced = bool(self.falls)
        await gate.accept(conn, OPERATOR, accepted, run if forced else reference, forced=forced)

    async def _asked(self, conn: Connection, question: Question) -> Scored:
        app = self.app
        found = await retrieve(
            conn,
            question.text,
            embedder=app.embedder,
            settings=app.settings,
            reranker=app.reranker,
            limit=DEPTH,
        )
        places = [Place(p.filename, p.page_from, p.page_to, p.document_key) for p in found.passages]
        milliseconds = sum(found.timings.values()) * 1000
        return scored(Outcome(question, places, milliseconds, found.sufficient))


async def trial_of(app: App, *, force: bool = False) -> Trial | None:
    """The trial of the configured embedder; None when the gate watches nothing, nothing was
    accepted yet, or the embedder is the accepted one."""
    async with as_system(app.pool) as conn:
        made_with = await fingerprint(conn, app)
        found = await gate.standing(conn, app.settings, made_with)
        reference = await gate.accepted(conn)
        if reference is None or "embedder" not in found.changed:
            return None
        watched = await gold.find_set(conn, app.settings.evaluation.set)
        if watched is None:
            return None
        questions = [each.as_question() for each in await gold.questions(conn, watched.id)]
    return Trial(app, force, reference, made_with, watched, questions)


def _of_search(settings: Settings) -> Settings:
    """The watched figures that need no answers; where there are none, the reciprocal rank."""
    measures = tuple(m for m in settings.evaluation.measures if m not in OF_ANSWERS)
    watch = settings.evaluation.model_copy(update={"measures": measures or (f"mrr@{DEPTH}",)})
    return settings.model_copy(update={"evaluation": watch})
