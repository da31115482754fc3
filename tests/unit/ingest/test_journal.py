"""The report of an import: what is written comes back, and nothing else is believed."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govbot.errors import Invalid
from govbot.ingest.journal import Entry, Journal

WORDS = st.text(st.characters(exclude_categories=("Cs",)), max_size=30).map(
    lambda text: text.replace("\r", " ").replace("\n", " ").replace("\0", "")
)
ENTRIES = st.builds(
    Entry,
    file=WORDS.filter(bool),
    size=st.integers(0, 2**63),
    modified=st.integers(0, 2**63),
    state=st.sampled_from(["ready", "failed", "queued"]),
    pages=st.integers(0, 5000),
    seconds=st.integers(0, 10**6).map(lambda hundredths: hundredths / 100),
    error=WORDS,
)


@given(entries=st.lists(ENTRIES, max_size=8))
def test_what_was_written_is_read_back(
    entries: list[Entry], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("report") / "r.csv"
    with Journal(path) as journal:
        for entry in entries:
            journal.add(entry)
    with Journal(path) as journal:
        assert journal.entries == {entry.file: entry for entry in entries}


@given(cut=st.integers(1, 400))
def test_a_report_cut_off_anywhere_loses_only_its_last_rows(
    cut: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("report") / "r.csv"
    with Journal(path) as journal:
        for number in range(5):
            journal.add(Entry(f"ata {number}.pdf", size=number, state="ready"))
    whole = path.read_bytes()
    path.write_bytes(whole[: max(130, len(whole) - cut)])
    with Journal(path) as again:
        names = list(again.entries)
    assert names == [f"ata {number}.pdf" for number in range(len(names))]
    assert all(entry.state == "ready" for entry in again.entries.values())


def test_a_cell_never_becomes_a_formula(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    with Journal(path) as journal:
        journal.add(Entry("=HYPERLINK(1)", error="@soma\nlinha"))
    assert "\r\n'=HYPERLINK(1);" in path.read_bytes().decode()
    assert ";'@soma linha\r\n" in path.read_bytes().decode()


def test_only_an_unchanged_file_that_became_ready_is_done() -> None:
    with Journal(None) as journal:
        journal.add(Entry("a", size=1, modified=2, state="ready"))
        journal.add(Entry("b", size=1, modified=2, state="failed"))
        assert journal.is_done("a", 1, 2)
        assert not journal.is_done("a", 1, 3)
        assert not journal.is_done("a", 2, 2)
        assert not journal.is_done("b", 1, 2)
        assert not journal.is_done("c", 1, 2)


def test_the_last_row_of_a_file_counts_and_stands_alone_in_the_end(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    with Journal(path) as journal:
        journal.add(Entry("a", state="failed", error_code="E-TEMPO"))
        journal.add(Entry("a", state="ready"))
    assert len(path.read_text("utf-8-sig").splitlines()) == 2
    with Journal(path) as journal:
        assert journal.entries["a"].state == "ready"


@pytest.mark.parametrize("content", ["minhas notas\r\n", "a;b;c\r\n1;2;3\r\n", "sem fim de linha"])
def test_another_file_is_refused_and_left_alone(tmp_path: Path, content: str) -> None:
    path = tmp_path / "r.csv"
    path.write_bytes(content.encode())
    with pytest.raises(Invalid, match="no report of an import"), Journal(path):
        pass
    assert path.read_bytes() == content.encode()


def test_a_report_in_a_missing_folder_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="cannot be written"), Journal(tmp_path / "x" / "r.csv"):
        pass
