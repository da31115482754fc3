"""What a training is made of, kept beside its checkpoints: only the same one goes on from them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from govbot.errors import Conflict

PLAN: Final = "plan.json"


def begin(folder: Path, plan: Mapping[str, Any], *, restart: bool) -> bool:
    """Prepares the working folder; whether there was such a training already, to go on with.

    Raises Conflict E-FINETUNE-RESUME when the folder is of another one, unless `restart` drops it.
    """
    file = folder / PLAN
    wanted = json.dumps(plan, ensure_ascii=False, sort_keys=True, indent=1)
    if restart and file.exists():
        shutil.rmtree(folder)
    if file.exists():
        before = file.read_text("utf-8")
        if before != wanted:
            raise Conflict(
                "%(folder)s is of a training with other settings or other questions (%(what)s)."
                " Give those again, or begin anew with --restart.",
                code="E-FINETUNE-RESUME",
                folder=folder,
                what=", ".join(_different(json.loads(before), plan)),
            )
        return True
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if any(folder.iterdir()):
        raise Conflict("%(folder)s is not empty.", code="E-FINETUNE-FOLDER", folder=folder)
    file.write_text(wanted, "utf-8")
    return False


def _different(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    return [name for name in sorted({*before, *now}) if before.get(name) != now.get(name)]
