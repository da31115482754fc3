"""The search on a real database: what is found, in what order, with what scores."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from govbot.config import Settings
from govbot.config.table import Retrieval as RetrievalSettings
from govbot.db.access import Actor, as_actor
from govbot.db.pool import Pool
from govbot.errors import Unavailable
from govbot.retrieval import hybrid, lexical
from govbot.retrieval.passages import Passage
from govbot.retrieval.retrieve import Mode, Retrieval, retrieve
from govbot.retrieval.scope import within
from tests.database.library import FixedEmbedder, Library


@pytest.fixture
def library(pool: Pool) -> Library:
    return Library(pool)


@pytest.fixture
async def reader(library: Library) -> Actor:
    return await library.person("leitor", "Normas")


async def find(
    pool: Pool,
    actor: Actor,
    question: str,
    *,
    embedder: FixedEmbedder | None = None,
    limit: int = 8,
    mode: Mode = "hybrid",
    exact_scan_limit: int = 50_000,
) -> Retrieval:
    settings = Settings(
        data_dir=Path("unused"), retrieval=RetrievalSettings(exact_scan_limit=exact_scan_limit)
    )
    async with as_actor(pool, actor) as conn:
        return await retrieve(
            conn, question, embedder=embedder, settings=settings, limit=limit, mode=mode
        )


def files(found: Retrieval) -> list[str]:
    return [passage.filename for passage in found.passages]


async def test_a_passage_comes_with_all_that_a_citation_needs(
    pool: Pool, library: Library, reader: Actor
) -> None:
    made = await library.document(
        "Normas", "lei.txt", "Do objeto.", "O prazo de recurso é de dez dias.", title="Lei 10"
    )
    [first, *_] = (await find(pool, reader, "Qual o prazo de recurso?")).passages
    assert isinstance(first, Passage)
    assert (first.document_id, first.document_key, first.version_id) == (
        made.id,
        made.key,
        made.version_id,
    )
    assert (first.collection, first.filename, first.title) == ("Normas", "lei.txt", "Lei 10")
    assert (first.version, first.page_from, first.page_to, first.ord) == (1, 2, 2, 1)
    assert first.text[first.start : first.end] == "O prazo de recurso é de dez dias."
    assert first.coverage == pytest.approx(1)


async def test_the_score_of_words_is_bm25(pool: Pool, library: Library, reader: Actor) -> None:
    await library.document("Normas", "a.txt", "edital edital obra", "obra pública municipal nova")
    [first, *_] = (await find(pool, reader, "edital", mode="lexical")).passages
    idf = math.log(1 + (2 - 1 + 0.5) / (1 + 0.5))
    length, mean = 3, 3.5
    norm = lexical.K1 * (1 - lexical.B + lexical.B * length / mean)
    assert first.lexical == pytest.approx(idf * 2 * (lexical.K1 + 1) / (2 + norm))


async def test_neighbouring_words_of_the_question_are_worth_a_bonus(
    pool: Pool, library: Library, reader: Actor
) -> None:
    await library.document("Normas", "longe.txt", "Recurso de quem pede prazo maior.")
    await library.document("Normas", "junto.txt", "Pede quem maior prazo de recurso.")
    far, near = sorted(
        (await find(pool, reader, "prazo de recurso", mode="lexical")).passages,
        key=lambda passage: passage.lexical,
    )
    assert (far.filename, near.filename) == ("longe.txt", "junto.txt")
    assert near.lexical - far.lexical == pytest.approx(lexical.PAIR_BONUS)


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ("Nos termos da Lei nº 8.112/1990", "lei 8112 de 1990"),
        ("Nos termos da Lei 8112/90", "Lei n. 8.112"),
        ("Resolução CONSEPE nº 27/2020", "resolucao 27 de 2020"),
        ("Resolução nº 027/2020", "Resolução 27/2020"),
        ("conforme art. 37, § 6º", "artigo 37 parágrafo 6"),
        ("conforme o Art.37,§6o da CF", "art. 37, § 6º"),
        ("Lei 14.133-2021", "14133/2021"),
        ("LICITAÇÃO dispensável", "licitacao"),
        ("ofício", "oﬁcio"),
        ("pós-graduação stricto sensu", "pos graduacao"),
        ("inscrição em www.ufpb.br/edital", "edital da ufpb"),
        ("valor de R$ 1.250.000,00", "1250000"),
        ("fim do parágrafo.Art. 9º Os", "artigo 9"),
    ],
)
async def test_references_match_in_any_spelling(
    pool: Pool, library: Library, reader: Actor, written: str, asked: str
) -> None:
    await library.document("Normas", "certa.txt", written)
    await library.document("Normas", "outra.txt", "Cuida de matéria diversa, 99/1999, art. 8º.")
    [first, *_] = (await find(pool, reader, asked, mode="lexical")).passages
    assert first.filename == "certa.txt"
    assert first.coverage == pytest.approx(1)


async def test_a_word_that_no_document_has_weighs_like_the_rarest_one(
    pool: Pool, library: Library, reader: Actor
) -> None:
    await library.document("Normas", "a.txt", "O prazo do contrato.", "O prazo da obra.")
    known, unknown = [
        (await find(pool, reader, question)).passages[0].coverage
        for question in ("prazo do contrato", "prazo do helicóptero")
    ]
    assert known == pytest.approx(1)
    # Two chunks hold "prazo": ln(1 + .5/2.5); one would hold the other word: ln(1 + 1.5/1.5).
    assert unknown == pytest.approx(0.182 / (0.182 + 0.693), abs=0.01)


async def test_interrogatives_are_not_content(pool: Pool, library: Library, reader: Actor) -> None:
    await library.document("Normas", "a.txt", "O prazo do contrato é de um ano.")
    found = await find(pool, reader, "Segundo consta, quais e quantos são, onde, o prazo?")
    [plain] = (await find(pool, reader, "consta o prazo?")).passages
    assert found.passages[0].coverage == pytest.approx(plain.coverage)


@pytest.mark.parametrize("question", ["", "?", "o que é que", "\0", "é " * 20_000])
async def test_a_question_without_content_finds_nothing_by_words(
    pool: Pool, library: Library, reader: Actor, question: str
) -> None:
    await library.document("Normas", "a.txt", "O prazo do contrato.")
    found = await find(pool, reader, question)
    assert found.passages == []
    assert not found.sufficient


@pytest.mark.parametrize(
    "question", ["'; DROP TABLE chunks; --", "a' & 'b <-> !c", "%(x)s %s \\'", "<b>prazo</b> :*"]
)
async def test_signs_of_the_query_language_are_only_text(
    pool: Pool, library: Library, reader: Actor, question: str
) -> None:
    await library.document("Normas", "a.txt", "O prazo do contrato.")
    await find(pool, reader, f"{question} prazo do contrato")


async def test_a_pasted_document_is_bounded_by_its_first_stems(
    pool: Pool, library: Library, reader: Actor
) -> None:
    await library.document("Normas", "a.txt", "palavra1 e palavra64", "palavra65 e mais")
    pasted = " ".join(f"palavra{n}" for n in range(1, 2000))
    assert files(await find(pool, reader, pasted, mode="lexical")) == ["a.txt"]


async def test_meaning_finds_what_words_do_not(pool: Pool, library: Library, reader: Actor) -> None:
    await library.model()
    await library.document("Normas", "perto.txt", "Remuneração mensal.", vectors=[(1, 0.1, 0)])
    await library.document("Normas", "longe.txt", "Salário-família.", vectors=[(0, 1, 0)])
    words = await find(pool, reader, "quanto ganha", mode="lexical")
    both = await find(pool, reader, "quanto ganha", embedder=FixedEmbedder())
    assert words.passages == []
    assert files(both) == ["perto.txt", "longe.txt"]
    assert both.passages[0].dense == pytest.approx(1 / math.sqrt(1.01), abs=1e-3)


@pytest.mark.parametrize(("weight", "first"), [(0.1, "palavras.txt"), (0.9, "sentido.txt")])
async def test_the_weight_decides_between_words_and_meaning(
    pool: Pool, library: Library, reader: Actor, weight: float, first: str
) -> None:
    await library.model()
    await library.document("Normas", "palavras.txt", "prazo de recurso", vectors=[(0, 1, 0)])
    await library.document("Normas", "sentido.txt", "recurso", vectors=[(1, 0, 0)])
    embedder = FixedEmbedder(weight=weight)
    found = await find(pool, reader, "prazo de recurso", embedder=embedder)
    assert files(found)[0] == first
    assert 0 <= found.passages[1].score < found.passages[0].score <= 1


async def test_dense_mode_leaves_the_words_out(pool: Pool, library: Library, reader: Actor) -> None:
    await library.model()
    await library.document("Normas", "palavras.txt", "prazo de recurso", vectors=[(0, 1, 0)])
    await library.document("Normas", "sentido.txt", "outra coisa", vectors=[(1, 0, 0)])
    await library.document("Normas", "sem-vetor.txt", "prazo de recurso")
    found = await find(pool, reader, "prazo de recurso", embedder=FixedEmbedder(), mode="dense")
    assert files(found) == ["sentido.txt", "palavras.txt"]


async def test_above_the_limit_only_what_words_found_is_compared(
    pool: Pool, library: Library, reader: Actor
) -> None:
    await library.model()
    await library.document("Normas", "um.txt", "prazo maior", vectors=[(0, 1, 0)])
    await library.document("Normas", "dois.txt", "prazo menor", vectors=[(1, 0, 0)])
    await library.document("Normas", "tres.txt", "outra coisa", vectors=[(1, 0, 0)])
    found = await find(pool, reader, "prazo", embedder=FixedEmbedder(), exact_scan_limit=2)
    assert files(found) == ["dois.txt", "um.txt"]


@pytest.mark.parametrize("state", ["building", "retired"])
async def test_vectors_of_a_model_that_is_not_active_are_not_searched(
    pool: Pool, library: Library, reader: Actor, state: str
) -> None:
    await library.model()
    await library.document("Normas", "a.txt", "prazo", vectors=[(1, 0, 0)])
    await library.model(state=state)
    [passage] = (await find(pool, reader, "prazo", embedder=FixedEmbedder())).passages
    assert passage.dense == 0


async def test_a_model_with_another_fingerprint_meets_no_vectors(
    pool: Pool, library: Library, reader: Actor
) -> None:
    await library.model("other")
    await library.document("Normas", "a.txt", "prazo", vectors=[(1, 0, 0)])
    assert files(await find(pool, reader, "prazo", embedder=FixedEmbedder())) == ["a.txt"]
    with pytest.raises(Unavailable, match="govbot reindex"):
        await find(pool, reader, "prazo", embedder=FixedEmbedder(), mode="dense")


async def test_without_its_embedder_the_hybrid_search_goes_on_with_words(
    pool: Pool, library: Library, reader: Actor
) -> None:
    await library.document("Normas", "a.txt", "prazo de recurso")
    embedder = FixedEmbedder()
    embedder.failure = Unavailable("gone")
    assert files(await find(pool, reader, "prazo", embedder=embedder)) == ["a.txt"]
    with pytest.raises(Unavailable, match="gone"):
        await find(pool, reader, "prazo", embedder=embedder, mode="dense")


async def test_a_removed_document_leaves_no_trace_in_scores(
    pool: Pool, library: Library, reader: Actor
) -> None:
    await library.document("Normas", "fica.txt", "prazo de recurso", "obra pública")
    before = (await find(pool, reader, "prazo da obra", mode="lexical")).passages
    sai = await library.document("Normas", "sai.txt", "prazo prazo prazo", "obra maior", "edital")
    assert len((await find(pool, reader, "prazo da obra", mode="lexical")).passages) == 4
    await library.remove(sai)
    assert (await find(pool, reader, "prazo da obra", mode="lexical")).passages == before


async def test_the_limit_bounds_the_passages(pool: Pool, library: Library, reader: Actor) -> None:
    await library.document("Normas", "a.txt", *[f"prazo número {n}" for n in range(30)])
    assert len((await find(pool, reader, "prazo", limit=5)).passages) == 5


async def test_a_search_that_takes_too_long_is_given_up(
    pool: Pool, library: Library, reader: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hybrid, "TIMEOUT_MS", 50)
    monkeypatch.setattr(hybrid, "SEARCH", "SELECT pg_sleep(5)")
    with pytest.raises(Unavailable, match="too long"):
        await find(pool, reader, "prazo")


async def test_the_stems_are_the_same_for_composed_and_loose_accents(owner_pool: Pool) -> None:
    async with owner_pool.connection() as conn:
        cursor = await conn.execute(
            "SELECT govbot_tsv('Ação de ofício') = govbot_tsv(normalize('Ação de ofício', NFD))"
            "   AS same, govbot_tsv('adminis' || U&'\\00AD' || 'tração')"
            "   = govbot_tsv('administração') AS soft"
        )
        assert await cursor.fetchone() == {"same": True, "soft": True}


@pytest.mark.parametrize("exact_scan_limit", [50_000, 0])
async def test_a_search_of_one_collection_finds_nothing_of_others(
    pool: Pool, library: Library, exact_scan_limit: int
) -> None:
    actor = await library.person("dois", "Normas", "Contratos")
    await library.model()
    near = [(1, 0, 0)]
    text = "O prazo de entrega é de dez dias."
    await library.document("Normas", "lei.txt", text, vectors=near)
    await library.document("Contratos", "contrato.txt", text, vectors=near)
    single = await library.document("Outra", "avulso.txt", text, vectors=near)
    await library.grant(actor, document_key=single.key)
    everywhere = await find(pool, actor, "prazo de dez dias", embedder=FixedEmbedder())
    assert set(files(everywhere)) == {"lei.txt", "contrato.txt", "avulso.txt"}
    keys = {name: await library.collection(name) for name in ("Normas", "Contratos")}
    embedder = FixedEmbedder()
    settings = Settings(
        data_dir=Path("unused"), retrieval=RetrievalSettings(exact_scan_limit=exact_scan_limit)
    )
    found = {}
    for name, key in keys.items():
        async with as_actor(pool, actor) as conn:
            result = await retrieve(
                conn, "prazo de dez dias", embedder=embedder, settings=settings, scope=within(key)
            )
        found[name] = files(result)
    assert found == {"Normas": ["lei.txt"], "Contratos": ["contrato.txt"]}
