"""Settings of how the pages look: the organisation's logo and colours."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from govbot.config.colours import AA, contrast, towards
from govbot.config.section import PATH, Mark, Section

COLOUR: Mark = {"allowed": "a colour #RRGGBB, or empty"}
PAPER = "#ffffff"
# The lightest ground of the dark pages (static/css/tokens.css, --raised).
NIGHT = "#232728"


class Appearance(Section):
    """How the pages look (docs/appearance.md)."""

    theme: Literal["govbot", "gov"] = Field(
        "govbot",
        description="govbot: GovBot's own look. gov: after the Padrão Digital de Governo.",
    )
    colours: Literal["auto", "light", "dark", "contrast"] = Field(
        "auto",
        description="Colours of who has not chosen any. auto: what the device asks for. "
        "contrast: white and yellow on black.",
    )
    logo: str = Field(
        "",
        json_schema_extra=PATH,
        description="Picture shown beside the organisation's name and on the sign-in page: an SVG, "
        "PNG or WebP file of at most 40 kB. Empty: GovBot's mark.",
    )
    accent: str = Field(
        "",
        pattern=r"^(#[0-9A-Fa-f]{6})?$",
        json_schema_extra=COLOUR,
        description="Colour of buttons and links on light pages, such as #1351b4. It must stand "
        "out from white by 4.5:1 (WCAG AA). Empty: that of the theme.",
    )
    accent_dark: str = Field(
        "",
        pattern=r"^(#[0-9A-Fa-f]{6})?$",
        json_schema_extra=COLOUR,
        description="The same on dark pages, where it must stand out from #232728 by 4.5:1. Empty: "
        "a lighter shade of accent.",
    )
    styleguide: bool = Field(
        False,
        description="Show /styleguide, every component on one page, to who works on the pages.",
    )


def colour_demands(settings: Appearance) -> tuple[tuple[bool, str, str], ...]:
    """What is wrong with the colours: (whether, setting, sentence), as check.py has them."""
    return (
        _demand("accent", settings.accent, PAPER, "white", "#000000"),
        _demand("accent_dark", settings.accent_dark, NIGHT, f"dark pages ({NIGHT})", PAPER),
    )


def _demand(name: str, colour: str, ground: str, words: str, other: str) -> tuple[bool, str, str]:
    if not colour or contrast(colour, ground) >= AA:
        return False, f"appearance.{name}", ""
    ratio = f"{contrast(colour, ground):.1f}"
    near = towards(colour, other, (ground,))
    sentence = (
        f"{colour} stands out from {words} by {ratio}:1 only; WCAG AA asks for {AA}:1, which "
        f"{near} has"
    )
    return True, f"appearance.{name}", sentence
