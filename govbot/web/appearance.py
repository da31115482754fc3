"""The look that the settings ask for: style sheets, the logo, the organisation's colours."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from govbot.config.appearance import NIGHT, PAPER, Appearance
from govbot.config.colours import contrast, mix, towards
from govbot.errors import BadConfig

MARK = "favicon.svg"
SHEETS = ("tokens", "base", "components", "shell", "chat", "viewer", "forms")
OWN_COLOURS = "css/appearance.css"
MAX_LOGO_BYTES = 40_000  # the first page has 60 kB in all
HEIGHT = 36  # CSS pixels of the logo
MAX_WIDTH = 200
_GROUNDS = (PAPER, "#efefec")  # where links stand on light pages (tokens.css)
_DARK_GROUNDS = (NIGHT, "#0f1112")
_INK = "#101314"
_VIEW_BOX = re.compile(rb"""\bviewBox\s*=\s*["']([^"']+)["']""")


@dataclass(frozen=True, slots=True)
class Look:
    """What every page is given. `files` are sent beside the static ones."""

    theme: str
    colours: str
    sheets: tuple[str, ...]
    logo: str
    logo_width: int
    files: dict[str, bytes] = field(default_factory=dict)


def look_of(settings: Appearance) -> Look:
    """The look; raises BadConfig when the logo cannot be shown."""
    sheets = [f"css/{name}.css" for name in SHEETS]
    files = {}
    if settings.theme == "gov":
        sheets.append("css/gov.css")
    if colours := own_colours(settings):
        sheets.append(OWN_COLOURS)
        files[OWN_COLOURS] = colours.encode()
    logo, width = MARK, HEIGHT
    if settings.logo:
        name, body, width = _logo(Path(settings.logo))
        logo = name
        files[name] = body
    return Look(settings.theme, settings.colours, tuple(sheets), logo, width, files)


def own_colours(settings: Appearance) -> str:
    """A style sheet with the organisation's colours; empty when it has none of its own."""
    if not settings.accent and not settings.accent_dark:
        return ""
    blocks = ["/* The organisation's colours, from the settings. */"]
    if settings.accent:
        light = _light(settings.accent)
        blocks.append(_block(':root:not([data-theme="contrast"])', light))
    dark = _dark(settings.accent_dark or settings.accent)
    automatic = ':root:not([data-theme="light"], [data-theme="contrast"])'
    blocks.append(f"@media (prefers-color-scheme: dark) {{\n{_block(automatic, dark)}\n}}")
    blocks.append(_block(':root[data-theme="dark"]', dark))
    return "\n".join(blocks) + "\n"


def _light(accent: str) -> dict[str, str]:
    soft = mix(accent, PAPER, 0.88)
    text = towards(accent, "#000000", (*_GROUNDS, soft))
    return {
        "accent": accent,
        "accent-hover": mix(accent, "#000000", 0.18),
        "accent-soft": soft,
        "accent-text": text,
        "on-accent": PAPER,
        "focus": text,
        "chart-1": accent,
    }


def _dark(accent: str) -> dict[str, str]:
    accent = towards(accent, PAPER, (NIGHT,))
    soft = mix(accent, NIGHT, 0.82)
    text = towards(accent, PAPER, (*_DARK_GROUNDS, soft))
    return {
        "accent": accent,
        "accent-hover": mix(accent, PAPER, 0.2),
        "accent-soft": soft,
        "accent-text": text,
        "on-accent": max(_INK, PAPER, key=lambda ink: contrast(ink, accent)),
        "focus": text,
        "chart-1": accent,
    }


def _block(selector: str, values: dict[str, str]) -> str:
    lines = "".join(f"  --{name}: {value};\n" for name, value in values.items())
    return f"{selector} {{\n{lines}}}"


def _logo(path: Path) -> tuple[str, bytes, int]:
    """Name among the static files, content, and width in CSS pixels at HEIGHT."""
    place = f"[appearance] logo: {path}"
    try:
        body = path.read_bytes()
    except OSError as error:
        raise BadConfig(f"{place} cannot be read ({error.strerror})") from error
    if len(body) > MAX_LOGO_BYTES:
        raise BadConfig(f"{place} has {len(body)} bytes; at most {MAX_LOGO_BYTES} are shown")
    suffix = path.suffix.lower()
    if suffix == ".svg" and b"<svg" in body:
        ratio = _svg_ratio(body)
    elif suffix in (".png", ".webp"):
        ratio = _picture_ratio(body, place)
    else:
        raise BadConfig(f"{place} is neither SVG, PNG nor WebP")
    return f"logo{suffix}", body, max(1, min(MAX_WIDTH, round(HEIGHT * ratio)))


def _picture_ratio(body: bytes, place: str) -> float:
    try:
        with Image.open(io.BytesIO(body), formats=("PNG", "WEBP")) as picture:
            return picture.width / picture.height
    except (UnidentifiedImageError, OSError, ValueError) as error:
        raise BadConfig(f"{place} is damaged or not the picture its name says") from error


def _svg_ratio(body: bytes) -> float:
    """Width by height of the view box; 1 when it names none."""
    found = _VIEW_BOX.search(body)
    try:
        _x, _y, width, height = [float(each) for each in found[1].split()] if found else []
        return width / height
    except (ValueError, ZeroDivisionError):
        return 1.0
