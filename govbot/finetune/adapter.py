"""From an export to an adapter that llama.cpp loads: train, measure on the held part, convert."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from govbot.errors import Conflict, Invalid
from govbot.finetune import gguf_lora, lora, plan
from govbot.finetune.chats import Encoded, encoded, read_chats
from govbot.finetune.lora import Recipe
from govbot.finetune.progress import Journal, OnStep

ADAPTER: Final = "adapter.gguf"
PEFT: Final = "peft"
REPORT: Final = "report.json"
LEAST: Final = 8  # chats to train on
MEASURED: Final = 200  # held chats, at most


@dataclass(frozen=True, slots=True)
class Trained:
    """What came of it. `finished`: False when the minutes ran out and there is more to train.

    `before` and `after` are the mean loss of a held answer's token, None without held chats.
    """

    finished: bool
    chats: int
    held: int
    left_out: Mapping[str, int]
    parameters: int = 0
    before: float | None = None
    after: float | None = None
    adapter: Path | None = None


def train(
    data: Path,
    base: Path,
    out: Path,
    recipe: Recipe,
    *,
    device: str = "auto",
    base_gguf: Path | None = None,
    restart: bool = False,
    on_step: OnStep = lambda step: None,
) -> Trained:
    """Trains on the train.jsonl of an export; blocks for as long as that takes, and may be run
    again with the same `out` to go on.

    Raises Invalid for lines, a base or too few chats that cannot be trained with, Conflict when
    `out` is of another training or is finished.
    """
    if (out / ADAPTER).exists() and not restart:
        raise Conflict("%(folder)s is there already.", code="E-FINETUNE-FOLDER", folder=out)
    model, tokenizer = lora.load_base(base, device)
    left_out: Counter[str] = Counter()
    chats = encoded(read_chats(data / "train.jsonl"), tokenizer, recipe.max_tokens, left_out)
    if len(chats) < LEAST:
        raise Invalid(
            "Too few chats to train on: %(number)s, and %(least)s are needed.",
            code="E-FINETUNE-EMPTY",
            number=len(chats),
            least=LEAST,
        )
    held = encoded(_held(data), tokenizer, recipe.max_tokens, Counter())[:MEASURED]
    plan.begin(out, _plan(model.config, chats, held, recipe), restart=restart)
    tuned = lora.with_adapter(model, recipe)
    done = Trained(
        False,
        len(chats),
        len(held),
        dict(left_out),
        sum(each.numel() for each in tuned.parameters() if each.requires_grad),
    )
    if not lora.train(tuned, chats, recipe, out, Journal(out, on_step)):
        return done
    after = lora.loss_of(tuned, held)
    with tuned.disable_adapter():
        before = lora.loss_of(tuned, held)
    done = replace(done, finished=True, before=before, after=after)
    return _finished(tuned, model.config, done, recipe, out, base_gguf)


def _finished(
    tuned: Any, config: Any, done: Trained, recipe: Recipe, out: Path, base_gguf: Path | None
) -> Trained:
    """The adapter in both forms, and how it came to be."""
    tuned.save_pretrained(str(out / PEFT), safe_serialization=True)
    trial = out / f".{ADAPTER}"
    gguf_lora.convert(out / PEFT, config, trial)
    if base_gguf is not None:
        gguf_lora.require_fits(trial, base_gguf)
    trial.replace(out / ADAPTER)
    done = replace(done, adapter=out / ADAPTER)
    report = {"recipe": asdict(recipe), "model_type": config.model_type} | asdict(done)
    (out / REPORT).write_text(json.dumps(report, indent=1, default=str) + "\n", "utf-8")
    shutil.rmtree(out / lora.CHECKPOINT)
    return done


def _held(data: Path) -> Sequence[Any]:
    file = data / "held.jsonl"
    return read_chats(file) if file.exists() else []


def _plan(
    config: Any, chats: Sequence[Encoded], held: Sequence[Encoded], recipe: Recipe
) -> dict[str, Any]:
    """What makes the same adapter of the same checkpoint; how long it may run is no part of it."""
    kept = {
        name: value
        for name, value in asdict(recipe).items()
        if name not in ("minutes", "save_steps")
    }
    base = {
        name: value
        for name, value in config.to_dict().items()
        if name not in ("_name_or_path", "use_cache", "transformers_version")
    }
    return {
        **kept,
        "base": _digest(base),
        "chats": _digest([asdict(each) for each in chats]),
        "held": _digest([asdict(each) for each in held]),
    }


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
