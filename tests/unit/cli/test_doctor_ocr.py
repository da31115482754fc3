"""What `govbot doctor` says of OCR."""

from __future__ import annotations

from pathlib import Path

import pytest

from govbot.cli.doctor_finding import State, Visit
from govbot.cli.doctor_parts import ocr
from govbot.config import load_settings
from govbot.extract import tesseract


def said(**environ: str) -> str:
    seen = ocr(Visit(load_settings(environ={"GOVBOT_DATA_DIR": "/nowhere", **environ})))
    assert not isinstance(seen, list)
    assert seen.state in (State.WARN, State.ABSENT)  # scans wait, everything else works
    return f"{seen.seen} {seen.remedy}"


def test_without_tesseract_the_packages_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "Tesseract is not installed" in said()
    assert "tesseract-ocr and tesseract-ocr-por" in said()


def test_missing_languages_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "tesseract"
    program.write_text('#!/bin/sh\necho "tesseract 5.0.0"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    tesseract._asked.cache_clear()
    assert "no data for the languages por" in said()


def test_turned_off_is_said() -> None:
    assert 'ocr.enabled is "off"' in said(GOVBOT_OCR__ENABLED="off")
