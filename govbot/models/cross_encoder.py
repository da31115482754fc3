"""A cross-encoder of sentence-transformers: device, offline loading, fall-back to the CPU."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from typing import Any, Protocol

from govbot.errors import Unavailable
from govbot.models.cross_files import CrossFiles
from govbot.models.encoder import ONEDNN_FAILED, choose_device, cores, prepare_libraries

log = logging.getLogger(__name__)

Pair = tuple[str, str]


class CrossScorer(Protocol):
    """A loaded cross-encoder: one score from 0 to 1 for each pair of question and passage."""

    device: str

    def score(self, pairs: Sequence[Pair]) -> list[float]: ...


def open_cross_encoder(files: CrossFiles, device: str) -> CrossScorer:
    """Loads the model; raises Unavailable when it does not fit its folder or the device."""
    prepare_libraries()
    scorer = TorchCrossEncoder(files, device)
    log.info(
        "The reranker is loaded.",
        extra={"action": "reranker.loaded", "model": files.name, "device": scorer.device},
    )
    return scorer


class TorchCrossEncoder:
    """A cross-encoder on one device, used from one thread."""

    def __init__(self, files: CrossFiles, device: str):
        self._files = files
        self._may_move = device == "auto"
        self.device = choose_device(device, "reranker")
        try:
            self._model = _load(files, self.device)
        except RuntimeError as error:
            if not self._may_move or self.device == "cpu":
                raise
            self._fall_back(error)

    def score(self, pairs: Sequence[Pair]) -> list[float]:
        """Leaves the GPU for the CPU when it fails and that is allowed."""
        import torch

        torch.set_num_threads(cores())
        try:
            return _scores(self._model, pairs)
        except RuntimeError as error:
            if ONEDNN_FAILED in str(error) and torch.backends.mkldnn.enabled:
                # systemd's MemoryDenyWriteExecute forbids oneDNN its generated code.
                mkldnn: Any = torch.backends.mkldnn
                mkldnn.set_flags(False)
            elif self._may_move and self.device != "cpu":
                self._fall_back(error)
            else:
                raise
            return _scores(self._model, pairs)

    def _fall_back(self, error: Exception) -> None:
        log.warning(
            "The reranker does not run on %s and goes on with the CPU: %s",
            self.device,
            type(error).__name__,
            extra={"action": "reranker.cpu"},
        )
        self.device = "cpu"
        self._model = _load(self._files, "cpu")


def _scores(model: Any, pairs: Sequence[Pair]) -> list[float]:
    import torch

    found = model.predict(
        list(pairs),
        # Models differ in what they do by themselves; the logit is what they were trained on.
        activation_fn=torch.nn.Sigmoid(),
        batch_size=len(pairs),
        show_progress_bar=False,
        convert_to_numpy=True,
    )
    scores: list[float] = found.tolist()
    return scores


def _load(files: CrossFiles, device: str) -> Any:
    from sentence_transformers import CrossEncoder

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = CrossEncoder(
                str(files.folder),
                device=device,
                max_length=files.max_tokens,
                local_files_only=True,
                trust_remote_code=False,
            )
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise Unavailable(
            'The reranker "%(name)s" in %(folder)s cannot be loaded: %(reason)s',
            name=files.name,
            folder=files.folder,
            reason=" ".join(str(error).split())[:200],
        ) from error
    return model.eval()
