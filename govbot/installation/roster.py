"""People from a CSV file: read and checked row by row, created in one transaction or not at all."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from govbot import audit
from govbot.auth import groups, passwords, users
from govbot.db.access import Actor, Role
from govbot.db.pool import Connection
from govbot.errors import Conflict, GovBotError, Invalid
from govbot.ids import GroupId

MAX_BYTES: Final = 128_000
MAX_ROWS: Final = 200  # a hash takes 0.05 s and more
NAME_LENGTH: Final = 200
GROUPS_EACH: Final = 20

# What columns may be called, folded.
COLUMNS: Final = {
    "username": ("usuario", "username", "login", "user"),
    "name": ("nome", "name", "nome completo", "full name"),
    "role": ("perfil", "papel", "role"),
    "groups": ("grupos", "grupo", "groups", "group"),
}
ROLES: Final = {
    "": Role.USER,
    "usuario": Role.USER,
    "user": Role.USER,
    "curador": Role.CURATOR,
    "curadora": Role.CURATOR,
    "curator": Role.CURATOR,
    "auditor": Role.AUDITOR,
    "auditora": Role.AUDITOR,
    "administrador": Role.ADMIN,
    "administradora": Role.ADMIN,
    "admin": Role.ADMIN,
}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the file. `error`: why it cannot be created; `new_groups` are made with it."""

    line: int
    username: str
    name: str
    role: Role
    groups: tuple[str, ...]
    new_groups: tuple[str, ...] = ()
    error: GovBotError | None = None


@dataclass(frozen=True, slots=True)
class Created:
    """An account that was made, and its first password, which is kept nowhere."""

    id: UUID
    username: str
    name: str
    password: str


def decoded(data: bytes) -> str:
    """The text of a file: UTF-8, or what spreadsheets of Windows write. Raises Invalid E-CSV."""
    if len(data) > MAX_BYTES:
        raise Invalid(
            "The file is too large: at most %(rows)s people at a time.", code="E-CSV", rows=MAX_ROWS
        )
    if b"\0" in data:
        raise Invalid("This is no CSV file: save the table as CSV first.", code="E-CSV")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def parsed(text: str) -> list[Row]:
    """The rows of a table with a line of titles; commas, semicolons or tabs stand between cells.

    What is wrong with one row stands in it. Raises Invalid E-CSV for a file without the columns.
    """
    lines = text.strip("\r\n").splitlines()
    if not lines:
        raise Invalid("The file is empty.", code="E-CSV")
    delimiter = max(";,\t", key=lines[0].count)
    reader = csv.reader(io.StringIO("\n".join(lines)), delimiter=delimiter)
    try:
        table = [[cell.strip() for cell in cells] for cells in reader]
    except csv.Error as error:
        raise Invalid("This is no CSV file: save the table as CSV first.", code="E-CSV") from error
    places = _places(table[0])
    rows = [_row(number, cells, places) for number, cells in enumerate(table[1:], 2) if any(cells)]
    if not rows:
        raise Invalid("The file names nobody below its titles.", code="E-CSV")
    if len(rows) > MAX_ROWS:
        raise Invalid(
            "The file is too large: at most %(rows)s people at a time.", code="E-CSV", rows=MAX_ROWS
        )
    return rows


async def checked(conn: Connection, rows: Sequence[Row]) -> list[Row]:
    """The rows with what is wrong given the accounts and groups that exist; writes nothing."""
    cursor = await conn.execute(
        "SELECT u.username FROM users u WHERE u.username = ANY(%(names)s::text[])",
        {"names": [row.username for row in rows]},
    )
    taken = {row["username"] for row in await cursor.fetchall()}
    known = await _groups(conn)
    seen: dict[str, int] = {}
    found = []
    for row in rows:
        error = row.error
        if error is None and row.username in taken:
            error = Conflict(
                "There is already an account named %(username)s.", username=row.username
            )
        if error is None and row.username in seen:
            error = Conflict("The same user name as in line %(line)s.", line=seen[row.username])
        seen.setdefault(row.username, row.line)
        fresh = tuple(name for name in row.groups if name.casefold() not in known)
        found.append(Row(row.line, row.username, row.name, row.role, row.groups, fresh, error))
    return found


