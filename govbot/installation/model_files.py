"""A look at llama.cpp and at the files of the models."""

from __future__ import annotations

import os

from govbot.config import Settings
from govbot.devices import Build, Device, DeviceKind
from govbot.errors import GovBotError

# Kernel modules of GPUs: there without a device in llama.cpp, the build is the wrong one.
CARDS = {"nvidia": "/proc/driver/nvidia/version", "amdgpu": "/sys/module/amdgpu"}
RECIPES = {"nvidia": "cuda", "amdgpu": "rocm"}


def llama_build() -> tuple[bool, str]:
    """Whether llama.cpp works here, and in words: build, devices, and what it does not use."""
    from govbot.devices import build, devices

    try:
        own, found = build(), devices()
    except (GovBotError, OSError) as error:
        return False, str(error)
    return True, "; ".join([_build_words(own), *map(_device_words, found), *unused(found)])


def unused(found: tuple[Device, ...], cards: dict[str, str] | None = None) -> list[str]:
    """Cards of this machine that the build cannot use, with the recipe that can."""
    if any(device.kind is DeviceKind.GPU for device in found):
        return []
    return [
        f"the {name} card is not used: it needs the wheel of packaging/llama ({RECIPES[name]})"
        for name, place in (CARDS if cards is None else cards).items()
        if os.path.exists(place)
    ]


def stored(settings: Settings) -> tuple[bool, str]:
    """What lies in the folder of the models; a file that cannot be read is a fault."""
    from govbot.models.store import Store

    found = Store(settings.data_dir / "models").all()
    bad = [f"{model.name}: {model.problem}" for model in found if model.problem]
    if bad:
        return False, "; ".join(bad[:5])
    unsigned = sum(model.manifest is None for model in found)
    words = f"{len(found)} in {settings.data_dir / 'models'}"
    return True, words + (f", {unsigned} of them without checksums" if unsigned else "")


def _build_words(own: Build) -> str:
    kind = "for every CPU" if own.portable else "for the CPU that it was built on"
    return f"llama-cpp-python {own.version}, {kind}, backends {', '.join(own.backends)}"


def _device_words(device: Device) -> str:
    return f"{device.name} ({device.description}) {device.free / 1e9:.1f} GB free"
