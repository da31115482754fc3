"""Categories of questions: set by administrators, given by likeness of question and description."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NewType
from uuid import UUID

from psycopg.errors import CheckViolation, UniqueViolation

from govbot import audit
from govbot.db.access import Actor, found
from govbot.db.pool import Connection
from govbot.errors import Conflict, GovBotError, Invalid
from govbot.generate.stems import content_stems
from govbot.ids import new_id
from govbot.models.embedder import Embedder
from govbot.models.mood import Mood

log = logging.getLogger(__name__)

CategoryId = NewType("CategoryId", UUID)

MOST = 50  # categories
# The score of a category is by how much its description is more like the question than those of
# all categories are on average (cosines of unrelated texts differ from model to model), and half
# the share of the question's stems that it holds. With the starter embedder and five categories,
# 19 of 20 questions came where a person put them.
STEM_SHARE = 0.5
LEAST_SCORE = 0.13
MOOD_S = 2.0  # an answer does not wait longer for the mood of its question


@dataclass(frozen=True, slots=True)
class Category:
    """`description` is what questions of it are about, in words that they use."""

    id: CategoryId
    name: str
    description: str


async def categories(conn: Connection) -> list[Category]:
    """All of them, by name."""
    cursor = await conn.execute(
        "SELECT id, name, description FROM question_categories ORDER BY lower(name) LIMIT %(most)s",
        {"most": MOST},
    )
    return [Category(**row) for row in await cursor.fetchall()]


async def add(conn: Connection, actor: Actor, name: str, description: str) -> CategoryId:
    """Raises Invalid, Denied for others than administrators, Conflict for a name that is taken."""
    name, description = " ".join(name.split()), " ".join(description.split())
    if len(await categories(conn)) >= MOST:
        raise Conflict("There are %(most)s categories already.", code="E-CATEGORY", most=MOST)
    category_id = CategoryId(new_id())
    try:
        await conn.execute(
            """
            INSERT INTO question_categories (id, name, description)
            VALUES (%(id)s, %(name)s, %(description)s)
            """,
            {"id": category_id, "name": name, "description": description},
        )
    except UniqueViolation as error:
        raise Conflict("There is a category with this name.", code="E-CATEGORY") from error
    except CheckViolation as error:
        raise Invalid(
            "A category needs a name of 80 characters and a description of 1000 at most.",
            code="E-CATEGORY",
        ) from error
    await _record(conn, actor, "category.added", category_id, name)
    return category_id


async def remove(conn: Connection, actor: Actor, category_id: CategoryId) -> None:
    """Its questions are without category then. Raises NotFound, also for whom it is not."""
    cursor = await conn.execute(
        "DELETE FROM question_categories WHERE id = %(id)s RETURNING name", {"id": category_id}
    )
    row = found(await cursor.fetchone())
    await _record(conn, actor, "category.removed", category_id, row["name"])


async def _record(
    conn: Connection, actor: Actor, action: str, category_id: CategoryId, name: str
) -> None:
    await audit.record(
        conn,
        actor=actor,
        action=action,
        resource=f"category:{category_id}",
        details={"name": name},
    )


class Classifier:
    """Gives questions their category and mood; keeps the vectors of descriptions."""

    def __init__(self, embedder: Embedder | None, mood: Mood | None = None) -> None:
        self._embedder = embedder
        self._mood = mood
        self._vectors: dict[tuple[str, str], Sequence[float]] = {}

    async def category(self, question: str, known: Sequence[Category]) -> CategoryId | None:
        """The category that fits, if one does clearly; by stems alone where no model answers."""
        if not known:
            return None
        cosines = await self._cosines(question, known)
        usual = sum(cosines.values()) / max(len(cosines), 1)
        asked = set(content_stems(question))
        scores = {
            each.id: cosines.get(each.id, 0.0) - usual + _shared(asked, each) for each in known
        }
        best = max(scores, key=lambda key: scores[key])
        return best if scores[best] >= LEAST_SCORE else None

    async def mood(self, question: str) -> str:
        """The label of the configured model; "" without one, or when it fails or is slow."""
        if self._mood is None:
            return ""
        try:
            return await asyncio.wait_for(self._mood.judge(question), MOOD_S)
        except (GovBotError, TimeoutError) as error:
            log.warning(
                "The mood of a question is not known: %s",
                type(error).__name__,
                extra={"action": "mood.failed"},
            )
            return ""

    async def _cosines(
        self, question: str, known: Sequence[Category]
    ) -> Mapping[CategoryId, float]:
        """The cosine of the question with each description; nothing where no model answers."""
        embedder = self._embedder
        if embedder is None:
            return {}
        texts = {each.id: f"{each.name}. {each.description}" for each in known}
        wanted = [
            text for text in texts.values() if (embedder.fingerprint, text) not in self._vectors
        ]
        try:
            if wanted:
                self._vectors = {}  # of descriptions that changed, or of another model
                wanted = list(texts.values())
                for text, vector in zip(wanted, await embedder.embed_passages(wanted), strict=True):
                    self._vectors[embedder.fingerprint, text] = vector
            asked = await embedder.embed_query(question)
        except GovBotError as error:
            log.warning(
                "Questions are sorted by their words alone: %s",
                error.error_code,
                extra={"action": "category.words"},
            )
            return {}
        return {
            key: sum(
                a * b for a, b in zip(asked, self._vectors[embedder.fingerprint, text], strict=True)
            )
            for key, text in texts.items()
        }


def _shared(asked: set[str], category: Category) -> float:
    own = set(content_stems(f"{category.name} {category.description}"))
    return STEM_SHARE * len(asked & own) / len(asked) if asked else 0.0
