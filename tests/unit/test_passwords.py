"""Passwords: hashing, verification and the rules for choosing one."""

from __future__ import annotations

import pytest

from govbot.auth import passwords
from govbot.errors import Invalid


def test_a_password_fits_its_own_hash_only() -> None:
    encoded = passwords.hash_password("cavalo bateria grampo")
    assert encoded.startswith("$argon2id$")
    assert passwords.verify_password(encoded, "cavalo bateria grampo")
    assert not passwords.verify_password(encoded, "cavalo bateria grampa")


def test_an_unknown_account_never_fits() -> None:
    assert not passwords.verify_password(None, "")
    assert not passwords.verify_password(None, "anything at all")


def test_a_damaged_hash_does_not_fit() -> None:
    assert not passwords.verify_password("$argon2id$broken", "x")


@pytest.mark.parametrize(
    "password",
    ["curta", "senha1234567", "123456789012", "aaaaaaaaaaaa", "Password2026!!", "maria.silva2026"],
)
def test_what_everybody_tries_first_is_refused(password: str) -> None:
    with pytest.raises(Invalid) as error:
        passwords.check_strength(password, minimum=12, username="maria.silva")
    assert error.value.error_code == "E-PASSWORD"


@pytest.mark.parametrize("password", ["cavalo bateria grampo", "Xk9$wq2!mNb7", "açaí com granola"])
def test_a_good_password_is_accepted(password: str) -> None:
    passwords.check_strength(password, minimum=12, username="maria")


def test_an_endless_password_is_refused() -> None:
    with pytest.raises(Invalid):
        passwords.check_strength("abcdefghij" * 30, minimum=12)


def test_made_passwords_differ_and_pass_the_rules() -> None:
    made = {passwords.generate_password() for _ in range(50)}
    assert len(made) == 50
    for password in made:
        passwords.check_strength(password, minimum=12)
