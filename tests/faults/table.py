"""The table of faults: what was done, how often, what was lost, how long until all was well again.

`python -m tests.faults.table build/faults.json` prints it as Markdown, for docs/reliability.md.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

HEAD = ("Fault", "What was done", "Times", "Lost", "Well again after", "`doctor` meanwhile")


@dataclass(slots=True)
class Row:
    """One fault as it was played. `seconds`: of each time, until all was well again."""

    fault: str
    done: str
    times: int
    lost: str
    seconds: list[float] = field(default_factory=list)
    doctor: str = ""
    figures: dict[str, Any] = field(default_factory=dict)

    @property
    def again(self) -> str:
        """The usual and the longest time."""
        if not self.seconds:
            return "was never unwell"
        usual, longest = statistics.median(self.seconds), max(self.seconds)
        if len(self.seconds) == 1:
            return f"{usual:.1f} s"
        return f"{usual:.1f} s, at most {longest:.1f} s"

    @property
    def cells(self) -> tuple[str, ...]:
        return (self.fault, self.done, str(self.times), self.lost, self.again, self.doctor)


def markdown(rows: Sequence[Row]) -> str:
    """The table; a figure of its own stands under the row's deed."""
    lines = [f"| {' | '.join(HEAD)} |", "|" + "---|" * len(HEAD)]
    for row in rows:
        cells = [cell.replace("|", "\\|").replace("\n", " ") for cell in row.cells]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def write(path: Path, rows: Sequence[Row]) -> None:
    """Rows of this run; those of earlier runs that were not played again stay."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = [row for row in read(path) if row.fault not in {each.fault for each in rows}]
    found = [asdict(row) for row in [*kept, *rows]]
    path.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n")


def read(path: Path) -> list[Row]:
    """What was written, or nothing."""
    if not path.exists():
        return []
    return [Row(**each) for each in json.loads(path.read_text())]


if __name__ == "__main__":
    sys.stdout.write(markdown(read(Path(sys.argv[1]))) + "\n")
