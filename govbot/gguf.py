"""The header of a GGUF file: what the model is and how large its parts are, without llama.cpp.

A file may come from anybody: every count and length is bounded before it is believed, strings that
are not needed are skipped, and nothing is read beyond the header.
Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Final

from govbot.errors import Unavailable

MAX_HEADER: Final = 256 * 2**20  # bytes; a vocabulary of 256 000 words takes about 10 MB
MAX_PAIRS: Final = 4096
MAX_TENSORS: Final = 65_536
MAX_ITEMS: Final = 8_000_000  # of all arrays together
MAX_KEY: Final = 65_535
MAX_TEXT: Final = 64 * 1024  # of a string that is kept
MAX_LAYERS: Final = 4096
MAX_SHARDS: Final = 999
_KEPT_ITEMS: Final = 4096  # of an array of numbers that is kept
_FORMATS: Final[Mapping[int, str]] = {
    0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d",
}  # fmt: skip
_STRING, _ARRAY = 8, 9
_SHARD: Final = re.compile(r"-(\d{5})-of-(\d{5})\.gguf$")
_BLOCK: Final = re.compile(r"blk\.(\d+)\.")
# Values in a block and bytes of a block, by the number of the tensor's type (ggml.h).
_TYPES: Final[Mapping[int, tuple[int, int]]] = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34),
    9: (32, 40), 10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210),
    15: (256, 292), 16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18),
    21: (256, 110), 22: (256, 82), 23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8),
    28: (1, 8), 29: (256, 56), 30: (1, 2), 34: (256, 54), 35: (256, 66), 39: (32, 17),
}  # fmt: skip
# general.file_type (llama.h, enum llama_ftype).
_FILE_TYPES: Final[Mapping[int, str]] = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K",
    11: "Q3_K_S", 12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S",
    17: "Q5_K_M", 18: "Q6_K", 19: "IQ2_XXS", 20: "IQ2_XS", 21: "Q2_K_S", 22: "IQ3_XS",
    23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL", 26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S", 29: "IQ2_M",
    30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 36: "TQ1_0", 37: "TQ2_0", 38: "MXFP4",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """What a GGUF says of itself. Sizes are bytes; `layer_bytes` by layer, in their order.

    `kind` is general.type: "model", "adapter"...; `pooling` is set for encoders (4: a reranker),
    `experts` for a mixture of them. `kv_heads` has one number for each
    layer. `key_length` and `value_length` are per head.
    """

    architecture: str
    name: str
    kind: str
    licence: str
    quantisation: str
    size: int
    layers: int
    heads: int
    kv_heads: tuple[int, ...]
    embedding: int
    feed_forward: int
    context: int
    vocabulary: int
    key_length: int
    value_length: int
    window: int
    pooling: int | None
    chat_template: bool
    layer_bytes: tuple[int, ...]
    input_bytes: int
    output_bytes: int
    shards: int = 1
    experts: int = 0

    @property
    def weights(self) -> int:
        """Bytes of all tensors."""
        return sum(self.layer_bytes) + self.input_bytes + self.output_bytes


def read_header(path: Path) -> GgufHeader:
    """Reads the header of a GGUF; of a model in several files, of all of them.

    Raises Unavailable E-MODEL-FILE when a file is missing, damaged, cut off or no GGUF.
    """
    parts = shards_of(path)
    headers = [_read_one(part) for part in parts]
    first = headers[0]
    if len(headers) == 1:
        return first
    layers = max(len(header.layer_bytes) for header in headers)
    return replace(
        first,
        size=sum(header.size for header in headers),
        layer_bytes=tuple(
            sum(h.layer_bytes[i] for h in headers if i < len(h.layer_bytes)) for i in range(layers)
        ),
        input_bytes=sum(header.input_bytes for header in headers),
        output_bytes=sum(header.output_bytes for header in headers),
        shards=len(headers),
    )


def shards_of(path: Path) -> tuple[Path, ...]:
    """All files of a model that is cut into several (…-00001-of-00003.gguf); else the file."""
    match = _SHARD.search(path.name)
    if match is None:
        return (path,)
    count = int(match[2])
    if not 1 <= int(match[1]) <= count <= MAX_SHARDS:
        raise _damaged(path, "its name counts its parts wrongly")
    stem = path.name[: match.start()]
    return tuple(path.with_name(f"{stem}-{n:05d}-of-{count:05d}.gguf") for n in range(1, count + 1))


def copy_of(path: Path) -> Path:
    """Where the copy of a model lies that prompts are read with (generate/prompt_copy.py)."""
    return path.with_name(f"{path.name}.bf16")


def _read_one(path: Path) -> GgufHeader:
    try:
        with path.open("rb") as stream:
            size = stream.seek(0, 2)
            stream.seek(0)
            return _Reader(stream, size, path).header()
    except OSError as error:
        raise Unavailable(
            "The model file %(file)s cannot be opened (%(reason)s).",
            file=path.name,
            reason=error.strerror or type(error).__name__,
            code="E-MODEL-FILE",
        ) from error
    except (struct.error, UnicodeDecodeError, ValueError, OverflowError) as error:
        raise _damaged(path, "its header makes no sense") from error


def _damaged(path: Path, reason: str) -> Unavailable:
    return Unavailable(
        "The model file %(file)s is damaged or no GGUF: %(reason)s.",
        file=path.name,
        reason=reason,
        code="E-MODEL-FILE",
    )


class _Reader:
    """Reads one file from its beginning; every read is checked against what is left of it."""

    def __init__(self, stream: BinaryIO, size: int, path: Path) -> None:
        self._stream, self._size, self._path = stream, size, path
        self._at = 0
        self._items = 0
        self._pairs: dict[str, object] = {}

    def header(self) -> GgufHeader:
        if self._take(4) != b"GGUF":
            raise _damaged(self._path, "it does not begin with GGUF")
        version, tensors, pairs = self._numbers("<IQQ")
        if version not in (2, 3):
            raise _damaged(self._path, f"version {version} of the format is not known")
        if tensors > MAX_TENSORS or pairs > MAX_PAIRS:
            raise _damaged(self._path, "it claims more entries than any model has")
        for _ in range(pairs):
            key = self._text(MAX_KEY)
            (kind,) = self._numbers("<I")
            self._pairs[key] = self._value(kind)
        return self._described(self._tensors(tensors))

    def _take(self, count: int) -> bytes:
        if count > min(self._size, MAX_HEADER) - self._at:
            raise _damaged(self._path, "it ends in the middle of its header")
        data = self._stream.read(count)
        if len(data) != count:
            raise _damaged(self._path, "it ends in the middle of its header")
        self._at += count
        return data

    def _numbers(self, form: str) -> tuple[int, ...]:
        return struct.unpack(form, self._take(struct.calcsize(form)))

    def _text(self, limit: int) -> str:
        (length,) = self._numbers("<Q")
        if length > limit:
            raise _damaged(self._path, "a name in its header is too long")
        return self._take(length).decode("utf-8", errors="replace")

    def _skip(self, count: int) -> None:
        if count > min(self._size, MAX_HEADER) - self._at:
            raise _damaged(self._path, "it ends in the middle of its header")
        self._stream.seek(count, 1)
        self._at += count

    def _value(self, kind: int) -> object:
        """A number or text; of a text that is too long its length, of texts their number."""
        if kind == _ARRAY:
            return self._array()
        if kind == _STRING:
            (length,) = self._numbers("<Q")
            if length <= MAX_TEXT:
                return self._take(length).decode("utf-8", errors="replace")
            self._skip(length)
            return int(length)
        if kind not in _FORMATS:
            raise _damaged(self._path, f"a value has the unknown type {kind}")
        return self._numbers("<" + _FORMATS[kind])[0]

    def _array(self) -> object:
        kind, count = self._numbers("<IQ")
        self._items += count
        if self._items > MAX_ITEMS:
            raise _damaged(self._path, "it claims more entries than any model has")
        if kind == _STRING:
            for _ in range(count):
                (length,) = self._numbers("<Q")
                self._skip(length)
            return int(count)
        if kind not in _FORMATS:  # arrays of arrays are in no model
            raise _damaged(self._path, f"a value has the unknown type {kind}")
        width = struct.calcsize("<" + _FORMATS[kind])
        if count <= _KEPT_ITEMS:
            return self._numbers(f"<{count}{_FORMATS[kind]}")
        self._skip(width * count)
        return int(count)

    def _tensors(self, count: int) -> list[tuple[str, int]]:
        """Name and size of each tensor; the last one must end within the file."""
        found: list[tuple[str, int, int]] = []
        for _ in range(count):
            name = self._text(MAX_KEY)
            (dimensions,) = self._numbers("<I")
            if dimensions > 8:
                raise _damaged(self._path, "a tensor has too many dimensions")
            shape = self._numbers(f"<{dimensions}Q")
            kind, offset = self._numbers("<IQ")
            block, width = _TYPES.get(kind, (1, 0))
            values = 1
            for side in shape:
                values *= side
            found.append((name, offset, values // block * width))
        alignment = self._number("general.alignment", 32)
        if not 0 < alignment <= 2**20:
            raise _damaged(self._path, "its alignment makes no sense")
        start = -(-self._at // alignment) * alignment
        if any(start + offset + size > self._size for _, offset, size in found):
            raise _damaged(self._path, "it is cut off: a part of the weights is missing")
        # Types of a later llama.cpp are unknown here; where the next tensor begins is not.
        found.sort(key=lambda tensor: tensor[1])
        ends = [offset for _, offset, _ in found[1:]] + [self._size - start]
        ends = ends[: len(found)]
        return [
            (name, size or max(0, end - offset))
            for (name, offset, size), end in zip(found, ends, strict=True)
        ]

    def _described(self, tensors: list[tuple[str, int]]) -> GgufHeader:
        architecture = self._words("general.architecture")
        layers = self._of("block_count")
        if layers > MAX_LAYERS:
            raise _damaged(self._path, "it claims more layers than any model has")
        heads = self._of("attention.head_count")
        embedding = self._of("embedding_length")
        per_head = embedding // heads if heads else 0
        by_layer, first, last = _by_layer(tensors, layers)
        return GgufHeader(
            architecture=architecture[:64],
            name=self._words("general.name")[:200],
            kind=self._words("general.type")[:32] or "model",
            licence=self._words("general.license")[:200],
            quantisation=self._quantisation(),
            size=self._size,
            layers=layers,
            heads=heads,
            kv_heads=self._kv_heads(layers, heads),
            embedding=embedding,
            feed_forward=self._of("feed_forward_length"),
            context=self._of("context_length"),
            vocabulary=self._vocabulary(),
            key_length=self._of("attention.key_length") or per_head,
            value_length=self._of("attention.value_length") or per_head,
            window=self._of("attention.sliding_window"),
            pooling=self._pooling(),
            chat_template="tokenizer.chat_template" in self._pairs,
            layer_bytes=by_layer,
            input_bytes=first,
            output_bytes=last,
            experts=self._of("expert_count"),
        )

    def _number(self, key: str, default: int = 0) -> int:
        """A number; of one for each layer, the largest."""
        value = self._pairs.get(key, default)
        if isinstance(value, tuple):
            value = max(value, default=0)
        if isinstance(value, (int, float)) and 0 <= value < 2**40:
            return int(value)
        return default

    def _of(self, key: str) -> int:
        return self._number(f"{self._words('general.architecture')}.{key}")

    def _words(self, key: str) -> str:
        """A text of one line: what a file says of itself is shown on pages and terminals."""
        value = self._pairs.get(key, "")
        return "".join(c for c in value if c.isprintable()) if isinstance(value, str) else ""

    def _quantisation(self) -> str:
        if "general.file_type" not in self._pairs:
            return ""
        kind = self._number("general.file_type")
        return _FILE_TYPES.get(kind, f"type {kind}")

    def _kv_heads(self, layers: int, heads: int) -> tuple[int, ...]:
        value = self._pairs.get(f"{self._words('general.architecture')}.attention.head_count_kv")
        if isinstance(value, tuple) and len(value) == layers:
            return tuple(max(0, int(number)) for number in value)
        number = value if isinstance(value, int) and 0 <= value < 2**20 else heads
        return (number,) * layers

    def _vocabulary(self) -> int:
        value = self._pairs.get("tokenizer.ggml.tokens")
        return value if isinstance(value, int) else self._of("vocab_size")

    def _pooling(self) -> int | None:
        value = self._pairs.get(f"{self._words('general.architecture')}.pooling_type")
        return value if isinstance(value, int) and value > 0 else None


def _by_layer(tensors: list[tuple[str, int]], layers: int) -> tuple[tuple[int, ...], int, int]:
    """Bytes of each layer, of the input and of the output.

    A model without an output of its own uses its input twice, and the output has to lie where the
    last layer does.
    """
    by_layer = [0] * layers
    first = last = 0
    for name, size in tensors:
        match = _BLOCK.match(name)
        if match is not None and int(match[1]) < layers:
            by_layer[int(match[1])] += size
        elif name.startswith("output"):
            last += size
        else:
            first += size
    if not any(name == "output.weight" for name, _ in tensors):
        last += next((size for name, size in tensors if name == "token_embd.weight"), 0)
    return tuple(by_layer), first, last
