"""Which model made the stored vectors; one is active, and only its vectors are searched."""

from __future__ import annotations

from typing import Protocol

from govbot.db.pool import Connection
from govbot.documents.locks import lock_active_model
from govbot.errors import Unavailable


class Model(Protocol):
    """What tells one embedding model from another."""

    @property
    def name(self) -> str: ...
    @property
    def fingerprint(self) -> str: ...
    @property
    def dimension(self) -> int: ...


async def ensure_model(conn: Connection, model: Model | None) -> int | None:
    """The id of the active model, which must be `model`; the first one ever used becomes active.

    Without a model there is no id. Raises Unavailable E-MODEL when another one is active.
    """
    row = await _active(conn)
    if row is None and model is None:
        return None
    if row is None and model is not None:
        await lock_active_model(conn)
        if await _active(conn) is None:
            await _insert(conn, model, "active")
        row = await _active(conn)
    if row is None or model is None or (row[1], row[2]) != (model.name, model.fingerprint):
        raise Unavailable(
            'The vectors were made with the embedding model "%(active)s" and the settings name'
            ' "%(wanted)s". Run `govbot reindex`, or set the model back.',
            code="E-MODEL",
            active=row[1] if row else "",
            wanted=model.name if model else "none",
        )
    return row[0]


async def start_building(conn: Connection, model: Model) -> int:
    """The id of `model` for filling; it may be active already. Resumes what was begun."""
    cursor = await conn.execute(
        """
        SELECT id, state FROM embedding_models
        WHERE name = %(name)s AND fingerprint = %(fingerprint)s
        """,
        {"name": model.name, "fingerprint": model.fingerprint},
    )
    row = await cursor.fetchone()
    if row is None:
        return await _insert(conn, model, "building")
    if row["state"] == "retired":
        await conn.execute(
            "UPDATE embedding_models SET state = 'building' WHERE id = %(id)s", {"id": row["id"]}
        )
    return int(row["id"])


async def retire_all(conn: Connection) -> None:
    """No model is active any more: words search alone. Hold `lock_active_model`."""
    await conn.execute(
        "UPDATE embedding_models SET state = 'retired' WHERE state IN ('active', 'building')"
    )


async def activate(conn: Connection, model_id: int) -> None:
    """Retires the active model and activates this one; hold `lock_active_model`."""
    await conn.execute(
        "UPDATE embedding_models SET state = 'retired' WHERE state = 'active' AND id <> %(id)s",
        {"id": model_id},
    )
    await conn.execute(
        "UPDATE embedding_models SET state = 'active' WHERE id = %(id)s", {"id": model_id}
    )


async def _active(conn: Connection) -> tuple[int, str, str] | None:
    cursor = await conn.execute(
        "SELECT id, name, fingerprint FROM embedding_models WHERE state = 'active'"
    )
    row = await cursor.fetchone()
    return (int(row["id"]), row["name"], row["fingerprint"]) if row else None


async def _insert(conn: Connection, model: Model, state: str) -> int:
    cursor = await conn.execute(
        """
        INSERT INTO embedding_models (name, fingerprint, dimension, state)
        VALUES (%(name)s, %(fingerprint)s, %(dimension)s, %(state)s)
        ON CONFLICT (name, fingerprint) DO UPDATE SET state = excluded.state
        RETURNING id
        """,
        {
            "name": model.name,
            "fingerprint": model.fingerprint,
            "dimension": model.dimension,
            "state": state,
        },
    )
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - RETURNING of an upsert always gives one row
    return int(row["id"])
