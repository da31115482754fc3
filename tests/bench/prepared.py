"""A data folder with the shared documents in four collections, made once and kept.

`GOVBOT_BENCH_DATA` says where; reading and embedding 10 000 passages takes a quarter of an hour.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

COLLECTIONS = ("faquad", "pira", "laws", "docs")
EVERYBODY = "todos"
PASSWORD = "tatu-azul-caminho-longo"


def reader_of(collection: str) -> str:
    """The account that reads one collection."""
    return f"leitor-{collection}"


def prepared(shared_data: Path) -> Path:
    """The folder, filled if it is not yet."""
    folder = Path(os.environ.get("GOVBOT_BENCH_DATA") or "build/bench-data").absolute()
    ready = folder / "bench-ready"
    if ready.exists():
        return folder
    _run(folder, "migrate")
    for name in (EVERYBODY, *map(reader_of, COLLECTIONS)):
        _run(folder, "user", "add", name, "--password-stdin", text=PASSWORD)
    for collection in COLLECTIONS:
        _run(folder, "collection", "create", collection)
        for name in (EVERYBODY, reader_of(collection)):
            _run(folder, "collection", "grant", collection, "read", "--user", name)
        _run(folder, "ingest", shared_data / collection, "--collection", collection, "--wait")
    ready.touch()
    return folder


def _run(folder: Path, *command: str | Path, text: str = "") -> None:
    subprocess.run(
        [sys.executable, "-m", "govbot.cli.main", *map(str, command)],
        input=text.encode(),
        env=os.environ | {"GOVBOT_DATA_DIR": str(folder)},
        stdout=subprocess.DEVNULL,
        check=True,
    )
