"""Looks into a wheel of llama-cpp-python: the backends lie where GovBot loads them from."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path, PurePosixPath

FOLDER = "llama_cpp/lib/"
CORE = ("libllama.so", "libggml.so", "libggml-base.so")
DEVICES = {"cuda": "libggml-cuda.so", "rocm": "libggml-hip.so", "vulkan": "libggml-vulkan.so"}
LEAST_VARIANTS = 5  # x86-64 from SSE4.2 on; other processors have fewer


def problems(wheel: Path) -> list[str]:
    """What is wrong with the wheel, in words; empty when it is as it should be."""
    names = zipfile.ZipFile(wheel).namelist()
    here = {name.removeprefix(FOLDER) for name in names if name.startswith(FOLDER)}
    found = [f"{FOLDER}{name} is missing" for name in CORE if name not in here]
    variants = sorted(name for name in here if name.startswith("libggml-cpu-"))
    if "x86_64" in wheel.name and len(variants) < LEAST_VARIANTS:
        found.append(f"only {len(variants)} variants for the CPU: {', '.join(variants) or 'none'}")
    if "libggml-cpu.so" in here:
        found.append("libggml-cpu.so is one for all processors: GGML_CPU_ALL_VARIANTS was off")
    elsewhere = [
        name
        for name in names
        if PurePosixPath(name).name.startswith("libggml") and not name.startswith(FOLDER)
    ]
    found += [f"{name} lies where nothing loads it from" for name in elsewhere]
    kind = wheel.name.split("-")[1].partition("+")[2]
    wanted = DEVICES.get(kind)
    if wanted and wanted not in here:
        found.append(f"{FOLDER}{wanted} is missing")
    return found


if __name__ == "__main__":
    wrong = problems(Path(sys.argv[1]))
    sys.stdout.write(("\n".join(wrong) or f"{sys.argv[1]}: complete") + "\n")
    sys.exit(1 if wrong else 0)
