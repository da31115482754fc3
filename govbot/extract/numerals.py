"""Numbers, dates and amounts of money as Brazilians write them, by the number format of a cell."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import lru_cache

_LITERAL = re.compile(r'"([^"]*)"|\\(.)|_.|\*.|\[\$([^\]-]*)(?:-[^\]]*)?\]|\[[^\]]*\]')
_CURRENCIES = ("R$", "US$", "€", "£", "$")
_MAX_PLACES = 10
_MAX_CODE = 500
_MASK_CHARACTERS = set("0#./-() ")


def shown(value: object, code: str = "General") -> str:
    """The text of a value; `code` is the format of its cell, such as `"R$" #,##0.00`."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "Verdadeiro" if value else "Falso"
    if isinstance(value, datetime | date | time | timedelta):
        return _moment(value, code)
    if isinstance(value, int | float):
        return _number(value, code)
    return " ".join(str(value).split())


def plain_number(text: str) -> bool:
    """Whether a text is a number, an amount, a percentage or a date, as people type them."""
    return bool(_TYPED.fullmatch(text.strip()))


_TYPED = re.compile(
    r"(?:R\$|US\$|€|\$)?\s?[-+(]?\s?(?:R\$)?\s?\d{1,15}(?:[.,]\d{1,15}){0,6}\s?[%)]?"
    r"|\d{1,2}/\d{1,2}/\d{2,4}(?:\s+\d{1,2}:\d{2}(?::\d{2})?)?"
    r"|\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2})?)?|\d{1,2}:\d{2}(?::\d{2})?"
    r"|[\d./-]{9,20}"
)


def _moment(value: datetime | date | time | timedelta, code: str) -> str:
    if isinstance(value, timedelta):
        minutes = int(value.total_seconds()) // 60
        return f"{'-' if minutes < 0 else ''}{abs(minutes) // 60}:{abs(minutes) % 60:02d}"
    if isinstance(value, time):
        return f"{value.hour:02d}:{value.minute:02d}"
    day = f"{value.day:02d}/{value.month:02d}/{value.year:04d}"
    letters = _LITERAL.sub("", code.split(";", maxsplit=1)[0]).lower()
    if isinstance(value, datetime) and (value.hour or value.minute):
        return f"{day} {value.hour:02d}:{value.minute:02d}"
    if "m" in letters and "d" not in letters and "y" in letters:
        return f"{value.month:02d}/{value.year:04d}"
    return day


def _number(value: float, code: str) -> str:
    if code == "General" and isinstance(value, int):
        return str(value)
    try:
        number = Decimal(repr(value))
    except InvalidOperation:
        return str(value)
    if not number.is_finite() or abs(number) >= Decimal(10) ** 30:
        return str(value)
    form = _form(code, number < 0)
    masked = _masked(number, form.bare)
    if masked:
        return masked
    if form.general:
        return _general(number)
    text = _grouped(number * 100 if form.percent else number, form)
    text += "%" if form.percent else ""
    return f"{form.currency} {text}" if form.currency else text


@dataclass(frozen=True, slots=True)
class _Form:
    """What a number format says, read once."""

    bare: str  # with its literals as they are shown
    currency: str
    general: bool
    percent: bool
    thousands: bool
    places: int
    width: int


@lru_cache(maxsize=512)
def _form(code: str, negative: bool) -> _Form:
    section = _section(code[:_MAX_CODE], negative=negative)
    digits = "".join(char for char in _LITERAL.sub("", section) if char in "0#?.,%Ee/")
    return _Form(
        bare=_LITERAL.sub(lambda match: match[1] or match[2] or "", section),
        currency=_currency(section),
        general=bool(set(digits) & set("Ee/")) or not set(digits) & set("0#?"),
        percent="%" in digits,
        thousands="," in digits,
        places=min(len(re.sub(r"[^0#?]", "", digits.partition(".")[2])), _MAX_PLACES),
        width=len(re.sub(r"[^0]", "", digits.partition(".")[0])),
    )


def _section(code: str, *, negative: bool) -> str:
    """A format may have parts for positive numbers, negative numbers and zero."""
    sections = code.split(";")
    return sections[1] if negative and len(sections) > 1 and sections[1].strip() else sections[0]


def _currency(section: str) -> str:
    for match in _LITERAL.finditer(section):
        literal = (match[3] or match[1] or "").strip()
        for sign in _CURRENCIES:
            if literal == sign:
                return sign
    return next((sign for sign in _CURRENCIES if sign in section), "")


def _masked(number: Decimal, code: str) -> str:
    """Numbers such as CPF and CEP, whose format only puts marks between the digits."""
    marks = set(code) - {"0", "#"}
    zeros = code.count("0")
    plain = set(code) <= _MASK_CHARACTERS and number == number.to_integral_value() and number >= 0
    decimal = code.count(".") == 1 and not marks - {"."}
    if not plain or zeros < 5 or not marks or decimal:
        return ""
    digits = list(str(int(number)).zfill(zeros))
    made: list[str] = []
    for char in reversed(code):
        if char in "0#":
            if digits:
                made.append(digits.pop())
        else:
            made.append(char)
    return "".join(digits) + "".join(reversed(made)).strip()


def _grouped(number: Decimal, form: _Form) -> str:
    rounded = number.quantize(Decimal(1).scaleb(-form.places), rounding=ROUND_HALF_UP)
    whole, _, fraction = f"{abs(rounded):f}".partition(".")
    whole = whole.zfill(form.width)
    if form.thousands:
        whole = f"{int(whole):,}".replace(",", ".")
    sign = "-" if rounded < 0 else ""
    return f"{sign}{whole},{fraction}" if fraction else f"{sign}{whole}"


def _general(number: Decimal) -> str:
    """As typed, with a decimal comma and without the tail of binary fractions."""
    rounded = round(number, _MAX_PLACES)
    text = f"{rounded:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return (text if text not in {"-0", ""} else "0").replace(".", ",")
