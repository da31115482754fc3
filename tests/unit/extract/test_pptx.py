"""PPTX: one page per slide."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pptx
import pytest
from lxml import etree
from pptx.util import Inches

from govbot.errors import BadDocument
from govbot.extract import Extracted, Limits
from tests.unit.extract.conftest import read

Build = Callable[[Any], None]
BOX = (Inches(1), Inches(1), Inches(4), Inches(1))
A = "http://schemas.openxmlformats.org/drawingml/2006/main"


def saved(tmp_path: Path, build: Build) -> Path:
    deck = pptx.Presentation()
    build(deck)
    path = tmp_path / "file.pptx"
    deck.save(str(path))
    return path


def made(tmp_path: Path, build: Build) -> Extracted:
    return read(saved(tmp_path, build))


def slide(deck: Any, layout: int = 6) -> Any:
    return deck.slides.add_slide(deck.slide_layouts[layout])


def test_titles_lists_and_levels_are_told_apart(tmp_path: Path) -> None:
    def build(deck: Any) -> None:
        one = slide(deck, 1)
        one.shapes.title.text = "Plano de\ncompras"
        frame = one.placeholders[1].text_frame
        frame.text = "objeto"
        deeper = frame.add_paragraph()
        deeper.text, deeper.level = "prazo", 1

    assert [(b.kind, b.level, b.text) for b in made(tmp_path, build).pages[0].blocks] == [
        ("heading", 1, "Plano de compras"),
        ("list", 0, "• objeto"),
        ("list", 1, "– prazo"),
    ]


def test_each_slide_is_a_page_and_empty_ones_count(tmp_path: Path) -> None:
    def build(deck: Any) -> None:
        for words in ("um", "", "três"):
            slide(deck).shapes.add_textbox(*BOX).text_frame.text = words

    found = made(tmp_path, build)
    assert [(page.number, page.text) for page in found.pages] == [(1, "um"), (2, ""), (3, "três")]


def test_tables_are_rows_and_merged_cells_are_said_once(tmp_path: Path) -> None:
    def build(deck: Any) -> None:
        table = slide(deck).shapes.add_table(2, 3, *BOX).table
        for index, words in enumerate(["Cargo", "Vagas", "", "Médico", "2", "sim"]):
            table.cell(index // 3, index % 3).text = words
        table.cell(0, 1).merge(table.cell(0, 2))

    assert [(b.kind, b.text) for b in made(tmp_path, build).pages[0].blocks] == [
        ("table", "Cargo | Vagas | \nMédico | 2 | sim")
    ]


def test_groups_notes_and_hidden_slides_are_read_and_marked(tmp_path: Path) -> None:
    def build(deck: Any) -> None:
        one = slide(deck)
        inner = one.shapes.add_group_shape().shapes.add_group_shape()
        inner.shapes.add_textbox(*BOX).text_frame.text = "no grupo"
        one.notes_slide.notes_text_frame.text = "lembrar do prazo"
        one._element.set("show", "0")

    assert made(tmp_path, build).pages[0].text == (
        "(slide oculto)\nno grupo\nNotas do apresentador: lembrar do prazo"
    )


def test_numbered_paragraphs_are_counted(tmp_path: Path) -> None:
    def build(deck: Any) -> None:
        frame = slide(deck).shapes.add_textbox(*BOX).text_frame
        for index, words in enumerate(("um", "dois")):
            paragraph = frame.paragraphs[0] if index == 0 else frame.add_paragraph()
            paragraph.text = words
            properties = paragraph._p.get_or_add_pPr()
            etree.SubElement(properties, f"{{{A}}}buAutoNum", type="romanUcPeriod")

    assert made(tmp_path, build).pages[0].text == "I. um\nII. dois"


def test_properties_are_metadata(tmp_path: Path) -> None:
    def build(deck: Any) -> None:
        slide(deck).shapes.add_textbox(*BOX).text_frame.text = "x"
        deck.core_properties.title = "Plano anual"
        deck.core_properties.author = "Ana"

    found = made(tmp_path, build)
    assert (found.title, found.metadata) == (
        "Plano anual",
        {"title": "Plano anual", "author": "Ana"},
    )


def test_slide_shows_with_macros_are_read_as_presentations(tmp_path: Path) -> None:
    path = saved(
        tmp_path, lambda deck: setattr(slide(deck).shapes.add_textbox(*BOX), "name", "caixa")
    )
    deck = pptx.Presentation(str(path))
    deck.slides[0].shapes[0].text_frame.text = "conteúdo"
    deck.save(str(path))
    show = tmp_path / "show.pptx"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(show, "w") as new:
        for name in old.namelist():
            data = old.read(name).replace(
                b"vnd.openxmlformats-officedocument.presentationml.presentation.main+xml",
                b"vnd.ms-powerpoint.slideshow.macroEnabled.main+xml",
            )
            new.writestr(name, data)
    assert read(show).pages[0].text == "conteúdo"


def test_too_many_slides_are_refused(tmp_path: Path) -> None:
    def build(deck: Any) -> None:
        for _ in range(4):
            slide(deck).shapes.add_textbox(*BOX).text_frame.text = "x"

    with pytest.raises(BadDocument) as error:
        read(saved(tmp_path, build), Limits(max_pages=3))
    assert error.value.error_code == "E-PAGINAS"
