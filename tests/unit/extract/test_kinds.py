"""What a file is, by its content."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from govbot.errors import BadDocument
from govbot.extract import DOCX, HTML, MARKDOWN, ODT, PDF, TEXT, sniff

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600


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


def test_a_spreadsheet_package_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadDocument) as error:
        sniff(package(tmp_path, **{"[Content_Types].xml": "spreadsheetml.sheet.main"}), "a.docx")
    assert error.value.error_code == "E-FORMATO"


def test_an_encrypted_office_file_asks_for_the_password_to_be_removed(tmp_path: Path) -> None:
    data = OLE + "EncryptedPackage".encode("utf-16-le")
    with pytest.raises(BadDocument) as error:
        sniff(file(tmp_path, data), "a.docx")
    assert error.value.error_code == "E-SENHA"


def test_a_broken_package_is_damaged(tmp_path: Path) -> None:
    with pytest.raises(BadDocument) as error:
        sniff(file(tmp_path, b"PK\x03\x04 and then rubbish"), "a.docx")
    assert error.value.error_code == "E-CORROMPIDO"


@pytest.mark.parametrize("data", [b"", b" \n\n\0"])
def test_an_empty_file_is_empty(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(BadDocument) as error:
        sniff(file(tmp_path, data), "a.txt")
    assert error.value.error_code == "E-VAZIO"
