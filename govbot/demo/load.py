"""Loads the demo into an installation: users, groups, two collections, documents, questions.

Loading again adds what is missing and changes nothing else, so an interrupted load is finished
by the next start. Passwords are made here, once, and kept in `demo-users.txt` in the data folder.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from govbot.auth import groups, passwords, users
from govbot.chat import suggestions
from govbot.db.access import Role, as_system
from govbot.db.pool import Connection
from govbot.documents import collections, grants
from govbot.documents.types import Level, Principal, Target
from govbot.errors import Conflict, NotFound
from govbot.ids import CollectionId
from govbot.ingest.receive import App, receive

FOLDER = Path(__file__).parent
PASSWORDS_FILE = "demo-users.txt"


@dataclass(frozen=True, slots=True)
class DemoUser:
    """A demo account; `password` is empty when it was changed or made elsewhere."""

    username: str
    name: str
    role: str
    password: str
    groups: tuple[str, ...]


def manifest() -> dict[str, Any]:
    """What the demo holds, see manifest.toml."""
    return tomllib.loads((FOLDER / "manifest.toml").read_text(encoding="utf-8"))


async def load(app: App, say: Callable[[str], None]) -> list[DemoUser]:
    """Create everything that is missing; documents are queued, not waited for."""
    content = manifest()
    known = _read_passwords(app.settings.data_dir)
    for entry in content["users"]:
        known[entry["username"]] = await _user(app, entry, known.get(entry["username"]))
        _write_passwords(app.settings.data_dir, known)
    async with as_system(app.pool) as conn:
        await _groups(conn, content["groups"])
    by_name: dict[str, CollectionId] = {}
    for entry in content["collections"]:
        async with as_system(app.pool) as conn:
            by_name[entry["name"]] = await _collection(conn, entry, content)
    for number, entry in enumerate(content["documents"], 1):
        say(f"Document {number}/{len(content['documents'])}: {entry['file']}")
        await receive(
            app,
            None,
            collection_id=by_name[entry["collection"]],
            filename=entry["file"],
            path=FOLDER / "documents" / entry["file"],
            source="demo",
        )
    return demo_users(app.settings.data_dir)


def demo_users(data_dir: Path) -> list[DemoUser]:
    """The demo accounts with their passwords as far as they are known."""
    content, known = manifest(), _read_passwords(data_dir)
    return [
        DemoUser(
            entry["username"],
            entry["name"],
            entry["role"],
            known.get(entry["username"], ""),
            tuple(g["name"] for g in content["groups"] if entry["username"] in g["members"]),
        )
        for entry in content["users"]
    ]


async def _user(app: App, entry: dict[str, Any], password: str | None) -> str:
    """The password, new when the account is; empty when the account was there without one."""
    chosen = password or passwords.generate_password()
    async with as_system(app.pool) as conn:
        try:
            await users.by_username(conn, entry["username"])
        except NotFound:
            await users.create_user(
                conn,
                username=entry["username"],
                name=entry["name"],
                password=chosen,
                role=Role(entry["role"]),
            )
            return chosen
    return password or ""


async def _groups(conn: Connection, entries: list[dict[str, Any]]) -> None:
    for entry in entries:
        try:
            group = await groups.by_name(conn, entry["name"])
        except NotFound:
            await groups.create_group(conn, entry["name"])
            group = await groups.by_name(conn, entry["name"])
        for username in entry["members"]:
            if username not in group.members:
                user = await users.by_username(conn, username)
                await groups.add_member(conn, group.id, user.id)


async def _collection(
    conn: Connection, entry: dict[str, Any], content: dict[str, Any]
) -> CollectionId:
    found = await collections.collection_by_name(conn, entry["name"])
    if found is not None:
        return found.id
    try:
        collection_id = await collections.create_collection(
            conn, None, name=entry["name"], description=entry["description"]
        )
    except Conflict as error:
        raise Conflict("Another process is loading the demo.") from error
    for name in entry["readers"]:
        group = await groups.by_name(conn, name)
        await grants.set_grant(
            conn, None, Target.collection(collection_id), Principal.group(group.id), Level.READ
        )
    for name in entry["managers"]:
        user = await users.by_username(conn, name)
        await grants.set_grant(
            conn, None, Target.collection(collection_id), Principal.user(user.id), Level.MANAGE
        )
    files = {d["file"] for d in content["documents"] if d["collection"] == entry["name"]}
    questions = [q["question"] for q in content["questions"] if q["file"] in files]
    created = await collections.get_collection(conn, collection_id)
    await suggestions.set_suggested(conn, created.key, questions)
    return collection_id


def _read_passwords(data_dir: Path) -> dict[str, str]:
    file = data_dir / PASSWORDS_FILE
    if not file.is_file():
        return {}
    pairs = (line.split(None, 1) for line in file.read_text(encoding="utf-8").splitlines())
    return {pair[0]: pair[1] for pair in pairs if len(pair) == 2}


def _write_passwords(data_dir: Path, known: dict[str, str]) -> None:
    """Readable by the owner of the data folder alone; replaced in one step."""
    text = "".join(f"{username} {password}\n" for username, password in known.items() if password)
    draft = data_dir / f"{PASSWORDS_FILE}.new"
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(draft, data_dir / PASSWORDS_FILE)
