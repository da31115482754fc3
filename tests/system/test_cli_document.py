"""`govbot document`, as a person or a script calls it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict

from govbot.db.dsns import Dsns
from govbot.documents.types import Review, Status
from tests.ingestion import Cast, Parts, document_of, take
from tests.lifecycle import drafted

ROOT = Path(__file__).resolve().parents[2]
Document = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def document(dsns: Dsns, tmp_path: Path) -> Document:
    """Runs `govbot document` in a process of its own, over the test's database and files."""
    parts = conninfo_to_dict(dsns.app)
    url = f"postgresql://{parts['user']}@/{parts['dbname']}?host={parts['host']}"
    environ = {
        **{k: v for k, v in os.environ.items() if not k.startswith("GOVBOT_")},
        "GOVBOT_DATABASE__URL": url,
        "GOVBOT_DATA_DIR": str(tmp_path / "data"),
        "PYTHONPATH": str(ROOT),
    }

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "govbot.cli.main", "document", *map(str, arguments)],
            cwd=tmp_path,
            env=environ,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    return run


def said(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


async def test_a_draft_is_listed_and_approved_by_somebody_else(
    document: Document, parts: Parts, reviewed: Cast
) -> None:
    received = await drafted(parts, reviewed)
    assert said(document("list", "--review", "--json")) == []
    assert document("submit", received.document_id, "--as", "writer").returncode == 0
    (waiting,) = said(document("list", "--review", "--json"))
    assert (waiting["id"], waiting["status"]) == (str(received.document_id), "in_review")
    done = document("approve", received.document_id, "--as", "writer")
    assert (done.returncode, "E-DENIED" in done.stderr) == (1, True)
    assert document("approve", received.document_id, "--as", "curator").returncode == 0
    await parts.work()
    assert (await document_of(parts, received)).served == 1
    shown = said(document("show", received.document_id, "--json"))
    assert [v["review"] for v in shown["versions"]] == [Review.APPROVED]


async def test_a_document_is_dated_revoked_held_and_described(
    document: Document, parts: Parts, cast: Cast
) -> None:
    old = await take(parts, None, cast.a)
    new = await take(parts, None, cast.a, "nova.txt", "Art. 1º Nova.")
    key = old.document_id
    for arguments in (
        ("validity", key, "--from", "2001-02-03", "--to", "2020-01-31"),
        ("revoke", key, "--on", "2020-01-01", "--by", new.document_id),
        ("hold", key, "--reason", "Processo 1"),
        ("describe", key, "--title", "Lei velha", "--number", "7", "--tag", "rh"),
    ):
        assert document(*arguments).returncode == 0
    found = await document_of(parts, old)
    assert (found.status, found.title, found.tags) == (Status.REVOKED, "Lei velha", ["rh"])
    shown = said(document("show", key, "--json"))
    assert (shown["revoked_by"], shown["valid_to"]) == (str(new.document_id), "2020-01-31")
    held = document("trash", key)
    assert (held.returncode, "E-LEGAL-HOLD" in held.stderr) == (1, True)
    wrong = document("validity", key, "--from", "03/02/2001")
    assert (wrong.returncode, "E-DATE" in wrong.stderr) == (1, True)


async def test_a_document_goes_to_the_trash_back_and_for_good(
    document: Document, parts: Parts, cast: Cast
) -> None:
    received = await take(parts, None, cast.a)
    key = received.document_id
    assert document("trash", key).returncode == 0
    assert [d["id"] for d in said(document("list", "--trash", "--json"))] == [str(key)]
    assert document("restore", key).returncode == 0
    refused = document("delete", key, "--yes")
    assert (refused.returncode, "E-NOT-IN-TRASH" in refused.stderr) == (1, True)
    assert document("trash", key).returncode == 0
    assert document("delete", key, "--yes").returncode == 0
    assert "E-NOT-FOUND" in document("show", key).stderr
    assert not [path for path in parts.files.root.glob("??/??/*") if path.is_file()]
