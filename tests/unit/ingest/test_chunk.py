"""Chunks of norms and of other texts."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from govbot.extract import Block, Page, page_of
from govbot.ingest.chunk import Chunk, chunk_pages
from govbot.ingest.measure import Measure, embedded_windows

FILLER = "palavra " * 40


def cut(*texts: str, max_words: int = 110, overlap: int = 20) -> list[Chunk]:
    """Chunks of pages; each line of a text is a paragraph."""
    pages = [
        page_of(number, [Block("paragraph", line) for line in text.split("\n")])
        for number, text in enumerate(texts, start=1)
    ]
    return chunk_pages(pages, max_words=max_words, overlap_words=overlap)


def test_an_article_that_fits_is_one_chunk() -> None:
    law = "Art. 1º São órgãos:\nI - um;\nII - dois.\n§ 1º Nada mais.\nArt. 2º " + FILLER
    chunks = cut(law)
    assert [chunk.heading for chunk in chunks] == ["Art. 1º", "Art. 2º"]
    assert chunks[0].text.endswith("§ 1º Nada mais.")


def test_a_long_article_is_cut_before_a_paragraph() -> None:
    law = f"Art. 1º {FILLER}\n§ 1º {FILLER}\n§ 2º {FILLER}\n§ 3º {FILLER}"
    chunks = cut(law)
    assert [chunk.heading for chunk in chunks] == ["Art. 1º", "Art. 1º › § 2º"]
    assert [chunk.text[:4] for chunk in chunks] == ["Art.", "§ 2º"]


def test_a_cut_between_incisos_says_which_one_it_begins_with() -> None:
    incisos = "\n".join(f"{number} - {FILLER};" for number in ("I", "II", "III", "IV"))
    chunks = cut(f"Art. 6º Consideram-se:\n{incisos}")
    assert chunks[0].heading == "Art. 6º"
    assert [chunk.heading for chunk in chunks[1:]] == ["Art. 6º › inciso III"]


def test_what_announces_a_list_is_not_left_alone_at_the_end() -> None:
    law = f"Art. 1º {FILLER}\n§ 1º {FILLER}\n§ 2º São vedados:\nI - {FILLER};\nII - fim."
    assert not any(chunk.text.endswith(":") for chunk in cut(law))


def test_headings_open_the_chunk_that_they_introduce() -> None:
    law = (
        f"TÍTULO I\nDISPOSIÇÕES GERAIS\nCAPÍTULO I\nDo objeto\nArt. 1º {FILLER}\n"
        f"CAPÍTULO II\nDO PRAZO\nArt. 2º {FILLER}"
    )
    first, second = cut(law)
    assert first.text.startswith("TÍTULO I\nDISPOSIÇÕES GERAIS\nCAPÍTULO I\nDo objeto\nArt. 1º")
    assert first.heading == "Título I – Disposições gerais › Capítulo I – Do objeto › Art. 1º"
    assert second.heading == "Título I – Disposições gerais › Capítulo II – Do prazo › Art. 2º"


def test_a_new_title_leaves_the_old_chapter() -> None:
    law = f"TÍTULO I\nUM\nCAPÍTULO IX\nNOVE\nArt. 1º {FILLER}\nTÍTULO II\nDOIS\nArt. 2º {FILLER}"
    assert cut(law)[-1].heading == "Título II – Dois › Art. 2º"


def test_quoted_articles_stay_below_the_article_that_amends() -> None:
    law = (
        f"Art. 1º A Lei passa a vigorar com as alterações:\n“Art. 10. {FILLER}{FILLER}\n"
        f"Art. 11. {FILLER}{FILLER}” (NR)\nArt. 2º {FILLER} {FILLER}"
    )
    headings = [chunk.heading for chunk in cut(law)]
    assert headings[-1] == "Art. 2º"
    assert all(heading.startswith("Art. 1º") for heading in headings[:-1])
    assert any("“Art. 11”" in heading for heading in headings)


def test_very_small_articles_of_a_chapter_are_merged() -> None:
    law = (
        f"CAPÍTULO I\nDO UM\nArt. 1º {FILLER}\n"
        "CAPÍTULO II\nDOS DOIS\nArt. 2º Um.\nArt. 3º Dois.\nArt. 4º Três."
    )
    chunks = cut(law)
    assert [chunk.heading for chunk in chunks] == [
        "Capítulo I – Do um › Art. 1º",
        "Capítulo II – Dos dois › Arts. 2º a 4º",
    ]


def test_a_vetoed_article_joins_its_neighbour() -> None:
    assert [c.heading for c in cut(f"Art. 1º {FILLER}\nArt. 2º (VETADO).")] == ["Arts. 1º a 2º"]


def test_small_sections_under_one_heading_are_merged() -> None:
    blocks = [Block("heading", "PRINCÍPIOS", 7)]
    for number, name in enumerate(("Legalidade", "Moralidade", "Eficiência"), start=1):
        blocks += [
            Block("heading", f"3.{number} {name}", 9),
            Block("paragraph", "Uma frase curta."),
        ]
    chunks = chunk_pages([page_of(1, blocks)], max_words=110, overlap_words=20)
    assert [chunk.heading for chunk in chunks] == ["PRINCÍPIOS"]


def test_small_neighbours_of_different_chapters_stay_apart() -> None:
    assert len(cut("CAPÍTULO I\nUM\nArt. 1º Um.\nCAPÍTULO II\nDOIS\nArt. 2º Dois.")) == 2


def test_numbered_items_of_a_notice_are_named() -> None:
    items = "\n".join(f"2.{number} - {FILLER}" for number in range(1, 5))
    pages = [
        page_of(
            1,
            [
                Block("heading", "2 - DOS CARGOS", 8),
                *(Block("paragraph", i) for i in items.split("\n")),
            ],
        )
    ]
    headings = [c.heading for c in chunk_pages(pages, max_words=110, overlap_words=20)]
    assert headings == ["2 - DOS CARGOS › item 2.1", "2 - DOS CARGOS › item 2.3"]


def test_clauses_of_a_contract_are_named() -> None:
    contract = (
        f"CLÁUSULA PRIMEIRA – DO OBJETO\n1.1. {FILLER}{FILLER}\n1.2. {FILLER}{FILLER}\n"
        f"CLÁUSULA DÉCIMA SEGUNDA – DA RESCISÃO\nO contrato se rescinde. {FILLER}"
    )
    assert [chunk.heading for chunk in cut(contract)] == [
        "Cláusula Primeira – Do objeto › item 1.1",
        "Cláusula Primeira – Do objeto › item 1.2",
        "Cláusula Décima Segunda – Da rescisão",
    ]


def test_what_a_norm_considers_is_named_and_ends_with_the_resolution() -> None:
    law = (
        f"O CONSELHO, no uso de suas atribuições,\nCONSIDERANDO {FILLER}\nCONSIDERANDO {FILLER}\n"
        f"CONSIDERANDO {FILLER}\nRESOLVE:\nArt. 1º {FILLER}"
    )
    headings = [chunk.heading for chunk in cut(law)]
    assert "Considerandos" in headings
    assert headings[-1] == "Art. 1º"


def test_annexes_leave_the_articles() -> None:
    law = f"Art. 1º {FILLER}\nANEXO II\nTABELA DE CARGOS\nO cargo tem vinte vagas. {FILLER}"
    assert cut(law)[-1].heading == "Anexo II – Tabela de cargos"


def by_letters(texts: Sequence[str]) -> list[int]:
    return [sum(-(-len(word) // 3) for word in text.split()) for text in texts]


def test_a_chunk_fits_with_its_title_and_path() -> None:
    law = "CAPÍTULO I\nDO PRAZO\n" + "\n".join(f"§ {n}º {FILLER}" for n in range(1, 9))
    measure = Measure(by_letters, 150)
    pages = [page_of(1, [Block("paragraph", line) for line in law.split("\n")])]
    chunks = chunk_pages(pages, max_words=500, overlap_words=20, title="Lei", measure=measure)
    assert [chunk.text[:4] for chunk in chunks[1:]] == [f"§ {n}º" for n in range(2, 9)]
    for chunk in chunks:
        assert len(embedded_windows("Lei", chunk.heading, chunk.text, measure)) == 1


def test_with_two_windows_a_chunk_holds_twice_as_much() -> None:
    pages = [page_of(1, [Block("paragraph", FILLER.strip() + ".")] * 8)]
    sizes = [
        len(
            chunk_pages(
                pages,
                max_words=500,
                overlap_words=0,
                measure=Measure(by_letters, 250),
                windows=windows,
            )
        )
        for windows in (1, 2)
    ]
    assert sizes == [4, 2]


def test_a_table_of_contents_does_not_change_the_path() -> None:
    contents = "CAPÍTULO I\nDas férias ... 7\nCAPÍTULO II\nDo prazo ... 9\n"
    assert cut(contents + f"Art. 1º {FILLER}")[-1].heading == "Art. 1º"


def test_a_chunk_may_span_pages() -> None:
    chunks = cut("Art. 1º O prazo é de", "dez dias.")
    assert [(c.page_from, c.page_to, c.text) for c in chunks] == [
        (1, 2, "Art. 1º O prazo é de\ndez dias.")
    ]
    assert (chunks[0].start, chunks[0].end) == (0, len("dez dias."))


def test_running_text_overlaps_by_whole_sentences() -> None:
    text = " ".join(f"Esta é a frase número {number} do texto corrido." for number in range(40))
    chunks = cut(text, max_words=60, overlap=12)
    for before, after in pairwise(chunks):
        assert after.start < before.end
        assert after.text.startswith("Esta é")
        assert len(after.text[: before.end - after.start].split()) <= 12


def test_no_overlap_when_none_is_asked_for() -> None:
    text = "Frase de quatro palavras. " * 60
    chunks = cut(text, max_words=30, overlap=0)
    assert all(a.end <= b.start for a, b in pairwise(chunks))


def test_abbreviations_do_not_end_sentences() -> None:
    text = "Nos termos do art. 5º da Lei n. 8.112 e fls. 30, decide-se assim. " * 12
    for chunk in cut(text, max_words=40, overlap=0):
        assert chunk.text.startswith("Nos termos")


def test_furniture_is_in_no_chunk() -> None:
    page = page_of(1, [Block("furniture", "CABEÇALHO"), Block("paragraph", "Corpo do texto.")])
    assert [c.text for c in chunk_pages([page], max_words=50, overlap_words=5)] == [
        "Corpo do texto."
    ]


def test_pages_without_text_make_no_chunks() -> None:
    assert cut("", "", "...... -----") == []


def test_blocks_that_do_not_make_up_the_text_are_ignored() -> None:
    page = Page(1, "Texto da página.", (Block("heading", "outro"),))
    assert chunk_pages([page], max_words=9, overlap_words=0)[0].text == "Texto da página."


@pytest.mark.parametrize(("max_words", "overlap"), [(0, 0), (10, 10), (10, -1)])
def test_impossible_sizes_are_refused(max_words: int, overlap: int) -> None:
    with pytest.raises(ValueError, match="max_words"):
        chunk_pages([], max_words=max_words, overlap_words=overlap)


MARKS = st.sampled_from(
    ["TÍTULO I", "CAPÍTULO II", "Seção I", "Art. 1º", "“Art. 2º", "§ 1º", "Parágrafo único.", "I -",
     "a)", "1.2.3", "ANEXO", "DAS PENAS", "• item", "......", ""]
)  # fmt: skip
WORDS = st.lists(
    st.text(
        st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Z"]), min_size=1, max_size=9
    )
    | st.sampled_from(["lei.", "prazo;", "dias:", "art.", "(NR)”", "Nº"]),
    max_size=60,
)
LINE = st.builds(lambda mark, words: " ".join([mark, *words]).strip(), MARKS, WORDS)
BLOCK = st.builds(
    Block,
    st.sampled_from(["heading", "paragraph", "list", "table", "furniture"]),
    st.lists(LINE, min_size=1, max_size=3).map("\n".join),
    st.integers(0, 9),
)
PAGES = st.lists(st.lists(BLOCK, max_size=6), max_size=4).map(
    lambda pages: [page_of(number + 3, blocks) for number, blocks in enumerate(pages)]
)
SIZES = st.tuples(st.integers(2, 120), st.integers(0, 40)).filter(lambda sizes: sizes[1] < sizes[0])


@settings(max_examples=150, deadline=None)
@given(PAGES, SIZES)
def test_chunks_cover_the_text_and_say_where_they_stand(
    pages: list[Page], sizes: tuple[int, int]
) -> None:
    max_words, overlap = sizes
    chunks = chunk_pages(pages, max_words=max_words, overlap_words=overlap)
    by_number = {page.number: page.text for page in pages}
    covered: dict[int, set[int]] = {page.number: set() for page in pages}
    for chunk in chunks:
        numbers = range(chunk.page_from, chunk.page_to + 1)
        texts = [by_number[number] for number in numbers]
        if len(texts) == 1:
            assert chunk.text == texts[0][chunk.start : chunk.end]
        else:
            whole = "\n".join(texts)
            assert chunk.text == whole[chunk.start : len(whole) - len(texts[-1]) + chunk.end]
        for number, text in zip(numbers, texts, strict=True):
            begin = chunk.start if number == chunk.page_from else 0
            end = chunk.end if number == chunk.page_to else len(text)
            covered[number].update(range(begin, end))
        assert any(map(str.isalnum, chunk.text))
        assert chunk.text == chunk.text.strip()
        assert len(chunk.text.split()) <= max_words
    assert [chunk.ord for chunk in chunks] == list(range(len(chunks)))
    for number, text in by_number.items():
        missed = {index for index, char in enumerate(text) if char.isalnum()} - covered[number]
        assert not missed


NORM_LINES = st.lists(
    st.builds(
        lambda mark, number, words: f"{mark.format(number)} {words}".strip(),
        st.sampled_from(
            ["Art. {}º", "§ {}º", "CAPÍTULO {}", "{}.1 ", "{}.2.3 ", "I -", "a)", "ANEXO {}",
             "CLÁUSULA {}ª", "CONSIDERANDO que", "RESOLVE:", "“Art. {}º", ""]
        ),
        st.integers(1, 30),
        st.sampled_from(["", "Fica criado o cargo;", "x" * 300, "O prazo é de dez dias. " * 20,
                         "palavra, " * 60, ". " * 40]),
    ),
    min_size=1,
    max_size=40,
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(NORM_LINES, st.integers(40, 300), st.integers(10, 200), st.integers(1, 3))
def test_chunks_of_a_norm_fit_the_embedder_and_lose_nothing(
    lines: list[str], room: int, max_words: int, windows: int
) -> None:
    page = page_of(1, [Block("paragraph", line) for line in lines])
    measure = Measure(by_letters, room)
    chunks = chunk_pages(
        [page],
        max_words=max_words,
        overlap_words=max_words // 4,
        title="Lei nº 1, de 2 de maio de 2020",
        measure=measure,
        windows=windows,
    )
    covered: set[int] = set()
    for chunk in chunks:
        assert chunk.text == page.text[chunk.start : chunk.end]
        assert len(chunk.text.split()) <= max_words
        context = measure.context("Lei nº 1, de 2 de maio de 2020", chunk.heading)
        assert measure.tokens(chunk.text) <= windows * (room - measure.tokens(context))
        covered.update(range(chunk.start, chunk.end))
    assert {i for i, char in enumerate(page.text) if char.isalnum()} <= covered


@settings(max_examples=50, deadline=None)
@given(PAGES)
def test_starts_never_go_back(pages: list[Page]) -> None:
    chunks = chunk_pages(pages, max_words=20, overlap_words=5)
    places = [(chunk.page_from, chunk.start) for chunk in chunks]
    assert places == sorted(places)
