"""The office with one of everything that an address can name, for the table of routes (table.py).

A route with an id of a new kind needs an object here: make it in `make_stage`, put its id into
`ids` under a name of its own, and say in `PLACES` which one fills the place in the address.
"""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID, uuid4

from govbot.analytics import categories
from govbot.auth import api_keys, groups
from govbot.auth.api_keys import Wish
from govbot.chat import pins, sharing
from govbot.chat import store as chats
from govbot.db.access import as_actor, as_system
from govbot.db.dsns import Dsns
from govbot.db.pool import Pool, open_pool
from govbot.documents import collections, grants, lifecycle, store
from govbot.documents.files import FileStore
from govbot.documents.folders import Configured, configure
from govbot.documents.types import Level, Principal, Target
from govbot.eval import background, gold, runs
from govbot.feedback import gaps, gathering, ratings, reports
from govbot.feedback.ratings import DOWN, Rating
from govbot.feedback.states import Reason
from govbot.ids import DocumentId, MessageId
from govbot.ingest import parts
from govbot.ingest.attach import attach
from govbot.ingest.receive import receive
from govbot.installation import announcements, changes
from govbot.jobs.queue import Queue, open_queue
from govbot.models import transfers
from govbot.models.store import Kind, Manifest, ModelFile, Store, digest
from govbot.models.transfers import Order
from tests.prepared import Prepared, recipe
from tests.web.office import Office, OfficeApp, make_office
from tests.web.scene import ENCODED, Script, ScriptedAnswers

NOTE = b"Art. 1 O protocolo funciona das oito as dezessete horas.\n"
FOLDER = "/srv/normas"
# What stands in the place of a parameter of an address: the name of an id, or the text itself.
PLACES = {
    "conversation_id": "conversation",
    "answer_id": "answer",
    "version_id": "law_version",
    "document_id": "law",
    "collection_id": "laws",
    "user_id": "visitor",
    "group_id": "group",
    "key_id": "key",
    "session_id": "session",
    "number": "1",
    "pin_id": "pin",
    "question_id": "question",
    "kind": "colecao",
    "key": "1",
    "share_id": "share",
    "link": "link",
    "upload_id": "upload",
    "digest": "000000000000",
    "name": "css/base.css",
    "seq": "1",
    "report_id": "report",
    "topic_id": "topic",
    "category_id": "category",
    "set_id": "gold_set",
    "gold_id": "gold",
    "run_id": "run",
    "transfer_id": "transfer",
    "announcement_id": "announcement",
    "change_id": "change",
}
_PLACE = re.compile(r"\{(\w+):(\w+)\}")


@dataclass
class Stage:
    """The office and the ids of what is in it, by name."""

    office: Office
    ids: dict[str, str]

    def address(self, path: str, use: Mapping[str, str]) -> str:
        """The path of a route with its places filled from PLACES, or from `use` before."""

        def fill(match: re.Match[str]) -> str:
            name = use.get(match[1]) or PLACES[match[1]]
            return self.ids.get(name, name)

        return _PLACE.sub(fill, path)

    def filled(self, data: Mapping[str, str]) -> dict[str, str]:
        """Form fields: a value "@law" stands for the id of that name."""
        return {
            name: self.ids[value[1:]] if value.startswith("@") and value[1:] in self.ids else value
            for name, value in data.items()
        }


def without_ids(path: str, use: Mapping[str, str]) -> str:
    """The path of a route with ids that nothing has."""

    def fill(match: re.Match[str]) -> str:
        return str(uuid4()) if match[2] == "uuid" else use.get(match[1]) or PLACES[match[1]]

    return _PLACE.sub(fill, path)


@recipe("stage")
async def fill(dsns: Dsns, data: Path) -> Stage:
    data.mkdir()
    pool = await open_pool(dsns.app, size=5, name="test-stage")
    try:
        async with open_queue(dsns.app) as queue:
            return await make_stage(pool, queue, data)
    finally:
        await pool.close()


def stage_of(prepared: Prepared | None, pool: Pool, queue: Queue, folder: Path) -> Stage:
    """The stage of a test that begins with it, over the test's own database and folder."""
    assert prepared is not None
    made = prepared.scene
    assert isinstance(made, Stage)
    shutil.copytree(prepared.data, folder, dirs_exist_ok=True)
    was = made.office.desk
    answers = ScriptedAnswers(pool)
    answers.scripts.update(was.answers.scripts)
    answers.stopped.update((answer, asyncio.Event()) for answer in was.answers.stopped)
    here = {"data_dir": folder}
    settings = was.settings.model_copy(update=here)
    settings._base = was.settings.base.model_copy(update=here)  # for changes of settings
    app = OfficeApp(
        settings, pool, FileStore(folder / "files"), answers, queue=queue, embedder=was.embedder,
    )  # fmt: skip
    return Stage(replace(made.office, app=app, actors=dict(made.office.actors)), dict(made.ids))


