"""`govbot user`: sessions, signing out, and the reset of a second factor."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pyotp
import pytest

from govbot.auth import sessions, totp
from govbot.auth.sessions import Method
from govbot.cli.main import main
from govbot.config import Settings
from govbot.db.access import as_system
from govbot.db.dsns import Dsns
from govbot.db.pool import Pool, open_pool
from govbot.sealing import Sealer, new_key
from tests.troupe import Troupe


@pytest.fixture
async def scene(dsns: Dsns, pool: Pool, troupe: Troupe, monkeypatch: pytest.MonkeyPatch) -> Troupe:
    """The cast, in whose database commands work. The curator and the reader are signed in."""

    @asynccontextmanager
    async def open_store(_: Any) -> AsyncIterator[Pool]:
        opened = await open_pool(dsns.app, size=2, name="test-cli")
        yield opened
        await opened.close()

    monkeypatch.setattr("govbot.app.open_store", open_store)
    secret = totp.new_secret()
    async with as_system(pool) as conn:
        await totp.enrol(
            conn, Sealer([new_key()]), troupe.curator, secret,
            pyotp.TOTP(secret).at(int(time.time())),
        )  # fmt: skip
        await sessions.open_session(
            conn, troupe.curator, method=Method.PASSWORD, user_agent="curl/8.5.0",
            settings=Settings().auth,
        )  # fmt: skip
        await sessions.open_session(
            conn, troupe.reader, method=Method.LDAP, user_agent="", settings=Settings().auth
        )
    return troupe


def govbot(*arguments: str) -> int:
    return main(list(arguments))


def count(dsns: Dsns, table: str) -> int:
    with psycopg.connect(dsns.superuser) as conn:
        row = conn.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
    assert row is not None
    return int(row[0])


def test_sessions_are_listed_and_ended(
    scene: Troupe, dsns: Dsns, capsys: pytest.CaptureFixture[str]
) -> None:
    govbot("user", "sessions", "curator", "--json")
    [found] = json.loads(capsys.readouterr().out)
    assert (found["method"], found["factor"], found["user_agent"]) == (
        "password", "pending", "curl/8.5.0",
    )  # fmt: skip
    assert not {"token_hash", "csrf"} & set(found)
    govbot("user", "sessions", "curator")
    assert "curl/8.5.0" in capsys.readouterr().out
    govbot("user", "sign-out", "curator")
    assert capsys.readouterr().out == "curator: 1\n"
    assert count(dsns, "sessions") == 1


def test_everybody_is_signed_out_at_once(
    scene: Troupe, dsns: Dsns, capsys: pytest.CaptureFixture[str]
) -> None:
    assert govbot("user", "sign-out") == 1
    assert govbot("user", "sign-out", "reader", "--all") == 1
    assert "Name a user" in capsys.readouterr().err
    assert count(dsns, "sessions") == 2
    govbot("user", "sign-out", "--all")
    assert capsys.readouterr().out == "all: 2\n"
    assert count(dsns, "sessions") == 0


def test_a_second_factor_is_reset_by_the_operator(
    scene: Troupe, dsns: Dsns, capsys: pytest.CaptureFixture[str]
) -> None:
    for expected in ("curator: second factor removed\n", "curator: no second factor\n"):
        govbot("user", "reset-second-factor", "curator")
        assert capsys.readouterr().out == expected
    assert [count(dsns, name) for name in ("totp", "recovery_codes", "sessions")] == [0, 0, 1]
