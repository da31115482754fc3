"""Colours of every theme keep their contrast, and the organisation's own look is checked."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from govbot import resources
from govbot.config import load_settings
from govbot.config.appearance import NIGHT, Appearance
from govbot.config.colours import AA, contrast, mix, towards
from govbot.errors import BadConfig
from govbot.web.appearance import MARK, MAX_LOGO_BYTES, OWN_COLOURS, look_of, own_colours

COLOURS = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")
# Text and the grounds it is written on.
PAIRS = [
    *((text, ground) for text in ("text", "muted", "accent-text")
      for ground in ("ground", "surface", "raised", "sunken")),
    ("on-accent", "accent"), ("on-accent", "accent-hover"), ("accent-text", "accent-soft"),
    ("text", "accent-soft"), ("danger", "danger-soft"), ("danger", "surface"), ("danger", "ground"),
    ("mark-text", "mark"),
]  # fmt: skip
GRAPHIC = [("line-strong", "surface"), ("focus", "surface"), ("focus", "sunken")]


def themes() -> list[tuple[str, dict[str, str]]]:
    """Every block of colours of the style sheets, with what it inherits."""
    found: list[tuple[str, dict[str, str]]] = []
    base: dict[str, str] = {}
    for sheet in ("tokens", "gov"):
        text = (resources.static_dir() / "css" / f"{sheet}.css").read_text(encoding="utf-8")
        for selector, body in re.findall(r"([^{}]+)\{([^{}]+)\}", text):
            values = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", body))
            if "ground" in values and "focus" in values:
                base = base or values
                found.append((f"{sheet} {' '.join(selector.split())[-60:]}", {**base, **values}))
    return found


def test_every_theme_keeps_the_contrast_of_text_and_of_lines() -> None:
    faint = [
        f"{name}: {front} on {ground}: {contrast(values[front], values[ground]):.2f}"
        for name, values in themes()
        for pairs, least in ((PAIRS, AA), (GRAPHIC, 3.0))
        for front, ground in pairs
        if contrast(values[front], values[ground]) < least
    ]
    assert len(themes()) == 7
    assert faint == []


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("#000000", "#ffffff") == 21
    assert round(contrast("#777777", "#ffffff"), 2) == 4.48
    assert mix("#000000", "#ffffff", 0.5) == "#808080"


@pytest.mark.parametrize(
    ("name", "colour", "near"),
    [("accent", "#ffcc00", "white"), ("accent_dark", "#333333", "dark pages")],
)
def test_a_colour_that_cannot_be_read_is_refused_with_one_that_can(
    name: str, colour: str, near: str
) -> None:
    with pytest.raises(BadConfig) as refused:
        load_settings(None, {f"GOVBOT_APPEARANCE__{name.upper()}": colour})
    sentence = str(refused.value)
    assert f"{colour} stands out from {near}" in sentence
    better = re.findall(r"#[0-9a-f]{6}", sentence)[-1]
    assert load_settings(None, {f"GOVBOT_APPEARANCE__{name.upper()}": better})


@settings(max_examples=60, deadline=None)
@given(COLOURS)
def test_every_accent_that_is_taken_can_be_read_wherever_it_stands(colour: str) -> None:
    accent = towards(colour, "#000000", ("#ffffff",))
    light, dark, _chosen = re.findall(
        r"\{\n((?:  --[^\n]+\n)+)\}", own_colours(Appearance(accent=accent))
    )
    for block, grounds in ((light, ("#ffffff", "#efefec")), (dark, (NIGHT, "#0f1112"))):
        values = dict(re.findall(r"--([a-z-]+): (#[0-9A-Fa-f]{6});", block))
        for ground in (*grounds, values["accent-soft"]):
            assert contrast(values["accent-text"], ground) >= AA
        assert contrast(values["on-accent"], values["accent"]) >= AA
        assert contrast(values["focus"], grounds[0]) >= 3


def test_the_logo_is_sent_with_its_proportions_and_without_it_there_is_a_mark(
    tmp_path: Path,
) -> None:
    wide = tmp_path / "brasao.PNG"
    picture = io.BytesIO()
    Image.new("RGB", (300, 100)).save(picture, "PNG")
    wide.write_bytes(picture.getvalue())
    look = look_of(Appearance(logo=str(wide), accent="#1351b4", theme="gov"))
    assert (look.logo, look.logo_width) == ("logo.png", 108)
    assert look.files["logo.png"] == wide.read_bytes()
    assert look.sheets[-2:] == ("css/gov.css", OWN_COLOURS)
    drawn = tmp_path / "brasao.svg"
    drawn.write_text('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20 10"></svg>')
    assert look_of(Appearance(logo=str(drawn))).logo_width == 72
    plain = look_of(Appearance())
    assert (plain.logo, plain.files, OWN_COLOURS in plain.sheets) == (MARK, {}, False)


def test_a_logo_that_cannot_be_shown_is_told_at_start(tmp_path: Path) -> None:
    cases = {"big.svg": b"<svg" + b" " * MAX_LOGO_BYTES, "page.html": b"<p>", "bad.png": b"PNG"}
    for name, body in cases.items():
        (tmp_path / name).write_bytes(body)
    for name in (*cases, "missing.png"):
        with pytest.raises(BadConfig, match=re.escape(name)):
            look_of(Appearance(logo=str(tmp_path / name)))
