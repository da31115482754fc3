"""What llama.cpp can compute on here: its build, its devices and their free memory.

Backends of a portable build are libraries of their own. They are loaded from the folder of the
package alone: llama.cpp itself would look in the current folder too.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from govbot.errors import Unavailable

_KINDS: Final = {0: "cpu", 1: "gpu", 2: "igpu", 3: "accel"}  # enum ggml_backend_dev_type


class DeviceKind(StrEnum):
    """What a device is; an `igpu` shares the memory of the machine."""

    CPU = "cpu"
    GPU = "gpu"
    IGPU = "igpu"
    ACCEL = "accel"


@dataclass(frozen=True, slots=True)
class Device:
    """A device as llama.cpp names it ("CUDA0"). Memory in bytes; `index` counts GPUs from 0."""

    name: str
    description: str
    backend: str
    kind: DeviceKind
    free: int
    total: int
    index: int = 0


@dataclass(frozen=True, slots=True)
class Build:
    """The llama.cpp that is installed. `portable`: it chooses the code for this CPU at start."""

    version: str
    backends: tuple[str, ...]
    offload: bool
    portable: bool
    features: tuple[str, ...]


def library_folder() -> Path:
    """Where the package keeps its libraries. Raises Unavailable when it is not installed."""
    spec = find_spec("llama_cpp")
    if spec is None or spec.origin is None:
        raise Unavailable("llama-cpp-python is not installed: no GGUF file can be used.")
    return Path(spec.origin).parent / "lib"


@cache
def load_backends() -> None:
    """Makes the backends of a portable build known; nothing to do for others. Once per process."""
    from govbot.llama_log import silence

    silence()
    if is_portable(library_folder()):
        load = _library("ggml").ggml_backend_load_all_from_path
        load.argtypes, load.restype = [ctypes.c_char_p], None
        load(os.fsencode(library_folder()))


def devices() -> tuple[Device, ...]:
    """All devices, with the memory that is free now. Raises Unavailable without llama.cpp."""
    load_backends()
    found: list[Device] = []
    gpus = 0
    for device in _found():
        found.append(_described(device, gpus))
        gpus += found[-1].kind is DeviceKind.GPU
    return tuple(found)


def build() -> Build:
    """The build that is installed. Raises Unavailable without llama.cpp."""
    import llama_cpp

    load_backends()
    names = dict.fromkeys(device.backend for device in devices())
    told = (llama_cpp.llama_print_system_info() or b"").decode(errors="replace")
    features = [
        word.partition("=")[0].rpartition(":")[2].strip()
        for word in told.split("|")
        if word.partition("=")[2].strip() == "1"
    ]
    return Build(
        version=str(llama_cpp.__version__),
        backends=tuple(names),
        offload=bool(llama_cpp.llama_supports_gpu_offload()),
        portable=is_portable(library_folder()),
        features=tuple(features),
    )


def is_portable(folder: Path) -> bool:
    """Whether the folder holds backends that are loaded at start, one for each kind of CPU."""
    return any(folder.glob("libggml-cpu-*.so")) or not any(folder.glob("libggml-cpu.so*"))


def _found() -> Iterator[ctypes.c_void_p]:
    library = _library("ggml")
    count, get = library.ggml_backend_dev_count, library.ggml_backend_dev_get
    count.argtypes, count.restype = [], ctypes.c_size_t
    get.argtypes, get.restype = [ctypes.c_size_t], ctypes.c_void_p
    for number in range(count()):
        yield ctypes.c_void_p(get(number))


def _described(device: ctypes.c_void_p, gpus: int) -> Device:
    library = _library("ggml-base")
    for name in ("name", "description"):
        function = getattr(library, f"ggml_backend_dev_{name}")
        function.argtypes, function.restype = [ctypes.c_void_p], ctypes.c_char_p
    library.ggml_backend_dev_type.argtypes = [ctypes.c_void_p]
    library.ggml_backend_dev_type.restype = ctypes.c_int
    library.ggml_backend_dev_backend_reg.argtypes = [ctypes.c_void_p]
    library.ggml_backend_dev_backend_reg.restype = ctypes.c_void_p
    library.ggml_backend_reg_name.argtypes = [ctypes.c_void_p]
    library.ggml_backend_reg_name.restype = ctypes.c_char_p
    size = ctypes.POINTER(ctypes.c_size_t)
    library.ggml_backend_dev_memory.argtypes = [ctypes.c_void_p, size, size]
    library.ggml_backend_dev_memory.restype = None
    free, total = ctypes.c_size_t(), ctypes.c_size_t()
    library.ggml_backend_dev_memory(device, ctypes.byref(free), ctypes.byref(total))
    register = library.ggml_backend_dev_backend_reg(device)
    kind = DeviceKind(_KINDS.get(library.ggml_backend_dev_type(device), "accel"))
    return Device(
        name=_text(library.ggml_backend_dev_name(device)),
        description=_text(library.ggml_backend_dev_description(device)),
        backend=_text(library.ggml_backend_reg_name(register)),
        kind=kind,
        free=_available() if kind is DeviceKind.CPU else int(free.value),
        total=int(total.value),
        index=gpus if kind is DeviceKind.GPU else 0,
    )


def _available() -> int:
    """Bytes of memory that programs can have without swapping; llama.cpp tells less on Linux."""
    try:
        for line in Path("/proc/meminfo").read_text("ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _text(value: bytes | None) -> str:
    return (value or b"").decode(errors="replace")


@cache
def _library(name: str) -> Any:
    import llama_cpp  # noqa: F401 - loads them in the right order

    # The file that libllama asked for: a wheel holds no links, so that libX.so is another file than
    # libX.so.0 and would be a second library, whose backends libllama knows nothing of.
    folder = library_folder()
    asked = [each for each in folder.glob(f"lib{name}.so.*") if each.suffix[1:].isdecimal()]
    shortest = min(asked, key=lambda each: len(each.name), default=folder / f"lib{name}.so")
    return ctypes.CDLL(str(shortest))
