"""The header of a GGUF: what it tells, and what a hostile file cannot make of the reader."""

from __future__ import annotations

import random
import struct
import tracemalloc
from pathlib import Path
from time import perf_counter

import gguf
import numpy as np
import pytest

from govbot.errors import Unavailable
from govbot.gguf import read_header, shards_of
from tests.tiny_gguf import write_tiny_gguf


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_gguf(tmp_path_factory.mktemp("gguf") / "tiny.gguf")


def test_the_header_tells_the_shape_and_the_sizes(tiny: Path) -> None:
    header = read_header(tiny)
    reader = gguf.GGUFReader(tiny)
    assert (header.architecture, header.layers, header.heads) == ("llama", 2, 4)
    assert (header.kv_heads, header.key_length, header.value_length) == ((4, 4), 16, 16)
    assert (header.embedding, header.feed_forward, header.context) == (64, 128, 512)
    assert header.chat_template
    assert header.pooling is None
    assert header.weights == sum(int(tensor.n_bytes) for tensor in reader.tensors)
    assert header.size == tiny.stat().st_size


def test_every_type_of_llama_cpp_has_the_size_that_the_gguf_package_knows() -> None:
    from govbot.gguf import _TYPES

    theirs = {int(kind): size for kind, size in gguf.GGML_QUANT_SIZES.items()}
    assert {kind: theirs[kind] for kind in _TYPES if kind in theirs} == {
        kind: size for kind, size in _TYPES.items() if kind in theirs
    }


def test_a_model_in_several_files_is_added_up(tmp_path: Path) -> None:
    for number in (1, 2):
        file = tmp_path / f"m-{number:05d}-of-00002.gguf"
        writer = gguf.GGUFWriter(file, "llama")
        writer.add_block_count(2)
        writer.add_embedding_length(32)
        writer.add_head_count(4)
        writer.add_tensor(f"blk.{number - 1}.ffn_up.weight", np.zeros((32, 32), dtype=np.float32))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
    first = tmp_path / "m-00001-of-00002.gguf"
    header = read_header(first)
    assert header.shards == 2
    assert header.layer_bytes == (4096, 4096)
    assert shards_of(first)[1].name == "m-00002-of-00002.gguf"
    shards_of(first)[1].unlink()
    with pytest.raises(Unavailable):
        read_header(first)


def _pair(key: str, kind: int, value: bytes) -> bytes:
    return struct.pack("<Q", len(key)) + key.encode() + struct.pack("<I", kind) + value


def _file(pairs: int, tensors: int, body: bytes, version: int = 3) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, tensors, pairs) + body


HUGE = 2**63
HOSTILE = {
    "empty": b"",
    "no magic": b"GGML" + b"\0" * 64,
    "cut in the counts": b"GGUF\3\0\0\0\1",
    "unknown version": _file(0, 0, b"", version=9),
    "many pairs": _file(HUGE, 0, b""),
    "many tensors": _file(0, HUGE, b""),
    "long key": _file(1, 0, struct.pack("<Q", HUGE) + b"x" * 64),
    "long text": _file(1, 0, _pair("a", 8, struct.pack("<Q", HUGE))),
    "long array": _file(1, 0, _pair("a", 9, struct.pack("<IQ", 0, HUGE))),
    "many empty texts": _file(1, 0, _pair("a", 9, struct.pack("<IQ", 8, 10**9) + b"\0" * 4096)),
    "array of arrays": _file(1, 0, _pair("a", 9, struct.pack("<IQ", 9, 1) + b"\0" * 64)),
    "unknown type": _file(1, 0, _pair("a", 99, b"\0" * 8)),
    "many layers": _file(
        2,
        0,
        _pair("general.architecture", 8, struct.pack("<Q", 1) + b"a")
        + _pair("a.block_count", 10, struct.pack("<Q", 2**39)),
    ),
    "tensor of many dimensions": _file(
        0, 1, struct.pack("<Q", 1) + b"t" + struct.pack("<I", 2**31) + b"\0" * 64
    ),
    "tensor beyond the end": _file(
        0, 1, struct.pack("<Q", 1) + b"t" + struct.pack("<IQIQ", 1, 2**60, 0, 0) + b"\0" * 64
    ),
    "alignment of nothing": _file(
        1, 1,
        _pair("general.alignment", 4, struct.pack("<I", 0))
        + struct.pack("<Q", 1) + b"t" + struct.pack("<IQIQ", 1, 1, 0, 0) + b"\0" * 64,
    ),
}  # fmt: skip


def test_hostile_headers_are_refused_at_once_and_take_no_memory(tmp_path: Path) -> None:
    file = tmp_path / "m.gguf"
    tracemalloc.start()
    started = perf_counter()
    for name, data in HOSTILE.items():
        file.write_bytes(data)
        with pytest.raises(Unavailable) as caught:
            read_header(file)
        assert caught.value.error_code == "E-MODEL-FILE", name
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert perf_counter() - started < 5
    assert peak < 4 * 2**20


def test_a_file_that_is_cut_off_or_shuffled_is_read_or_refused_but_nothing_else(
    tiny: Path, tmp_path: Path
) -> None:
    whole = tiny.read_bytes()
    file = tmp_path / "m.gguf"
    file.write_bytes(whole[:-1])
    with pytest.raises(Unavailable):
        read_header(file)
    dice = random.Random(6)
    for _ in range(60):
        data = bytearray(whole[:16384])
        for _ in range(dice.randint(1, 8)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        file.write_bytes(bytes(data) + whole[16384:])
        try:
            header = read_header(file)
        except Unavailable:
            continue
        assert header.layers <= 4096


def test_what_a_file_says_of_itself_cannot_move_the_cursor(tmp_path: Path) -> None:
    file = tmp_path / "m.gguf"
    text = b"nome\x1b[2J\nfalso"
    file.write_bytes(
        _file(1, 0, _pair("general.name", 8, struct.pack("<Q", len(text)) + text)) + b"\0" * 64
    )
    assert read_header(file).name == "nome[2Jfalso"
