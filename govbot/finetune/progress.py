"""Steps of a training, told to the caller and kept as lines of JSON beside the checkpoints."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

LINES: Final = "progress.jsonl"


@dataclass(frozen=True, slots=True)
class Step:
    """A step that is done. `loss` is that of this step; `seconds` are since this start."""

    step: int
    of: int
    epoch: float
    loss: float | None
    rate: float
    seconds: float


OnStep = Callable[[Step], None]


class Journal:
    """Appends each step to a file of the working folder and passes it on."""

    def __init__(self, folder: Path, on_step: OnStep):
        self._file = folder / LINES
        self._on_step = on_step
        self._started = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since this start."""
        return time.monotonic() - self._started

    def tell(self, step: int, of: int, epoch: float, loss: float | None, rate: float) -> None:
        done = Step(
            step,
            of,
            round(epoch, 3),
            None if loss is None else round(loss, 5),
            rate,
            round(self.seconds, 1),
        )
        with self._file.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(asdict(done)) + "\n")
        self._on_step(done)
