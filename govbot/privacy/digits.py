"""Check digits of Brazilian numbers and of payment cards. Pure; inputs hold no punctuation."""

from __future__ import annotations

from collections.abc import Sequence

_PIS = (3, 2, 9, 8, 7, 6, 5, 4, 3, 2)
_CNPJ_FIRST = (5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)
_CNPJ_SECOND = (6, *_CNPJ_FIRST)
# ABECS and the schemes' own ranges: (length, lowest and highest of the first six digits).
_CARDS = (
    (16, 400000, 499999),  # Visa
    (16, 510000, 559999),  # Mastercard
    (16, 222100, 272099),
    (15, 340000, 349999),  # American Express
    (15, 370000, 379999),
    (14, 300000, 305999),  # Diners Club
    (14, 360000, 369999),
    (14, 380000, 389999),
    (16, 601100, 601199),  # Discover
    (16, 644000, 659999),  # Discover, Elo
    (16, 352800, 358999),  # JCB
    (16, 606282, 606282),  # Hipercard
    (16, 637095, 637095),
    (16, 637568, 637612),
    (16, 504175, 504175),  # Elo
    (16, 506699, 506778),
    (16, 509000, 509999),
    (16, 627780, 627780),
    (16, 636297, 636297),
    (16, 636368, 636368),
)


def is_cpf(digits: str) -> bool:
    """Eleven digits with both check digits right; eleven equal ones are nobody's."""
    if len(digits) != 11 or digits == digits[0] * 11:
        return False
    values = [int(digit) for digit in digits]
    first = _eleven(values[:9], range(10, 1, -1))
    return values[9] == first and values[10] == _eleven(values[:10], range(11, 1, -1))


def is_cnpj(characters: str) -> bool:
    """Fourteen characters with both check digits right; letters since July 2026 (IN RFB 2.229).

    A character counts as its ASCII code less 48, so that digits count as themselves.
    """
    if len(characters) != 14 or characters == characters[0] * 14:
        return False
    values = [ord(character) - 48 for character in characters]
    first = _eleven(values[:12], _CNPJ_FIRST)
    return values[12] == first and values[13] == _eleven(values[:13], _CNPJ_SECOND)


def is_pis(digits: str) -> bool:
    """PIS, PASEP, NIT and NIS: eleven digits, the last one checks."""
    if len(digits) != 11 or digits == digits[0] * 11:
        return False
    values = [int(digit) for digit in digits]
    return values[10] == _eleven(values[:10], _PIS)


def is_voter(digits: str) -> bool:
    """Título de eleitor: twelve digits, state 01 to 28 in the ninth and tenth, two that check."""
    if len(digits) != 12 or not 1 <= int(digits[8:10]) <= 28:
        return False
    values = [int(digit) for digit in digits]
    # São Paulo and Minas Gerais write 1 where the others write 0 after a remainder of 0.
    raised = digits[8:10] in ("01", "02")
    first = sum(v * w for v, w in zip(values[:8], range(2, 10), strict=True)) % 11
    first = 0 if first == 10 else 1 if first == 0 and raised else first
    second = (values[8] * 7 + values[9] * 8 + first * 9) % 11
    second = 0 if second == 10 else 1 if second == 0 and raised else second
    return values[10] == first and values[11] == second


def is_card(digits: str) -> bool:
    """A length and first digits that a card scheme gives out, and Luhn's sum."""
    first = int(digits[:6])
    if not any(len(digits) == n and low <= first <= high for n, low, high in _CARDS):
        return False
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _eleven(values: Sequence[int], weights: Sequence[int]) -> int:
    rest = sum(v * w for v, w in zip(values, weights, strict=True)) % 11
    return 0 if rest < 2 else 11 - rest
