"""The marks of the texts become the elements that the writers draw."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

SOURCE = Path(__file__).resolve().parents[3] / "packaging" / "demo" / "source.py"


@pytest.fixture(scope="module")
def source() -> ModuleType:
    spec = importlib.util.spec_from_file_location("demo_source", SOURCE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["demo_source"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("Art. 1º Esta Lei.", "article"),
        ("Art. 10. Esta Lei.", "article"),
        ("§ 2º O prazo.", "clause"),
        ("Parágrafo único. O prazo.", "clause"),
        ("XIV – a posse;", "item"),
        ("b) o nome;", "subitem"),
        ("3. Confira.", "number"),
        ("3.1. As inscrições.", "paragraph"),
        ("“Art. 18. Nova redação.” (NR)", "paragraph"),
        ("- item", "bullet"),
        ("= ANEXO", "centre"),
        ("! cuidado", "note"),
        ("@@ Serra Clara, hoje.", "date"),
        ("@ Nome | Cargo", "signature"),
        ("---", "break"),
    ],
)
def test_a_line_becomes_its_kind(source: ModuleType, line: str, kind: str) -> None:
    assert [element.kind for element in source.parse(line)] == [kind]


def test_a_heading_keeps_its_level(source: ModuleType) -> None:
    (heading,) = source.parse("## CAPÍTULO I | DAS FÉRIAS")
    assert (heading.level, heading.text) == (2, "CAPÍTULO I | DAS FÉRIAS")


def test_rows_become_one_table_with_caption_and_widths(source: ModuleType) -> None:
    table, after = source.parse("^ Valores :: 2 1.5\n| a | b |\n| c | d |\nFim.")
    assert (table.text, table.widths) == ("Valores", (2.0, 1.5))
    assert table.rows == (("a", "b"), ("c", "d"))
    assert after.text == "Fim."


def test_a_second_table_does_not_inherit_the_caption_of_the_first(source: ModuleType) -> None:
    first, _, second = source.parse("^ Um :: 1 1\n| a | b |\nTexto.\n| c | d |")
    assert first.text == "Um"
    assert (second.text, second.widths) == ("", ())


def test_every_row_of_every_table_has_as_many_cells_as_its_head(source: ModuleType) -> None:
    for path in (SOURCE.parent / "texts").glob("*.md"):
        for element in source.read_act(path).elements:
            counts = {len(row) for row in element.rows}
            assert len(counts) <= 1, path.name
            assert not element.widths or counts == {len(element.widths)}, path.name
