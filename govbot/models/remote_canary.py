"""How an exchanged model is noticed behind an address that stays the same.

A fixed sentence and its vector are kept in the data folder. While the server gives that vector the
model is the same one; when it gives another, a new generation begins, and with it a new
fingerprint. Numbers instead of a digest of the vector: its last digits depend on the machine.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

log = logging.getLogger(__name__)

CANARY = (
    "O servidor público municipal requer, no prazo de trinta dias, a revisão da decisão que "
    "indeferiu a licença prevista no art. 12 da Lei Complementar."
)
# Other machines, batches and kernels change the fourth decimal; another model, or the same one
# quantised coarsely, changes the first or second.
SAME = 0.995

Vector = list[float]


@dataclass(frozen=True, slots=True)
class Record:
    """What is kept: `vector` is empty until the server was asked for the first time."""

    dimension: int
    generation: int = 1
    vector: tuple[float, ...] = ()


class Canary:
    """The record of one model at one server, in a file that all processes of this machine share."""

    def __init__(self, file: Path, identity: str, record: Record):
        self._file = file
        self._identity = identity
        self._record = record

    @property
    def dimension(self) -> int:
        return self._record.dimension

    @property
    def fingerprint(self) -> str:
        """Identity of the vector space."""
        said = f"{self._identity}\0{self._record.dimension}\0{self._record.generation}"
        return hashlib.sha256(said.encode()).hexdigest()

    def same(self, vector: Sequence[float]) -> bool:
        """Whether the model is the one it was; if not, the next generation begins with this."""
        if _alike(self._record.vector, vector):
            return True
        # Another process may have met the change, or the first vector, before this one.
        stored = _read(self._file) or self._record
        if _alike(stored.vector, vector):
            known = stored.generation == self._record.generation
            self._record = stored
            return known
        first = not stored.vector
        if first and len(vector) != self.dimension:
            return True  # not what was announced, which the caller tells
        generation = stored.generation if first else stored.generation + 1
        self._record = Record(len(vector), generation, tuple(vector))
        _write(self._file, self._record)
        return first


def open_canary(
    folder: Path, identity: str, *, dimension: int, ask: Callable[[], Vector]
) -> Canary:
    """The record, if there is one; else a new one, for which `ask` gives the vector of `CANARY`
    when `dimension` is 0. Raises what `ask` raises."""
    file = folder / f"{identity[:32]}.json"
    record = _read(file)
    if record is None and dimension:
        record = Record(dimension)
    elif record is None:
        vector = ask()
        record = Record(len(vector), vector=tuple(vector))
        _write(file, record)
    elif dimension and record.dimension != dimension:
        record = replace(record, dimension=dimension, vector=())
    return Canary(file, identity, record)


def _alike(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether two vectors of length 1 point the same way."""
    return len(one) == len(other) and sum(a * b for a, b in zip(one, other, strict=True)) >= SAME


def _read(file: Path) -> Record | None:
    try:
        held = json.loads(file.read_text("utf-8"))
        return Record(int(held["dimension"]), int(held["generation"]), tuple(held["vector"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        log.warning(
            "The record of the embedding server's model cannot be read: %s",
            error,
            extra={"action": "embedder.record"},
        )
        return None


def _write(file: Path, record: Record) -> None:
    """In one step; a folder that takes no file costs the memory of changes, not the service."""
    part = file.with_suffix(f".{os.getpid()}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(asdict(record)), "utf-8")
        part.replace(file)
    except OSError as error:
        log.warning(
            "The record of the embedding server's model cannot be written: %s",
            error,
            extra={"action": "embedder.record"},
        )
