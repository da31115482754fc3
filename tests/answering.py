"""Fixtures of answers: what an answer needs of an App, over documents that were truly ingested."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from govbot.chat.arrangement import Arrangement
from govbot.config import Settings, load_settings
from govbot.db.access import as_actor, as_system
from govbot.db.dsns import Dsns
from govbot.db.pool import Pool
from govbot.documents import store as documents
from govbot.generate import Generator, Request, State, Status
from govbot.generate.extractive import ExtractiveGenerator
from govbot.ids import VersionId
from govbot.ingest.receive import Received
from govbot.models.entailment import Entailment
from govbot.models.reranker import Reranker
from tests.ingestion import Cast, HashEmbedder, Parts, add_cast, open_parts, take
from tests.prepared import Prepared, recipe

LEAVE = """LEI Nº 731, DE 2 DE MAIO DE 2019

Art. 1º O servidor tem direito a trinta dias de férias por ano de exercício.

Art. 2º A licença-paternidade é de vinte dias corridos, contados do nascimento do filho.

Art. 3º O requerimento é dirigido ao setor de pessoal com dez dias de antecedência.
"""
ALLOWANCE = """DECRETO Nº 88, DE 9 DE JUNHO DE 2022

Art. 1º A diária dentro do Estado é de trezentos reais.

Art. 2º A prestação de contas da viagem é entregue em cinco dias úteis após o retorno.
"""
# The sentence of art. 2 goes over the break of the page.
CLEANING = """PORTARIA Nº 12, DE 3 DE ABRIL DE 2023

Art. 1º Esta Portaria trata da limpeza dos prédios.

Art. 2º O contrato de limpeza será fiscalizado por dois servidores designados,
\fque apresentam relatório mensal de fiscalização até o quinto dia útil.

Art. 3º Esta Portaria entra em vigor na data de sua publicação.
"""


@dataclass(frozen=True)
class Desk:
    """What an answer needs of an App."""

    settings: Settings
    pool: Pool
    embedder: HashEmbedder
    generator: Generator
    entailment: Entailment | None = None
    reranker: Reranker | None = None
    # What is dictated cites passages by their place: they keep the order of the search.
    arrangement: Arrangement = field(default_factory=lambda: Arrangement(limit=0))

    def by(self, generator: Generator) -> Desk:
        return replace(self, generator=generator)

    def under(self, **environ: str) -> Desk:
        """With other settings, such as `GOVBOT_AUDIT__QUESTION_TEXT="true"`."""
        return replace(self, settings=load_settings(environ=environ))


@dataclass
class Dictated:
    """A generator that says what a test tells it, when the test lets it."""

    deltas: Sequence[str] = ("Vinte dias ", "corridos [1].")
    name: str = "dictated"
    excerpts: bool = False
    pauses: Sequence[asyncio.Event] = ()  # one before each delta
    failure: Exception | None = None
    requests: list[Request] = field(default_factory=list)
    closed: int = 0

    async def stream(self, request: Request) -> AsyncIterator[str]:
        self.requests.append(request)
        try:
            for number, delta in enumerate(self.deltas):
                if number < len(self.pauses):
                    await self.pauses[number].wait()
                yield delta
            if self.failure is not None:
                raise self.failure
        finally:
            self.closed += 1

    def status(self) -> Status:
        return Status(State.READY)

    async def aclose(self) -> None:
        pass


@dataclass(frozen=True)
class Library:
    """Three documents of collection A and one of B, ready."""

    leave: Received
    allowance: Received
    cleaning: Received
    elsewhere: Received


@pytest.fixture
async def desk(parts: Parts) -> Desk:
    return Desk(parts.settings, parts.pool, parts.embedder, ExtractiveGenerator())


@dataclass(frozen=True)
class Filled:
    """The people, and the library that they read."""

    cast: Cast
    library: Library


@recipe("ingested_library")
async def fill(dsns: Dsns, data: Path) -> Filled:
    async with open_parts(dsns, data) as parts:
        cast = await add_cast(parts.pool)
        found = Library(
            await take(parts, cast.curator, cast.a, "lei-731.txt", LEAVE),
            await take(parts, cast.curator, cast.a, "decreto-88.txt", ALLOWANCE),
            await take(parts, cast.curator, cast.a, "portaria-12.txt", CLEANING),
            await take(
                parts, None, cast.b, "outra.txt", "Art. 1º O jardim fecha às dezoito horas."
            ),
        )
        await parts.work()
    return Filled(cast, found)


@pytest.fixture
def ingested_library(prepared: Prepared) -> Filled:
    found = prepared.scene
    assert isinstance(found, Filled)
    return found


@pytest.fixture
def library(parts: Parts, ingested_library: Filled) -> Library:
    return ingested_library.library


async def page_text(pool: Pool, version_id: VersionId, number: int) -> str:
    async with as_system(pool) as conn:
        return await documents.page_text(conn, version_id, number)


async def withdraw(pool: Pool, name: str) -> None:
    """Takes every grant away from a person."""
    async with as_system(pool) as conn:
        await conn.execute(
            "DELETE FROM grants WHERE user_id = (SELECT id FROM users WHERE username = %(name)s)",
            {"name": name},
        )


async def rows(pool: Pool, actor: Any, query: str, **params: object) -> list[dict[str, Any]]:
    async with as_actor(pool, actor) as conn:
        cursor = await conn.execute(query.encode(), params)
        return list(await cursor.fetchall())
