"""Pairs from answers that people rated good, where the organisation told them that it learns.

Conversations belong to one person, so each is asked with that person's own rights, and only since
the setting `feedback.training` was on when the service started.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from govbot.auth import users
from govbot.db.access import Actor, as_actor, as_system
from govbot.db.pool import Connection, Pool
from govbot.feedback.states import State
from govbot.finetune.gold_pairs import App, searched
from govbot.finetune.pairs import Pair, key_of, renumbered, with_cited
from govbot.finetune.reach import Reach, passages_around
from govbot.ids import MessageId
from govbot.privacy import mask

_PAGE = 500  # accounts


async def told_since(pool: Pool) -> datetime | None:
    """When the service first started with `feedback.training` as it is; None: it is not on."""
    async with as_system(pool) as conn:
        cursor = await conn.execute(
            "SELECT s.at FROM settings_seen s"
            " WHERE s.name = 'feedback.training' AND s.value = 'true'"
        )
        row = await cursor.fetchone()
    return row["at"] if row else None


async def rated_pairs(
    app: App,
    reach: Reach,
    since: datetime,
    left_out: Counter[str],
    on_done: Callable[[], None] = lambda: None,
) -> list[Pair]:
    """Answers rated good whose sources are all within reach and whose question stands alone.

    An answer that somebody rated bad is left out until the queue of the curators dismisses that;
    then it counts as confirmed.
    """
    decided = await _reported(app.pool)
    pairs = []
    for actor in await _people(app.pool):
        for pair in await _of(app, actor, reach, since, left_out):
            states = decided.get(key_of(mask(pair.question)), set())
            if states - {State.DISMISSED}:
                left_out["rated bad by others"] += 1
                continue
            confirmed = bool(states)
            pairs.append(
                Pair(pair.question, pair.answer, pair.passages, pair.origin, confirmed=confirmed)
            )
        on_done()
    return pairs


async def _of(
    app: App, actor: Actor, reach: Reach, since: datetime, left_out: Counter[str]
) -> list[Pair]:
    limit = app.settings.retrieval.passages
    async with as_actor(app.pool, actor) as conn:
        rows = await _answers(conn, since)
        kept = []
        for row in rows:
            if not row["alone"]:
                left_out["follow-up"] += 1
            elif not row["sources"] or not set(row["sources"]) <= reach.documents:
                left_out["out of reach"] += 1
            else:
                kept.append((row, await _cited(conn, reach, row["id"])))
    pairs = []
    for row, (numbers, cited) in kept:
        if not cited or None in cited:
            left_out["no passage"] += 1
            continue
        whole = [passage for passage in cited if passage is not None]
        distinct = list({passage.chunk_id: passage for passage in whole}.values())
        found = await searched(app, actor, reach, row["question"], limit)
        passages = with_cited(found, distinct, limit)
        places = {passage.chunk_id: at for at, passage in enumerate(passages, 1)}
        marks = {n: places[p.chunk_id] for n, p in zip(numbers, whole, strict=True)}
        answer = renumbered(row["answer"], marks)
        pairs.append(Pair(row["question"], answer, tuple(passages), "rated", confirmed=False))
    return pairs


async def _answers(conn: Connection, since: datetime) -> list[dict[str, Any]]:
    """Written answers of the actor that they rated good; `alone`: nothing was asked before."""
    cursor = await conn.execute(
        """
        SELECT a.id, q.content AS question, a.content AS answer, a.sources,
               NOT EXISTS (SELECT FROM messages e
                           WHERE e.conversation_id = q.conversation_id
                             AND e.created_at < q.created_at) AS alone
        FROM answer_ratings r
        JOIN messages a ON a.id = r.message_id
        JOIN messages q ON q.id = a.reply_to
        WHERE r.rating = 1 AND r.rated_at >= %(since)s AND r.user_id = govbot_actor()
          AND a.state = 'done' AND NOT a.refused AND NOT a.excerpts AND q.as_of IS NULL
        ORDER BY a.id
        """,
        {"since": since},
    )
    return await cursor.fetchall()


async def _cited(
    conn: Connection, reach: Reach, answer_id: MessageId
) -> tuple[list[int], Sequence[Any]]:
    """The numbers of the citations of an answer, and the passage of today that holds each."""
    cursor = await conn.execute(
        """
        SELECT c.number, c.version_id, c.page_from, c.page_to, c.start_offset, c.end_offset
        FROM citations c
        WHERE c.message_id = %(id)s AND c.kind = 'cited'
        ORDER BY c.number
        """,
        {"id": answer_id},
    )
    rows = await cursor.fetchall()
    return [int(row["number"]) for row in rows], await passages_around(conn, reach, rows)


async def _reported(pool: Pool) -> dict[str, set[State]]:
    """What the queue of bad answers says of each question."""
    async with as_system(pool) as conn:
        cursor = await conn.execute("SELECT r.question, r.state FROM answer_reports r")
        rows = await cursor.fetchall()
    found: dict[str, set[State]] = defaultdict(set)
    for row in rows:
        found[key_of(row["question"])].add(State(row["state"]))
    return found


async def _people(pool: Pool) -> list[Actor]:
    """Every account that is open, by name."""
    found: list[Actor] = []
    after = ""
    async with as_system(pool) as conn:
        while page := await users.list_users(conn, limit=_PAGE, after=after):
            found += [users.actor_for(user) for user in page if user.disabled_at is None]
            after = page[-1].username
    return found
