"""Gives a wheel a local version (0.3.36+cuda), in its name and its metadata, reproducibly.

What llama.cpp installs for compilers (headers, and its libraries a second time) is left out: it
would lie in folders that all packages share.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import sys
import zipfile
from pathlib import Path

EPOCH = (2025, 1, 1, 0, 0, 0)
FOR_COMPILERS = ("include/", "lib/", "bin/")


def main(wheel: Path, label: str) -> Path:
    """Writes the labelled wheel beside the given one and returns it."""
    name, version, tags = wheel.name.split("-", 2)
    labelled = f"{version}+{label}"
    target = wheel.with_name(f"{name}-{labelled}-{tags}")
    before, after = f"{name}-{version}.dist-info/", f"{name}-{labelled}.dist-info/"
    rows: list[tuple[str, str, str]] = []
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in sorted(old.infolist(), key=lambda each: each.filename):
            path = entry.filename.replace(before, after, 1)
            if entry.is_dir() or path == after + "RECORD" or path.startswith(FOR_COMPILERS):
                continue
            data = old.read(entry)
            if path == after + "METADATA":
                data = data.replace(
                    f"\nVersion: {version}\n".encode(), f"\nVersion: {labelled}\n".encode(), 1
                )
            _write(new, path, data, entry.external_attr)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=")
            rows.append((path, f"sha256={digest.decode()}", str(len(data))))
        rows.append((after + "RECORD", "", ""))
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)
        _write(new, after + "RECORD", text.getvalue().encode(), 0o644 << 16)
    return target


def _write(archive: zipfile.ZipFile, path: str, data: bytes, attributes: int) -> None:
    entry = zipfile.ZipInfo(path, EPOCH)
    entry.external_attr = attributes
    archive.writestr(entry, data, zipfile.ZIP_DEFLATED)


if __name__ == "__main__":
    sys.stdout.write(f"{main(Path(sys.argv[1]), sys.argv[2])}\n")
