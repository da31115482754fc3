"""PDF: metadata, language, attachments, form fields, and what cannot be read of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pypdf
import pypdfium2
import pytest
from reportlab.pdfgen.canvas import Canvas

from govbot.errors import BadDocument
from govbot.extract import pdf_info
from govbot.extract.pdf_info import info_of
from tests.unit.extract.conftest import lines, read

MakePdf = Callable[..., Path]


def rewritten(path: Path, change: Callable[[pypdf.PdfWriter], object]) -> Path:
    """The file after a change by pypdf."""
    writer = pypdf.PdfWriter(path)
    change(writer)
    made = path.with_name("rewritten.pdf")
    writer.write(made)
    return made


def text_page(canvas: Canvas) -> None:
    lines(canvas, ["Texto da página."], 60, 700)


def test_author_dates_and_language_are_read(make_pdf: MakePdf) -> None:
    def draw(canvas: Canvas) -> None:
        canvas.setAuthor("Câmara Municipal")
        text_page(canvas)

    def change(writer: pypdf.PdfWriter) -> None:
        writer.add_metadata({"/CreationDate": "D:20250616142204-03'00'", "/ModDate": "D:2025"})
        writer.root_object[pypdf.generic.NameObject("/Lang")] = pypdf.generic.TextStringObject(
            "pt-BR"
        )

    found = read(rewritten(make_pdf(draw), change)).metadata
    assert found["author"] == "Câmara Municipal"
    assert found["created"] == "2025-06-16T14:22:04-03:00"
    assert found["modified"] == "2025"
    assert found["language"] == "pt-BR"


def test_controls_and_marks_of_direction_are_taken_out_of_metadata(make_pdf: MakePdf) -> None:
    path = rewritten(
        make_pdf(text_page),
        lambda w: w.add_metadata({"/Author": "Ana\u202e\x00\r\nLima" + "x" * 999}),
    )
    author = read(path).metadata["author"]
    assert author.startswith("Ana Lima")
    assert len(author) == 500


def test_attachments_are_listed_without_their_folders(make_pdf: MakePdf) -> None:
    def change(writer: pypdf.PdfWriter) -> None:
        writer.add_attachment("planilha.xlsx", b"dados")
        writer.add_attachment("../../etc/senha\n.txt", b"dados")

    path = rewritten(make_pdf(text_page), change)
    assert sorted(read(path).attachments) == ["planilha.xlsx", "senha .txt"]


def test_pdfium_is_asked_where_pypdf_fails(
    make_pdf: MakePdf, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(path: Path) -> pdf_info.Info:
        raise RecursionError

    def change(writer: pypdf.PdfWriter) -> None:
        writer.add_metadata({"/Author": "Ana", "/CreationDate": "D:20240102"})
        writer.add_attachment("anexo.txt", b"dados")

    path = rewritten(make_pdf(text_page), change)
    monkeypatch.setattr(pdf_info, "_by_pypdf", broken)
    found = read(path)
    assert (found.metadata["author"], found.metadata["created"]) == ("Ana", "2024-01-02")
    assert found.attachments == ("anexo.txt",)


def test_pypdf_is_stopped_after_its_time(
    make_pdf: MakePdf, monkeypatch: pytest.MonkeyPatch
) -> None:
    def endless(path: Path) -> pdf_info.Info:
        while True:
            pass

    path = make_pdf(text_page)
    monkeypatch.setattr(pdf_info, "_by_pypdf", endless)
    monkeypatch.setattr(pdf_info, "_SECONDS", 0.05)
    document = pypdfium2.PdfDocument(path)
    began = time.process_time()
    assert info_of(path, document).metadata["producer"].startswith("ReportLab")
    assert time.process_time() - began < 5
    document.close()


def test_an_empty_user_password_opens_the_document(make_pdf: MakePdf) -> None:
    path = rewritten(
        make_pdf(text_page),
        lambda w: w.encrypt("", owner_password="dono", algorithm="RC4-128"),
    )
    assert read(path).pages[0].text == "Texto da página."


def test_another_user_password_is_asked_for(make_pdf: MakePdf) -> None:
    path = rewritten(make_pdf(text_page), lambda w: w.encrypt("segredo", algorithm="RC4-128"))
    with pytest.raises(BadDocument) as error:
        read(path)
    assert error.value.error_code == "E-SENHA"


def test_values_of_form_fields_are_in_the_text_of_their_page(make_pdf: MakePdf) -> None:
    def draw(canvas: Canvas) -> None:
        text_page(canvas)
        form = canvas.acroForm
        form.textfield(name="nome", tooltip="Nome do servidor", value="Maria Silva", x=60, y=600)
        form.textfield(name="vazio", value="", x=60, y=560)
        form.checkbox(name="aceite", tooltip="Aceite", checked=True, x=60, y=520)
        form.checkbox(name="urgente", checked=False, x=60, y=480)

    found = read(make_pdf(draw)).pages[0]
    assert found.text == (
        "Texto da página.\nNome do servidor: Maria Silva\nAceite: [x]\nurgente: [ ]"
    )


def test_a_value_that_the_page_draws_is_not_said_twice(make_pdf: MakePdf) -> None:
    def draw(canvas: Canvas) -> None:
        lines(canvas, ["Maria Silva"], 64, 606)
        canvas.acroForm.textfield(name="nome", value="Maria Silva", x=60, y=600)

    assert read(make_pdf(draw)).pages[0].text == "Maria Silva"