async def make_stage(pool: Pool, queue: Queue, folder: Path) -> Stage:
    """Everything below belongs to the collection "Legislação", the conversation to `reader`."""
    office = await make_office(pool, queue, folder, models={"hub": ""})
    ids = {"laws": str(office.laws), **await _documents(office)}
    ids |= await _shelves_and_people(office)
    ids |= await _conversation(office)
    ids |= await _curation(office, MessageId(UUID(ids["answer"])))
    ids |= await _evaluation(office, DocumentId(UUID(ids["law"])))
    ids |= await _models(office)
    ids |= await _installation(office)
    return Stage(office, ids)


async def _documents(office: Office) -> dict[str, str]:
    """A law and a memo that are ready, and documents that failed, wait, are drafts or trashed."""
    await office.put("ruim.pdf", b"%PDF-1.7 broken")
    await office.put("lixo.txt", NOTE + b"lixo")
    await _drafts(office, "minuta.txt", "parecer.txt")
    await office.put("nova.txt", NOTE + b"nova")
    names = {
        "law": "lei-12.pdf",
        "memo": "memorando.txt",
        "broken": "ruim.pdf",
        "waiting": "nova.txt",
        "trashed": "lixo.txt",
        "draft": "minuta.txt",
        "submitted": "parecer.txt",
    }
    found = {key: await office.document(name) for key, name in names.items()}
    curator = office.actors["curator"]
    async with as_actor(office.app.pool, curator, write=True) as conn:
        await store.trash_document(conn, curator, found["trashed"].id)
    async with as_system(office.app.pool) as conn:
        await lifecycle.submit(conn, office.actors["writer"], found["submitted"].version.id)
    ids = {key: str(document.id) for key, document in found.items()}
    ids["upload"] = str(await _upload(office))
    return ids | {f"{key}_version": str(each.version.id) for key, each in found.items()}


async def _upload(office: Office) -> UUID:
    """A file that the writer began to send."""
    upload = await parts.begin(
        office.desk, office.actors["writer"],
        collection_id=office.laws, filename="envio.txt", place="", size=100,
    )  # fmt: skip
    return upload.id


async def _drafts(office: Office, *names: str) -> None:
    """The writer's files, read and waiting for somebody to approve them."""

    async def stream(name: str) -> AsyncIterator[bytes]:
        yield NOTE + name.encode()

    async with as_system(office.app.pool) as conn:
        await collections.set_review(conn, None, office.laws, True)
    for name in names:
        await receive(
            office.desk, office.actors["writer"], collection_id=office.laws, filename=name,
            source="upload", stream=stream(name),
        )  # fmt: skip
    await office.desk.work()
    async with as_system(office.app.pool) as conn:
        await collections.set_review(conn, None, office.laws, False)


async def _shelves_and_people(office: Office) -> dict[str, str]:
    """A collection, a person and a group that may be deleted, and a folder that is watched."""
    visitor = uuid4()
    async with as_system(office.app.pool) as conn:
        await conn.execute(
            "INSERT INTO users (id, username, name, role, password_hash)"
            " VALUES (%(id)s, 'visitor', 'Visitor Souza', 'user', %(hash)s)",
            {"id": visitor, "hash": ENCODED},
        )
        session = uuid4()
        await conn.execute(
            "INSERT INTO sessions (token_hash, id, user_id, csrf, expires_at)"
            " VALUES ('\\x00', %(id)s, %(user)s, 'x', now() + interval '1 hour')",
            {"id": session, "user": visitor},
        )
        spare = await collections.create_collection(conn, None, name="Vazia")
        for name, level in (("reader", Level.READ), ("writer", Level.WRITE)):
            principal = Principal.user(office.actors[name].id)
            await grants.set_grant(conn, None, Target.collection(spare), principal, level)
        curator = Principal.user(office.actors["curator"].id)
        await grants.set_grant(conn, None, Target.collection(spare), curator, Level.MANAGE)
        group = await groups.create_group(conn, "Finanças")
        await groups.add_member(conn, group, office.actors["reader"].id)
        reader, wish = office.actors["reader"], Wish("Portal", ["ask"])
        key, _ = await api_keys.create(
            conn, reader, wish, settings=office.app.settings.api, by=reader
        )
        await configure(conn, [Configured(FOLDER, "Legislação", "none")])
    return {
        "visitor": str(visitor),
        "session": str(session),
        "spare": str(spare),
        "key": str(key.id),
        "group": str(group),
        **{name: str(actor.id) for name, actor in office.actors.items()},
    }


