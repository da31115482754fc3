"""Colours as #RRGGBB: contrast after WCAG 2.2, and shades that keep it."""

from __future__ import annotations

import re

HEX = re.compile(r"#[0-9A-Fa-f]{6}")
AA = 4.5  # least contrast of text with its ground, WCAG 2.2, success criterion 1.4.3


def luminance(colour: str) -> float:
    """Relative luminance, 0 to 1. https://www.w3.org/TR/WCAG22/#dfn-relative-luminance"""
    red, green, blue = (_linear(part / 255) for part in _parts(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Contrast ratio, 1 to 21. https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio"""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def mix(colour: str, other: str, share: float) -> str:
    """`share` (0 to 1) of `other` in `colour`, as paint is mixed on a screen."""
    parts = zip(_parts(colour), _parts(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in parts)


def towards(colour: str, other: str, grounds: tuple[str, ...], least: float = AA) -> str:
    """`colour` mixed with `other` until it stands out from every ground, or `other` itself."""
    for step in range(51):
        found = mix(colour, other, step / 50)
        if all(contrast(found, ground) >= least for ground in grounds):
            return found
    return other


def _parts(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)
