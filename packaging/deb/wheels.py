"""Brings the wheels of the package into a folder: what pyproject.toml names and what those need,
in the versions and with the hashes of the lock files, and nothing else.

    wheels.py FOLDER --python INTERPRETER [--extra NAME]... [--have WHEEL]...
        [--torch-index ADDRESS]

Prints the files, sorted. The needs are read from the wheels themselves, so that a package without
PyTorch leaves out what only PyTorch asks for.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from email.parser import HeaderParser
from pathlib import Path

from pip._vendor.packaging.markers import default_environment
from pip._vendor.packaging.requirements import Requirement
from pip._vendor.packaging.utils import canonicalize_name, parse_wheel_filename

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.lock", "requirements-dev.lock")
# The libraries that a CUDA build of torch asks for: its build is the builder's choice and no lock
# names it, so a package with such a torch is not made here.
NOT_PACKAGED = re.compile(r"triton|nvidia-.*|cuda-.*")


def main() -> None:
    """Downloads round by round, until what is there needs nothing more."""
    given = _arguments()
    folder = Path(given.folder)
    folder.mkdir(parents=True, exist_ok=True)
    locked = _locked()
    waiting = _named(given.extra)
    wheels = {_name(file): file for file in given.have}
    known: set[str] = set()
    while waiting:
        names = {canonicalize_name(each.name) for each in waiting} - wheels.keys()
        names = {name for name in names if not NOT_PACKAGED.fullmatch(name)}
        _bring(sorted(names), locked, folder, given)
        wheels |= {name: _wheel(folder, name, locked) for name in sorted(names)}
        known |= {str(each) for each in waiting}
        asked = [need for each in waiting for need in _needs(each, wheels)]
        waiting = [each for each in asked if str(each) not in known]
    sys.stdout.write("".join(f"{wheels[name]}\n" for name in sorted(wheels)))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--python", required=True)
    parser.add_argument("--extra", action="append", default=[])
    parser.add_argument("--have", action="append", default=[], type=Path)
    parser.add_argument("--torch-index", default="")
    return parser.parse_args()


def _locked() -> dict[str, str]:
    """The lines of the lock files, hashes included, by name."""
    found: dict[str, str] = {}
    for lock in LOCKS:
        text = (ROOT / lock).read_text("utf-8").replace("\\\n", " ")
        for line in text.splitlines():
            if match := re.match(r"([A-Za-z0-9._-]+)==", line):
                found.setdefault(canonicalize_name(match[1]), line)
    return found


def _named(extras: list[str]) -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    texts = list(project["dependencies"])
    for extra in extras:
        texts += project["optional-dependencies"][extra]
    return [Requirement(text) for text in texts]


def _bring(
    names: list[str], locked: dict[str, str], folder: Path, given: argparse.Namespace
) -> None:
    """Wheels as they are, sources as the wheels that they build."""
    lines = [locked[name] for name in names if name in locked and not _there(folder, locked[name])]
    pip = [sys.executable, "-m", "pip", "--python", given.python, "wheel", "-qq", "--no-deps"]
    pip += ["--wheel-dir", str(folder)]
    if lines:
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
            file.write("\n".join(lines) + "\n")
            file.flush()
            subprocess.run([*pip, "--require-hashes", "-r", file.name], check=True)
    for name in [name for name in names if name not in locked]:
        if name != "torch":
            sys.exit(f"wheels.py: {name} stands in no lock file: run make lock")
        if not list(folder.glob("torch-*.whl")):
            index = ["--index-url", given.torch_index] if given.torch_index else []
            [torch] = [each for each in _named(["torch"]) if each.name == "torch"]
            subprocess.run([*pip, *index, str(torch)], check=True)


def _there(folder: Path, line: str) -> bool:
    name, _, rest = line.partition("==")
    return bool(_files(folder, name, rest.split()[0]))


def _wheel(folder: Path, name: str, locked: dict[str, str]) -> Path:
    version = locked[name].partition("==")[2].split()[0] if name in locked else ""
    return _files(folder, name, version)[-1]


def _name(wheel: Path) -> str:
    return parse_wheel_filename(wheel.name)[0]


def _files(folder: Path, name: str, version: str) -> list[Path]:
    """The wheels of that name; with a version, of that version."""
    found = []
    for file in sorted(folder.glob("*.whl")):
        theirs, number, *_ = parse_wheel_filename(file.name)
        if theirs == canonicalize_name(name) and version in ("", number.public):
            found.append(file)
    return found


def _needs(wanted: Requirement, wheels: dict[str, Path]) -> list[Requirement]:
    """What a wheel asks for on this platform, with the extras it is wanted with."""
    wheel = wheels.get(canonicalize_name(wanted.name))
    if wheel is None:
        return []
    found = []
    with zipfile.ZipFile(wheel) as archive:
        [name] = [n for n in archive.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", n)]
        headers = HeaderParser().parsestr(archive.read(name).decode("utf-8"))
    for text in headers.get_all("Requires-Dist") or []:
        need = Requirement(text)
        environment = dict(default_environment()) | {
            "python_version": "3.11",
            "python_full_version": "3.11.2",
        }
        extras = ["", *wanted.extras]
        if need.marker is None or any(
            need.marker.evaluate(environment | {"extra": extra}) for extra in extras
        ):
            need.marker = None
            found.append(need)
    return found


if __name__ == "__main__":
    main()
