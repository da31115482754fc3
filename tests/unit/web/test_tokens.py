"""The colours can be read: WCAG 2.2 AA, in light and in dark."""

from __future__ import annotations

import re

import pytest

from govbot import resources

TEXT_PAIRS = [
    ("text", "ground"), ("text", "surface"), ("text", "raised"), ("text", "sunken"),
    ("text", "accent-soft"), ("muted", "ground"), ("muted", "surface"), ("muted", "raised"),
    ("muted", "sunken"), ("accent-text", "surface"), ("accent-text", "ground"),
    ("accent-text", "accent-soft"), ("on-accent", "accent"), ("on-accent", "accent-hover"),
    ("danger", "danger-soft"), ("danger", "surface"), ("surface", "danger"),
    ("mark-text", "mark"),
]  # fmt: skip
SHAPE_PAIRS = [
    ("line-strong", "surface"), ("line-strong", "ground"), ("focus", "ground"),
    ("focus", "surface"), ("focus", "sunken"), ("accent", "surface"),
]  # fmt: skip


def themes() -> dict[str, dict[str, str]]:
    css = (resources.static_dir() / "css" / "tokens.css").read_text(encoding="utf-8")
    blocks = re.findall(r"(:root[^{\n]*) \{([^}]*)\}", css)
    return {
        selector: dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", body))
        for selector, body in blocks
    }


def luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_there_are_a_light_and_two_equal_dark_themes() -> None:
    light, automatic, chosen = themes().values()
    assert automatic == chosen
    assert light.keys() == chosen.keys()


@pytest.mark.parametrize("theme", themes().values(), ids=["light", "automatic", "dark"])
def test_text_and_shapes_stand_out(theme: dict[str, str]) -> None:
    for pairs, least in ((TEXT_PAIRS, 4.5), (SHAPE_PAIRS, 3.0)):
        for one, other in pairs:
            ratio = contrast(theme[one], theme[other])
            assert ratio >= least, f"{one} on {other}: {ratio:.2f}"
