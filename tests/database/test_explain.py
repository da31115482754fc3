"""Why somebody may read a document: the rules, the verdict, and who may ask."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from govbot.auth import groups, users
from govbot.db.access import OPERATOR, Actor, as_actor, as_system
from govbot.db.dsns import Dsns
from govbot.db.pool import Connection
from govbot.documents import collections, explain, grants, lifecycle, secrecy, store
from govbot.documents.explain import Explanation
from govbot.documents.holders import holders
from govbot.documents.reach import Reach, reach
from govbot.documents.types import Level, Principal, Secrecy, Target
from govbot.documents.verdict import Reason
from govbot.errors import Denied, NotFound
from govbot.ids import CollectionId, DocumentId, GroupId, UserId, new_id
from tests.ingestion import Cast, Parts, add_cast, open_parts, take
from tests.prepared import Prepared, recipe

YESTERDAY = date.today() - timedelta(days=1)
TOMORROW = date.today() + timedelta(days=1)


@dataclass(frozen=True)
class Archive:
    """One document for each place in the life of a document; `open` is nothing special."""

    parts: Parts
    cast: Cast
    open: DocumentId
    other: DocumentId  # in collection B
    draft: DocumentId
    trashed: DocumentId
    ended: DocumentId
    team: GroupId

    @property
    def documents(self) -> list[DocumentId]:
        return [self.open, self.other, self.draft, self.trashed, self.ended]

    @property
    def people(self) -> list[Actor]:
        cast = self.cast
        return [cast.admin, cast.curator, cast.writer, cast.reader, cast.stranger]

    async def explain(self, asker: Actor, about: Actor, document: DocumentId) -> Explanation:
        async with as_actor(self.parts.pool, asker, write=True) as conn:
            return await explain.explain(conn, asker, about.id, document)

    async def reach(self, asker: Actor, about: Actor) -> Reach:
        async with as_actor(self.parts.pool, asker, write=True) as conn:
            return await reach(conn, asker, about.id)

    async def give(self, target: Target, who: Principal, level: str, effect: Any = "allow") -> None:
        async with as_system(self.parts.pool) as conn:
            await grants.set_grant(conn, None, target, who, Level(level), effect=effect)

    async def classify(self, document: DocumentId, degree: Secrecy) -> None:
        async with as_system(self.parts.pool) as conn:
            await secrecy.set_secrecy(conn, None, document, degree)

    async def clear(self, who: Actor, degree: Secrecy) -> None:
        async with as_system(self.parts.pool) as conn:
            await users.set_clearance(conn, who.id, int(degree))

    async def audited(self, action: str) -> list[dict[str, Any]]:
        async with as_system(self.parts.pool) as conn:
            cursor = await conn.execute(
                "SELECT actor_name, resource, details FROM audit_log WHERE action = %(action)s"
                " ORDER BY seq",
                {"action": action},
            )
            rows = await cursor.fetchall()
        return [{**row, **json.loads(row["details"])} for row in rows]


@dataclass(frozen=True)
class Places:
    """The people, and the documents of an archive by their names."""

    cast: Cast
    documents: dict[str, DocumentId]
    team: GroupId


@recipe("places")
async def fill(dsns: Dsns, data: Path) -> Places:
    texts = {
        "open": "Art. 1º O expediente começa às oito horas.",
        "trashed": "Art. 1º O estacionamento fecha às dez horas.",
        "ended": "Art. 1º A biblioteca empresta três livros.",
    }
    async with open_parts(dsns, data) as parts:
        cast = await add_cast(parts.pool)
        found = {
            name: (await take(parts, cast.curator, cast.a, f"{name}.txt", text)).document_id
            for name, text in texts.items()
        }
        lunch = "Art. 1º O refeitório serve almoço."
        found["other"] = (await take(parts, None, cast.b, "other.txt", lunch)).document_id
        await parts.work()
        async with as_system(parts.pool) as conn:
            await collections.set_review(conn, None, cast.a, True)
        draft = await take(parts, cast.writer, cast.a, "draft.txt", "Art. 1º A piscina abre.")
        found["draft"] = draft.document_id
        await parts.work()
        async with as_system(parts.pool) as conn:
            await store.trash_document(conn, None, found["trashed"])
            await lifecycle.set_validity(
                conn, None, found["ended"], valid_from=None, valid_to=YESTERDAY
            )
            team = await groups.create_group(conn, "Equipe")
    return Places(cast, found, team)


@pytest.fixture
def places(prepared: Prepared) -> Places:
    found = prepared.scene
    assert isinstance(found, Places)
    return found


@pytest.fixture
def archive(parts: Parts, places: Places) -> Archive:
    return Archive(parts, places.cast, **places.documents, team=places.team)


def reasons(found: Explanation) -> set[Reason]:
    return {rule.reason for rule in found.verdict.rules if rule.decides}


# The verdict is the database's


@pytest.mark.parametrize("seed", range(4))
async def test_the_verdict_is_what_the_database_decides_whatever_the_grants(
    archive: Archive, seed: int
) -> None:
    random = Random(seed)
    seen = set()
    for _ in range(6):
        async with as_system(archive.parts.pool) as conn:
            await shuffle(conn, archive, random)
        async with as_system(archive.parts.pool) as conn:
            for person in archive.people:
                for document in archive.documents:
                    found = await explain.explain(conn, OPERATOR, person.id, document)
                    seen.add((found.verdict.level, found.verdict.readable, found.verdict.found))
                listed = await reach(conn, OPERATOR, person.id)
                await same_as_one_by_one(conn, listed)
    assert len(seen) >= 4


async def same_as_one_by_one(conn: Connection, found: Reach) -> None:
    """The list counts what the person reads and finds, and `holders` says the same levels."""
    for shelf in found.collections:
        async with explain.seen_by(conn, found.person.id):
            cursor = await conn.execute(
                "SELECT d.key FROM documents d JOIN collections c ON c.id = %(id)s"
                " WHERE d.trashed_at IS NULL",
                {"id": shelf.id},
            )
            visible = len(await cursor.fetchall()) if shelf.level else None
        if visible is not None and len(found.collections) == 1:
            assert shelf.counts.readable == visible
        collection = await collections.get_collection(conn, CollectionId(shelf.id))
        held = {h.person.id: h for h in await holders(conn, collection_key=collection.key)}
        if found.person.id in held:
            assert held[found.person.id].level == shelf.level


async def shuffle(conn: Connection, archive: Archive, random: Random) -> None:
    """Other grants, members, clearances, degrees and a disabled account."""
    await conn.execute("DELETE FROM grants")
    await conn.execute("DELETE FROM memberships")
    targets = [Target.collection(archive.cast.a), Target.collection(archive.cast.b)]
    targets += [Target.document(each) for each in archive.documents]
    whom = [Principal.user(each.id) for each in archive.people] + [Principal.group(archive.team)]
    for _ in range(random.randint(3, 14)):
        effect: Any = random.choice(["allow", "allow", "deny"])
        await grants.set_grant(
            conn, None, random.choice(targets), random.choice(whom),
            random.choice(list(Level)), effect=effect,
        )  # fmt: skip
    for person in archive.people:
        if random.random() < 0.5:
            await groups.add_member(conn, archive.team, person.id)
        await conn.execute(
            "UPDATE users SET clearance = %(clearance)s,"
            " disabled_at = CASE WHEN %(disabled)s THEN now() END WHERE id = %(id)s",
            {
                "id": person.id,
                "clearance": random.choice([0, 0, 2, 4]),
                "disabled": random.random() < 0.1,
            },
        )
    for document in archive.documents:
        await conn.execute(
            "UPDATE documents SET secrecy = %(secrecy)s WHERE id = %(id)s",
            {"id": document, "secrecy": random.choice([0, 0, 0, 1, 3])},
        )


async def test_an_explanation_that_the_database_contradicts_is_not_shown(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(*_: object, **__: object) -> list[object]:
        return []

    monkeypatch.setattr(explain, "holdings_of", nothing)
    with pytest.raises(explain.Contradiction):
        await archive.explain(archive.cast.admin, archive.cast.reader, archive.open)


# What it says


async def test_a_grant_of_a_group_and_the_denial_of_one_document_are_named(
    archive: Archive,
) -> None:
    cast, team = archive.cast, Principal.group(archive.team)
    async with as_system(archive.parts.pool) as conn:
        await groups.add_member(conn, archive.team, cast.stranger.id)
    await archive.give(Target.collection(cast.a), team, "write")
    found = await archive.explain(cast.admin, cast.stranger, archive.open)
    assert (found.verdict.level, found.verdict.found) == (Level.WRITE, True)
    (rule,) = [rule for rule in found.verdict.rules if rule.decides]
    assert (rule.reason, rule.scope, rule.via, rule.level) == (
        Reason.ALLOW, "collection", "Equipe", Level.WRITE,
    )  # fmt: skip
    await archive.give(Target.document(archive.open), Principal.user(cast.stranger.id), "read",
                       "deny")  # fmt: skip
    found = await archive.explain(cast.admin, cast.stranger, archive.open)
    assert (found.verdict.level, found.verdict.readable) == (None, False)
    assert reasons(found) == {Reason.DENY}


@pytest.mark.parametrize(
    ("document", "who", "readable", "reason"),
    [
        ("draft", "reader", False, Reason.DRAFT),
        ("draft", "writer", True, Reason.DRAFT),
        ("trashed", "reader", False, Reason.TRASH),
        ("trashed", "writer", True, Reason.TRASH),
        ("ended", "reader", True, Reason.NOT_IN_FORCE),
        ("open", "stranger", False, Reason.NO_GRANT),
        ("open", "admin", True, Reason.ADMIN),
    ],
)
async def test_where_a_document_stands_is_a_reason_too(
    archive: Archive, document: str, who: str, readable: bool, reason: Reason
) -> None:
    person = getattr(archive.cast, who)
    found = await archive.explain(OPERATOR, person, getattr(archive, document))
    assert found.verdict.readable is readable
    assert found.verdict.found is (document == "open" and who == "admin")
    assert reason in reasons(found)


async def test_secrecy_shuts_out_whose_clearance_is_lower_administrators_too(
    archive: Archive,
) -> None:
    cast = archive.cast
    await archive.classify(archive.open, Secrecy.SECRET)
    for person in (cast.reader, cast.admin):
        found = await archive.explain(OPERATOR, person, archive.open)
        assert not found.verdict.readable
        assert Reason.SECRECY in reasons(found)
        await archive.clear(person, Secrecy.SECRET)
        found = await archive.explain(OPERATOR, person, archive.open)
        assert found.verdict.found
        assert Reason.SECRECY not in reasons(found)


async def test_a_disabled_account_reads_nothing(archive: Archive) -> None:
    async with as_system(archive.parts.pool) as conn:
        await users.set_disabled(conn, archive.cast.reader.id, disabled=True)
    found = await archive.explain(OPERATOR, archive.cast.reader, archive.open)
    assert reasons(found) == {Reason.DISABLED}


# Who may ask


async def test_who_may_ask_about_whom(archive: Archive) -> None:
    cast, document = archive.cast, archive.open
    for asker in (cast.admin, cast.curator, OPERATOR):
        assert (await archive.explain(asker, cast.stranger, document)).person.id == cast.stranger.id
    for asker in (cast.writer, cast.reader):
        assert (await archive.explain(asker, asker, document)).verdict.readable
        with pytest.raises(Denied):
            await archive.explain(asker, cast.stranger, document)
    for about in (cast.stranger, cast.reader):
        with pytest.raises(NotFound):
            await archive.explain(cast.stranger, about, document)


async def test_who_manages_one_document_asks_about_that_document_alone(archive: Archive) -> None:
    cast = archive.cast
    reader = Principal.user(cast.reader.id)
    await archive.give(Target.document(archive.open), reader, "manage")
    assert await archive.explain(cast.reader, cast.stranger, archive.open)
    with pytest.raises(Denied):
        await archive.explain(cast.reader, cast.stranger, archive.ended)


async def test_a_document_above_the_askers_clearance_is_not_there_for_the_asker(
    archive: Archive,
) -> None:
    cast = archive.cast
    await archive.classify(archive.open, Secrecy.RESERVED)
    await archive.clear(cast.reader, Secrecy.TOP_SECRET)
    for asker in (cast.admin, cast.curator):
        with pytest.raises(NotFound):
            await archive.explain(asker, cast.reader, archive.open)


async def test_an_account_that_is_not_there_is_not_found(archive: Archive) -> None:
    nobody = Actor(UserId(new_id()), "nobody", archive.cast.reader.role)
    with pytest.raises(NotFound):
        await archive.explain(archive.cast.admin, nobody, archive.open)


async def test_asking_stands_in_the_audit_log_and_being_refused_does_not(
    archive: Archive,
) -> None:
    cast = archive.cast
    await archive.explain(cast.curator, cast.stranger, archive.open)
    with pytest.raises(Denied):
        await archive.explain(cast.writer, cast.stranger, archive.open)
    (entry,) = await archive.audited("access.explained")
    assert entry["actor_name"] == "curator"
    assert entry["resource"] == f"document:{archive.open}"
    assert (entry["user"], entry["level"]) == (str(cast.stranger.id), "none")


async def test_after_the_question_the_asker_has_no_other_rights_than_before(
    archive: Archive,
) -> None:
    cast = archive.cast
    async with as_actor(archive.parts.pool, cast.reader, write=True) as conn:
        await explain.explain(conn, cast.reader, cast.reader.id, archive.open)
        await reach(conn, cast.reader, cast.reader.id)
        with pytest.raises(NotFound):
            await store.get_document(conn, archive.other)
        cursor = await conn.execute("SELECT govbot_actor() AS actor")
        assert await cursor.fetchone() == {"actor": cast.reader.id}


# What somebody can see


async def test_the_list_names_collections_with_their_rule_and_counts(archive: Archive) -> None:
    cast = archive.cast
    found = await archive.reach(cast.admin, cast.reader)
    (shelf,) = found.collections
    assert (shelf.name, shelf.level) == ("A", Level.READ)
    assert [rule.reason for rule in shelf.rules] == [Reason.ALLOW]
    counts = shelf.counts
    assert (counts.documents, counts.readable, counts.found) == (3, 2, 1)
    assert (counts.drafts, counts.trashed, counts.ended) == (1, 1, 1)
    assert found.documents == ()


async def test_the_list_names_documents_that_the_collections_do_not_explain(
    archive: Archive,
) -> None:
    cast = archive.cast
    reader = Principal.user(cast.reader.id)
    await archive.give(Target.document(archive.other), reader, "read")
    await archive.give(Target.document(archive.ended), reader, "read", "deny")
    await archive.clear(cast.admin, Secrecy.SECRET)
    await archive.classify(archive.open, Secrecy.SECRET)
    found = await archive.reach(cast.admin, cast.reader)
    result = {each.document_id: (each.verdict.readable, reasons(each)) for each in found.documents}
    assert result == {
        archive.other: (True, {Reason.ALLOW}),
        archive.ended: (False, {Reason.DENY, Reason.NOT_IN_FORCE}),
        archive.open: (False, {Reason.SECRECY}),
    }


async def test_about_oneself_the_list_holds_only_what_one_may_see(archive: Archive) -> None:
    cast = archive.cast
    reader = Principal.user(cast.reader.id)
    await archive.give(Target.document(archive.other), reader, "read")
    await archive.give(Target.document(archive.ended), reader, "read", "deny")
    await archive.give(Target.collection(cast.b), reader, "write", "deny")
    await archive.classify(archive.open, Secrecy.SECRET)
    found = await archive.reach(cast.reader, cast.reader)
    assert [each.document_id for each in found.documents] == [archive.other]
    assert [shelf.name for shelf in found.collections] == ["A"]
    counts = found.collections[0].counts
    assert (counts.documents, counts.readable, counts.drafts, counts.trashed) == (0, 0, 0, 0)


async def test_the_list_tells_an_administrator_nothing_above_their_own_clearance(
    archive: Archive,
) -> None:
    cast = archive.cast
    await archive.clear(cast.reader, Secrecy.TOP_SECRET)
    before = await archive.reach(cast.admin, cast.reader)
    await archive.classify(archive.open, Secrecy.TOP_SECRET)
    await archive.give(Target.document(archive.open), Principal.user(cast.reader.id), "manage")
    found = await archive.reach(cast.admin, cast.reader)
    assert found.documents == ()
    assert before.collections[0].counts.readable == 2
    assert found.collections[0].counts.readable == 1
    operator = await archive.reach(OPERATOR, cast.reader)
    assert operator.collections[0].counts.readable == 2
    assert [each.document_id for each in operator.documents] == [archive.open]


async def test_only_administrators_ask_what_another_person_can_see(archive: Archive) -> None:
    cast = archive.cast
    for asker in (cast.curator, cast.writer, cast.reader):
        with pytest.raises(Denied):
            await archive.reach(asker, cast.stranger)
    await archive.reach(cast.admin, cast.stranger)
    (entry,) = await archive.audited("access.listed")
    assert (entry["actor_name"], entry["resource"]) == ("admin", f"user:{cast.stranger.id}")


# Who has a document


async def test_holders_name_each_person_once_with_every_way(archive: Archive) -> None:
    cast = archive.cast
    async with as_system(archive.parts.pool) as conn:
        await groups.add_member(conn, archive.team, cast.reader.id)
        await groups.add_member(conn, archive.team, cast.stranger.id)
    await archive.give(Target.document(archive.open), Principal.group(archive.team), "write")
    await archive.clear(cast.curator, Secrecy.RESTRICTED)
    await archive.classify(archive.open, Secrecy.RESTRICTED)
    async with as_system(archive.parts.pool) as conn:
        document = await store.get_document(conn, archive.open)
        found = await holders(
            conn, collection_key=document.collection_key, document_key=document.key,
            secrecy=document.secrecy,
        )  # fmt: skip
        searched = await holders(conn, collection_key=document.collection_key, text="CURAT")
    assert {h.person.username: (h.level, h.cleared, len(h.rules)) for h in found} == {
        "curator": (Level.MANAGE, True, 1),
        "writer": (None, False, 1),
        "reader": (None, False, 2),
        "stranger": (None, False, 1),
    }
    assert [h.person.username for h in searched] == ["curator"]
