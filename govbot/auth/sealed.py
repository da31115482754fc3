"""Everything in the database that is sealed (govbot/sealing.py): secrets given on the command line,
and the one table of sealed columns, which a rotation of the key goes through.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from psycopg import sql
from pydantic import SecretStr

from govbot import audit
from govbot.config import Settings, fields, is_secret
from govbot.config.lists import listed_secrets
from govbot.db.access import OPERATOR, as_system
from govbot.db.pool import Connection, Pool
from govbot.errors import Conflict, Invalid, NotFound
from govbot.sealing import KEY_FILE, Sealer, new_key, write_keys

MAX_SECRET: Final = 20_000


def fillable(settings: Settings | None = None) -> list[str]:
    """The secrets that `govbot secret set` can hold; with `settings`, only those left empty, and
    those of the tables in its lists besides.

    What opens the database or its seals, or signs the audit log, cannot lie in the database.
    """
    found = []
    for section, name, info in fields():
        if not is_secret(info) or info.annotation is not SecretStr or name == "key":
            continue
        value: SecretStr | None = getattr(getattr(settings, section), name) if settings else None
        if value is None or not value.get_secret_value():
            found.append(f"{section}.{name}")
    if settings is not None:
        found += [key for key, value in listed_secrets(settings) if not value.get_secret_value()]
    return found


async def fill(settings: Settings, pool: Pool, sealer: Sealer) -> Settings:
    """The settings, with stored secrets where files and environment give none."""
    async with as_system(pool) as conn:
        found = await open_secrets(conn, sealer, fillable(settings))
    for key, value in found.items():
        settings = settings.with_secret(key, value, origin="govbot secret")
    return settings


@dataclass(frozen=True, slots=True)
class Column:
    """A column of sealed values, and the columns that name its rows."""

    table: str
    name: str
    keys: tuple[str, ...]


# A test compares this with the columns of bytes that the schema has.
SEALED: Final = (
    Column("secrets", "value", ("name",)),
    Column("totp", "secret", ("user_id",)),
    Column("oidc_requests", "verifier", ("state_hash",)),
    Column("outside_sessions", "id_token", ("session_id",)),
    Column("installation", "proof", ("single",)),
)


async def set_secret(conn: Connection, sealer: Sealer, name: str, value: str) -> None:
    """Stores a secret in the place of the one before, as system. Raises Invalid."""
    if not value or len(value) > MAX_SECRET:
        raise Invalid("A secret has from 1 to %(most)s characters.", most=MAX_SECRET)
    await conn.execute(
        """
        INSERT INTO secrets (name, value) VALUES (%(name)s, %(value)s)
        ON CONFLICT (name) DO UPDATE SET value = excluded.value, updated_at = now()
        """,
        {"name": name, "value": sealer.seal(value, _purpose(name))},
    )
    await audit.record(conn, actor=OPERATOR, action="secret.set", details={"name": name})


async def names(conn: Connection) -> list[str]:
    """The names of the stored secrets, as system."""
    cursor = await conn.execute("SELECT name FROM secrets ORDER BY name")
    return [str(row["name"]) for row in await cursor.fetchall()]


async def remove_secret(conn: Connection, name: str) -> None:
    """Forgets a secret, as system. Raises NotFound."""
    cursor = await conn.execute(
        "DELETE FROM secrets WHERE name = %(name)s RETURNING name", {"name": name}
    )
    if await cursor.fetchone() is None:
        raise NotFound("There is no stored secret %(name)s.", name=name)
    await audit.record(conn, actor=OPERATOR, action="secret.removed", details={"name": name})


async def open_secrets(
    conn: Connection, sealer: Sealer, wanted: Iterable[str]
) -> Mapping[str, str]:
    """Those of the wanted secrets that are stored, as system. Raises BadConfig."""
    cursor = await conn.execute(
        "SELECT name, value FROM secrets WHERE name = ANY(%(names)s::text[])",
        {"names": list(wanted)},
    )
    return {
        row["name"]: sealer.open(row["value"], _purpose(row["name"]))
        for row in await cursor.fetchall()
    }


async def rotate(pool: Pool, data_dir: Path) -> int:
    """Makes a new key in `data_dir`/secret.key and seals everything again; how many values.

    The file holds both keys until the transaction is committed: whenever this breaks off, all that
    is sealed can be opened, and it can be run again. Processes that run take up the new key by
    themselves. Raises BadConfig when something was sealed with none of the keys, Conflict while
    another rotation goes on.
    """
    file = data_dir / KEY_FILE
    with _alone(data_dir):
        old = file.read_text(encoding="ascii").split()
        fresh = new_key()
        write_keys(file, [fresh, *old], replace=True)
        sealer = Sealer([fresh, *old])
        count = await reseal(pool, sealer)
        # What a process sealed with the old key at the moment of the change, and wrote since.
        await _reseal_again(pool, sealer)
        write_keys(file, [fresh], replace=True)
    return count


@contextmanager
def _alone(data_dir: Path) -> Iterator[None]:
    """Holds a lock that ends with the process: two rotations would lose the key of one."""
    with (data_dir / f"{KEY_FILE}.lock").open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise Conflict("The key is being changed by another process.") from error
        yield


async def reseal(pool: Pool, sealer: Sealer) -> int:
    """Seals everything under the first key of `sealer`, in one transaction; how many values."""
    async with as_system(pool) as conn:
        count = 0
        for column in SEALED:
            count += await _reseal_column(conn, sealer, column)
        await audit.record(conn, actor=OPERATOR, action="secret.rotated", details={"sealed": count})
    return count


async def _reseal_again(pool: Pool, sealer: Sealer) -> None:
    async with as_system(pool) as conn:
        for column in SEALED:
            await _reseal_column(conn, sealer, column)


async def _reseal_column(conn: Connection, sealer: Sealer, column: Column) -> int:
    """Nobody writes to the table meanwhile; who only reads does not wait."""
    table, name = sql.Identifier(column.table), sql.Identifier(column.name)
    await conn.execute(sql.SQL("LOCK TABLE {} IN EXCLUSIVE MODE").format(table))
    keys = sql.SQL(", ").join(map(sql.Identifier, column.keys))
    cursor = await conn.execute(
        sql.SQL("SELECT {keys}, {name} AS sealed FROM {table} WHERE {name} IS NOT NULL").format(
            keys=keys, name=name, table=table
        )
    )
    found = await cursor.fetchall()
    same = sql.SQL(" AND ").join(
        sql.SQL("{} = {}").format(sql.Identifier(key), sql.Placeholder(key)) for key in column.keys
    )
    update = sql.SQL("UPDATE {table} SET {name} = {value} WHERE {same}").format(
        table=table, name=name, value=sql.Placeholder("sealed_again"), same=same
    )
    for row in found:
        await conn.execute(update, {**row, "sealed_again": sealer.reseal(row["sealed"])})
    return len(found)


def _purpose(name: str) -> str:
    return f"secret:{name}"
