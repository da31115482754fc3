"""Every command of the command line, as people and scripts call it, on one data folder.

The tests of this file build on one installation; each makes what it alone needs.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import pytest

from tests.system.installation import GOVBOT, ROOT, Installation

LAW = """LEI Nº 731, DE 2 DE MAIO DE 2019

Art. 1º O servidor tem direito a trinta dias de férias por ano de exercício.

Art. 2º A licença-paternidade é de vinte dias corridos, contados do nascimento do filho.
\f
Art. 3º O requerimento é dirigido ao setor de pessoal com dez dias de antecedência.
"""
PATERNITY = "Quantos dias dura a licença-paternidade?"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Two users, a group, two collections, one law: made with the commands themselves."""
    house = Installation(tmp_path_factory.mktemp("com espaço"))
    with house.held():
        assert house.ok("migrate").startswith("The schema is at ")
        house.ok("user", "add", "ana", "--role", "admin", "--password-stdin", stdin=PASSWORD)
        made = house.json("user", "add", "rui.lima", "--name", "Rui Lima")
        assert set(made) == {"id", "username", "role", "password"}
        house.ok("group", "add", "Pessoal")
        house.ok("group", "add-member", "Pessoal", "rui.lima")
        for name in ("Leis", "Reservada"):
            assert set(house.json("collection", "add", name)) == {"id", "name"}
        house.ok("collection", "grant", "Leis", "read", "--group", "Pessoal")
        law = house.write("lei 731.txt", LAW)
        house.lines("ingest", law, "--collection", "Leis", "--wait")
        yield house


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """An installation whose commands start the database themselves, and stop it."""
    alone = Installation(tmp_path_factory.mktemp("outro"))
    assert alone.ok("migrate").startswith("The schema is at ")
    return alone


PASSWORD = "cavalo bateria grampo correto\n"


