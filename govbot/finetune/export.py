"""Writes approved pairs as lines of JSON in chat format, split into train and held, audited."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from govbot import audit
from govbot.chat.prompt import PROMPT_VERSION
from govbot.db.access import OPERATOR, as_actor, as_system
from govbot.documents.types import Secrecy
from govbot.errors import Conflict, Invalid
from govbot.finetune.gold_pairs import App, gold_pairs, questions_of
from govbot.finetune.pairs import Pair, Part, part_of, record_of, unique, without_personal_data
from govbot.finetune.rated_pairs import rated_pairs, told_since
from govbot.finetune.reach import Reach, reach_of

PARTS: Final[tuple[Part, ...]] = ("train", "held")
MANIFEST: Final = "manifest.json"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to export. No `collections`: all; no `sets`: all gold sets. `held` is a share."""

    collections: tuple[str, ...] | None
    max_secrecy: Secrecy = Secrecy.PUBLIC
    sets: tuple[str, ...] = ()
    ratings: bool = False
    held: float = 0.1


@dataclass(frozen=True, slots=True)
class Exported:
    """Pairs by part and by origin, and why others were left out."""

    train: int
    held: int
    gold: int
    rated: int
    confirmed: int
    left_out: dict[str, int] = field(default_factory=dict)


async def export(
    app: App, wanted: Wanted, folder: Path, on_done: Callable[[], None] = lambda: None
) -> Exported:
    """Writes train.jsonl, held.jsonl and manifest.json into a new folder, for its owner alone.

    Personal data is masked in everything; a pair whose answer is made of it is left out. Raises
    Conflict when the folder holds something, Invalid when there is nothing to export, or ratings
    are wanted that nobody was told of.
    """
    await asyncio.to_thread(_require_empty, folder)
    left_out: Counter[str] = Counter()
    async with as_actor(app.pool, OPERATOR) as conn:
        reach = await reach_of(conn, wanted.collections, wanted.max_secrecy)
    pairs = await _pairs(app, wanted, reach, left_out, on_done)
    if not pairs:
        raise Invalid("There is nothing to learn from yet.", code="E-FINETUNE-EMPTY")
    language = app.settings.language
    texts = {f"{part}.jsonl": _lines(pairs, part, wanted.held, language) for part in PARTS}
    done = _counted(pairs, wanted.held, left_out)
    manifest = _manifest(done, reach, language, texts)
    async with as_system(app.pool) as conn:  # before it: what leaves the system is known
        await audit.record(conn, actor=OPERATOR, action="finetune.exported", details=manifest)
    texts[MANIFEST] = json.dumps(manifest, ensure_ascii=False, indent=2) + "\n"
    await asyncio.to_thread(_write, folder, texts)
    return done


async def _pairs(
    app: App,
    wanted: Wanted,
    reach: Reach,
    left_out: Counter[str],
    on_done: Callable[[], None],
) -> list[Pair]:
    questions = await questions_of(app.pool, wanted.sets)
    pairs = await gold_pairs(app, reach, questions, left_out, on_done)
    if wanted.ratings:
        since = await told_since(app.pool)
        if since is None:
            raise Invalid(
                "Ratings are learned from only where people are told so: set feedback.training,"
                " and restart the service.",
                code="E-FINETUNE-RATINGS",
            )
        pairs += await rated_pairs(app, reach, since, left_out, on_done)
    different = unique(pairs)  # gold questions first: a curator wrote their answers
    shown = [masked for pair in different if (masked := without_personal_data(pair)) is not None]
    left_out["asked twice"] += len(pairs) - len(different)
    left_out["personal data"] += len(different) - len(shown)
    return shown


def _counted(pairs: Sequence[Pair], held: float, left_out: Counter[str]) -> Exported:
    parts = Counter(part_of(pair.question, held) for pair in pairs)
    return Exported(
        train=parts["train"],
        held=parts["held"],
        gold=sum(pair.origin == "gold" for pair in pairs),
        rated=sum(pair.origin == "rated" for pair in pairs),
        confirmed=sum(pair.confirmed for pair in pairs),
        left_out={why: n for why, n in sorted(left_out.items()) if n},
    )


def _manifest(
    done: Exported, reach: Reach, language: str, texts: Mapping[str, str]
) -> dict[str, object]:
    """What was exported, without a word of it."""
    return {
        **asdict(done),
        "collections": list(reach.collections),
        "max_secrecy": int(reach.max_secrecy),
        "documents": len(reach.documents),
        "language": language,
        "prompt": PROMPT_VERSION,
        "sha256": {name: hashlib.sha256(text.encode()).hexdigest() for name, text in texts.items()},
    }


def _lines(pairs: Sequence[Pair], part: Part, held: float, language: str) -> str:
    return "".join(
        json.dumps(record_of(pair, language), ensure_ascii=False) + "\n"
        for pair in sorted(pairs, key=lambda pair: pair.id)
        if part_of(pair.question, held) == part
    )


def _require_empty(folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()):
        raise Conflict("%(folder)s is not empty.", code="E-FINETUNE-FOLDER", folder=folder)


def _write(folder: Path, texts: Mapping[str, str]) -> None:
    """Each file whole or not at all, readable by its owner alone."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name, text in texts.items():
        new = folder / f".{name}.new"
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(text.encode())
            stream.flush()
            os.fsync(stream.fileno())
        new.replace(folder / name)
