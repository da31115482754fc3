"""What administrators asked to be done with models, and how far it is."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from govbot import audit
from govbot.db.access import Actor, Role, found
from govbot.db.pool import Connection
from govbot.errors import Conflict, GovBotError
from govbot.ids import UserId, new_id

OPEN: Final = ("waiting", "running")
KEPT: Final = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Transfer:
    """A model that is fetched, copied or checked. `kind`: pull, add or verify; sizes in bytes."""

    id: UUID
    kind: str
    source: str
    name: str
    revision: str
    sha256: str
    node: str
    state: str
    done_bytes: int
    total_bytes: int
    error: str
    error_params: dict[str, str]
    error_code: str
    asked_by: UUID | None
    asker: str | None
    created_at: datetime
    finished_at: datetime | None

    @property
    def open(self) -> bool:
        """Whether it waits or runs."""
        return self.state in OPEN

    @property
    def percent(self) -> int:
        """How much of it is done, as far as that is known."""
        return min(100, 100 * self.done_bytes // self.total_bytes) if self.total_bytes else 0

    @property
    def problem(self) -> GovBotError | None:
        """Why it failed, to be said in the reader's language."""
        if not self.error:
            return None
        return GovBotError(self.error, code=self.error_code, **self.error_params)

    @property
    def actor(self) -> Actor | None:
        """Who asked, for the audit log; None when the account is gone."""
        if self.asked_by is None or self.asker is None:
            return None
        return Actor(UserId(self.asked_by), self.asker, Role.ADMIN)


@dataclass(frozen=True, slots=True)
class Order:
    """What to do: see Transfer."""

    kind: str
    source: str
    name: str
    revision: str = ""
    sha256: str = ""


def this_node() -> str:
    """The name of this machine."""
    return socket.gethostname()[:255] or "localhost"


async def ask(conn: Connection, actor: Actor, order: Order) -> UUID:
    """Puts a transfer in line on this machine. Raises Conflict while the model has one."""
    transfer_id = new_id()
    try:
        async with conn.transaction():
            await conn.execute(
                """
                INSERT INTO model_transfers (id, kind, source, name, revision, sha256, node,
                                             asked_by)
                VALUES (%(id)s, %(kind)s, %(source)s, %(name)s, %(revision)s, %(sha256)s, %(node)s,
                        %(asked_by)s)
                """,
                {
                    "id": transfer_id,
                    "kind": order.kind,
                    "source": order.source,
                    "name": order.name,
                    "revision": order.revision,
                    "sha256": order.sha256.lower(),
                    "node": this_node(),
                    "asked_by": actor.id,
                },
            )
    except psycopg.errors.UniqueViolation as error:
        raise Conflict(
            'The model "%(name)s" is being brought here already.',
            name=order.name,
            code="E-MODEL-UNDER-WAY",
        ) from error
    await audit.record(
        conn,
        actor=actor,
        action="model.asked",
        resource=f"model:{order.name}",
        details={"kind": order.kind, "source": order.source, "revision": order.revision},
    )
    return transfer_id


async def latest(conn: Connection, *, limit: int) -> Sequence[Transfer]:
    """Those under way, then the last ones that ended."""
    async with conn.cursor(row_factory=class_row(Transfer)) as cursor:
        await cursor.execute(
            """
            SELECT t.id, t.kind, t.source, t.name, t.revision, t.sha256, t.node, t.state,
                   t.done_bytes, t.total_bytes, t.error, t.error_params, t.error_code, t.asked_by,
                   u.username AS asker, t.created_at, t.finished_at
            FROM model_transfers t LEFT JOIN users u ON u.id = t.asked_by
            ORDER BY t.state IN ('waiting', 'running') DESC, t.created_at DESC
            LIMIT %(limit)s
            """,
            {"limit": limit},
        )
        return await cursor.fetchall()


async def cancel(conn: Connection, actor: Actor, transfer_id: UUID) -> None:
    """Ends a transfer; the service stops it within seconds. Raises NotFound."""
    cursor = await conn.execute(
        """
        UPDATE model_transfers
        SET state = 'cancelled', finished_at = now(), updated_at = now()
        WHERE id = %(id)s AND state IN ('waiting', 'running')
        RETURNING name
        """,
        {"id": transfer_id},
    )
    row = found(await cursor.fetchone())
    await audit.record(conn, actor=actor, action="model.cancelled", resource=f"model:{row['name']}")


async def requeue(conn: Connection) -> None:
    """What this machine was doing when it was stopped goes on; old ones are forgotten."""
    await conn.execute(
        """
        UPDATE model_transfers SET state = 'waiting', updated_at = now()
        WHERE node = %(node)s AND state = 'running'
        """,
        {"node": this_node()},
    )
    await conn.execute(
        """
        DELETE FROM model_transfers
        WHERE finished_at < now() - %(kept)s::interval
           OR (state IN ('waiting', 'running') AND updated_at < now() - %(kept)s::interval)
        """,
        {"kept": KEPT},
    )


async def take(conn: Connection) -> Transfer | None:
    """The next one of this machine, now running; None when nothing waits."""
    async with conn.cursor(row_factory=class_row(Transfer)) as cursor:
        await cursor.execute(
            """
            WITH next AS (
                UPDATE model_transfers SET state = 'running', updated_at = now()
                WHERE id = (
                    SELECT w.id FROM model_transfers w
                    WHERE w.node = %(node)s AND w.state = 'waiting'
                    ORDER BY w.created_at
                    LIMIT 1
                    FOR UPDATE SKIP LOCKED
                )
                RETURNING *
            )
            SELECT t.id, t.kind, t.source, t.name, t.revision, t.sha256, t.node, t.state,
                   t.done_bytes, t.total_bytes, t.error, t.error_params, t.error_code, t.asked_by,
                   u.username AS asker, t.created_at, t.finished_at
            FROM next t LEFT JOIN users u ON u.id = t.asked_by
            """,
            {"node": this_node()},
        )
        return await cursor.fetchone()


async def tell(conn: Connection, transfer_id: UUID, done: int, total: int) -> bool:
    """Stores how far it is; False when it was cancelled."""
    cursor = await conn.execute(
        """
        UPDATE model_transfers
        SET done_bytes = %(done)s, total_bytes = %(total)s, updated_at = now()
        WHERE id = %(id)s AND state = 'running'
        RETURNING id
        """,
        {"id": transfer_id, "done": max(0, done), "total": max(0, total)},
    )
    return await cursor.fetchone() is not None


async def finish(conn: Connection, transfer_id: UUID, error: GovBotError | None = None) -> None:
    """Ends a transfer as done or, with an error, as failed; one that was cancelled stays so."""
    params = {name: str(value)[:500] for name, value in error.params.items()} if error else {}
    await conn.execute(
        """
        UPDATE model_transfers
        SET state = CASE WHEN %(error)s::text = '' THEN 'done' ELSE 'failed' END,
            error = %(error)s, error_params = %(params)s, error_code = %(code)s,
            updated_at = now(), finished_at = now(),
            done_bytes = CASE WHEN %(error)s::text = '' THEN total_bytes ELSE done_bytes END
        WHERE id = %(id)s AND state = 'running'
        """,
        {
            "id": transfer_id,
            "error": error.template[:2000] if error else "",
            "params": Jsonb(params),
            "code": error.error_code if error else "",
        },
    )
