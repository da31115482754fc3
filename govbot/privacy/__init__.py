"""Personal data in texts: finding it and hiding it. Pure, and known to every part.

`find` tells kinds and places, never values; `mask` keeps the length of the text. What is stored,
shown and answered with it is decided elsewhere (docs/privacy.md).
"""

from __future__ import annotations

from govbot.privacy.detect import find
from govbot.privacy.kinds import Finding, Kind
from govbot.privacy.masks import EVERY_KIND, MASKED, hide, mask

__all__ = ["EVERY_KIND", "MASKED", "Finding", "Kind", "find", "hide", "mask"]
