"""The mood of a text, by a text classification model of a local folder, where one is configured.

In a thread of its own; loading is lazy and strictly offline.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from govbot.config import Settings
from govbot.errors import Unavailable
from govbot.models.encoder import prepare_libraries
from govbot.models.extra import require_torch
from govbot.models.files import window_of
from govbot.models.lane import Lane

CLOSE_S = 3.0
MAX_CHARACTERS = 2000
MAX_TOKENS = 512
NICENESS = 10  # nobody waits for it


class Mood(Protocol):
    """A model that gives a text one of its labels."""

    async def judge(self, text: str) -> str: ...

    async def aclose(self) -> None: ...


def open_mood(settings: Settings) -> Mood | None:
    """Finds the model of [analytics] sentiment_model without loading it; None without one.

    Raises Unavailable when the folder is missing.
    """
    wanted = settings.analytics.sentiment_model
    if not wanted:
        return None
    require_torch("[analytics] sentiment_model")
    places = [Path(wanted).expanduser(), settings.data_dir / "models" / wanted]
    folder = next((place for place in places if (place / "config.json").is_file()), None)
    if folder is None:
        raise Unavailable(
            'The model "%(name)s" of [analytics] sentiment_model is not on this machine: give the '
            "folder of a text classification model.",
            name=wanted,
        )
    return ThreadedMood(folder.resolve())


class ThreadedMood:
    """Runs the classifier in one thread, started with its first text."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._max_tokens = window_of(folder, MAX_TOKENS)
        self._pipeline: Any = None
        self._texts: Lane[str, str] = Lane(
            "mood", self._judge, failed=_wrapped, closed=_closed, niceness=NICENESS
        )

    async def judge(self, text: str) -> str:
        """The likeliest label, in lower case; raises Unavailable."""
        [label] = await asyncio.wrap_future(self._texts.submit([text[:MAX_CHARACTERS]]))
        return label

    async def aclose(self) -> None:
        """Ends the thread after the text under way; what still waits fails with Unavailable."""
        self._texts.close()
        await asyncio.to_thread(self._texts.join, CLOSE_S)
        self._pipeline = None

    def _judge(self, texts: Sequence[str]) -> list[str]:
        if self._pipeline is None:
            self._pipeline = _load(self._folder)
        found = self._pipeline(list(texts), truncation=True, max_length=self._max_tokens)
        return [str(each["label"]).lower()[:40] for each in found]


def _load(folder: Path) -> Any:
    prepare_libraries()
    from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

    return pipeline(
        "text-classification",
        model=AutoModelForSequenceClassification.from_pretrained(folder, local_files_only=True),
        tokenizer=AutoTokenizer.from_pretrained(folder, local_files_only=True),
        device="cpu",
    )


def _wrapped(error: Exception) -> Exception:
    return Unavailable(
        "The model of [analytics] sentiment_model does not work: %(reason)s", reason=str(error)
    )


def _closed() -> Exception:
    return Unavailable("The service is stopping.", code="E-STOPPING")
