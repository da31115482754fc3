"""What metrics, health pages and `govbot doctor` ask about backups: one small file beside them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from govbot.backup.manifest import Manifest, Verdict, write_whole

FILE: Final = "state.json"


@dataclass(frozen=True, slots=True)
class State:
    """Moments are seconds since 1970; 0: never."""

    created_at: float = 0
    created_id: str = ""
    bytes: int = 0
    added_bytes: int = 0
    seconds: float = 0
    sealed: bool = False
    failed_at: float = 0
    failed_code: str = ""
    verified_at: float = 0
    verified_id: str = ""
    verified_good: bool = False
    verified_restored: bool = False
    verified_seconds: float = 0


def read(root: Path) -> State:
    """Nothing known where there is no file, or a damaged one."""
    try:
        told = json.loads((root / FILE).read_text(encoding="utf-8"))
        return State(**{name: told[name] for name in State.__dataclass_fields__ if name in told})
    except (OSError, ValueError, TypeError):
        return State()


def created(root: Path, manifest: Manifest) -> None:
    """A backup was made."""
    _write(
        root,
        replace(
            read(root),
            created_at=manifest.made_at.timestamp(),
            created_id=manifest.id,
            bytes=manifest.bytes,
            added_bytes=manifest.added_bytes + sum(piece.size for piece in manifest.pieces),
            seconds=manifest.seconds,
            sealed=manifest.sealed,
            failed_at=0,
            failed_code="",
        ),
    )


def failed(root: Path, at: datetime, code: str) -> None:
    """A backup could not be made."""
    _write(root, replace(read(root), failed_at=at.timestamp(), failed_code=code))


def verified(root: Path, backup_id: str, verdict: Verdict) -> None:
    """A backup was checked."""
    _write(
        root,
        replace(
            read(root),
            verified_at=verdict.at.timestamp(),
            verified_id=backup_id,
            verified_good=verdict.good,
            verified_restored=verdict.restored,
            verified_seconds=verdict.seconds,
        ),
    )


def _write(root: Path, state: State) -> None:
    write_whole(root / FILE, json.dumps(asdict(state), indent=1))
