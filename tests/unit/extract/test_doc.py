"""Word 97: real files through antiword; the other converters through scripts in their place."""

from __future__ import annotations

import os
import shutil
import stat
import struct
from pathlib import Path

import pytest

from govbot.errors import BadDocument
from govbot.extract import DOC, Limits, sniff
from govbot.extract.doc import extract_doc
from govbot.extract.sandbox import extract
from tests.unit.extract.conftest import read
from tests.unit.extract.ole_files import ole_file

needs_antiword = pytest.mark.skipif(not shutil.which("antiword"), reason="antiword is missing")


def word(tmp_path: Path, *, encrypted: bool = False) -> Path:
    """An OLE file with a WordDocument stream, which no converter could read."""
    header = struct.pack("<HHHHHH", 0xA5EC, 193, 0, 1046, 0, 0x0100 if encrypted else 0)
    path = tmp_path / "file.doc"
    path.write_bytes(ole_file({"WordDocument": header.ljust(4096, b"\0")}))
    return path


def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **scripts: str) -> None:
    """Makes the PATH hold these programs only."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, script in scripts.items():
        program = folder / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(folder))


def code_of(path: Path, limits: Limits | None = None) -> str:
    with pytest.raises(BadDocument) as error:
        extract_doc(path, limits or Limits(), lambda done, total: None)
    assert str(error.value).endswith(".")
    return error.value.error_code


@needs_antiword
def test_a_law_is_read_with_its_lines_and_tables(shared_data: Path) -> None:
    found = read(shared_data / "docs" / "lei_9868_1999.doc")
    blocks = found.pages[0].blocks
    assert found.title == "LEI No 9.868, DE 10 DE NOVEMBRO DE 1999."
    assert found.metadata["converter"] == "antiword"
    assert [b.text for b in blocks if b.kind == "heading"][:2] == ["CAPÍTULO I", "CAPÍTULO II"]
    assert any(b.text.startswith("Art. 29.") or "Art. 29" in b.text for b in blocks)
    assert not any(b.text.startswith("|") for b in blocks)
    table = next(b for b in blocks if b.kind == "table")
    assert table.text.startswith("Mensagem de Veto | Dispõe sobre o processo e julgamento")


@needs_antiword
def test_pictures_leave_no_mark(shared_data: Path) -> None:
    found = read(shared_data / "docs" / "lei_11417_2006.doc")
    assert "[pic]" not in found.pages[0].text
    assert "HYPERLINK" not in found.pages[0].text


def test_without_a_converter_the_sentence_names_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs(tmp_path, monkeypatch)
    path = word(tmp_path)
    assert sniff(path, "a.doc") == DOC
    assert code_of(path) == "E-CONVERSOR"
    with pytest.raises(BadDocument, match="antiword"):
        read(path)


def test_protected_documents_are_told_before_any_converter_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs(tmp_path, monkeypatch, antiword="echo nunca")
    assert code_of(word(tmp_path, encrypted=True)) == "E-SENHA"


DRAWN = r"""printf 'LEI 1\n\n|Cargo |Vagas |\n|M\303\251dico|2 |\n\nlinha\nseguinte\n'"""


def test_tables_are_read_from_bars_where_the_xml_is_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs(tmp_path, monkeypatch, antiword=f'[ "$1" = -x ] && echo "<book><x>" || {DRAWN}')
    assert [(b.kind, b.text) for b in read(word(tmp_path)).pages[0].blocks] == [
        ("paragraph", "LEI 1"),
        ("table", "Cargo | Vagas\nMédico | 2"),
        ("paragraph", "linha"),
        ("paragraph", "seguinte"),
    ]


def test_rows_and_headings_come_from_the_xml(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = (
        "<book><chapter><title/><sect1><title>Objeto</title><informaltable><row>"
        "<entry>Cargo de</entry><entry>2</entry></row></informaltable></sect1></chapter></book>"
    )
    text = r"printf 'Objeto\n|Cargo |2 |\n|de | |\n'"
    programs(tmp_path, monkeypatch, antiword=f"[ \"$1\" = -x ] && echo '{book}' || {text}")
    assert [(b.kind, b.level, b.text) for b in read(word(tmp_path)).pages[0].blocks] == [
        ("heading", 2, "Objeto"),
        ("table", 0, "Cargo de | 2"),
    ]


def test_the_next_converter_is_tried_when_one_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs(tmp_path, monkeypatch, antiword="exit 1", catdoc="echo texto")
    found = read(word(tmp_path))
    assert (found.pages[0].text, found.metadata["converter"]) == ("texto", "catdoc")


def test_libreoffice_converts_in_a_folder_that_goes_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import docx

    document = docx.Document()
    document.add_paragraph("convertido")
    document.save(str(tmp_path / "made.docx"))
    seen = tmp_path / "seen"
    script = (
        'while [ "$1" != --outdir ]; do shift; done\n'
        f'/bin/cp {tmp_path}/made.docx "$2/file.docx"; echo "$2" > {seen}'
    )
    programs(tmp_path, monkeypatch, soffice=script)
    found = read(word(tmp_path))
    assert (found.pages[0].text, found.metadata["converter"]) == ("convertido", "LibreOffice")
    assert not Path(seen.read_text().strip()).exists()


def test_only_libreoffice_may_write_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "written"
    programs(tmp_path, monkeypatch, antiword=f"echo x > {target}", catdoc="echo texto")
    assert read(word(tmp_path)).metadata["converter"] == "catdoc"
    assert not target.exists() or not target.read_text()


@needs_antiword
async def test_a_law_is_read_in_the_child_process(shared_data: Path) -> None:
    found = await extract(shared_data / "docs" / "lei_11417_2006.doc", DOC, Limits(memory_mb=512))
    assert "Art. 1o" in found.pages[0].text


def test_folders_of_conversions_that_were_killed_are_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    stale, fresh = tmp_path / "govbot-doc-a", tmp_path / "govbot-doc-b"
    for folder in (stale, fresh):
        folder.mkdir()
    os.utime(stale, (0, 0))
    programs(tmp_path, monkeypatch, soffice="exit 1")
    assert code_of(word(tmp_path)) == "E-CORROMPIDO"
    assert (stale.exists(), fresh.exists()) == (False, True)


def test_what_every_converter_refuses_is_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs(tmp_path, monkeypatch, antiword="exit 1", catdoc="exit 1")
    assert code_of(word(tmp_path)) == "E-CORROMPIDO"


def test_a_converter_that_writes_without_end_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs(tmp_path, monkeypatch, antiword="while :; do echo texto texto texto; done")
    assert code_of(word(tmp_path), Limits(max_characters=1000)) == "E-TAMANHO"


def test_an_ole_file_without_a_readable_stream_is_damaged(tmp_path: Path) -> None:
    path = word(tmp_path)
    path.write_bytes(path.read_bytes()[:700])
    assert code_of(path) == "E-CORROMPIDO"
