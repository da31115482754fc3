"""Which browser on which system, as far as its User-Agent says: words for a list of sessions."""

from __future__ import annotations

import re
from typing import Final

# In this order: later browsers carry the names of earlier ones.
_BROWSERS: Final = (
    ("Edge", re.compile(r"\bEdg(?:e|A|iOS)?/")),
    ("Opera", re.compile(r"\bOPR/|\bOpera\b")),
    ("Samsung Internet", re.compile(r"\bSamsungBrowser/")),
    ("Firefox", re.compile(r"\b(?:Firefox|FxiOS)/")),
    ("Chrome", re.compile(r"\b(?:Chrome|CriOS|HeadlessChrome)/")),
    ("Safari", re.compile(r"\bSafari/")),
)
_SYSTEMS: Final = (
    ("Android", re.compile(r"\bAndroid\b")),
    ("iPhone", re.compile(r"\biPhone\b")),
    ("iPad", re.compile(r"\biPad\b")),
    ("Windows", re.compile(r"\bWindows\b")),
    ("macOS", re.compile(r"\bMac OS X\b|\bMacintosh\b")),
    ("ChromeOS", re.compile(r"\bCrOS\b")),
    ("Linux", re.compile(r"\bLinux\b")),
)


def describe(user_agent: str) -> str:
    """Such as "Firefox · Windows"; the first word of what is no known browser, perhaps empty."""
    browser = next((name for name, mark in _BROWSERS if mark.search(user_agent)), "")
    system = next((name for name, mark in _SYSTEMS if mark.search(user_agent)), "")
    if not browser:
        browser = user_agent.partition(" ")[0].partition("/")[0][:40]
    return " · ".join(part for part in (browser, system) if part)
