"""XLSX, ODS and CSV: every row with the headers of its columns."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

import openpyxl
import pytest
from odf import style, table, text
from odf.opendocument import OpenDocumentSpreadsheet
from openpyxl.worksheet.worksheet import Worksheet

from govbot.errors import BadDocument
from govbot.extract import Extracted, Limits
from tests.unit.extract.conftest import read

Build = Callable[[Worksheet], None]


def xlsx(tmp_path: Path, *builds: Build, name: str = "Plan") -> Path:
    book = openpyxl.Workbook()
    assert book.active is not None
    book.remove(book.active)
    for number, build in enumerate(builds, start=1):
        build(book.create_sheet(f"{name}{number}"))
    path = tmp_path / "file.xlsx"
    book.save(path)
    return path


def rows(*values: Sequence[object]) -> Build:
    def build(sheet: Worksheet) -> None:
        for row in values:
            sheet.append(row)

    return build


def blocks(found: Extracted) -> list[tuple[str, str]]:
    return [(block.kind, block.text) for page in found.pages for block in page.blocks]


def test_a_row_says_the_header_of_each_value(tmp_path: Path) -> None:
    def build(sheet: Worksheet) -> None:
        sheet.append(["Órgão", "Valor", "Data"])
        sheet.append(["SEPLAG", 1234.56, datetime(2024, 3, 5)])
        sheet["B2"].number_format = '"R$" #,##0.00'
        sheet.append(["SEAD", None, datetime(2024, 3, 6, 9, 30)])

    found = read(xlsx(tmp_path, build))
    assert blocks(found) == [
        ("heading", "Plan1"),
        (
            "table",
            "Órgão: SEPLAG; Valor: R$ 1.234,56; Data: 05/03/2024\n"
            "Órgão: SEAD; Data: 06/03/2024 09:30",
        ),
    ]
    assert found.pages[0].label == "Plan1"


def test_titles_above_a_table_are_paragraphs_and_empty_rows_say_nothing(tmp_path: Path) -> None:
    build = rows(["Quadro de vagas"], [], ["Cargo", "Vagas"], ["Médico", 2], [], ["Total", 2])
    assert blocks(read(xlsx(tmp_path, build))) == [
        ("heading", "Plan1"),
        ("paragraph", "Quadro de vagas"),
        ("table", "Cargo: Médico; Vagas: 2\nCargo: Total; Vagas: 2"),
    ]


def test_a_second_table_below_has_its_own_header(tmp_path: Path) -> None:
    build = rows(["A", "B"], ["x", 1], [], ["C", "D", "E"], ["y", 2, 3])
    assert [text for _, text in blocks(read(xlsx(tmp_path, build)))[1:]] == [
        "A: x; B: 1",
        "C: y; D: 2; E: 3",
    ]


def test_years_may_be_names_of_columns(tmp_path: Path) -> None:
    build = rows(["Receita", 2023, 2024], ["IPTU", 10, 20])
    assert blocks(read(xlsx(tmp_path, build)))[1][1] == "Receita: IPTU; 2023: 10; 2024: 20"


def test_forms_and_rows_without_a_header_are_read_as_they_are(tmp_path: Path) -> None:
    form = rows(["Nome:", "João"], ["Cargo:", "Médico"])
    bare = rows([1, 2], [3, 4])
    assert [text for _, text in blocks(read(xlsx(tmp_path, form, bare)))] == [
        "Plan1",
        "Nome: João\nCargo: Médico",
        "Plan2",
        "1; 2\n3; 4",
    ]


def test_tables_of_codes_are_text_too(tmp_path: Path) -> None:
    build = rows(["Chave", "Nº"], *[[f"K{n}-x#{n}_{n}", f"{n}/SEI-{n}.{n}"] for n in range(30)])
    assert "Chave: K7-x#7_7; Nº: 7/SEI-7.7" in read(xlsx(tmp_path, build)).pages[0].text


def test_a_table_of_headers_only_is_not_lost(tmp_path: Path) -> None:
    assert blocks(read(xlsx(tmp_path, rows(["Cargo", "Vagas"]))))[1][1] == "Cargo; Vagas"


def test_merged_cells_name_what_they_span(tmp_path: Path) -> None:
    def build(sheet: Worksheet) -> None:
        for row in (
            ["Relatório anual", None, None],
            ["Órgão", "2024", None],
            [None, "Previsto", "Pago"],
            ["SEPLAG", 10, 5],
            [None, 20, 8],
        ):
            sheet.append(row)
        for area in ("A1:C1", "A2:A3", "B2:C2", "A4:A5"):
            sheet.merge_cells(area)

    assert blocks(read(xlsx(tmp_path, build)))[1:] == [
        ("paragraph", "Relatório anual"),
        (
            "table",
            "Órgão: SEPLAG; 2024 – Previsto: 10; 2024 – Pago: 5\n"
            "Órgão: SEPLAG; 2024 – Previsto: 20; 2024 – Pago: 8",
        ),
    ]


def test_hidden_sheets_are_marked(tmp_path: Path) -> None:
    def build(sheet: Worksheet) -> None:
        sheet.append(["segredo"])
        sheet.sheet_state = "hidden"

    found = read(xlsx(tmp_path, rows(["à vista"]), build))
    assert blocks(found)[2] == ("heading", "Plan2 (planilha oculta)")


def test_formulas_show_their_value_or_else_themselves(tmp_path: Path) -> None:
    path = xlsx(tmp_path, rows(["Item", "Total"], ["soma", "=SUM(B3:B4)"]))
    assert blocks(read(path))[1][1] == "Item: soma; Total: =SUM(B3:B4)"
    computed = tmp_path / "computed.xlsx"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(computed, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            new.writestr(name, re.sub(rb"</f><v\s*(?:/>|></v>)", b"</f><v>42</v>", data))
    assert blocks(read(computed))[1][1] == "Item: soma; Total: 42"


def test_long_sheets_are_parted_into_pages_with_their_headers(tmp_path: Path) -> None:
    found = read(xlsx(tmp_path, rows(["Nome", "Nº"], *[["servidor", n] for n in range(450)])))
    assert [page.label for page in found.pages] == ["Plan1 (1)", "Plan1 (2)", "Plan1 (3)"]
    assert found.pages[2].text.splitlines()[:2] == ["Plan1", "Nome: servidor; Nº: 400"]


def test_a_row_number_beyond_measure_ends_at_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("govbot.extract.cells.MAX_CELLS", 5000)
    path = xlsx(tmp_path, rows(["a", "b"]))
    far = tmp_path / "far.xlsx"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(far, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if "sheet1" in name:
                row = b'<row r="9999999"><c r="A9999999"><v>1</v></c></row></sheetData>'
                data = data.replace(b"</sheetData>", row)
            new.writestr(name, data)
    with pytest.raises(BadDocument) as error:
        read(far)
    assert error.value.error_code == "E-TAMANHO"


def ods(tmp_path: Path, build: Callable[[OpenDocumentSpreadsheet], None]) -> Extracted:
    document = OpenDocumentSpreadsheet()
    build(document)
    path = tmp_path / "file.ods"
    document.save(str(path))
    return read(path)


def row_of(*cells: tuple[str, str], **options: object) -> table.TableRow:
    row = table.TableRow(**options)
    for kind, shown in cells:
        cell = table.TableCell(valuetype=kind)
        if shown:
            cell.addElement(text.P(text=shown))
        row.addElement(cell)
    return row


def test_ods_rows_are_read_with_the_shown_values(tmp_path: Path) -> None:
    def build(document: OpenDocumentSpreadsheet) -> None:
        sheet = table.Table(name="Diárias")
        sheet.addElement(row_of(("string", "Órgão"), ("string", "Valor")))
        sheet.addElement(row_of(("string", "SEPLAG"), ("currency", "R$ 1.234,56")))
        sheet.addElement(table.TableRow(numberrowsrepeated=1_000_000))
        sheet.addElement(row_of(("string", "SEAD"), ("float", "7"), numberrowsrepeated=2))
        document.spreadsheet.addElement(sheet)

    assert blocks(ods(tmp_path, build)) == [
        ("heading", "Diárias"),
        (
            "table",
            "Órgão: SEPLAG; Valor: R$ 1.234,56\nÓrgão: SEAD; Valor: 7\nÓrgão: SEAD; Valor: 7",
        ),
    ]


def test_ods_cells_that_span_are_repeated_where_they_reach(tmp_path: Path) -> None:
    def build(document: OpenDocumentSpreadsheet) -> None:
        sheet = table.Table(name="T")
        first = table.TableRow()
        for words, across in (("Órgão", 1), ("2024", 2)):
            cell = table.TableCell(valuetype="string", numbercolumnsspanned=across)
            cell.addElement(text.P(text=words))
            first.addElement(cell)
        first.addElement(table.CoveredTableCell())
        sheet.addElement(first)
        sheet.addElement(row_of(("string", ""), ("string", "Previsto"), ("string", "Pago")))
        tall = table.TableRow()
        cell = table.TableCell(valuetype="string", numberrowsspanned=2)
        cell.addElement(text.P(text="SEPLAG"))
        tall.addElement(cell)
        for value in ("1", "2"):
            number = table.TableCell(valuetype="float", value=value)
            number.addElement(text.P(text=value))
            tall.addElement(number)
        sheet.addElement(tall)
        below = table.TableRow()
        below.addElement(table.CoveredTableCell())
        below.addElement(table.TableCell(valuetype="percentage", value="0.5"))
        sheet.addElement(below)
        document.spreadsheet.addElement(sheet)

    assert blocks(ods(tmp_path, build))[1][1] == (
        "Órgão: SEPLAG; 2024 – Previsto: 1; 2024 – Pago: 2\nÓrgão: SEPLAG; 2024 – Previsto: 50,00%"
    )


def test_hidden_ods_tables_are_marked(tmp_path: Path) -> None:
    def build(document: OpenDocumentSpreadsheet) -> None:
        hidden = style.Style(name="ta1", family="table")
        hidden.addElement(style.TableProperties(display="false"))
        document.automaticstyles.addElement(hidden)
        sheet = table.Table(name="Base", stylename=hidden)
        sheet.addElement(row_of(("string", "dado")))
        document.spreadsheet.addElement(sheet)

    assert blocks(ods(tmp_path, build))[0] == ("heading", "Base (planilha oculta)")


@pytest.mark.parametrize("charset", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("separator", [";", ",", "\t", "|"])
def test_separators_and_character_sets_of_csv_are_found_out(
    tmp_path: Path, charset: str, separator: str
) -> None:
    lines = [["Órgão", "Situação"], ["SEPLAG", "Ação nº 1"], ["SEAD", "Não há"]]
    path = tmp_path / "file.csv"
    path.write_bytes("\r\n".join(separator.join(line) for line in lines).encode(charset))
    assert blocks(read(path)) == [
        ("table", "Órgão: SEPLAG; Situação: Ação nº 1\nÓrgão: SEAD; Situação: Não há")
    ]


def test_quoted_fields_keep_separators_and_line_breaks(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    path.write_text('Nome;Obs\n"Silva; Ana";"linha 1\nlinha ""2"""\nRui;x\n')
    assert blocks(read(path))[0][1] == 'Nome: Silva; Ana; Obs: linha 1 linha "2"\nNome: Rui; Obs: x'


def test_long_csv_has_pages(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    path.write_text("nome;valor\n" + "a;1,50\n" * 500)
    assert [len(page.text.splitlines()) for page in read(path).pages] == [200, 200, 100]


def test_cells_and_characters_are_limited(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    path.write_text("nome;valor\n" + "a;1,50\n" * 500)
    with pytest.raises(BadDocument) as error:
        read(path, Limits(max_characters=6000))
    assert error.value.error_code == "E-TAMANHO"


def test_too_many_pages_are_refused(tmp_path: Path) -> None:
    path = xlsx(tmp_path, *[rows(["x"])] * 4)
    with pytest.raises(BadDocument) as error:
        read(path, Limits(max_pages=3))
    assert error.value.error_code == "E-PAGINAS"
