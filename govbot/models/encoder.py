"""A model of PyTorch behind one class: device, threads, offline loading, fallbacks.

Only when a model is loaded are torch and, where it needs more, sentence-transformers imported.
"""

from __future__ import annotations

import copy
import logging
import os
import threading
import warnings
from collections.abc import Sequence
from typing import Any, Protocol

from govbot.errors import Unavailable
from govbot.models.bert import Bert, open_bert
from govbot.models.files import ModelFiles

log = logging.getLogger(__name__)

OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TRANSFORMERS_VERBOSITY": "error",
    "TOKENIZERS_PARALLELISM": "false",
}
# Threads that wait must not burn the core that another thread, or the database, needs: on a busy
# machine of two cores this halves the time of a batch.
THREADS = {"OMP_WAIT_POLICY": "PASSIVE"}
ONEDNN_FAILED = "could not create a primitive"


class Encoder(Protocol):
    """A loaded model; questions come from one thread and passages from another."""

    device: str

    def encode(self, texts: Sequence[str], *, query: bool) -> list[list[float]]: ...


def open_encoder(files: ModelFiles, device: str, query_threads: int) -> Encoder:
    """Loads the model; raises Unavailable when it does not fit its folder or the device."""
    prepare_environment()
    encoder = TorchEncoder(files, device, query_threads)
    log.info(
        "The embedding model is loaded.",
        extra={"action": "embedder.loaded", "model": files.name, "device": encoder.device},
    )
    return encoder


class TorchEncoder:
    """An embedding model on one device."""

    def __init__(self, files: ModelFiles, device: str, query_threads: int):
        self._files = files
        self._may_move = device == "auto"
        self._query_threads = query_threads
        self._passage_threads = cores()
        self.device = choose_device(device, "embedder")
        self._moving = threading.Lock()
        try:
            self._use(_load(files, self.device))
        except RuntimeError as error:
            if not self._may_move or self.device == "cpu":
                raise
            self._fall_back(error)
        found = self._model.get_embedding_dimension()
        if found != files.dimension:
            raise Unavailable(
                "The embedding model in %(folder)s gives vectors of %(found)s numbers where its "
                "files announce %(announced)s.",
                folder=files.folder,
                found=found,
                announced=files.dimension,
            )

    def encode(self, texts: Sequence[str], *, query: bool) -> list[list[float]]:
        """L2-normalised vectors; leaves the GPU for the CPU when it fails and that is allowed."""
        import torch

        # One thread answers a question in 10 ms; waking a second one can take longer than that.
        torch.set_num_threads(self._query_threads if query else self._passage_threads)
        prefix = self._files.query_prefix if query else self._files.passage_prefix
        model = self._model_for(query)
        try:
            return _vectors(model, texts, prefix)
        except RuntimeError as error:
            if ONEDNN_FAILED in str(error) and torch.backends.mkldnn.enabled:
                # systemd's MemoryDenyWriteExecute forbids oneDNN its generated code.
                mkldnn: Any = torch.backends.mkldnn
                mkldnn.set_flags(False)
                log.warning(
                    "oneDNN does not work here and was turned off.",
                    extra={"action": "embedder.onednn-off"},
                )
            elif self._may_move:
                with self._moving:  # the other thread may have left the GPU meanwhile
                    if model is self._model_for(query):
                        if self.device == "cpu":
                            raise
                        self._fall_back(error)
            else:
                raise
            return _vectors(self._model_for(query), texts, prefix)

    def _model_for(self, query: bool) -> Any:
        return self._questions if query else self._model

    def _use(self, model: Any) -> None:
        """Keeps the model, and a second view of its weights for questions."""
        self._model = model
        self._questions = _view(model)

    def _fall_back(self, error: Exception) -> None:
        log.warning(
            "The embedding model does not run on %s and goes on with the CPU: %s",
            self.device,
            type(error).__name__,
            extra={"action": "embedder.cpu"},
        )
        self.device = "cpu"
        self._use(_load(self._files, "cpu"))


def _vectors(model: Any, texts: Sequence[str], prefix: str) -> list[list[float]]:
    if isinstance(model, Bert):
        return model.encode(texts, prefix)
    matrix = model.encode(
        list(texts),
        prompt=prefix,
        batch_size=len(texts),
        show_progress_bar=False,
        convert_to_numpy=True,
        normalize_embeddings=True,
    )
    vectors: list[list[float]] = matrix.tolist()
    return vectors


def _view(model: Any) -> Any:
    """The same weights with a tokenizer of their own: one tokenizer does not serve two threads."""
    if isinstance(model, Bert):
        return model.view()
    view = copy.copy(model)
    view._modules = dict(model._modules)
    name, first = next(iter(model._modules.items()))
    first = copy.copy(first)
    first.processor = copy.deepcopy(first.processor)
    view._modules[name] = first
    return view


def _load(files: ModelFiles, device: str) -> Any:
    bert = open_bert(files.folder, files.max_tokens, device)
    if bert is not None:
        return bert
    prepare_libraries()
    from safetensors import SafetensorError
    from sentence_transformers import SentenceTransformer

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = SentenceTransformer(
                str(files.folder), device=device, local_files_only=True, trust_remote_code=False
            )
    except (OSError, ValueError, KeyError, ImportError, SafetensorError) as error:
        raise Unavailable(
            'The embedding model "%(name)s" in %(folder)s cannot be loaded: %(reason)s',
            name=files.name,
            folder=files.folder,
            reason=" ".join(str(error).split())[:200],
        ) from error
    model.max_seq_length = files.max_tokens
    return model.eval()


def choose_device(device: str, section: str) -> str:
    """The device meant by a setting of `section`; raises Unavailable when it is not here."""
    import torch

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise Unavailable(
            "[%(section)s] device is %(device)s, but PyTorch finds no CUDA device here.",
            section=section,
            device=device,
        )
    if device == "mps" and not torch.backends.mps.is_available():
        raise Unavailable(
            "[%(section)s] device is mps, but PyTorch does not find it here.", section=section
        )
    return device


def cores() -> int:
    """CPU cores that this process may use."""
    return max(1, len(os.sched_getaffinity(0)))


def prepare_environment() -> None:
    """Before torch is imported, which reads it only then."""
    os.environ.update(OFFLINE)
    for name, value in THREADS.items():
        os.environ.setdefault(name, value)


def prepare_libraries() -> None:
    """Before models are loaded: offline, and no progress bars and advice in the service's log.

    Real failures raise all the same.
    """
    prepare_environment()
    for name in ("transformers", "sentence_transformers", "huggingface_hub"):
        logging.getLogger(name).setLevel(logging.ERROR)
    import transformers

    quiet: Any = transformers.utils.logging
    quiet.set_verbosity_error()
    quiet.disable_progress_bar()
