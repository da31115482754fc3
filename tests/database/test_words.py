"""The leg of the words: numbers and codes, acronyms, misspelt words, long lists, what it tells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from govbot.config import Settings
from govbot.db.access import Actor, as_actor, as_system
from govbot.db.pool import Pool
from govbot.ids import new_id
from govbot.ingest import acronyms
from govbot.retrieval import lexical
from govbot.retrieval.retrieve import Retrieval, retrieve
from tests.database.library import Document, Library
from tests.ingestion import inconsistencies


@pytest.fixture
def library(pool: Pool) -> Library:
    return Library(pool)


async def find(pool: Pool, actor: Actor, question: str, limit: int = 8) -> Retrieval:
    async with as_actor(pool, actor) as conn:
        return await retrieve(
            conn,
            question,
            embedder=None,
            settings=Settings(data_dir=Path("unused")),
            limit=limit,
            mode="lexical",
        )


async def first(pool: Pool, actor: Actor, question: str) -> str:
    found = await find(pool, actor, question)
    return found.passages[0].filename if found.passages else ""


async def learn(pool: Pool, document: Document) -> None:
    async with as_system(pool) as conn:
        cursor = await conn.execute(
            "SELECT text FROM chunks WHERE document_key = %(key)s", {"key": document.key}
        )
        await acronyms.learn(conn, document.key, [r["text"] for r in await cursor.fetchall()])


async def value(pool: Pool, query: str, **values: object) -> Any:
    async with as_system(pool) as conn:
        row = await (await conn.execute(query.encode(), values)).fetchone()
    assert row is not None
    return row["value"]


async def test_a_norm_an_article_and_a_process_have_one_form_in_every_spelling(pool: Pool) -> None:
    same = [
        ("Lei nº 8.112/1990", "lei 8112 de 1990", "LEI Nº 8.112, DE 11 DE DEZEMBRO DE 1990",
         "Lei Federal n. 8.112/90", "lei n° 8.112, de 11.12.1990"),
        ("art. 37, § 6º", "artigo 37, parágrafo 6", "§ 6º do art. 37", "ART. 37, caput, § 6"),
        ("Portaria nº 0123/2020", "portaria 123, de 2020", "Portaria GM/MS nº 123/2020",
         "Portaria da Secretaria nº 123, de 5 de maio de 2020"),
        ("23106.012345/2020-11", "23106012345202011", "processo nº 23106.012345/2020-11."),
        ("0001234-56.2020.8.26.0100", "00012345620208260100"),
        ("Decreto-Lei nº 200/1967", "decreto lei 200/67"),
        ("Edital 001", "EDITAL n. º 001", "EDITAL N º 1", "edital n.º 01", "edital nº. 1"),
        ("Lei Complementar nº 123, de 2006", "LC 123/2006", "lei complementar 123/06"),
    ]  # fmt: skip
    for spellings in same:
        codes = {await value(pool, "SELECT govbot_codes(%(t)s) AS value", t=t) for t in spellings}
        assert len(codes) == 1, (spellings, codes)
        assert codes != {""}
    for text in ("sem número", "R$ 1.234,50 em 5 dias", "a lei em 1990"):
        assert await value(pool, "SELECT govbot_codes(%(t)s) AS value", t=text) == "", text


async def test_what_is_named_comes_before_what_mentions_it(pool: Pool, library: Library) -> None:
    reader = await library.person("leitor", "Normas")
    mention = "Nos termos do art. 37 da Lei nº 14.133/2021, a lei e o artigo: lei, art. 37, lei."
    await library.document("Normas", "parecer.txt", mention, title="Parecer sobre a contratação")
    await library.document(
        "Normas", "lei.txt", "Art. 36. A licitação é pública.", "Art. 37. O julgamento segue isto.",
        "Art. 137. Os motivos são estes.", title="Lei nº 14.133/2021",
    )  # fmt: skip
    await library.document(
        "Normas", "outra.txt", "Art. 37. O contrato segue aquilo.", title="Lei nº 8.666/1993"
    )
    await library.document(
        "Normas", "processos.txt", "Autos 23106.012345/2020-11.", "Autos 23106.012346/2020-11."
    )
    for question in ("O que diz o art. 37 da Lei 14.133?", "artigo 37 lei nº 14.133/21"):
        [best, *_] = (await find(pool, reader, question)).passages
        assert (best.filename, best.page_from) == ("lei.txt", 2), question
    [best, *_] = (await find(pool, reader, "processo 23106012346202011")).passages
    assert best.page_from == 2
    assert best.filename == "processos.txt"


async def test_an_acronym_and_its_long_form_find_each_other_by_readable_documents_only(
    pool: Pool, library: Library
) -> None:
    reader = await library.person("leitor", "Normas")
    other = await library.person("outro", "Normas", "Sigilo")
    target = await library.document(
        "Normas", "long.txt", "Compete à Ouvidoria Nacional do Cerrado."
    )
    await library.document("Normas", "short.txt", "A ONAC recebe denúncias de ruído.")
    await library.document("Normas", "resto.txt", "O prazo de recurso é de dez dias.")
    defined = await library.document("Sigilo", "d.txt", "A Ouvidoria Nacional do Cerrado (ONAC).")
    await learn(pool, defined)
    assert {p.filename for p in (await find(pool, other, "ONAC")).passages} >= {
        "long.txt", "short.txt"}  # fmt: skip
    assert "short.txt" in {
        p.filename for p in (await find(pool, other, "Ouvidoria Nacional do Cerrado")).passages
    }
    before = [
        (p.filename, p.lexical, p.coverage) for p in (await find(pool, reader, "ONAC")).passages
    ]
    assert [name for name, _, _ in before] == ["short.txt"]
    await library.remove(defined)
    after = [
        (p.filename, p.lexical, p.coverage) for p in (await find(pool, reader, "ONAC")).passages
    ]
    assert before == after
    assert {p.filename for p in (await find(pool, other, "ONAC")).passages} == {"short.txt"}
    assert await value(pool, "SELECT count(*) AS value FROM acronyms") == 0
    # What stands for the words asked counts for less than the words.
    await learn(pool, target)
    again = await library.document("Normas", "e.txt", "Ouvidoria Nacional do Cerrado – ONAC")
    await learn(pool, again)
    coverage = {p.filename: p.coverage for p in (await find(pool, reader, "ONAC")).passages}
    assert coverage["e.txt"] == pytest.approx(1)
    assert coverage["long.txt"] == pytest.approx(lexical.MOST_CREDIT)


async def test_a_misspelt_word_finds_the_nearest_readable_one(pool: Pool, library: Library) -> None:
    reader = await library.person("leitor", "Normas")
    await library.document("Normas", "a.txt", "A licitação é dispensada.", "O pregoeiro decide.",
                           "A transparência obriga.", "Protocolo 2021 de 4821 folhas.")  # fmt: skip
    await library.document("Sigilo", "b.txt", "O pregueiro dorme. A lisitação falha.")
    for question, page in (("lisitação", 1), ("pregueiro", 2), ("pregoiero", 2),
                           ("trasnparencai", 3)):  # fmt: skip
        [best, *rest] = (await find(pool, reader, question)).passages
        assert (best.page_from, rest) == (page, []), question
        assert 0 < best.coverage < 1, question
    for question in ("2022", "4812", "folga", "zebra"):
        assert (await find(pool, reader, question)).passages == [], question


async def test_spelling_does_not_tell_of_documents_refused_one_by_one(
    pool: Pool, library: Library
) -> None:
    reader = await library.person("leitor", "Normas")
    await library.document("Normas", "a.txt", "O pregoeiro decide.", "A reunião é pública.")
    hidden = await library.document("Normas", "h.txt", "pregueiro pregueiro pregoiro reuniam")
    await library.grant(reader, document_key=hidden.key, effect="deny")
    seen = [(p.filename, p.lexical, p.coverage)
            for p in (await find(pool, reader, "pregueiro")).passages]  # fmt: skip
    await library.remove(hidden)
    assert seen == [(p.filename, p.lexical, p.coverage)
                    for p in (await find(pool, reader, "pregueiro")).passages]  # fmt: skip
    assert [name for name, _, _ in seen] == ["a.txt"]


async def test_long_lists_are_read_in_part_and_score_in_full(
    pool: Pool, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = await library.person("leitor", "Normas", "Atos")
    texts = [f"O contrato prevê multa e prazo no caso{n} " + "e mais coisa " * n for n in range(40)]
    await library.document("Normas", "a.txt", *texts[:30])
    await library.document("Atos", "b.txt", *texts[30:])
    single = await library.document("Outra", "c.txt", "O contrato prevê multa e prazo no caso50")
    await library.grant(reader, document_key=single.key)
    for question in ("contrato multa caso35", "prazo contrato caso12", "multa caso50"):
        whole = [(p.text, p.lexical) for p in (await find(pool, reader, question)).passages]
        monkeypatch.setattr(lexical, "LIST_LIMIT", 10)
        part = [(p.text, p.lexical) for p in (await find(pool, reader, question)).passages]
        monkeypatch.undo()
        assert part[0][0] == whole[0][0]
        assert part[0][1] == pytest.approx(whole[0][1])


STEPS = st.lists(
    st.tuples(st.sampled_from(["add", "remove", "secrecy", "delete", "trash"]), st.integers(0, 5)),
    min_size=4,
    max_size=14,
)


@settings(max_examples=8, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(steps=STEPS)
async def test_statistics_are_what_a_recount_gives(
    pool: Pool, steps: list[tuple[str, int]]
) -> None:
    library, example = Library(pool), new_id()
    papers: list[Document] = []
    for step, number in steps:
        if step == "add" or not papers:
            name = str(new_id())
            text = f"Lei nº {number}/2020 art. {number} comum {'raro' * (number % 3)}"
            papers.append(await library.document(f"{example}-{number % 2}", name, text, "comum"))
            await learn(pool, papers[-1])
            continue
        paper = papers[number % len(papers)]
        async with as_system(pool) as conn:
            key = {"key": paper.key, "secrecy": number % 4}
            if step == "secrecy":
                await conn.execute(
                    "UPDATE documents SET secrecy = %(secrecy)s WHERE key = %(key)s", key
                )
            elif step == "delete":
                papers.remove(paper)
                await conn.execute("SELECT govbot_unindex_document(%(key)s)", key)
                await conn.execute("DELETE FROM documents WHERE key = %(key)s", key)
            else:
                await conn.execute("SELECT govbot_unindex_document(%(key)s)", key)
    async with as_system(pool) as conn:
        wrong = await inconsistencies(conn)
        orphans = await conn.execute(
            "SELECT FROM postings p WHERE NOT EXISTS (SELECT FROM chunks c WHERE c.id = p.chunk_id)"
        )
        assert await orphans.fetchone() is None
    assert {"stems counted", "postings", "collection counted"}.isdisjoint(wrong)
