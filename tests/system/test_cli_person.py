"""`govbot person` and `govbot collection mask`, as a person or a script calls them."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from govbot.auth import users
from govbot.db.access import as_system
from govbot.db.dsns import Dsns
from govbot.db.pool import Pool
from govbot.documents import personal
from govbot.privacy import Kind
from tests.troupe import Troupe

ROOT = Path(__file__).resolve().parents[2]
Govbot = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def govbot(dsns: Dsns, tmp_path: Path) -> Govbot:
    """Runs a command in a process of its own, over the test's database."""
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
            [sys.executable, "-m", "govbot.cli.main", *map(str, arguments)],
            cwd=tmp_path,
            env=environ,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


async def test_a_person_is_exported_and_erased(
    govbot: Govbot, pool: Pool, troupe: Troupe, tmp_path: Path
) -> None:
    made = govbot("person", "export", "reader")
    assert made.stdout.strip() == "reader.zip", made.stderr
    assert stat.S_IMODE((tmp_path / "reader.zip").stat().st_mode) == 0o600
    with zipfile.ZipFile(tmp_path / "reader.zip") as file:
        assert json.loads(file.read("account.json"))[0]["username"] == "reader"
    again = govbot("person", "export", "reader")
    assert (again.returncode, "E-CONFLICT" in again.stderr) == (1, True)
    assert govbot("person", "erase", "reader").returncode == 1
    planned = govbot("person", "erase", "reader", "--dry-run", "--json")
    assert json.loads(planned.stdout)["planned"] is True
    done = govbot("person", "erase", "reader", "--yes", "--report", "report.txt")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "report.txt").read_text() == done.stdout
    async with as_system(pool) as conn:
        assert "reader" not in {user.username for user in await users.list_users(conn)}


async def test_a_citizen_is_found(govbot: Govbot, pool: Pool, troupe: Troupe) -> None:
    async with as_system(pool) as conn:
        await conn.execute(
            "UPDATE version_pages SET text = 'CPF 123.456.789-09' WHERE version_id = %(id)s",
            {"id": troupe.a.version_id},
        )
    found = govbot("person", "find", "12345678909", "--json")
    assert [place["page"] for place in json.loads(found.stdout)] == [1]
    assert "Coleção A" in govbot("person", "find", "123.456.789-09").stdout
    assert "E-SUBJECT" in govbot("person", "find", "Ana").stderr
    assert govbot("person", "scan").stdout == "2 versions looked through\n"
    async with as_system(pool) as conn:
        assert (await personal.overview(conn, troupe.a.version_id)).counts == {Kind.CPF: 1}


async def test_a_collection_is_told_what_to_hide(
    govbot: Govbot, pool: Pool, troupe: Troupe
) -> None:
    async def hidden() -> set[str]:
        async with as_system(pool) as conn:
            return {kind.value for kind in await personal.masks_of(conn, troupe.a.collection_id)}

    assert govbot("collection", "mask", "Coleção A", "cpf", "rg,email").returncode == 0
    assert await hidden() == {"cpf", "rg", "email"}
    assert "E-MASK" in govbot("collection", "mask", "Coleção A", "cep").stderr
    assert await hidden() == {"cpf", "rg", "email"}
    assert govbot("collection", "mask", "Coleção A", "all").returncode == 0
    assert await hidden() == set(Kind)
    assert govbot("collection", "mask", "Coleção A", "none").returncode == 0
    assert await hidden() == set()
