"""The acts of a history: each through the program, its outcome foretold by the model."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from govbot.auth import groups, sessions, users
from govbot.chat import store as chat
from govbot.chat.cited import Citation
from govbot.db.access import Actor, as_actor, as_system
from govbot.db.pool import Connection
from govbot.documents import collections, disposal, grants, intake, lifecycle, secrecy, store
from govbot.documents.types import Effect, Level, Principal, Secrecy, Target
from govbot.errors import Conflict, Denied, GovBotError, Invalid, NotFound
from govbot.ids import CollectionId, DocumentId, GroupId, MessageId, UserId, VersionId
from govbot.retrieval.retrieve import retrieve
from tests.access import doors, foretold
from tests.access.attacks import ATTACKS
from tests.access.foretold import Outcome
from tests.access.model import LEVELS, Answer, Edition, Given, Paper, Person, Shelf
from tests.access.world import World


class _Undone(Exception):
    """Rolls an attack back."""


async def grant(
    world: World, who: Person | None, given: Given, principal: Principal, word: str, *, take: bool
) -> None:
    """Gives a level, or takes what was given away."""
    expected = foretold.managing(world.model, who, given)
    if expected is None and take and given not in world.model.grants:
        expected = NotFound
    target = _target(world, given)
    effect: Effect = "deny" if given.effect == "deny" else "allow"

    async def act(conn: Connection, actor: Actor | None) -> None:
        if take:
            await grants.remove_grant(conn, actor, target, principal, effect=effect)
        else:
            await grants.set_grant(conn, actor, target, principal, Level(word), effect=effect)

    if await world.attempt(who, expected, act):
        if take:
            del world.model.grants[given]
        else:
            world.model.grants[given] = LEVELS[word]


async def member(world: World, person: Person, group: UUID) -> None:
    """Puts somebody into a group, or out of it."""
    inside = group in person.groups
    change = groups.remove_member if inside else groups.add_member
    async with as_system(world.pool) as conn:
        await change(conn, GroupId(group), UserId(person.id))
    (person.groups.discard if inside else person.groups.add)(group)


async def upload(world: World, who: Person | None, shelf: Shelf, *, later: bool) -> None:
    """A new document; read and indexed at once, or left in the queue."""
    number = next(world.numbers)
    may = who is None or world.model.shelf_level(who, shelf) >= 2

    async def act(conn: Connection, _: Actor | None) -> VersionId:
        author = UserId(who.id) if who else None
        document_id = await intake.add_document(
            conn,
            collection_key=shelf.key,
            path=f"norma-{number}.txt",
            filename=f"norma-{number}.txt",
            source="upload",
            created_by=author,
        )
        return await world.version(conn, document_id, author, number)

    version_id = await world.attempt(who, None if may else Denied, act)
    if version_id and not later:
        await world.process([version_id])


async def revise(world: World, who: Person | None, paper: Paper, *, later: bool) -> None:
    """A new version."""
    expected = foretold.document(world.model, who, paper, 2)
    number = next(world.numbers)

    async def act(conn: Connection, _: Actor | None) -> VersionId:
        await store.get_document(conn, DocumentId(paper.id))
        return await world.version(
            conn, DocumentId(paper.id), UserId(who.id) if who else None, number
        )

    version_id = await world.attempt(who, expected, act)
    if version_id and not later and not paper.trashed:
        await world.process([version_id])


async def work(world: World) -> None:
    """Reads and indexes what waits, the oldest first."""
    waiting = [
        (edition.id, paper.trashed)
        for paper in world.model.papers.values()
        for edition in sorted(paper.editions, key=lambda e: e.number)
        if edition.state == "queued"
    ]
    await world.process([VersionId(id_) for id_, trashed in waiting if not trashed])


async def decide(
    world: World, who: Person | None, paper: Paper, edition: Edition, act: str
) -> None:
    """Submits, approves or rejects a version."""
    expected = foretold.undecided(world.model, who, paper, edition)
    if expected is None and act != "submit":
        expected = foretold.deciding(world.model, who, paper, edition, act)

    async def decide(conn: Connection, actor: Actor | None) -> bool:
        version_id = VersionId(edition.id)
        if act == "approve":
            return await lifecycle.approve(conn, actor, version_id)
        if act == "reject":
            await lifecycle.reject(conn, actor, version_id, "Não.")
        else:
            await lifecycle.submit(conn, actor, version_id)
        return False

    if await world.attempt(who, expected, decide):
        await world.process([VersionId(edition.id)])


async def dispose(world: World, who: Person | None, paper: Paper, act: str) -> None:
    """Trash, restore, delete for good."""
    document_id = DocumentId(paper.id)
    expected = foretold.disposing(world.model, who, paper, act)

    async def dispose(conn: Connection, actor: Actor | None) -> list[VersionId]:
        if act == "restore":
            return await store.restore_document(conn, actor, document_id)
        await store.trash_document(conn, actor, document_id)
        return []

    if act == "delete":
        await _delete(world, who, paper, expected)
    else:
        await world.process(await world.attempt(who, expected, dispose) or [])


async def change(world: World, who: Person | None, paper: Paper, act: str) -> None:
    """Revokes, holds, or takes these back."""
    document_id = DocumentId(paper.id)
    expected = foretold.document(world.model, who, paper, 3 if act in ("hold", "release") else 2)
    if expected is None and act == "revoke" and paper.status in ("draft", "in_review"):
        expected = Conflict

    async def change(conn: Connection, actor: Actor | None) -> None:
        match act:
            case "revoke":
                await lifecycle.revoke(conn, actor, document_id, on=date(2020, 1, 1))
            case "unrevoke":
                await lifecycle.unrevoke(conn, actor, document_id)
            case "hold":
                await lifecycle.set_legal_hold(conn, actor, document_id, "Processo")
            case "release":
                await lifecycle.set_legal_hold(conn, actor, document_id, "")

    await world.attempt(who, expected, change)


async def seal(world: World, who: Person | None, paper: Paper, degree: int) -> None:
    """Sets the secrecy."""
    expected = foretold.document(world.model, who, paper, 3)
    if expected is None and who and degree > who.clearance and degree != paper.secrecy:
        expected = Denied

    async def act(conn: Connection, actor: Actor | None) -> bool:
        await secrecy.set_secrecy(conn, actor, DocumentId(paper.id), Secrecy(degree))
        return True

    if await world.attempt(who, expected, act):
        paper.secrecy = degree


async def clear(world: World, who: Person | None, person: Person, degree: int) -> None:
    """Sets the clearance of somebody."""
    expected = foretold.clearing(who, person, degree)

    async def act(conn: Connection, actor: Actor | None) -> bool:
        await users.set_clearance(conn, UserId(person.id), degree, by=actor)
        return True

    if await world.attempt(who, expected, act):
        person.clearance = degree


async def review(world: World, who: Person | None, shelf: Shelf, needed: bool) -> None:
    """Whether new versions of a collection wait for approval."""
    expected = foretold.managing(
        world.model, who, Given("collection", shelf.key, shelf.id, "allow")
    )

    async def act(conn: Connection, actor: Actor | None) -> None:
        await collections.set_review(conn, actor, CollectionId(shelf.id), needed)

    await world.attempt(who, expected, act)


async def account(world: World, person: Person) -> None:
    """Disables or enables an account."""
    person.disabled = not person.disabled
    if person.disabled:
        person.token = None
    async with as_system(world.pool) as conn:
        await users.set_disabled(conn, UserId(person.id), disabled=person.disabled)


async def sign(world: World, person: Person) -> None:
    """Signs in or out."""
    actor = doors.actor_of(person)
    async with as_system(world.pool) as conn:
        if person.token:
            await sessions.sign_out(conn, person.token, actor)
            person.token = None
            return
        try:
            opened = await sessions.open_session(
                conn,
                actor,
                method=sessions.Method.PROXY,
                user_agent="",
                settings=world.parts.settings.auth,
            )
        except Invalid:
            assert person.disabled
            return
    assert not person.disabled
    person.token = opened.token


async def ask(world: World, person: Person) -> None:
    """Asks, and keeps an answer made from up to two of the documents found, one cited."""
    if person.disabled:
        return
    actor = doors.actor_of(person)
    async with as_actor(world.pool, actor, write=True) as conn:
        found = await retrieve(
            conn,
            doors.QUESTION,
            embedder=world.parts.embedder,
            settings=world.parts.settings,
            limit=50,
        )
        places = {p.document_key: p for p in found.passages}
        sources = [*places][:2]
        text = f"Resposta {next(world.numbers)}"
        conversation = await chat.create_conversation(conn, actor)
        question = await chat.add_question(conn, actor, conversation, doors.QUESTION)
        answer = await chat.add_answer(conn, actor, conversation, question)
        await chat.set_sources(conn, answer, sources)
        cited = [
            Citation(
                number=1,
                document_id=places[key].document_id,
                document_key=key,
                version_id=places[key].version_id,
                filename="",
                title="",
                version=1,
                page_from=1,
                page_to=1,
                heading="",
                quote="comum",
                start=0,
                end=5,
            )
            for key in sources[:1]
        ]
        await chat.finish_answer(
            conn, actor, MessageId(answer), content=text, state="done", citations=cited
        )
    world.model.answers.append(Answer(answer, conversation, person.id, text, sources, sources[:1]))


async def attack(world: World, person: Person, name: str) -> None:
    """A statement without WHERE, as nobody's program sends it; undone in any case."""
    statement, rows = ATTACKS[name]
    expected = rows(world.model, person)
    outcome: int | None = None
    try:
        async with as_actor(world.pool, doors.actor_of(person), write=True) as conn:
            outcome = (await conn.execute(statement.encode())).rowcount
            raise _Undone
    except _Undone:
        pass
    except Denied:
        outcome = None
    world.compared += 1
    assert outcome == expected, (name, person.name, outcome, expected)


async def _delete(world: World, who: Person | None, paper: Paper, expected: Outcome) -> None:
    outcome: Outcome = None
    actor = doors.actor_of(who) if who else None
    try:
        await disposal.delete_for_good(world.pool, world.parts.files, actor, DocumentId(paper.id))
    except GovBotError as error:
        outcome = type(error)
    world.compared += 1
    assert outcome is expected, (who and who.name, outcome, expected)


def _target(world: World, given: Given) -> Target:
    if given.kind == "document":
        return Target.document(DocumentId(world.model.papers[given.key].id))
    return Target.collection(CollectionId(world.model.shelves[given.key].id))
