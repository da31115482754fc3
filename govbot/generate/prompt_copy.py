"""A copy of a model in BF16 beside its file, by which prompts are read.

Reading a prompt is multiplying large matrices, for which processors with AVX-512 BF16 are fastest
in BF16; writing waits for memory, for which the small weights of the file are best. So one reads
with the copy and writes with the file. A process of its own makes the copy, once, while answers
are read and written with the file (`python -m govbot.generate.prompt_copy FILE PARENT`).
"""

from __future__ import annotations

import ctypes
import os
import resource
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from govbot.devices import load_backends
from govbot.errors import GovBotError
from govbot.gguf import copy_of, read_header

if TYPE_CHECKING:
    from govbot.generate import GenerationSettings
    from govbot.generate.placement import Placement
    from govbot.gguf import GgufHeader

# How much larger weights are in BF16, for the types that are read much faster so. Q4_K_M gains next
# to nothing, Q5_K_M and Q6_K would lose (tests/bench/README.md).
GROWTH: Final = {"Q8_0": 16 / 8.5, "F16": 1.0, "F32": 0.5}
SMALLEST: Final = 64 * 2**20  # bytes of weights; smaller models read at once anyway
_MEMORY_SHARE: Final = 0.5  # of what the model leaves free, that copy and its prompts may take
_RESERVE: Final = 2**30  # bytes of the disk that stay free
_BUFFER: Final = 512 * 2**20  # bytes of weights in the memory of the process that makes it
_SECONDS: Final = 3600  # longest time that making a copy may take
_BF16: Final = 32  # LLAMA_FTYPE_MOSTLY_BF16
_PR_SET_PDEATHSIG: Final = 1


@dataclass(frozen=True, slots=True)
class Choice:
    """Whether prompts are read by a copy, of how many bytes, and why or why not."""

    copied: bool
    size: int
    why: str


def choose(
    settings: GenerationSettings,
    header: GgufHeader,
    placement: Placement,
    features: Collection[str],
) -> Choice:
    """What the settings, the file, its place and the processor (`features` as llama.cpp names
    them) speak for, with the memory that is free before the model is loaded."""
    size = round(header.weights * GROWTH.get(header.quantisation, 1.0))
    why = _hindrance(settings, header, placement)
    if not why and settings.prompt_weights != "bf16":
        why = _little_gain(header, features) or _tightness(size, placement)
    if why:
        return Choice(False, size, why)
    if settings.prompt_weights == "bf16":
        return Choice(True, size, "the settings say so")
    return Choice(True, size, f"the processor reads BF16 faster than {header.quantisation}")


def _hindrance(settings: GenerationSettings, header: GgufHeader, placement: Placement) -> str:
    flash = settings.flash_attention != "off" and placement.kv_type == "f16"
    reasons = (
        (settings.prompt_weights == "file", "the settings say so"),
        (placement.layers > 0, "the GPU reads them"),
        (header.shards > 1, "the model lies in several files"),
        (settings.shared_context_tokens > 0, "all answers share one memory"),
        (not flash, "a copy needs flash attention, and keys and values in F16"),
    )
    return next((why for hinders, why in reasons if hinders), "")


def _little_gain(header: GgufHeader, features: Collection[str]) -> str:
    kind = header.quantisation or "an unknown type"
    reasons = (
        (header.quantisation not in GROWTH, f"a copy gains little for weights in {kind}"),
        (header.experts > 0, "a copy was not measured for mixtures of experts"),
        (header.weights < SMALLEST, "the model is small"),
        ("AVX512_BF16" not in features, "the processor has no AVX-512 BF16"),
        ("AMX_INT8" in features, "a copy was not measured on processors with AMX"),
    )
    return next((why for holds, why in reasons if holds), "")


def _tightness(size: int, placement: Placement) -> str:
    share = placement.shares[0]
    needed = size + share.kv
    if needed <= (share.device.free - share.used) * _MEMORY_SHARE:
        return ""
    return f"the memory is too small for {needed / 1e9:.1f} GB more"


def is_made(model: Path) -> bool:
    """Whether there is a copy, of this file and not of one that lay in its place before."""
    copy = copy_of(model)
    try:
        if abs(copy.stat().st_mtime - model.stat().st_mtime) > 2:  # some disks round it
            return False
        one, other = read_header(model), read_header(copy)
    except (OSError, GovBotError):
        return False
    return (one.architecture, one.layers, one.embedding, one.vocabulary, one.name) == (
        other.architecture, other.layers, other.embedding, other.vocabulary, other.name
    )  # fmt: skip


class Maker:
    """A process that makes the copy of a model. `done` once it has ended; then `problem` says what
    went wrong, if anything did."""

    def __init__(self, model: Path, size: int) -> None:
        self.problem = ""
        self._until = time.monotonic() + _SECONDS
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self.problem = _obstacle(model, size)
            if not self.problem:
                self._process = subprocess.Popen(
                    [sys.executable, "-B", "-s", "-m", __name__, str(model), str(os.getpid())],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
        except OSError as error:
            self.problem = error.strerror or type(error).__name__

    @property
    def done(self) -> bool:
        if self._process is None:
            return True
        code = self._process.poll()
        if code is None and time.monotonic() < self._until:
            return False
        self.problem = "" if code == 0 else f"its process ended with {code}"
        self.close()
        return True

    def close(self) -> None:
        """Ends the process if it still runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def _obstacle(model: Path, size: int) -> str:
    """What keeps the copy from being made; raises OSError for a folder that is not there."""
    if not os.access(model.parent, os.W_OK):
        return f"the folder {model.parent} cannot be written to"
    if shutil.disk_usage(model.parent).free < size + _RESERVE:
        return f"the disk is too small for {size / 1e9:.1f} GB more"
    return ""


def _make(model: Path) -> int:
    """Makes the copy under another name, which it loses when it is whole and on the disk."""
    import llama_cpp

    target = copy_of(model)
    for left in model.parent.glob(f"{target.name}.*"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > _SECONDS:
                left.unlink()
    part = target.with_name(f"{target.name}.{secrets.token_hex(4)}")
    was = model.stat()
    parameters = llama_cpp.llama_model_quantize_default_params()
    parameters.ftype, parameters.allow_requantize = _BF16, True
    parameters.nthread = max(1, len(os.sched_getaffinity(0)) // 2)
    parameters.max_buf_size = _BUFFER
    load_backends()
    llama_cpp.llama_backend_init()
    try:
        code = llama_cpp.llama_model_quantize(os.fsencode(model), os.fsencode(part), parameters)
        if code == 0:
            with part.open("rb+") as stream:
                os.fsync(stream.fileno())
            os.utime(part, ns=(was.st_atime_ns, was.st_mtime_ns))
            part.rename(target)
    finally:
        part.unlink(missing_ok=True)
    return int(code)


def main(argv: list[str]) -> int:
    """Arguments: the model's file, and the process to end with."""
    model, parent = argv
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != int(parent):  # it died before we asked to be told
        return 1
    os.nice(19)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    return 1 if _make(Path(model)) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
