#!/usr/bin/env python3
"""libraries.py TREE: names the shared libraries that files of the tree need and neither the tree
nor a package in `Depends` brings. Exit code 1 when there are any.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

# What the packages in debian/control bring.
BROUGHT = re.compile(
    r"ld-linux-x86-64\.so\.2|lib(c|m|dl|rt|pthread|util|resolv|nsl)\.so\.\d+|libgcc_s\.so\.1"
    r"|libstdc\+\+\.so\.6|libgomp\.so\.1|libz\.so\.1|libssl\.so\.3|libcrypto\.so\.3"
    r"|libffi\.so\.8|libsqlite3\.so\.0|libbz2\.so\.1\.0|liblzma\.so\.5|libuuid\.so\.1"
    r"|libexpat\.so\.1|libcudart\.so\.12|libcublas(Lt)?\.so\.12|libcuda\.so\.1|libvulkan\.so\.1"
)


def main(tree: Path) -> int:
    """Prints what nobody brings, with one file that needs it."""
    files = [file for file in tree.rglob("*") if file.is_file() and not file.is_symlink()]
    programs = [file for file in files if _is_elf(file)]
    inside = {file.name for file in programs} | {
        link.name for link in tree.rglob("*.so*") if link.is_symlink()
    }
    lost: dict[str, Path] = {}
    for program in programs:
        for name in _needed(program):
            if name not in inside and not BROUGHT.fullmatch(name):
                lost.setdefault(name, program.relative_to(tree))
    for name, program in sorted(lost.items()):
        sys.stdout.write(f"{name} ({program})\n")
    return 1 if lost else 0


def _is_elf(file: Path) -> bool:
    with file.open("rb") as stream:
        return stream.read(4) == b"\x7fELF"


def _needed(program: Path) -> list[str]:
    told = subprocess.run(["objdump", "-p", program], capture_output=True, text=True, check=False)
    return re.findall(r"NEEDED\s+(\S+)", told.stdout)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
