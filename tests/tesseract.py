"""The Tesseract of the machine, for tests that recognise real pictures."""

from __future__ import annotations

import pytest

from govbot.extract import Limits
from govbot.extract.tesseract import find_engine


def limits_with_ocr(dpi: int = 200) -> Limits:
    """Limits with the machine's Tesseract, at a resolution that is quick; else the test skips."""
    engine = find_engine("por", dpi)
    if engine is None:
        pytest.skip("Tesseract with Portuguese is not installed")
    return Limits(ocr_program=engine.program, ocr_engine=engine.name, ocr_dpi=dpi)
