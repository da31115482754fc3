"""Who was erased: kept beside the backups, so that a restore does not bring anybody back.

Only the numbers of accounts and documents stand here, and when. Each backup adds what it finds in
the audit log, so that the newest one knows for all before it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from govbot.backup.manifest import write_whole

FILE: Final = "erasures.json"


@dataclass(slots=True)
class Erasures:
    """By number, with the moment."""

    persons: dict[str, str] = field(default_factory=dict)
    documents: dict[str, str] = field(default_factory=dict)

    def add(self, other: Erasures) -> None:
        self.persons |= other.persons
        self.documents |= other.documents


def read(root: Path) -> Erasures:
    """What the folder knows; nothing where there is no file, or a damaged one."""
    try:
        told = json.loads((root / FILE).read_text(encoding="utf-8"))
        return Erasures(dict(told["persons"]), dict(told["documents"]))
    except (OSError, ValueError, KeyError, TypeError):
        return Erasures()


def write(root: Path, found: Erasures) -> None:
    """Replaces the list."""
    write_whole(
        root / FILE, json.dumps({"persons": found.persons, "documents": found.documents}, indent=0)
    )
