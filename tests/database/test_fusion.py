"""What comes first among what is found, and what comes along behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from govbot.config import Settings
from govbot.config.table import Retrieval as RetrievalSettings
from govbot.db.access import Actor, as_system
from govbot.db.pool import Pool
from govbot.retrieval.retrieve import Retrieval, find
from tests.database.library import Document, FixedEmbedder, Library


@pytest.fixture
def library(pool: Pool) -> Library:
    return Library(pool)


@pytest.fixture
async def reader(library: Library) -> Actor:
    return await library.person("leitor", "Normas")


@dataclass
class Watching:
    """A reranker that likes one word, and looks whether a connection is held meanwhile."""

    pool: Pool
    word: str
    name: str = "watching"
    fingerprint: str = "watching"
    read: list[str] = field(default_factory=list)

    async def score(self, question: str, passages: Sequence[str]) -> list[float]:
        # A connection that was given back is free a moment later; one that is held never is.
        async with asyncio.timeout(5):
            while self.pool.get_stats()["pool_available"] < self.pool.get_stats()["pool_size"]:
                await asyncio.sleep(0.01)
        self.read += passages
        return [float(self.word in text) for text in passages]

    async def aclose(self) -> None:
        pass


async def ask(
    library: Library,
    actor: Actor,
    question: str,
    *,
    preferred: Sequence[int] = (),
    reranker: Watching | None = None,
    surrounded: bool = False,
    limit: int = 3,
    neighbours: int = 2,
    referenced: int = 1,
) -> Retrieval:
    settings = RetrievalSettings(neighbours=neighbours, referenced=referenced)
    return await find(
        library.pool,
        actor,
        question,
        embedder=None,
        settings=Settings(data_dir=Path("unused"), retrieval=settings),
        preferred=preferred,
        reranker=reranker,
        surrounded=surrounded,
        limit=limit,
    )


async def describe(library: Library, document: Document, kind: str, number: str, year: int) -> None:
    async with as_system(library.pool) as conn:
        await conn.execute(
            "UPDATE documents SET kind = %(kind)s, number = %(number)s, year = %(year)s"
            " WHERE key = %(key)s",
            {"kind": kind, "number": number, "year": year, "key": document.key},
        )


def files(found: Retrieval) -> list[str]:
    return [passage.filename for passage in found.passages]


async def test_the_norm_that_is_named_or_gone_back_to_comes_before_those_that_cite_it(
    library: Library, reader: Actor
) -> None:
    citing = "O prazo de recurso é o da Lei nº 9.784/1999, a lei 9784, sobre prazo de recurso."
    await library.document("Normas", "outra.txt", citing, citing + " E mais.")
    itself = await library.document(
        "Normas", "norma.txt", "Cabe recurso no prazo de dez dias.", title="Lei nº 9.784/1999"
    )
    await describe(library, itself, "lei", "9.784", 1999)
    question = "Qual o prazo de recurso?"
    assert files(await ask(library, reader, question))[0] == "outra.txt"
    for named in ("da Lei 9.784/1999", "da lei 9784"):
        found = await ask(library, reader, f"Qual o prazo de recurso {named}?")
        assert files(found)[0] == "norma.txt"
    found = await ask(library, reader, question, preferred=[itself.key, 10**6])
    assert files(found)[0] == "norma.txt"
    assert all(0 <= passage.score <= 1 for passage in found.passages)


async def test_what_says_the_same_comes_newest_first_and_copies_go_behind(
    library: Library, reader: Actor
) -> None:
    words = "A diária de viagem dentro do Estado paga ao servidor em serviço é de {} reais."
    old = await library.document("Normas", "antiga.txt", words.format("duzentos"))
    new = await library.document("Normas", "nova.txt", words.format("trezentos"))
    copy = await library.document("Normas", "copia.txt", words.format("trezentos"))
    await library.document("Normas", "resto.txt", "A diária de viagem fora do Estado é outra.")
    for document, year in ((old, 2010), (new, 2020), (copy, 2015)):
        await describe(library, document, "portaria", "1", year)
    found = await ask(library, reader, "Qual a diária de viagem dentro do Estado?", limit=4)
    assert files(found) == ["nova.txt", "antiga.txt", "resto.txt", "copia.txt"]


async def test_what_stands_beside_and_what_is_referred_to_comes_behind(
    library: Library, reader: Actor
) -> None:
    texts = (
        "Art. 1º São deveres do fiscal, na forma do regulamento:",
        "II - atestar a nota fiscal, nos termos do art. 12 e do art. 40 da Constituição;",
        "Art. 3º Esta norma entra em vigor hoje.",
        "Art. 12. O ateste é feito em cinco dias.",
        "Art. 40. Fica tudo como está.",
    )
    made = await library.document("Normas", "norma.txt", *texts)
    await library.document("Outra", "alheia.txt", "Art. 12. Segredo do fiscal que atesta nota.")
    question = "Quem deve atestar a nota fiscal?"
    [only] = (await ask(library, reader, question, limit=1)).passages
    assert only.text == texts[1]
    found = (await ask(library, reader, question, limit=1, surrounded=True)).passages
    assert [p.text for p in found] == [texts[1], texts[0], texts[2], texts[3]]
    assert all(p.document_key == made.key and p.coverage == 0 for p in found[1:])
    assert found[3].text[found[3].start : found[3].end] == texts[3]
    for neighbours, referenced, left in ((0, 1, [1, 3]), (2, 0, [1, 0, 2])):
        fewer = await ask(
            library,
            reader,
            question,
            limit=1,
            surrounded=True,
            neighbours=neighbours,
            referenced=referenced,
        )
        assert [p.text for p in fewer.passages] == [texts[n] for n in left]


async def test_no_connection_is_held_while_a_reranker_reads_what_may_be_shown(
    library: Library, reader: Actor
) -> None:
    await library.document("Normas", "a.txt", "O recurso tem prazo de dez dias para o recurso.")
    await library.document("Normas", "b.txt", "O recurso pede zelo. Fale com 529.982.247-25.")
    async with as_system(library.pool) as conn:
        await conn.execute("UPDATE collections SET mask_personal = '{cpf}'")
    reranker = Watching(library.pool, "zelo")
    found = await ask(library, reader, "Qual o prazo de recurso?", reranker=reranker)
    assert files(found)[0] == "b.txt"
    assert reranker.read
    assert not any("529.982" in text for text in [*reranker.read, found.passages[0].text])
    assert set(found.timings) == {"embed", "search", "rerank"}


async def test_an_embedder_is_asked_before_a_connection_is_taken(
    library: Library, reader: Actor
) -> None:
    class Busy(FixedEmbedder):
        free: int | None = None

        async def embed_query(self, text: str) -> list[float]:
            self.free = library.pool.get_stats()["pool_available"]
            return self.vector

    embedder = Busy()
    before = library.pool.get_stats()["pool_available"]
    settings = Settings(data_dir=Path("unused"))
    await find(library.pool, reader, "prazo", embedder=embedder, settings=settings)
    assert embedder.free == before
