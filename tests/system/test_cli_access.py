"""`govbot access`, as a person or a script calls it."""

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

from govbot.db.access import as_system
from govbot.db.dsns import Dsns
from govbot.documents import grants
from govbot.documents.types import Level, Principal, Target
from tests.ingestion import Cast, Parts, take

ROOT = Path(__file__).resolve().parents[2]
Access = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def access(dsns: Dsns, tmp_path: Path) -> Access:
    """Runs `govbot access` in a process of its own, over the test's database and files."""
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
            [sys.executable, "-m", "govbot.cli.main", "access", *map(str, arguments)],
            cwd=tmp_path,
            env=environ,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )

    return run


def said(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


async def test_an_explanation_names_verdict_and_rules(
    access: Access, parts: Parts, cast: Cast
) -> None:
    document = (await take(parts, cast.curator, cast.a)).document_id
    await parts.work()
    async with as_system(parts.pool) as conn:
        await grants.set_grant(
            conn, None, Target.document(document), Principal.user(cast.reader.id), Level.READ,
            effect="deny",
        )  # fmt: skip
    found = said(access("explain", "reader", document, "--json"))
    assert (found["user"], found["readable"], found["level"]) == ("reader", False, None)
    assert [(r["reason"], r["scope"], r["decides"]) for r in found["rules"]] == [
        ("allow", "collection", False), ("deny", "document", True),
    ]  # fmt: skip
    words = access("explain", "reader", document).stdout
    assert "reader may not read: lei\n" in words
    assert "yes\tshuts\tdeny read on the document" in words
    for wrong in (("nobody", document), ("reader", uuid4()), ("reader", "lei.txt")):
        done = access("explain", *wrong)
        assert (done.returncode, "E-NOT-FOUND" in done.stderr) == (1, True)


async def test_the_list_has_collections_and_single_documents(
    access: Access, parts: Parts, cast: Cast
) -> None:
    document = (await take(parts, cast.curator, cast.a)).document_id
    await parts.work()
    async with as_system(parts.pool) as conn:
        stranger = Principal.user(cast.stranger.id)
        await grants.set_grant(conn, None, Target.document(document), stranger, Level.WRITE)
    found = said(access("list", "stranger", "--json"))
    assert [(c["name"], c["level"], c["counts"]["readable"]) for c in found["collections"]] == [
        ("A", None, 1), ("B", "read", 0),
    ]  # fmt: skip
    assert [(d["document_id"], d["level"]) for d in found["documents"]] == [
        (str(document), "write")
    ]
    words = access("list", "stranger").stdout
    assert "B\tread\t0\t0\t0\tallow read on the collection" in words
    assert "allow write on the document" in words


async def test_the_leak_test_ends_well_when_nothing_leaks(
    access: Access, parts: Parts, cast: Cast
) -> None:
    await take(parts, cast.curator, cast.a)
    await parts.work()
    done = access("leak-test", "stranger", "As licitações são públicas?", "--json")
    found = said(done)
    assert (found["blocked"], found["leaks"]) == (1, 0)
    (passage,) = found["passages"]
    assert (passage["result"], passage["found_by_user"]) == ("blocked", None)
    assert [rule["reason"] for rule in passage["rules"]] == ["no-grant"]
    words = access("leak-test", "reader", "As licitações são públicas?").stdout
    assert "1\tpasses\t1\tlei.txt\t1\tallow read on the collection" in words
    assert "1 passages, 0 blocked, 0 leaks" in words
