"""Which files of a repository or folder make up one model: pure."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Final, Protocol, TypeVar

from govbot.errors import Invalid

# The one that is taken when nobody chooses: the usual middle between size and quality.
PREFERRED: Final = ("Q4_K_M", "Q4_K_S", "Q4_0", "Q5_K_M", "Q8_0")
TEXTS: Final = ("LICENSE*", "LICENCE*", "NOTICE*", "USE_POLICY*", "README.md")
_PARTS: Final = ("*.json", "*.model", "*.txt", "tokenizer*")
_NOT_PARTS: Final = (
    "*.py",
    "*.bin",
    "*.pt",
    "*.pth",
    "*.pkl",
    "*.ckpt",
    "*.h5",
    "*.onnx",
    "*.gguf",
)
_OTHER_FORMATS: Final = {"onnx", "openvino", "coreml", "tf", "flax", "gguf", "imgs", "images"}
_SHARD: Final = re.compile(r"-(\d{5})-of-(\d{5})(?=\.gguf$)")
_QUANTISATION: Final = re.compile(
    r"(?<![A-Z0-9])(?:U?D-)?(I?Q\d(?:_[A-Z0-9]+)*|B?F16|F32|MXFP4|TQ\d_0)(?![A-Z0-9])", re.I
)


class Named(Protocol):
    """A file with its place in the repository."""

    @property
    def path(self) -> str: ...


F = TypeVar("F", bound=Named)


def choose(files: Sequence[F], wanted: str = "") -> tuple[F, ...]:
    """The files of one model among those of a repository, its licence texts among them.

    `wanted` is a quantisation (Q4_K_M), a file name or a pattern of one. Raises Invalid
    E-MODEL-CHOICE with what there is to choose from, E-MODEL-PICKLE where the weights exist only in
    a format that runs code while it is loaded.
    """
    safe = [file for file in files if is_safe(file.path)]
    models = _by_model([file for file in safe if file.path.endswith(".gguf")])
    if models:
        return (*_one(models, wanted), *_texts(safe))
    return _folder(safe)


def is_safe(path: str) -> bool:
    """Whether a place given by others stays inside the folder of the model."""
    pure = PurePosixPath(path)
    parts = path.split("/")
    return bool(
        path
        and len(path) <= 300
        and not pure.is_absolute()
        and all(part and not part.startswith(".") and part.isprintable() for part in parts)
        and not set("\\\0:") & set(path)
    )


def quantisation(path: str) -> str:
    """The quantisation in the name of a GGUF, such as Q4_K_M; empty where it has none."""
    found = _QUANTISATION.findall(PurePosixPath(path).name)
    return str(found[-1]).upper() if found else ""


def _by_model(files: Sequence[F]) -> dict[str, tuple[F, ...]]:
    """GGUFs by the name of their model: the parts of a large one belong together."""
    grouped: dict[str, list[F]] = {}
    for file in sorted(files, key=lambda each: each.path):
        name = PurePosixPath(file.path).name
        if not name.startswith("mmproj") and "imatrix" not in name:
            grouped.setdefault(_SHARD.sub("", file.path), []).append(file)
    return {
        name: tuple(parts) for name, parts in grouped.items() if len(parts) == _count(parts[0].path)
    }


def _count(path: str) -> int:
    match = _SHARD.search(path)
    return int(match[2]) if match else 1


def _one(models: dict[str, tuple[F, ...]], wanted: str) -> tuple[F, ...]:
    names = list(models)
    if wanted:
        pattern = wanted.casefold()
        fitting = [name for name in names if quantisation(name) == wanted.upper()] or [
            name
            for name in names
            if fnmatch.fnmatch(name.casefold(), pattern)
            or PurePosixPath(name).name.casefold() == pattern
            or any(part.path.casefold() == pattern for part in models[name])
        ]
    else:
        fitting = names if len(names) == 1 else []
        for each in PREFERRED:
            fitting = fitting or [name for name in names if quantisation(name) == each]
    if len(fitting) == 1:
        return models[fitting[0]]
    offered = sorted({quantisation(name) or PurePosixPath(name).name for name in names})
    raise Invalid(
        "Say which of its files is wanted, by quantisation or name. There are: %(names)s.",
        names=", ".join(offered[:40]),
        code="E-MODEL-CHOICE",
    )


def _texts(files: Sequence[F]) -> tuple[F, ...]:
    """Licence and description at the top of the repository."""
    return tuple(f for f in files if any(fnmatch.fnmatchcase(f.path, text) for text in TEXTS))


def _folder(files: Sequence[F]) -> tuple[F, ...]:
    """The files of an encoder as sentence-transformers reads it, weights as safetensors alone."""
    kept = [file for file in files if not _OTHER_FORMATS & set(file.path.split("/")[:-1])]
    weights = [file for file in kept if file.path.endswith(".safetensors")]
    if not any("/" not in file.path for file in weights):
        if any(fnmatch.fnmatch(file.path, "*.bin") for file in kept):
            raise Invalid(
                "The weights are there only in a format that may run code while it is loaded "
                "(pickle). Look for the model as safetensors or GGUF.",
                code="E-MODEL-PICKLE",
            )
        raise Invalid("There is no model in it that GovBot can use.", code="E-MODEL-CHOICE")
    parts = [
        file
        for file in kept
        if any(fnmatch.fnmatch(PurePosixPath(file.path).name, part) for part in _PARTS)
        and not any(fnmatch.fnmatch(file.path, part) for part in _NOT_PARTS)
    ]
    texts = [file for file in _texts(kept) if file not in parts]
    return (*weights, *parts, *texts)
