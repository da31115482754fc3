"""A Python of its own with GovBot's dependencies and nothing else: what `pip install govbot` gives
without the extras, made of links to the packages that are installed here.
"""

from __future__ import annotations

import sys
import tomllib
import venv
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]


def bare_python(folder: Path) -> Path:
    """Makes the environment in `folder`; returns its interpreter."""
    venv.create(folder, with_pip=False, symlinks=True)
    packages = next((folder / "lib").glob("python*/site-packages"))
    for name in _needed():
        for entry in _entries(metadata.distribution(name)):
            link = packages / entry.name
            if not link.exists():
                link.symlink_to(entry)
    return folder / "bin" / Path(sys.executable).name


def _needed() -> set[str]:
    """The names of the dependencies and of theirs, without any extra of ours."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    found: set[str] = set()
    waiting = [Requirement(text) for text in project["dependencies"]]
    while waiting:
        wanted = waiting.pop()
        extras = ["", *wanted.extras]
        name = wanted.name.lower().replace("_", "-")
        if f"{name}{sorted(extras)}" in found:
            continue
        found.add(f"{name}{sorted(extras)}")
        for text in metadata.distribution(name).requires or []:
            inner = Requirement(text)
            if inner.marker is None or any(
                inner.marker.evaluate({"extra": extra}) for extra in extras
            ):
                waiting.append(inner)
    return {each.partition("[")[0] for each in found}


def _entries(distribution: metadata.Distribution) -> set[Path]:
    """Its files and folders directly in site-packages."""
    root = Path(str(distribution.locate_file("")))
    tops = {file.parts[0] for file in distribution.files or [] if ".." not in file.parts}
    return {root / top for top in tops if top != "__pycache__"}
