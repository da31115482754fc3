"""Good files with bytes changed, cut or moved: each ends in a result or in a refusal."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from govbot.errors import BadDocument
from govbot.extract import EXTRACTORS, Limits, sniff
from tests.unit.extract.conftest import read
from tests.unit.extract.ole_files import ole_file
from tests.unit.extract.test_hostile_office import CODES, a_docx, a_pptx, an_ods, an_odt, an_xlsx

LIMITS = Limits(max_characters=2_000_000, max_decompressed_mb=32)
SHORT = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

RTF = (
    rb"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Arial;}}{\stylesheet{\s1 heading 1;}}{\s1 T\par}"
    rb"\trowd\cellx9\pard\intbl a\cell b\cell\row\pard \u231?\'e7{\footnote n}\page fim\par}"
)
HTML = (
    b'<!DOCTYPE html><html><head><meta charset="utf-8"><title>t</title></head><body><main><h1>T'
    b"</h1><ol><li>a<ul><li>b</ul></ol><table><tr><td>1<td>2</table></main></body></html>"
)
CSV = 'Órgão;Valor\nSEPLAG;1,50\n"a;b";2\n'.encode("cp1252")


def mail() -> bytes:
    message = EmailMessage()
    message["Subject"] = "Reunião"
    message["From"] = "a@b.br"
    message["To"] = "c@d.br"
    message.set_content("texto simples")
    message.add_alternative("<p>rico</p>", subtype="html")
    message.add_attachment(b"x", maintype="application", subtype="pdf", filename="ação.pdf")
    return message.as_bytes()


TEXTS = {"a.rtf": RTF, "a.html": HTML, "a.csv": CSV, "a.eml": mail(), "a.md": b"# T\n\n- a\n|b|c|"}
PACKAGES: dict[str, Callable[[Path], Path]] = {
    "docx": a_docx, "xlsx": an_xlsx, "pptx": a_pptx, "odt": an_odt, "ods": an_ods,
}  # fmt: skip


@st.composite
def changes(draw: st.DrawFn) -> list[tuple[float, int, bytes]]:
    """Where (as a share of the length), how many bytes go, and what comes in their place."""
    pieces = st.one_of(
        st.binary(max_size=8),
        st.sampled_from([b"<", b">", b"&", b"\\", b"{", b"}", b'"', b"\0", b"\r\n", b"--", b"=?"]),
        st.sampled_from([b"-1", b"99999999999", b"<a>" * 300, b"</", b"xmlns", b"\xff\xfe"]),
    )
    one = st.tuples(st.floats(0, 1), st.integers(0, 30), pieces)
    return draw(st.lists(one, min_size=1, max_size=6))


def mutated(data: bytes, wanted: list[tuple[float, int, bytes]]) -> bytes:
    for share, gone, new in wanted:
        at = int(share * len(data))
        data = data[:at] + new + data[at + gone :]
    return data


def ends_well(path: Path) -> None:
    """Only a result or a BadDocument with a known code may come of it."""
    try:
        found = read(path, LIMITS)
    except BadDocument as error:
        refusal = error
    else:
        assert any(page.text.strip() for page in found.pages)
        return
    assert refusal.error_code in CODES
    assert str(refusal).endswith(".")


@given(data=st.binary(max_size=3000), name=st.sampled_from([*TEXTS, "a.txt", "a.doc", "a\n\u202e"]))
@SHORT
def test_any_bytes_have_a_kind_or_are_refused(tmp_path: Path, data: bytes, name: str) -> None:
    path = tmp_path / "file"
    for start in (b"", b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"{\\rtf", b"From: a\n"):
        path.write_bytes(start + data)
        try:
            kind = sniff(path, name)
        except BadDocument as error:
            kind = error.error_code
        assert kind in EXTRACTORS or kind in CODES


@given(wanted=changes())
@SHORT
def test_changed_ole_files_have_a_kind_or_are_refused(
    tmp_path: Path, wanted: list[tuple[float, int, bytes]]
) -> None:
    path = tmp_path / "file.doc"
    path.write_bytes(
        mutated(ole_file({"WordDocument": b"\xec\xa5\xc1\0" + b"\0" * 100, "1Table": b""}), wanted)
    )
    ends_well(path)


@pytest.mark.parametrize("name", list(TEXTS))
@given(wanted=changes())
@SHORT
def test_changed_texts_end_well(
    tmp_path: Path, name: str, wanted: list[tuple[float, int, bytes]]
) -> None:
    path = tmp_path / name
    path.write_bytes(mutated(TEXTS[name], wanted))
    ends_well(path)


@pytest.mark.parametrize("kind", list(PACKAGES))
@given(wanted=changes())
@settings(SHORT, max_examples=25)
def test_packages_with_changed_bytes_end_well(
    tmp_path: Path, kind: str, wanted: list[tuple[float, int, bytes]]
) -> None:
    good = tmp_path / f"good.{kind}"
    if not good.exists():
        PACKAGES[kind](tmp_path)
    path = tmp_path / f"file.{kind}"
    path.write_bytes(mutated(good.read_bytes(), wanted))
    ends_well(path)


@pytest.mark.parametrize("kind", list(PACKAGES))
@given(member=st.floats(0, 0.999), wanted=changes())
@settings(SHORT, max_examples=40)
def test_packages_with_a_changed_part_end_well(
    tmp_path: Path, kind: str, member: float, wanted: list[tuple[float, int, bytes]]
) -> None:
    good = tmp_path / f"good.{kind}"
    if not good.exists():
        PACKAGES[kind](tmp_path)
    path = tmp_path / f"file.{kind}"
    with zipfile.ZipFile(good) as old, zipfile.ZipFile(path, "w") as new:
        names = old.namelist()
        chosen = names[int(member * len(names))]
        for name in names:
            data = old.read(name)
            new.writestr(name, mutated(data, wanted) if name == chosen else data)
    ends_well(path)
