"""`govbot ingest` and `govbot collection`, as a person or a script calls them."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from govbot.db.dsns import Dsns

ROOT = Path(__file__).resolve().parents[2]
Govbot = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def govbot(dsns: Dsns, tmp_path: Path) -> Govbot:
    """Runs the command in a process of its own, over the test's database."""
    environ = {
        **os.environ,
        "GOVBOT_DATABASE__URL": _url(dsns.app),
        "GOVBOT_DATABASE__OWNER_URL": _url(dsns.owner),
        "GOVBOT_DATA_DIR": str(tmp_path / "data"),
        "PYTHONPATH": str(ROOT),
    }

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "govbot.cli.main", *map(str, arguments)],
            cwd=tmp_path,
            env=environ,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )

    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "leis"
    (made / "2020").mkdir(parents=True)
    (made / "lei.txt").write_text("Art. 1º As licitações serão públicas.")
    (made / "2020" / "lei.txt").write_text("Art. 1º O edital será publicado.")
    return made


def rows(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_with_wait_every_file_is_ready_and_a_second_time_changes_nothing(
    govbot: Govbot, folder: Path, dsns: Dsns
) -> None:
    arguments = ("ingest", folder, "-c", "Leis", "--recursive", "--wait", "--json")
    done = govbot(*arguments)
    assert done.returncode == 0, done.stderr
    first = rows(done)
    assert [row["file"] for row in first] == [
        str(folder / "lei.txt"),
        str(folder / "2020" / "lei.txt"),
    ]
    for row in first:
        assert list(row) == [
            *("file", "size", "modified", "state", "duplicate", "document", "version", "pages"),
            *("ocr_pages", "unread_pages", "passages", "seconds", "error_code", "error"),
        ]
        assert (row["state"], row["pages"], row["passages"]) == ("ready", 1, 1)
    again = rows(govbot(*arguments))
    assert again == [{**row, "duplicate": "yes"} for row in first]
    with psycopg.connect(dsns.superuser) as conn:
        paths = conn.execute("SELECT path FROM documents ORDER BY path").fetchall()
        assert paths == [("leis/2020/lei.txt",), ("leis/lei.txt",)]


def test_a_report_says_what_became_of_each_file_and_lets_an_import_go_on(
    govbot: Govbot, folder: Path, tmp_path: Path
) -> None:
    report = tmp_path / "relatorio.csv"
    (folder / "=foto.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"x" * 100)
    arguments = ("ingest", folder, "-c", "Leis", "-r", "--wait", "--json", "--report", report)
    assert govbot(*arguments).returncode == 1
    with report.open(encoding="utf-8-sig", newline="") as file:
        written = {row["file"]: row for row in csv.DictReader(file, delimiter=";")}
    assert written[str(folder / "lei.txt")]["state"] == "ready"
    assert written[str(folder / "=foto.png")]["error_code"] == "E-FORMATO"
    # The text is good now, and a file that was done changes: both are taken, the third is not.
    (folder / "=foto.png").write_text("Art. 1º A foto virou texto.")
    (folder / "lei.txt").write_text("Art. 1º As licitações serão públicas e eletrônicas.")
    with report.open("a", encoding="utf-8", newline="") as file:
        file.write("linha cortada;1")
    done = govbot(*arguments)
    assert done.returncode == 0, done.stderr
    assert {Path(row["file"]).name: row["duplicate"] for row in rows(done)} == {
        "=foto.png": "",
        "lei.txt": "",
    }
    lines = report.read_text(encoding="utf-8-sig").splitlines()
    assert len(lines) == 4


def test_another_file_is_never_written_over_as_a_report(
    govbot: Govbot, folder: Path, tmp_path: Path
) -> None:
    other = tmp_path / "notas.txt"
    other.write_text("minhas notas\n")
    done = govbot("ingest", folder, "-c", "Leis", "--report", other)
    assert done.returncode == 1
    assert "no report of an import" in done.stderr
    assert other.read_text() == "minhas notas\n"


def test_a_bad_file_is_told_and_the_good_one_is_taken(govbot: Govbot, folder: Path) -> None:
    (folder / "foto.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"x" * 100)
    good, bad = folder / "lei.txt", folder / "foto.png"
    done = govbot("ingest", bad, good, "-c", "Leis", "--json")
    assert done.returncode == 1
    refused, queued = rows(done)
    assert (refused["state"], refused["error_code"]) == ("failed", "E-FORMATO")
    assert refused["error"]
    assert refused["document"] == ""
    assert (queued["state"], queued["error_code"]) == ("queued", "")


def test_a_folder_is_taken_without_those_below_it_unless_asked_for(
    govbot: Govbot, folder: Path
) -> None:
    done = govbot("ingest", folder, "-c", "Leis", "--json")
    assert [row["file"] for row in rows(done)] == [str(folder / "lei.txt")]
    assert 'created the collection "Leis"' in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("leis", "-c", "Nada", "--no-create"), "no collection named"),
        (("nada.txt", "-c", "Nada"), "no such file"),
    ],
)
def test_a_mistake_is_one_line_that_says_what_to_do(
    govbot: Govbot, folder: Path, arguments: tuple[str, ...], message: str
) -> None:
    done = govbot("ingest", *arguments)
    assert done.returncode == 1
    assert done.stdout == ""
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_collections_are_created_granted_listed_and_deleted(govbot: Govbot, folder: Path) -> None:
    assert govbot("collection", "add", "Leis").returncode == 0
    assert govbot("group", "add", "Jurídico").returncode == 0
    assert govbot("collection", "grant", "Leis", "read", "--group", "Jurídico").returncode == 0
    listed = govbot("collection", "list").stdout
    assert "Leis\t0\tno\tread: group Jurídico" in listed
    assert govbot("collection", "revoke", "Leis", "--group", "Jurídico").returncode == 0
    assert "Jurídico" not in govbot("collection", "list").stdout
    assert govbot("ingest", folder / "lei.txt", "-c", "Leis").returncode == 0
    refused = govbot("collection", "delete", "Leis")
    assert refused.returncode == 1
    assert "E-CONFLICT" in refused.stderr
    assert govbot("collection", "delete", "Leis", "--with-documents").returncode == 0
    assert "Leis" not in govbot("collection", "list").stdout


def test_a_grant_names_one_user_or_one_group_and_a_level(govbot: Govbot) -> None:
    govbot("collection", "add", "Leis")
    assert "one user" in govbot("collection", "grant", "Leis", "read").stderr
    assert "write or manage" in govbot("collection", "grant", "Leis", "all", "--user", "a").stderr


def _url(dsn: str) -> str:
    parts = conninfo_to_dict(dsn)
    return (
        f"postgresql://{parts['user']}@/{parts['dbname']}?host={parts['host']}&port={parts['port']}"
    )
