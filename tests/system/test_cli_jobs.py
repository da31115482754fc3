"""`govbot jobs`, as a person or a script calls it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from psycopg.conninfo import conninfo_to_dict

from govbot.db.dsns import Dsns
from govbot.errors import BadDocument
from tests.ingestion import Cast, Parts, document_of, take

ROOT = Path(__file__).resolve().parents[2]
Jobs = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def jobs(dsns: Dsns, tmp_path: Path) -> Jobs:
    """Runs `govbot jobs` in a process of its own, over the test's database."""
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
            [sys.executable, "-m", "govbot.cli.main", "jobs", *map(str, arguments)],
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


async def test_jobs_are_listed_cancelled_and_retried(jobs: Jobs, parts: Parts, cast: Cast) -> None:
    parts.embedder.failure = BadDocument("ruim", code="E-VAZIO")
    failed = await take(parts, cast.curator, cast.a, "ruim.txt", "Art. 1º Ruim.")
    await parts.work()
    waiting = await take(parts, cast.curator, cast.a, "lei.txt", "Art. 1º Lei.")
    listed = said(jobs("list", "--json"))
    assert listed["paused_at"] is None
    assert listed["counts"] == {"running": 0, "waiting": 1, "failed": 1, "cancelled": 0}
    assert [(j["filename"], j["group"], j["error_code"]) for j in listed["jobs"]] == [
        ("lei.txt", "waiting", None),
        ("ruim.txt", "failed", "E-VAZIO"),
    ]
    assert jobs("cancel", waiting.document_id).stdout == "1 document cancelled\n"
    assert jobs("cancel", waiting.version_id).stdout == "It was at its end already.\n"
    assert said(jobs("retry", waiting.version_id, "--json")) == {"documents": 1}
    assert said(jobs("retry", "--failed", "--collection", "B", "--json")) == {"documents": 0}
    assert jobs("retry", "--failed", "-c", "A").stdout == "1 document queued again\n"
    assert said(jobs("cancel", "--all", "--json")) == {"documents": 2}
    assert (await document_of(parts, failed)).version.state == "cancelled"
    table = jobs("list", "--state", "cancelled").stdout.splitlines()
    assert table[0].split("\t")[:4] == ["id", "document", "collection", "state"]
    assert sorted(line.split("\t")[1] for line in table[1:]) == ["lei.txt", "ruim.txt"]


async def test_the_queue_is_paused_and_resumed(jobs: Jobs, parts: Parts, cast: Cast) -> None:
    assert jobs("resume").stdout == "The queue was not paused.\n"
    assert said(jobs("pause", "--json")) == {"paused": True, "changed": True}
    taken = await take(parts, cast.curator, cast.a)
    await parts.work()
    assert (await document_of(parts, taken)).version.state == "queued"
    done = jobs("list")
    assert "the queue is paused since" in done.stderr
    assert "operator" in done.stderr
    assert jobs("resume").stdout == "The queue goes on.\n"
    await parts.work()
    assert (await document_of(parts, taken)).version.state == "ready"


def test_what_is_asked_wrongly_is_said_in_a_sentence(jobs: Jobs) -> None:
    for arguments, code in (
        (("retry",), "E-INVALID"),
        (("cancel", uuid4()), "E-NOT-FOUND"),
        (("retry", "--failed", "-c", "nada"), "E-NOT-FOUND"),
    ):
        done = jobs(*arguments)
        assert (done.returncode, done.stdout) == (1, "")
        assert f"[{code}]" in done.stderr
