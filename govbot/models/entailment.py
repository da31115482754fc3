"""Whether a text says what a sentence says, by a model of natural language inference.

A cross-encoder classifier from a local folder, in a thread of its own; loading is lazy and
strictly offline.
"""

from __future__ import annotations

import asyncio
import logging
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from govbot.config import Settings
from govbot.errors import Unavailable
from govbot.models.encoder import choose_device, cores, prepare_libraries
from govbot.models.extra import require_torch
from govbot.models.files import digests_of, fingerprint_of, read_json, window_of
from govbot.models.lane import Lane

log = logging.getLogger(__name__)

CLOSE_S = 3.0
BATCH = 8
MAX_TOKENS = 512
MAX_CHARACTERS = 8000  # a tokenizer reads all of a text before it cuts

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Probabilities, 0 to 1; what is left of 1 is neutral."""

    entailed: float
    contradicted: float


class Entailment(Protocol):
    """A model that reads (text, sentence) pairs. `fingerprint` names the model."""

    name: str
    fingerprint: str

    async def judge(self, pairs: Sequence[Pair]) -> list[Verdict]:
        """One verdict for each pair, in their order; raises Unavailable."""
        ...

    async def aclose(self) -> None: ...


@dataclass(frozen=True, slots=True)
class _Labels:
    """The places of the classes in the output of the model; no place: it has no such class."""

    entailed: int
    contradicted: int | None


def open_entailment(settings: Settings) -> Entailment | None:
    """Finds the model of [answers] nli_model without loading it; None when none is configured.

    Raises Unavailable when the folder is missing or holds another kind of model.
    """
    wanted = settings.answers.nli_model
    if not wanted:
        return None
    require_torch("[answers] nli_model")
    places = [Path(wanted).expanduser(), settings.data_dir / "models" / wanted]
    folder = next((place for place in places if (place / "config.json").is_file()), None)
    if folder is None:
        raise Unavailable(
            'The model "%(name)s" of [answers] nli_model is not on this machine: give the folder '
            "of a cross-encoder for natural language inference.",
            name=wanted,
        )
    return ThreadedEntailment(folder.resolve())


class ThreadedEntailment:
    """Runs the classifier in one thread, started with its first pair."""

    def __init__(self, folder: Path):
        self.name = folder.name
        self._folder = folder
        self._labels = _labels(folder)
        self._max_tokens = window_of(folder, MAX_TOKENS)
        self.fingerprint = fingerprint_of(folder, digests_of(folder), (str(self._max_tokens),))
        self._model: Any = None
        self._pairs: Lane[Pair, Verdict] = Lane(
            "entailment", self._judge, failed=_wrapped, closed=_closed
        )

    async def judge(self, pairs: Sequence[Pair]) -> list[Verdict]:
        """A batch is handed over when the one before is done, so that answers take turns."""
        cut = [(text[:MAX_CHARACTERS], claim[:MAX_CHARACTERS]) for text, claim in pairs]
        verdicts: list[Verdict] = []
        for start in range(0, len(cut), BATCH):
            found = await asyncio.wrap_future(self._pairs.submit(cut[start : start + BATCH]))
            verdicts += found
        return verdicts

    async def aclose(self) -> None:
        """Ends the thread after the batch under way; what still waits fails with Unavailable."""
        self._pairs.close()
        await asyncio.to_thread(self._pairs.join, CLOSE_S)
        self._model = None

    def _judge(self, pairs: Sequence[Pair]) -> list[Verdict]:
        import torch

        if self._model is None:
            self._model = _load(self._folder, self._max_tokens)
        torch.set_num_threads(cores())
        found = self._model.predict(
            list(pairs),
            activation_fn=torch.nn.Softmax(dim=-1),
            batch_size=len(pairs),
            show_progress_bar=False,
            convert_to_numpy=True,
        )
        labels = self._labels
        return [
            Verdict(
                float(row[labels.entailed]),
                0.0 if labels.contradicted is None else float(row[labels.contradicted]),
            )
            for row in found
        ]


def _labels(folder: Path) -> _Labels:
    config = read_json(folder / "config.json")
    names = {str(name).lower(): int(key) for key, name in (config.get("id2label") or {}).items()}
    entailed = next((at for name, at in names.items() if _is_entailed(name)), None)
    kinds = config.get("architectures") or []
    if entailed is None or not any(
        str(kind).endswith("ForSequenceClassification") for kind in kinds
    ):
        raise Unavailable(
            'The model in %(folder)s is no classifier with a label "entailment".', folder=folder
        )
    return _Labels(entailed, next((at for name, at in names.items() if "contra" in name), None))


def _is_entailed(name: str) -> bool:
    return "entail" in name and not name.startswith(("not", "non"))


def _load(folder: Path, max_tokens: int) -> Any:
    prepare_libraries()
    from sentence_transformers import CrossEncoder

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = CrossEncoder(
                str(folder),
                device=choose_device("auto", "entailment model"),
                max_length=max_tokens,
                local_files_only=True,
                trust_remote_code=False,
            )
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise Unavailable(
            "The entailment model in %(folder)s cannot be loaded: %(reason)s",
            folder=folder,
            reason=" ".join(str(error).split())[:200],
        ) from error
    log.info("The entailment model is loaded.", extra={"action": "entailment.loaded"})
    return model.eval()


def _closed() -> Unavailable:
    return Unavailable("The entailment model is closed.")


def _wrapped(error: Exception) -> Exception:
    if isinstance(error, Unavailable):
        return error
    log.error("The entailment model failed.", exc_info=error, extra={"action": "entailment.failed"})
    unavailable = Unavailable("The entailment model failed: see the log of the service.")
    unavailable.__cause__ = error
    return unavailable
