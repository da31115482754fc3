"""The application as a program meets it: keys of the cast, and a document in each collection."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from govbot.auth import api_keys
from govbot.auth.api_keys import ApiKey, Scope, Wish
from govbot.chat.live import Answers
from govbot.config import Settings
from govbot.config.table import Limits
from govbot.db.access import Actor, as_system
from govbot.db.dsns import Dsns
from govbot.generate import Generator
from govbot.generate.extractive import ExtractiveGenerator
from govbot.ids import new_id
from govbot.ingest.receive import Received
from tests.answering import LEAVE, Desk
from tests.ingestion import Cast, Parts, add_cast, open_parts, take
from tests.prepared import Prepared, recipe
from tests.web.sites import site_of

API = "/api/v1"
ALL_SCOPES = tuple(scope.value for scope in Scope)
_PLACE = re.compile(r"\{(\w+)\}")
NUMBERS = ("page", "number", "seq")
HIDDEN = "PORTARIA Nº 98.431\n\nArt. 1º O codinome do plano é Zurbanovic.\n"
FREE = Limits(
    questions_per_minute=0, uploads_per_hour=0, api_key_per_minute=0, api_user_per_minute=0,
    anonymous_per_minute=0,
)  # fmt: skip
PATERNITY = "Quantos dias dura a licença-paternidade?"


def address(path: str) -> str:
    """A path of the description with ids that nothing has."""
    return _PLACE.sub(lambda place: "1" if place[1] in NUMBERS else str(new_id()), path)


def code_of(answer: httpx.Response) -> str:
    """The code of an error of either interface."""
    problem = answer.json()
    return str(problem.get("error", problem)["code"])


@dataclass
class Office:
    """The parts with answers: what the site asks of an App."""

    parts: Parts
    cast: Cast
    settings: Settings
    generator: Generator
    answers: Answers
    law: Received
    hidden: Received
    clients: list[httpx.AsyncClient] = field(default_factory=list)
    site: Any = None  # one for all programs, made with the first; None makes another

    def __getattr__(self, name: str) -> Any:
        return getattr(self.parts, name)

    def actor(self, name: str) -> Actor:
        actor = getattr(self.cast, name)
        assert isinstance(actor, Actor)
        return actor

    async def key(
        self, name: str, scopes: Sequence[str] = ALL_SCOPES, **wish: Any
    ) -> tuple[ApiKey, str]:
        """A key of somebody of the cast."""
        owner = self.actor(name)
        settings = self.settings.api.model_copy(
            update={"roles": ("user", "curator", "admin", "auditor")}
        )
        async with as_system(self.parts.pool) as conn:
            return await api_keys.create(
                conn, owner, Wish("Programa", scopes, **wish), settings=settings, by=owner
            )

    def client(self, key: str | None = None, ip: str = "192.0.2.7") -> httpx.AsyncClient:
        """A program, with a key or without."""
        self.site = self.site or site_of(self)
        transport = httpx.ASGITransport(app=self.site, client=(ip, 50000))
        headers = {"authorization": f"Bearer {key}"} if key else {}
        client = httpx.AsyncClient(
            transport=transport, base_url="http://localhost", headers=headers
        )
        self.clients.append(client)
        return client

    async def program(
        self, name: str, scopes: Sequence[str] = ALL_SCOPES, **wish: Any
    ) -> httpx.AsyncClient:
        """A program that acts as somebody of the cast."""
        _, text = await self.key(name, scopes, **wish)
        return self.client(text)

    async def close(self) -> None:
        for client in self.clients:
            await client.aclose()
        await self.answers.close()


@dataclass(frozen=True)
class Shelves:
    """The people, a law in A and a hidden order in B, both ready."""

    cast: Cast
    law: Received
    hidden: Received


@recipe("shelves")
async def fill(dsns: Dsns, data: Path) -> Shelves:
    async with open_parts(dsns, data) as parts:
        cast = await add_cast(parts.pool)
        law = await take(parts, cast.curator, cast.a, "lei-731.txt", LEAVE)
        hidden = await take(parts, None, cast.b, "portaria-98431.txt", HIDDEN)
        await parts.work()
    return Shelves(cast, law, hidden)


def shelves_of(prepared: Prepared | None) -> Shelves:
    """The scene of a test that begins with it."""
    assert prepared is not None
    found = prepared.scene
    assert isinstance(found, Shelves)
    return found


def open_office(parts: Parts, shelves: Shelves, **settings: Any) -> Office:
    """The application over the shelves; `settings` replace whole sections."""
    chosen = parts.settings.model_copy(update=settings)
    generator = ExtractiveGenerator()
    answers = Answers(Desk(chosen, parts.pool, parts.embedder, generator))
    return Office(parts, shelves.cast, chosen, generator, answers, shelves.law, shelves.hidden)
