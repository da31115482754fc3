"""A database that goes away while an answer is written, and comes back."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import psycopg
import pytest
from psycopg import sql

from govbot.chat import store
from govbot.chat.live import Answers
from govbot.db import outage
from govbot.db.access import _translated, as_actor
from govbot.db.dsns import Dsns
from govbot.db.embedded import EmbeddedPostgres
from govbot.db.outage import outlasted
from govbot.errors import Denied, Unavailable
from tests.answering import Desk, Library
from tests.database.test_live_answers import PATERNITY, held
from tests.ingestion import Cast


class Away:
    """Work that fails so many times."""

    def __init__(self, times: int) -> None:
        self.left, self.tries = times, 0

    async def __call__(self) -> str:
        self.tries += 1
        if self.tries <= self.left:
            raise Unavailable
        return "done"


async def test_work_is_tried_until_the_database_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outage, "AGAIN_S", 0)
    assert await outlasted(Away(3)) == "done"


async def test_work_is_given_up_when_nobody_can_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outage, "AGAIN_S", 0)
    work = Away(10)
    with pytest.raises(Unavailable):
        await outlasted(work, given_up=lambda: work.tries >= 2)
    assert work.tries == 2


async def test_an_answer_outlives_a_database_that_goes_away_while_it_is_written(
    desk: Desk, library: Library, cast: Cast, dsns: Dsns, postgres: EmbeddedPostgres
) -> None:
    async with as_actor(desk.pool, cast.reader, write=True) as conn:
        conversation = await store.create_conversation(conn, cast.reader)
    words = held("Vinte ", "dias ", "corridos [1].")
    answers = Answers(desk.by(words.generator))
    started = await answers.start(cast.reader, conversation, PATERNITY)
    words.say(1)
    async with asyncio.timeout(40):
        async for event in answers.events(cast.reader, started.answer_id):
            if event.kind == "text":
                break
        _admit(postgres, dsns, admit=False)
        words.say()
        await asyncio.sleep(1.5)
        _admit(postgres, dsns, admit=True)
        events = [each async for each in answers.events(cast.reader, started.answer_id)]
    await answers.close()
    message = events[-1].message
    assert message is not None
    assert (message.state, message.content) == ("done", "Vinte dias corridos [1].")


def _admit(postgres: EmbeddedPostgres, dsns: Dsns, *, admit: bool) -> None:
    """Shuts the database for everybody and ends all connections, or opens it again."""
    name = psycopg.conninfo.conninfo_to_dict(dsns.app)["dbname"]
    with psycopg.connect(postgres.dsns("postgres").superuser, autocommit=True) as conn:
        conn.execute(
            sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS {}").format(
                sql.Identifier(str(name)), sql.SQL("true" if admit else "false")
            )
        )
        if not admit:
            conn.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %(name)s",
                {"name": name},
            )


@pytest.mark.parametrize(
    ("place", "expected"), [("md.c", Unavailable), ("fd.c", Unavailable), ("aclchk.c", Denied)]
)
def test_a_disk_that_turned_read_only_is_no_lack_of_permission(
    place: str, expected: type[Exception]
) -> None:
    class Refusal(psycopg.errors.InsufficientPrivilege):
        diag = SimpleNamespace(source_file=place)  # type: ignore[assignment]

    with pytest.raises(expected), _translated():
        raise Refusal
