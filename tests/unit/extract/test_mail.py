"""E-mail: header, text in any encoding, names of attachments."""

from __future__ import annotations

from email.message import EmailMessage
from pathlib import Path

import pytest

from govbot.errors import BadDocument
from govbot.extract import Extracted, Limits
from tests.unit.extract.conftest import read


def made(tmp_path: Path, source: bytes, name: str = "file.eml") -> Extracted:
    path = tmp_path / name
    path.write_bytes(source)
    return read(path)


def message(**headers: str) -> EmailMessage:
    mail = EmailMessage()
    mail["Subject"] = "Reunião da comissão"
    mail["From"] = "Ana Souza <ana@orgao.gov.br>"
    mail["To"] = "rui@orgao.gov.br"
    mail["Date"] = "Tue, 05 Mar 2024 14:30:00 -0300"
    for name, value in headers.items():
        mail[name] = value
    return mail


def test_subject_people_date_and_text_are_read(tmp_path: Path) -> None:
    mail = message()
    mail.set_content("Prezados,\n\nsegue a ata.\n")
    found = made(tmp_path, mail.as_bytes())
    assert [(b.kind, b.text) for b in found.pages[0].blocks] == [
        ("heading", "Reunião da comissão"),
        ("paragraph", "De: Ana Souza <ana@orgao.gov.br>"),
        ("paragraph", "Para: rui@orgao.gov.br"),
        ("paragraph", "Data: 05/03/2024 14:30"),
        ("paragraph", "Prezados,"),
        ("paragraph", "segue a ata."),
    ]
    assert found.title == "Reunião da comissão"


def test_the_plain_text_is_preferred_and_attachments_are_named(tmp_path: Path) -> None:
    mail = message()
    mail.set_content("Texto simples desta mensagem.")
    mail.add_alternative("<p>Texto <b>rico</b></p>", subtype="html")
    mail.add_attachment(b"%PDF-", maintype="application", subtype="pdf", filename="ata nº 1.pdf")
    found = made(tmp_path, mail.as_bytes())
    assert "Texto simples desta mensagem." in found.pages[0].text
    assert "rico" not in found.pages[0].text
    assert found.attachments == ("ata nº 1.pdf",)


def test_html_alone_is_read_without_scripts(tmp_path: Path) -> None:
    mail = message()
    mail.set_content(
        "<html><script>x()</script><p>Olá</p><table><tr><td>Cargo<td>Vagas<tr><td>Médico<td>2"
        "</table></html>",
        subtype="html",
    )
    text = made(tmp_path, mail.as_bytes()).pages[0].text
    assert text.endswith("Olá\nCargo | Vagas\nMédico | 2")
    assert "x()" not in text


def test_an_empty_alternative_falls_back_to_the_html(tmp_path: Path) -> None:
    mail = message()
    mail.set_content(" ")
    mail.add_alternative("<p>Só aqui há texto</p>", subtype="html")
    assert "Só aqui há texto" in made(tmp_path, mail.as_bytes()).pages[0].text


def test_forwarded_messages_are_named_as_attachments(tmp_path: Path) -> None:
    inner = message()
    inner.set_content("dentro")
    mail = message()
    mail.set_content("segue o encaminhado de ontem")
    mail.add_attachment(inner)
    found = made(tmp_path, mail.as_bytes())
    assert found.attachments == ("Reunião da comissão.eml",)
    assert "dentro" not in found.pages[0].text


HEADER = b"From: a@b.br\r\nTo: c@d.br\r\nSubject: %s\r\nMIME-Version: 1.0\r\n"


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (b'text/plain; charset="iso-8859-1"', "ação “já”".encode("cp1252")),
        (b'text/plain; charset="desconhecido"', "ação “já”".encode()),
        (b"text/plain; charset=us-ascii", "ação “já”".encode()),
        (b"text/plain; charset=utf-8", "ação “já”".encode("cp1252")),
        (b"text/plain", "ação “já”".encode("cp1252")),
    ],
)
def test_wrong_names_of_character_sets_do_no_harm(tmp_path: Path, kind: bytes, body: bytes) -> None:
    source = HEADER % b"x" + b"Content-Type: " + kind + b"\r\n\r\n" + body
    assert made(tmp_path, source).pages[0].text.endswith("ação “já”")


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        (b"quoted-printable", b"a=E7=E3o com linha=\r\n inteira"),
        (b"base64", b"YefjbyBjb20gbGluaGEgaW50ZWlyYQ=="),
        (b"base64", b"YefjbyBjb20gbGluaGEgaW50ZWlyYQ"),
    ],
)
def test_encodings_of_the_body_are_undone(tmp_path: Path, encoding: bytes, body: bytes) -> None:
    kind = b"Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: "
    source = HEADER % b"x" + kind + encoding + b"\r\n\r\n" + body
    assert made(tmp_path, source).pages[0].text.endswith("ação com linha inteira")


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"=?iso-8859-1?Q?Licita=E7=E3o?=", "Licitação"),
        (b"=?utf-8?B?TGljaXRhw6fDo28=?= 5", "Licitação 5"),
        ("Licitação".encode(), "Licitação"),
        ("Licitação".encode("cp1252"), "Licitação"),
        (b"=?foo?Q?abc?=", "abc"),
        (b"=?utf-8?B?A?=", "=?utf-8?B?A?="),
    ],
)
def test_subjects_are_decoded_however_they_come(tmp_path: Path, raw: bytes, shown: str) -> None:
    found = made(tmp_path, HEADER % raw + b"\r\ntexto da mensagem\r\n")
    assert found.pages[0].blocks[0].text == shown


def test_names_of_attachments_hold_no_marks_that_deceive(tmp_path: Path) -> None:
    mail = message()
    mail.set_content("texto")
    mail.add_attachment(b"x", maintype="application", subtype="x", filename="a\u202efdp.exe")
    assert made(tmp_path, mail.as_bytes()).attachments == ("afdp.exe",)


def test_ten_thousand_parts_are_read_within_the_limits(tmp_path: Path) -> None:
    part = b'--x\r\nContent-Disposition: attachment; filename="a.txt"\r\n\r\nb\r\n'
    source = HEADER % b"x" + b'Content-Type: multipart/mixed; boundary="x"\r\n\r\n'
    found = made(tmp_path, source + part * 10_000 + b"--x--\r\n")
    assert len(found.attachments) == 1000


def test_parts_that_nest_beyond_measure_are_refused(tmp_path: Path) -> None:
    source = HEADER % b"assunto longo"
    for depth in range(3000):
        source += b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (depth, depth)
    with pytest.raises(BadDocument) as error:
        made(tmp_path, source + b"\r\nfundo")
    assert error.value.error_code == "E-CORROMPIDO"


def test_a_message_beyond_the_limit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file.eml"
    path.write_bytes(HEADER % b"x" + b"\r\n" + b"palavra " * 1000)
    with pytest.raises(BadDocument) as error:
        read(path, Limits(max_characters=500))
    assert error.value.error_code == "E-TAMANHO"
