"""What a file is, by its content."""

from __future__ import annotations

import time
import zipfile
from pathlib import Path

import pytest

from govbot.errors import BadDocument
from govbot.extract import (
    CSV,
    DOC,
    DOCX,
    EML,
    HTML,
    MARKDOWN,
    ODS,
    ODT,
    PDF,
    PPTX,
    RTF,
    TEXT,
    XLSX,
    sniff,
)  # fmt: skip
from tests.unit.extract.ole_files import ole_file

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600  # no stream can be read of it


def file(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "file"
    path.write_bytes(data)
    return path


def package(tmp_path: Path, **members: str) -> Path:
    path = tmp_path / "package"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/"), content)
    return path


@pytest.mark.parametrize(
    ("data", "name", "mime"),
    [
        (b"%PDF-1.7\n...", "a.txt", PDF),
        (b"\n\nmail header\n%PDF-1.4\n", "a.pdf", PDF),
        ("Olá, mundo".encode(), "a.txt", TEXT),
        ("Olá, mundo".encode("utf-16"), "a.txt", TEXT),
        ("Olá, mundo".encode("cp1252"), "a.xyz", TEXT),
        (b"# Manual\n\ntexto", "LEIA.MD", MARKDOWN),
        (b"# Manual\n\ntexto", "manual.txt", TEXT),
        (b"<!DOCTYPE html><html><body>x", "a.txt", HTML),
        (b"\xef\xbb\xbf  <html>", "a.doc", HTML),
        (b'<?xml version="1.0"?><html xmlns="x">', "a.xhtml", HTML),
        (b"<p>um par\xc3\xa1grafo</p>", "a.html", HTML),
        (b"<p>um par\xc3\xa1grafo</p>", "a.txt", TEXT),
    ],
)
def test_content_decides_and_names_only_break_ties(
    tmp_path: Path, data: bytes, name: str, mime: str
) -> None:
    assert sniff(file(tmp_path, data), name) == mime


def test_a_word_package_is_known_by_its_content_types(tmp_path: Path) -> None:
    types = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    path = package(tmp_path, **{"[Content_Types].xml": types})
    assert sniff(path, "planilha.xlsx") == DOCX


def test_an_opendocument_text_is_known_by_its_mimetype(tmp_path: Path) -> None:
    assert sniff(package(tmp_path, mimetype=ODT), "a.docx") == ODT


@pytest.mark.parametrize(
    "data",
    [
        OLE,
        b"\x89PNG\r\n\x1a\n" + b"\0" * 20,
        b"\xff\xd8\xff\xe0" + b"\0" * 20,
        b"\x7fELF" + b"\0" * 200,
        b'<?xml version="1.0"?><nota/>',
    ],
)
def test_what_cannot_be_read_is_refused_with_a_sentence(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(BadDocument) as error:
        sniff(file(tmp_path, data), "a.pdf")
    assert error.value.error_code == "E-FORMATO"
    assert str(error.value).endswith(".")


@pytest.mark.parametrize(
    ("types", "mime"),
    [
        ("openxmlformats-officedocument.wordprocessingml.document.main", DOCX),
        ("openxmlformats-officedocument.wordprocessingml.template.main", DOCX),
        ("ms-word.document.macroEnabled.main", DOCX),
        ("openxmlformats-officedocument.spreadsheetml.sheet.main", XLSX),
        ("ms-excel.sheet.macroEnabled.main", XLSX),
        ("openxmlformats-officedocument.presentationml.presentation.main", PPTX),
        ("openxmlformats-officedocument.presentationml.slideshow.main", PPTX),
        ("ms-powerpoint.presentation.macroEnabled.main", PPTX),
    ],
)
def test_office_packages_are_known_with_macros_and_as_templates(
    tmp_path: Path, types: str, mime: str
) -> None:
    path = package(tmp_path, **{"[Content_Types].xml": f"application/vnd.{types}+xml"})
    assert sniff(path, "a.bin") == mime


@pytest.mark.parametrize(
    ("mimetype", "mime"),
    [("text", ODT), ("text-template", ODT), ("spreadsheet", ODS), ("spreadsheet-template", ODS)],
)
def test_opendocument_kinds_are_known(tmp_path: Path, mimetype: str, mime: str) -> None:
    path = package(tmp_path, mimetype=f"application/vnd.oasis.opendocument.{mimetype}")
    assert sniff(path, "a.bin") == mime


@pytest.mark.parametrize(
    ("members", "hint"),
    [
        ({"mimetype": "application/vnd.oasis.opendocument.presentation"}, "PPTX"),
        ({"mimetype": "application/vnd.oasis.opendocument.graphics"}, "PDF"),
        ({"mimetype": "application/epub+zip"}, "PDF"),
        (
            {"[Content_Types].xml": "application/vnd.ms-excel.sheet.binary.macroEnabled.main"},
            "XLSX",
        ),
        ({"leia-me.txt": "texto"}, "Unpack"),
    ],
)
def test_other_packages_are_refused_with_what_to_do(
    tmp_path: Path, members: dict[str, str], hint: str
) -> None:
    with pytest.raises(BadDocument, match=hint) as error:
        sniff(package(tmp_path, **members), "a.docx")
    assert error.value.error_code == "E-FORMATO"


@pytest.mark.parametrize(
    ("stream", "hint"),
    [
        ("Workbook", "XLSX"),
        ("Book", "XLSX"),
        ("PowerPoint Document", "PPTX"),
        ("__properties_version1.0", "EML"),
        ("VisioDocument", "PDF"),
    ],
)
def test_other_office_97_files_are_refused_with_what_to_do(
    tmp_path: Path, stream: str, hint: str
) -> None:
    with pytest.raises(BadDocument, match=hint) as error:
        sniff(file(tmp_path, ole_file({stream: b"x"})), "a.doc")
    assert error.value.error_code == "E-FORMATO"


def test_word_97_is_known_by_its_stream_however_many_there_are(tmp_path: Path) -> None:
    streams = {f"S{number}": b"x" for number in range(10)} | {"WordDocument": b"x"}
    assert sniff(file(tmp_path, ole_file(streams)), "a.pdf") == DOC


def test_an_encrypted_office_file_asks_for_the_password_to_be_removed(tmp_path: Path) -> None:
    data = ole_file({"EncryptionInfo": b"x", "EncryptedPackage": b"x"})
    with pytest.raises(BadDocument) as error:
        sniff(file(tmp_path, data), "a.docx")
    assert error.value.error_code == "E-SENHA"


def test_a_directory_that_runs_in_circles_ends(tmp_path: Path) -> None:
    data = bytearray(ole_file({"VisioDocument": b"x"}))
    data[512:516] = (0).to_bytes(4, "little")  # the table says that sector 0 follows itself
    data[48:52] = (0).to_bytes(4, "little")
    with pytest.raises(BadDocument):
        sniff(file(tmp_path, bytes(data)), "a.doc")


MAIL = b"From: a@b.br\r\nTo: c@d.br\r\nSubject: x\r\n\r\ntexto\r\n"


@pytest.mark.parametrize(
    ("data", "name", "mime"),
    [
        (b"{\\rtf1 texto}", "a.doc", RTF),
        (MAIL, "a.txt", EML),
        (b"From a@b.br Tue Mar  5 14:30:00 2024\n" + MAIL, "a.eml", EML),
        (b"Subject: x\nMIME-Version: 1.0\n\ntexto", "a.eml", EML),
        (b"Subject: x\nTo: y\n\ntexto", "a.txt", TEXT),
        (b"De: Ana\nPara: Rui\nAssunto: x\n\ntexto", "a.eml", TEXT),
        (b"Orgao;Valor\nSEPLAG;1\n", "a.csv", CSV),
        (b"Orgao\tValor\nSEPLAG\t1\n", "a.TSV", CSV),
        (b"Orgao;Valor\nSEPLAG;1\n", "a.txt", TEXT),
        (b"uma linha de texto sem tabela\noutra linha\n", "a.csv", TEXT),
        ("Órgão;Valor\nSEAD;1\n".encode("utf-16-le"), "a.csv", CSV),
        ("texto com ação".encode("utf-16-be"), "a.txt", TEXT),
        (b"<!-- um --> <!-- dois -->\n<html>", "a.txt", HTML),
    ],
)
def test_kinds_of_text_are_told_by_how_they_begin(
    tmp_path: Path, data: bytes, name: str, mime: str
) -> None:
    assert sniff(file(tmp_path, data), name) == mime


@pytest.mark.parametrize(
    "data",
    [
        b"<!-- -->" * 8000 + b"x",
        b"<!--" * 16_000,
        b"<?xml" * 12_000,
        b" " * 65_000 + b"x",
        b"A:" * 30_000,
        b"A: b\n " * 9000,
        b"a;b\n" * 16_000,
        b'"' * 65_000,
        b";" * 65_000,
    ],
)
@pytest.mark.parametrize("name", ["a.csv", "a.html", "a.eml"])
def test_sniffing_takes_no_time_whatever_the_content(
    tmp_path: Path, data: bytes, name: str
) -> None:
    began = time.process_time()
    try:
        sniff(file(tmp_path, data), name)
    except BadDocument as error:
        assert error.error_code in {"E-FORMATO", "E-VAZIO"}  # noqa: PT017
    assert time.process_time() - began < 2


def test_a_table_of_contents_beyond_measure_is_not_read(tmp_path: Path) -> None:
    path = package(tmp_path, mimetype=ODT)
    data = bytearray(path.read_bytes())
    end = data.rindex(b"PK\x05\x06")
    data[end + 12 : end + 16] = (1 << 30).to_bytes(4, "little")
    with pytest.raises(BadDocument) as error:
        sniff(file(tmp_path, bytes(data)), "a.odt")
    assert error.value.error_code == "E-TAMANHO"


def test_a_broken_package_is_damaged(tmp_path: Path) -> None:
    with pytest.raises(BadDocument) as error:
        sniff(file(tmp_path, b"PK\x03\x04 and then rubbish"), "a.docx")
    assert error.value.error_code == "E-CORROMPIDO"


@pytest.mark.parametrize("data", [b"", b" \n\n\0"])
def test_an_empty_file_is_empty(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(BadDocument) as error:
        sniff(file(tmp_path, data), "a.txt")
    assert error.value.error_code == "E-VAZIO"
