"""An installation without the extra torch starts, takes documents in and answers."""

from __future__ import annotations

import subprocess
from pathlib import Path

import httpx
import psycopg

from govbot.db.dsns import Dsns
from tests.system.bare import bare_python
from tests.system.installation import Installation, through
from tests.tiny_gguf import write_tiny_gguf

LAW = """LEI Nº 731, DE 2 DE MAIO DE 2019

Art. 1º O servidor tem direito a trinta dias de férias por ano de exercício.

Art. 2º A licença-paternidade é de vinte dias corridos, contados do nascimento do filho.
"""
QUESTION = "Quantos dias dura a licença-paternidade?"
ABSENT = ("torch", "transformers", "sentence_transformers", "scipy", "sklearn")


def test_without_pytorch_words_search_alone_and_then_a_gguf_embedder_beside_them(
    tmp_path: Path, dsns: Dsns
) -> None:
    house = Installation(
        tmp_path,
        through(dsns),
        bare_python(tmp_path / "venv"),
    )
    _assert_absent(house)
    house.ok("collection", "add", "Leis")
    law = house.write("lei 731.txt", LAW)
    [taken] = house.lines("ingest", law, "--collection", "Leis", "--wait")
    assert taken["state"] == "ready"
    assert "vinte dias" in house.json("search", QUESTION)[0]["text"]
    assert "vinte dias" in house.ok("ask", QUESTION)
    refused = house.govbot("search", QUESTION, GOVBOT_EMBEDDER__MODEL="bge-m3")
    assert refused.returncode != 0
    assert 'pip install "govbot[torch]"' in refused.stderr

    house.settings["GOVBOT_EMBEDDER__MODEL"] = str(write_tiny_gguf(tmp_path / "modelo.gguf"))
    assert house.json("reindex")["made"] == _chunks(dsns)
    with house.serving() as server:
        assert httpx.get(f"{server.address}/healthz").status_code == 200
        other = house.write("decreto.txt", "Art. 1º A diária dentro do Estado é de cem reais.")
        [taken] = house.lines("ingest", other, "--collection", "Leis", "--wait")
        assert taken["state"] == "ready"
        assert "vinte dias" in house.json("search", QUESTION)[0]["text"]
    assert _vectors(dsns) == (_chunks(dsns), 1)


def _assert_absent(house: Installation) -> None:
    code = (
        "import importlib.util, llama_cpp, litestar\n"
        f"print([n for n in {ABSENT!r} if importlib.util.find_spec(n)])"
    )
    told = subprocess.run(
        [house.python, "-c", code], capture_output=True, text=True, check=True, env=house.environ
    )
    assert told.stdout.strip() == "[]"


def _chunks(dsns: Dsns) -> int:
    return _number(dsns, "SELECT count(*) FROM chunks")


def _vectors(dsns: Dsns) -> tuple[int, int]:
    return (
        _number(dsns, "SELECT count(*) FROM chunk_vectors"),
        _number(dsns, "SELECT count(*) FROM embedding_models WHERE state = 'active'"),
    )


def _number(dsns: Dsns, query: str) -> int:
    with psycopg.connect(dsns.owner) as conn:
        conn.execute("SELECT set_config('govbot.role', 'system', false)")
        row = conn.execute(query.encode()).fetchone()
    assert row is not None
    return int(row[0])
