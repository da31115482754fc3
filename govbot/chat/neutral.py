"""Text of documents and people made harmless for a prompt, and hidden characters made visible.

What nobody sees on the page must not speak to the model: tag characters, zero-width and
direction characters carry whole hidden sentences ("ASCII smuggling").
"""

from __future__ import annotations

import re
from typing import Final

# Zero-width, direction, joiner, filler and annotation characters, variation selectors, tags.
_HIDDEN: Final = (
    "\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_GONE = re.compile(f"[\u0000-\u0008\u000b-\u001f\u007f-\u0084\u0086-\u009f\u00ad{_HIDDEN}]")
_SHOWN = re.compile(f"[{_HIDDEN}]")
_BREAKS = re.compile("\r\n?|[\u0085\u2028\u2029]")
_CONTROL = re.compile(r"\[(/?[A-Z][A-Z_]{2,}|gMASK|sMASK|\^?\d[\d,;\s–-]*)\]")
_ROLE = re.compile(
    r"^([ \t]*(?:#{1,6}[ \t]*)?(?:system|assistant|user|human|developer|tool|instructions?"
    r"|response|input))[ \t]*:",
    re.IGNORECASE | re.MULTILINE,
)
_HASHES = re.compile(r"^[ \t]*#{1,6}(?=[ \t])[ \t]*", re.MULTILINE)
_ANGLES = str.maketrans({"<": "‹", ">": "›", "＜": "‹", "＞": "›", "﹤": "‹", "﹥": "›"})


def neutral(text: str) -> str:
    """Text that cannot be taken for a delimiter, a control token or a citation mark.

    "<" and ">" become "‹" and "›"; "[INST]" and "[3]" get round brackets; "### System:" becomes
    "System –"; characters that are invisible go.
    """
    clean = _GONE.sub("", _BREAKS.sub("\n", text)).translate(_ANGLES)
    clean = _HASHES.sub("", _CONTROL.sub(r"(\1)", clean))
    return _ROLE.sub(r"\1 –", clean)


def visible(text: str) -> str:
    """The text with every hidden character shown by its number, as "⟦U+202E⟧"."""
    return _SHOWN.sub(lambda match: f"⟦U+{ord(match[0]):04X}⟧", text)


def hidden(text: str) -> int:
    """How many hidden characters the text holds."""
    return len(_SHOWN.findall(text))