async def sealed(rows: Sequence[Row]) -> list[tuple[str, str]]:
    """A first password for each row and its hash: seconds of work, before the transaction."""
    made = [passwords.generate_password() for _row in rows]
    return [(each, await asyncio.to_thread(passwords.hash_password, each)) for each in made]


async def create(
    conn: Connection, actor: Actor, rows: Sequence[Row], first: Sequence[tuple[str, str]]
) -> list[Created]:
    """Makes all accounts, with first passwords that have to be changed, and missing groups.

    `first` is what `sealed` gave. In the caller's transaction: one that fails makes none. Raises
    Invalid E-CSV where a row is wrong.
    """
    rows = await checked(conn, rows)
    if any(row.error for row in rows):
        raise Invalid("Some rows are wrong: correct the file and send it again.", code="E-CSV")
    known = await _groups(conn)
    made = []
    for row, (password, encoded) in zip(rows, first, strict=True):
        user_id = await users.create_user(
            conn,
            username=row.username,
            name=row.name,
            password=password,
            role=row.role,
            must_change_password=True,
            by=actor,
            encoded=encoded,
        )
        for name in row.groups:
            if name.casefold() not in known:
                known[name.casefold()] = await groups.create_group(conn, name, by=actor)
            await groups.add_member(conn, known[name.casefold()], user_id, by=actor)
        made.append(Created(user_id, row.username, row.name, password))
    await audit.record(conn, actor=actor, action="user.imported", details={"accounts": len(made)})
    return made


def _places(titles: Sequence[str]) -> dict[str, int]:
    """Which column holds what. Raises Invalid E-CSV."""
    folded = [_folded(title) for title in titles]
    places = {
        field: folded.index(name)
        for field, names in COLUMNS.items()
        for name in names
        if name in folded
    }
    if not {"username", "name"} <= set(places):
        raise Invalid(
            "The first line must name the columns: usuario, nome, and if you like perfil, grupos.",
            code="E-CSV",
        )
    return places


def _row(line: int, cells: Sequence[str], places: dict[str, int]) -> Row:
    def cell(field: str) -> str:
        place = places.get(field, len(cells))
        return cells[place] if place < len(cells) else ""

    username, name, word = cell("username").casefold(), cell("name"), _folded(cell("role"))
    named = tuple(dict.fromkeys(part.strip() for part in cell("groups").split("|") if part.strip()))
    error: GovBotError | None = None
    if not users.USERNAME.fullmatch(username):
        error = Invalid(
            "A user name has 2 to 64 characters: a-z, 0-9, dot, hyphen, underscore or @.",
            code="E-USERNAME",
        )
    elif not 1 <= len(name) <= NAME_LENGTH:
        error = Invalid("The full name is missing or too long.", code="E-CSV")
    elif word not in ROLES:
        error = Invalid("There is no role “%(role)s”.", code="E-ROLE", role=word[:40])
    elif len(named) > GROUPS_EACH or any(len(each) > NAME_LENGTH for each in named):
        error = Invalid("Too many groups, or a name of a group that is too long.", code="E-CSV")
    return Row(
        line, username[:64], name[:NAME_LENGTH], ROLES.get(word, Role.USER), named, (), error
    )


async def _groups(conn: Connection) -> dict[str, GroupId]:
    cursor = await conn.execute("SELECT g.id, g.name FROM groups g")
    return {row["name"].casefold(): GroupId(row["id"]) for row in await cursor.fetchall()}


def _folded(text: str) -> str:
    plain = text.strip().casefold()
    return plain.translate(str.maketrans("áàâãéêíóôõúç", "aaaaeeiooouc"))
