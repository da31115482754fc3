"""GPUs of this machine, their drivers, and whether the installed llama.cpp can use them.

llama.cpp is asked in a process of its own: a build for another processor is killed at its first
instruction, and a driver that is stuck never answers. Neither may take the asking program along.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

NVIDIA: Final = Path("/proc/driver/nvidia/version")
AMD: Final = Path("/sys/module/amdgpu")
NODES: Final = {"nvidia": "/dev/nvidiactl", "amdgpu": "/dev/kfd"}
BACKENDS: Final = {"nvidia": "cuda", "amdgpu": "hip"}
RECIPES: Final = {"nvidia": "cuda", "amdgpu": "rocm"}
OLDEST_NVIDIA: Final = 550  # what the builds of packaging/llama need
_ASK_S: Final = 30
_VERSION: Final = re.compile(r"(?:Kernel Module.*?|NVRM version:.*?)\s(\d+)\.(\d+)")
_QUESTION: Final = """
import json, sys
sys.path.insert(0, sys.argv[1])
from govbot.devices import build, devices, library_folder
from govbot.errors import GovBotError
try:
    own = build()
    print(json.dumps({
        "version": own.version, "portable": own.portable, "backends": own.backends,
        "libraries": sorted(each.name for each in library_folder().glob("libggml-*")),
        "devices": [[d.name, d.description, d.kind.value, d.free, d.total] for d in devices()],
    }))
except (GovBotError, OSError) as error:
    print(json.dumps({"problem": str(error)}))
"""


@dataclass(frozen=True, slots=True)
class Found:
    """A device as the build sees it; memory in bytes."""

    name: str
    description: str
    kind: str
    free: int
    total: int

    @property
    def is_gpu(self) -> bool:
        """Whether it is a card of its own."""
        return self.kind == "gpu"

    @property
    def words(self) -> str:
        """Name and what it is."""
        return f"{self.name} ({self.description})"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the installed llama.cpp says of itself; `problem` when it cannot."""

    version: str = ""
    portable: bool = False
    backends: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    devices: tuple[Found, ...] = ()
    problem: str = ""

    def has(self, backend: str) -> bool:
        """Whether the build carries the backend, whether or not a device answers to it."""
        return any(name.startswith(f"libggml-{backend}") for name in self.libraries)


@dataclass(frozen=True, slots=True)
class Card:
    """A GPU whose kernel module is loaded; `driver` is empty where it tells no version."""

    kind: str
    driver: str = ""

    @property
    def words(self) -> str:
        """Its maker and driver."""
        return f"{self.kind} driver {self.driver}" if self.driver else self.kind

    def why_unused(self, answer: Answer) -> tuple[str, str]:
        """What keeps the build from using it, and what to do."""
        recipe = RECIPES[self.kind]
        if not answer.has(BACKENDS[self.kind]):
            return (
                f"the installed llama.cpp has no {recipe}",
                f"Install the {recipe} variant of the package, or the wheel of packaging/llama "
                f"({recipe}): docs/gpu.md.",
            )
        major = self.driver.partition(".")[0]
        if self.kind == "nvidia" and major.isdecimal() and int(major) < OLDEST_NVIDIA:
            words = f"driver {self.driver} is older than {OLDEST_NVIDIA}"
            return words, f"Install the NVIDIA driver {OLDEST_NVIDIA} or later, then start again."
        if not os.access(NODES[self.kind], os.R_OK | os.W_OK):
            words = f"this account may not open {NODES[self.kind]}"
            return words, "Run `govbot setup --gpu` as root: it opens the devices to the service."
        return "it answers to no device", "nvidia-smi or rocm-smi tells how the driver does."


@cache
def probe() -> Answer:
    """What llama.cpp finds on this machine; once per process."""
    root = str(Path(__file__).resolve().parents[2])
    try:
        done = subprocess.run(
            [sys.executable, "-c", _QUESTION, root],
            capture_output=True,
            text=True,
            timeout=_ASK_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Answer(problem=f"llama.cpp does not answer within {_ASK_S} s: is a driver stuck?")
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
        return Answer(problem=f"llama.cpp was stopped by {name}: it is built for another processor")
    try:
        told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        last = (done.stderr.strip().splitlines() or ["no word"])[-1]
        return Answer(problem=f"llama.cpp does not load: {last[:200]}")
    if problem := told.get("problem"):
        return Answer(problem=str(problem))
    return Answer(
        version=told["version"],
        portable=told["portable"],
        backends=tuple(told["backends"]),
        libraries=tuple(told["libraries"]),
        devices=tuple(Found(*each) for each in told["devices"]),
    )


def cards(nvidia: Path = NVIDIA, amd: Path = AMD) -> list[Card]:
    """The GPUs whose kernel modules are loaded."""
    found = []
    if nvidia.exists():
        version = _VERSION.search(_text(nvidia))
        found.append(Card("nvidia", ".".join(version.groups()) if version else ""))
    if amd.exists():
        found.append(Card("amdgpu", _text(amd / "version").strip()))
    return found


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8", errors="replace")
    except OSError:
        return ""
