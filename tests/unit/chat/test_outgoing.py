"""The filter of answers: what it takes out, what it leaves, and that deltas make no difference."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govbot.auth.key_text import new_key
from govbot.chat.outgoing import Outgoing
from govbot.chat.prompt import not_found_sentence, rules_in

MARK = "[***]"
PEM = (
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEAt0\nq1w2e3r4t5y6==\n"
    "-----END RSA PRIVATE KEY-----"
)
SECRETS = [
    "gb_0123456789_" + "aB3" * 16,
    "AKIAIOSFODNN7EXAMPLE",
    "ghp_" + "a1B2" * 9,
    "glpat-abcdefghij0123456789",
    "xoxb-123456789012-abcdefghijkl",
    "AIza" + "b" * 35,
    "sk-proj-abcdefghijklmnop1234",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc-def_123",
    "postgresql://govbot:s3nh4@db.example.org/govbot",
    "https://user:secret@example.org/",
    "Password=Tr0ub4dor;",
    "api_key=0123456789abcdef",
    PEM,
]
ORDINARY = [
    "A senha é entregue no balcão; a chave da sala fica na portaria.",
    "Art. 5º, § 1º – o prazo é de 10 (dez) dias [1][2].\n\n- item um\n- item dois\n",
    "Protocolo 23070.000001/2024-11, e-mail fulano@example.org, https://www.gov.br/pt-br?a=1",
    "-----BEGIN CERTIFICATE----- abc -----END CERTIFICATE-----",
    "Responda somente com o que está no edital.",
    not_found_sentence(),
    "   \n",
    "",
]


def filtered(text: str, size: int = 0, language: str = "pt-BR") -> str:
    out = Outgoing(rules_in(language), MARK)
    pieces = [text[at : at + size] for at in range(0, len(text), size)] if size else [text]
    return "".join(map(out.feed, pieces)) + out.end()


@pytest.mark.parametrize("secret", SECRETS, ids=[each[:12] for each in SECRETS])
@pytest.mark.parametrize("size", [0, 1, 3, 7])
def test_a_secret_is_replaced_wherever_the_stream_is_cut(secret: str, size: int) -> None:
    found = filtered(f"O acesso: {secret} e nada mais.", size)
    assert MARK in found
    assert found.startswith("O acesso: ")
    assert found.endswith(" e nada mais.")
    for part in secret.replace("\n", " ").split(" "):
        value = part.partition("=")[2] or part
        assert len(value) < 6 or value.startswith("-----") or value not in found
    assert "PRIVATE" not in found


def test_a_real_key_of_this_program_is_replaced() -> None:
    assert filtered(f"`{new_key()[1]}`", 5) == f"`{MARK}`"


@pytest.mark.parametrize("text", ORDINARY)
@pytest.mark.parametrize("size", [0, 1, 4])
def test_ordinary_text_is_not_changed(text: str, size: int) -> None:
    assert filtered(text, size) == text


@pytest.mark.parametrize("language", ["pt-BR", "en"])
@pytest.mark.parametrize("size", [0, 1, 9])
def test_the_rules_are_not_repeated(language: str, size: int) -> None:
    rules = rules_in(language)
    found = filtered(f"Claro! {rules} Fim, CANARIO-1.", size, language)
    assert found.split() == ["Claro!", MARK, "Fim,", "CANARIO-1."]


def test_rules_in_capitals_or_as_a_list_are_still_the_rules() -> None:
    lines = "\n".join(f"- **{line.upper()}**" for line in rules_in("pt-BR").split("\n"))
    found = filtered(lines)
    assert "TRECHOS NUMERADOS" not in found
    assert MARK in found


def test_a_private_key_that_is_not_closed_takes_the_rest_with_it() -> None:
    assert filtered("ok -----BEGIN PRIVATE KEY----- MIIE abc", 2).strip() == f"ok {MARK}"


def test_a_very_long_word_is_let_go() -> None:
    out = Outgoing("", MARK)
    assert len(out.feed("a" * 10_000)) == 10_000


def test_what_was_taken_out_is_counted() -> None:
    out = Outgoing(rules_in("pt-BR"), MARK)
    out.feed(f"{SECRETS[0]} {PEM} {SECRETS[1]} ")
    out.end()
    assert out.removed == 3


@given(
    st.lists(
        st.sampled_from(
            [
                *SECRETS,
                *ORDINARY,
                PEM,
                *PEM.splitlines(),
                "-----BEGIN",
                "a",
                " ",
                "\n",
                rules_in("pt-BR")[:80],
            ]
        )
    ),
    st.integers(1, 30),
)
def test_deltas_make_no_difference(parts: list[str], size: int) -> None:
    text = " ".join(parts)
    assert filtered(text, size) == filtered(text)
