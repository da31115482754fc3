"""What `govbot setup` says of a database server before it uses it."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from govbot.config import Settings, load_settings
from govbot.db.dsns import Dsns
from govbot.errors import Unavailable
from govbot.installation import surroundings
from tests.system.installation import through


def settings(dsns: Dsns, folder: Path, base: str = "") -> Settings:
    urls = through(dsns)
    if base:
        urls = {key: re.sub(r"@/\w+", f"@/{base}", url) for key, url in urls.items()}
    return load_settings(environ={"GOVBOT_DATA_DIR": str(folder), **urls})


async def test_server_that_fits_is_told_with_its_versions(empty_dsns: Dsns, tmp_path: Path) -> None:
    words = await surroundings.database(settings(empty_dsns, tmp_path))
    assert words.startswith("PostgreSQL 18")
    assert "pgvector 0.8" in words


async def test_server_that_is_embedded_is_not_started(tmp_path: Path) -> None:
    plain = load_settings(environ={"GOVBOT_DATA_DIR": str(tmp_path / "data")})
    assert (await surroundings.database(plain)).startswith("embedded")
    assert not (tmp_path / "data").exists()


async def test_database_of_another_encoding_is_refused(empty_dsns: Dsns, tmp_path: Path) -> None:
    with psycopg.connect(empty_dsns.superuser, autocommit=True) as conn:
        owner = conninfo_to_dict(empty_dsns.owner)["user"]
        conn.execute("DROP DATABASE IF EXISTS latin")
        conn.execute(
            "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE_PROVIDER libc LOCALE 'C'"
            f" TEMPLATE template0 OWNER {owner}"
        )
    asked = settings(empty_dsns, tmp_path, base="latin")
    try:
        with pytest.raises(Unavailable, match="encoded in LATIN1"):
            await surroundings.database(asked)
    finally:
        with psycopg.connect(empty_dsns.superuser, autocommit=True) as conn:
            conn.execute("DROP DATABASE latin")