def test_help_is_answered_without_loading_what_is_heavy() -> None:
    code = (
        "import sys; from govbot.cli.main import main; main(['--help']);"
        "print(sorted({'torch', 'litestar', 'llama_cpp', 'sentence_transformers', 'psycopg',"
        " 'pypdfium2', 'sqlalchemy', 'procrastinate'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [GOVBOT[0], "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
    for command in ("serve", "migrate", "ingest", "search", "ask", "eval", "reindex", "user",
                    "group", "collection", "audit", "config", "doctor"):  # fmt: skip
        assert f"  {command} " in done.stdout


def test_migrating_again_changes_nothing(house: Installation) -> None:
    assert house.ok("migrate") == house.ok("migrate")


def test_users_are_listed_with_role_and_groups(house: Installation) -> None:
    found = {user["username"]: user for user in house.json("user", "list")}
    assert found["ana"]["role"] == "admin"
    assert found["rui.lima"]["name"] == "Rui Lima"
    assert found["rui.lima"]["groups"] == ["Pessoal"]
    assert not any("password" in key and key != "must_change_password" for key in found["ana"])


def test_a_password_is_made_and_shown_once_or_read_from_standard_input(house: Installation) -> None:
    house.ok("user", "add", "eva")
    shown = house.ok("user", "passwd", "eva")
    assert "password: " in shown
    assert house.ok("user", "passwd", "eva", "--password-stdin", stdin=PASSWORD) == "eva\n"
    weak = house.govbot("user", "passwd", "eva", "--password-stdin", stdin="curta\n")
    assert weak.returncode == 1
    assert weak.stderr.count("\n") == 1


def test_a_disabled_user_asks_nothing(house: Installation) -> None:
    house.ok("user", "add", "ivo")
    house.ok("user", "disable", "ivo")
    refused = house.govbot("search", PATERNITY, "--as", "ivo")
    assert refused.returncode == 1
    assert refused.stderr == "govbot: The account ivo is disabled. [E-DENIED]\n"
    found = {user["username"]: user for user in house.json("user", "list")}
    assert found["ivo"]["disabled_at"] is not None
    house.ok("user", "enable", "ivo")
    assert {user["disabled_at"] for user in house.json("user", "list")} == {None}


def test_groups_are_listed_with_their_members(house: Installation) -> None:
    (group,) = house.json("group", "list")
    assert group["name"] == "Pessoal"
    assert group["members"] == ["rui.lima"]


def test_collections_are_listed_with_who_may_read_them(house: Installation) -> None:
    found = {entry["collection"]["name"]: entry for entry in house.json("collection", "list")}
    assert found["Leis"]["collection"]["documents"] == 1
    assert [grant["level"] for grant in found["Leis"]["grants"]] == ["read"]
    assert found["Reservada"]["grants"] == []


def test_ingesting_gives_one_object_for_each_file(house: Installation) -> None:
    good = house.write("portaria.md", "# Portaria 9\n\nArt. 1º O estacionamento é gratuito.\n")
    bad = house.write("corte.pdf", "%PDF-1.7\nisto acaba aqui")
    done = house.govbot("ingest", good, bad, "--collection", "Reservada", "--wait", "--json")
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert set(first) == set(second)
    assert {"file", "document", "state", "pages", "passages", "error_code", "error"} <= set(first)
    assert (first["file"], first["state"], first["error_code"]) == (str(good), "ready", "")
    assert first["pages"] == 1
    assert first["passages"] >= 1
    assert second["state"] == "failed"
    assert second["error_code"].startswith("E-")
    assert second["error"].endswith(".")
    assert done.returncode == 1
    again = house.lines("ingest", good, "--collection", "Reservada", "--wait")
    assert again == [{**first, "duplicate": "yes"}]


def test_searching_gives_document_file_page_score_and_text(house: Installation) -> None:
    found = house.json("search", PATERNITY, "--as", "rui.lima", "--limit", "2")
    assert 1 <= len(found) <= 2
    assert {"document", "filename", "page", "score", "text"} <= set(found[0])
    assert (found[0]["filename"], found[0]["page"]) == ("lei 731.txt", 1)
    assert "vinte dias corridos" in found[0]["text"]
    assert [p["score"] for p in found] == sorted((p["score"] for p in found), reverse=True)


def test_asking_gives_an_answer_with_citations(house: Installation) -> None:
    found = house.json("ask", PATERNITY, "--as", "rui.lima")
    assert {"answer", "refused", "engine", "citations", "timings"} <= set(found)
    assert found["refused"] is False
    assert found["engine"] == "extractive"
    assert "vinte dias corridos" in found["answer"]
    first = found["citations"][0]
    assert {"document", "filename", "version", "page", "quote"} <= set(first)
    assert (first["filename"], first["version"], first["page"]) == ("lei 731.txt", 1, 1)
    assert found["timings"]["total_ms"] > 0


def test_asking_without_rights_is_a_refusal_and_no_error(house: Installation) -> None:
    house.ok("user", "add", "lia")
    found = house.json("ask", PATERNITY, "--as", "lia")
    assert found["refused"] is True
    assert found["citations"] == found["nearest"] == []


def test_evaluating_gives_the_figures(house: Installation) -> None:
    lines = [
        {"id": "1", "question": PATERNITY, "answers": ["vinte dias"], "doc": "lei 731.txt",
         "page": 1},
        {"id": "2", "question": "Quantos dias de férias por ano de exercício?",
         "answers": ["trinta dias"], "doc": "lei 731.txt"},
    ]  # fmt: skip
    file = house.write("perguntas.jsonl", "\n".join(json.dumps(line) for line in lines) + "\n")
    figures = house.json("eval", "run", file, "--as", "rui.lima")
    assert {"n", "hit@1", "hit@3", "hit@5", "hit@10", "mrr@10", "answer_hit", "refused", "p50_ms",
            "p95_ms"} <= set(figures)  # fmt: skip
    assert (figures["n"], figures["hit@1"], figures["answer_hit"], figures["refused"]) == (
        2, 1.0, 1.0, 0,
    )  # fmt: skip


def test_vectors_are_made_again_only_where_they_are_missing(house: Installation) -> None:
    assert house.json("reindex") == {"model": "starter", "made": 0, "removed": 0}


def test_the_audit_log_is_listed_and_its_chain_checked(house: Installation) -> None:
    entries = house.json("audit", "list", "--limit", "500")
    assert [e["seq"] for e in entries] == sorted((e["seq"] for e in entries), reverse=True)
    assert {"user.created", "group.created", "collection.created", "grant.changed",
            "document.uploaded"} <= {e["action"] for e in entries}  # fmt: skip
    proof = house.json("audit", "verify")
    assert (proof["first_broken"], proof["reason"], proof["last"]) == (
        None,
        None,
        entries[0]["seq"],
    )
    only = house.json("audit", "list", "--action", "user.created")
    assert {e["action"] for e in only} == {"user.created"}


def test_the_doctor_finds_every_part_well(house: Installation) -> None:
    checks = house.json("doctor")
    assert {"check", "state", "seen", "remedy"} == set(checks[0])
    assert {check["state"] for check in checks} <= {"ok", "warn", "absent"}, checks
    assert [check for check in checks if check["state"] == "warn" and not check["remedy"]] == []
    assert {"database", "schema", "documents", "queue", "accounts", "audit log", "embedder",
            "generator", "clock", "backup", "model checksums"} <= {
        check["check"] for check in checks
    }  # fmt: skip


def test_settings_are_shown_with_their_source_and_checked(house: Installation) -> None:
    shown = house.json("config", "show")
    assert shown["settings"]["data_dir"]["value"] == str(house.data)
    house.ok("config", "check")
    wrong = house.govbot("config", "check", GOVBOT_WEB__PORT="99999")
    assert wrong.returncode == 1
    assert wrong.stderr.count("\n") == 1
    assert "GOVBOT_WEB__PORT" in wrong.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("user", "passwd", "ninguem"), 1, "[E-NOT-FOUND]"),
        (("ingest", "nada.pdf", "--collection", "Leis"), 1, "nada.pdf"),
        (("ask", "  "), 1, "[E-QUESTION]"),
        (("search", "x", "--as", "ninguem"), 1, "[E-NOT-FOUND]"),
        (("collection", "grant", "Leis", "tudo", "--user", "ana"), 1, "read, write or manage"),
        (("eval", "run", "nada.jsonl"), 1, "nada.jsonl"),
        (("unheard-of",), 2, "unheard-of"),
        (("ask",), 2, "question"),
    ],
)
def test_a_failure_is_one_line_and_an_exit_code(
    house: Installation, arguments: tuple[str, ...], code: int, words: str
) -> None:
    done = house.govbot(*arguments)
    assert done.returncode == code
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert words in done.stderr


def test_commands_leave_no_database_running(alone: Installation) -> None:
    assert alone.postgres() == []
    alone.ok("user", "list")
    assert alone.postgres() == []


def test_commands_join_the_database_of_a_running_server(alone: Installation) -> None:
    law = alone.write("lei 800.txt", "Art. 1º O uniforme escolar é fornecido em fevereiro.")
    with alone.serving() as server:
        alone.ok("collection", "add", "Leis")
        (result,) = alone.lines("ingest", law, "--collection", "Leis", "--wait")
        assert result["state"] == "ready"
        found = alone.json("ask", "Quando o uniforme escolar é fornecido?")
        assert found["citations"][0]["filename"] == "lei 800.txt"
        assert server.process.poll() is None
    assert alone.postgres() == []


def test_two_installations_stand_side_by_side(house: Installation, alone: Installation) -> None:
    with house.serving() as first, alone.serving() as second:
        assert first.address != second.address
        assert house.postgres()
        assert alone.postgres()
        assert alone.json("user", "list") == []
        assert {u["username"] for u in house.json("user", "list")} >= {"ana", "rui.lima"}