async def _conversation(office: Office) -> dict[str, str]:
    """A question of the reader that is answered, with its source pinned."""
    reader, answers = office.actors["reader"], office.app.answers
    answers.script = Script(citations=[office.citation()], sources=[office.law_key])
    async with as_actor(office.app.pool, reader, write=True) as conn:
        conversation = await chats.create_conversation(conn, reader)
    started = await answers.start(reader, conversation, "Em quantos períodos?")
    await asyncio.wait_for(answers.finish(reader, started.answer_id), 10)
    answers.script = Script()  # others may not read the law
    async with as_actor(office.app.pool, reader, write=True) as conn:
        await pins.pin(conn, reader, started.answer_id, 1)
        (pinned,) = await pins.pins(conn, conversation)
        wish = sharing.Wish("Férias", date.today())
        share = await sharing.share(conn, reader, conversation, wish)
    own = office.app.settings.data_dir / "meu.txt"
    own.write_bytes(NOTE + b"meu")
    file = await attach(office.desk, reader, conversation, filename="meu.txt", content=own)
    return {
        "attached": str(file.id),
        "pin": str(pinned.id),
        "share": str(share.id),
        "link": share.link,
        "conversation": str(conversation),
        "question": str(started.question_id),
        "answer": str(started.answer_id),
    }


async def _curation(office: Office, answer: MessageId) -> dict[str, str]:
    """The reader's answer rated down, and what two people asked in vain."""
    pool, reader = office.app.pool, office.actors["reader"]
    async with as_actor(pool, reader, write=True) as conn:
        await ratings.rate(conn, reader, answer, Rating(DOWN, Reason.WRONG))
    for name in ("reader", "writer"):
        async with as_actor(pool, office.actors[name], write=True) as conn:
            await gaps.record(conn, "Quantas vagas?", [office.law_key], day=date.today())
    await gathering.gather(office.desk)
    async with as_actor(pool, office.actors["curator"]) as conn:
        [report] = await reports.reports(conn)
        [topic] = await gaps.topics(conn, least_people=2)
    async with as_system(pool) as conn:
        category = await categories.add(conn, office.actors["admin"], "Viagens", "diárias")
    return {
        "report": str(report.id),
        "topic": str(topic.id),
        "category": str(category),
        "secret": str(office.secret),
    }


async def _models(office: Office) -> dict[str, str]:
    """A model on the disk, and another one that was asked for."""
    models = Store(office.app.settings.data_dir / "models")
    with models.incoming("pequeno") as folder:
        (folder / "config.json").write_text("{}")
        file = ModelFile("config.json", 2, digest(folder / "config.json"))
        models.place(Manifest("pequeno", Kind.OTHER, "", "", "", (file,)))
    admin = office.actors["admin"]
    async with as_actor(office.app.pool, admin, write=True) as conn:
        asked = await transfers.ask(conn, admin, Order("pull", "orgao/outro", "outro"))
    return {"transfer": str(asked)}


async def _installation(office: Office) -> dict[str, str]:
    """An announcement for everybody, and a setting that was changed."""
    admin, app = office.actors["admin"], office.app
    now = datetime.now(UTC)
    wish = announcements.Wish("Manutenção às 18 h", "", "info", (), True, now, None)
    async with as_actor(app.pool, admin, write=True) as conn:
        announcement = await announcements.publish(conn, admin, wish)
    await changes.change(app, admin, {"limits.pictures_per_minute": 500})
    async with as_actor(app.pool, admin) as conn:
        [change] = await changes.history(conn)
    return {"announcement": str(announcement), "change": str(change.id)}


async def _evaluation(office: Office, law: DocumentId) -> dict[str, str]:
    """A gold question of the curator about the law, and a run that waits."""
    curator = office.actors["curator"]
    async with as_actor(office.app.pool, curator, write=True) as conn:
        gold_id = await gold.add(
            conn, curator, set_name="Férias", question="Quantos dias?", answers=["trinta dias"],
            document_ids=[law],
        )  # fmt: skip
        question = await gold.get(conn, gold_id)
        wanted = runs.Wanted(
            "Férias", [question.as_question()], set_id=question.set_id, queued=True,
            asked_as=curator.id,
        )  # fmt: skip
        run_id = await background.ask_for(conn, office.app.queue, curator, wanted)
    return {"gold": str(gold_id), "gold_set": str(question.set_id), "run": str(run_id)}
