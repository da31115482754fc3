"""The copy of a model that reads prompts: whether there is to be one, and which is its."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import pytest

from govbot.devices import Device, DeviceKind
from govbot.generate import prompt_copy
from govbot.generate.placement import Placement, place
from govbot.generate.placing import wanted_of
from govbot.generate.prompt_copy import Maker, choose, is_made
from govbot.generate.weight import estimate
from govbot.gguf import GgufHeader, copy_of, read_header
from tests.tiny_gguf import char_token, write_tiny_gguf
from tests.unit.generate.conftest import GenerationOptions, make_copy

GIB = 2**30
# The shape of a 1 B model in Q8_0.
HEADER = GgufHeader(
    architecture="llama", name="", kind="model", licence="", quantisation="Q8_0",
    size=1_320_000_000, layers=16, heads=32, kv_heads=(8,) * 16, embedding=2048,
    feed_forward=8192, context=131072, vocabulary=128256, key_length=64, value_length=64,
    window=0, pooling=None, chat_template=True, layer_bytes=(65_000_000,) * 16,
    input_bytes=280_000_000, output_bytes=0,
)  # fmt: skip
CPU = Device("CPU", "a CPU", "CPU", DeviceKind.CPU, 16 * GIB, 64 * GIB)
GPU = Device("CUDA0", "a GPU", "CUDA", DeviceKind.GPU, 16 * GIB, 16 * GIB)
FAST = ("AVX512", "AVX512_BF16")
OPTIONS = GenerationOptions(model_path="m.gguf", context_tokens=4096, slots=4)


def _placed(options: GenerationOptions, header: GgufHeader, *devices: Device) -> Placement:
    return place(header, wanted_of(options, header), devices)


def test_a_copy_is_made_where_it_is_read_faster() -> None:
    choice = choose(OPTIONS, HEADER, _placed(OPTIONS, HEADER, CPU), FAST)
    assert choice.copied
    assert choice.size == pytest.approx(HEADER.weights * 16 / 8.5, rel=1e-6)
    for kind, growth in (("F16", 1), ("F32", 0.5)):
        other = replace(HEADER, quantisation=kind)
        assert choose(OPTIONS, other, _placed(OPTIONS, other, CPU), FAST).size == pytest.approx(
            HEADER.weights * growth
        )


@pytest.mark.parametrize(
    ("options", "header", "device", "features", "why"),
    [
        ({"prompt_weights": "file"}, {}, CPU, FAST, "settings"),
        ({}, {}, GPU, FAST, "GPU"),
        ({}, {"shards": 2}, CPU, FAST, "several files"),
        ({"shared_context_tokens": 9000}, {}, CPU, FAST, "share one memory"),
        ({"flash_attention": "off"}, {}, CPU, FAST, "flash attention"),
        ({"kv_type": "q8_0"}, {}, CPU, FAST, "F16"),
        ({}, {"quantisation": "Q4_K_M"}, CPU, FAST, "Q4_K_M"),
        ({}, {"quantisation": ""}, CPU, FAST, "unknown type"),
        ({}, {"experts": 8}, CPU, FAST, "experts"),
        ({}, {"layer_bytes": (1_000_000,) * 16, "input_bytes": 1}, CPU, FAST, "small"),
        ({}, {}, CPU, ("AVX512",), "no AVX-512 BF16"),
        ({}, {}, CPU, (*FAST, "AMX_INT8"), "AMX"),
        ({}, {}, replace(CPU, free=6 * GIB), FAST, "memory"),
    ],
)
def test_where_it_gains_nothing_or_does_not_fit_there_is_none(
    options: dict[str, object],
    header: dict[str, object],
    device: Device,
    features: tuple[str, ...],
    why: str,
) -> None:
    settings = replace(OPTIONS, **options)  # type: ignore[arg-type]
    model = replace(HEADER, **header)  # type: ignore[arg-type]
    choice = choose(settings, model, _placed(settings, model, CPU, device), features)
    if device.kind is DeviceKind.CPU:
        choice = choose(settings, model, _placed(settings, model, device), features)
    assert not choice.copied
    assert why in choice.why


def test_who_asks_for_a_copy_has_one_on_any_processor() -> None:
    options = replace(OPTIONS, prompt_weights="bf16")
    small = replace(HEADER, quantisation="Q4_K_M", layer_bytes=(1,) * 16)
    assert choose(options, small, _placed(options, small, CPU), ()).copied
    assert not choose(options, small, _placed(options, small, CPU, GPU), ()).copied


def test_a_copy_is_that_of_its_file_only(tmp_path: Path) -> None:
    model = write_tiny_gguf(tmp_path / "m.gguf")
    assert not is_made(model)
    assert make_copy(model).problem == ""
    assert is_made(model)
    assert read_header(copy_of(model)).quantisation == "BF16"
    assert sorted(tmp_path.iterdir()) == [model, copy_of(model)]

    was = model.stat()
    os.utime(model, (was.st_atime, was.st_mtime + 60))  # another file in its place
    assert not is_made(model)
    os.utime(model, (was.st_atime, was.st_mtime))
    assert is_made(model)
    write_tiny_gguf(model, controls=("<|extra|>",))  # one of another vocabulary, as old as it
    os.utime(model, (was.st_atime, was.st_mtime))
    assert not is_made(model)
    model.unlink()
    assert not is_made(model)


def test_a_copy_that_is_cut_off_is_none(tmp_path: Path) -> None:
    model = write_tiny_gguf(tmp_path / "m.gguf")
    make_copy(model)
    was = model.stat()
    whole = copy_of(model).read_bytes()
    copy_of(model).write_bytes(whole[: len(whole) // 2])
    os.utime(copy_of(model), (was.st_atime, was.st_mtime))
    assert not is_made(model)
    assert make_copy(model).problem == ""
    assert copy_of(model).read_bytes() == whole


def test_what_cannot_be_copied_leaves_nothing(tmp_path: Path) -> None:
    model = tmp_path / "m.gguf"
    model.write_bytes(b"GGUF, and then nothing that makes sense")
    assert "ended with 1" in make_copy(model).problem
    assert list(tmp_path.iterdir()) == [model]
    assert "cannot be written to" in Maker(tmp_path / "gone" / "m.gguf", 1).problem


def test_a_full_disk_is_told_and_not_filled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = write_tiny_gguf(tmp_path / "m.gguf")
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(prompt_copy.shutil, "disk_usage", lambda _: usage(GIB))
    maker = Maker(model, 5 * 10**9)
    assert maker.done
    assert maker.problem == "the disk is too small for 5.0 GB more"
    assert not copy_of(model).exists()


def test_it_ends_with_the_process_that_wanted_it(tmp_path: Path) -> None:
    model = write_tiny_gguf(tmp_path / "m.gguf")
    command = [sys.executable, "-m", "govbot.generate.prompt_copy", str(model), "1"]
    assert subprocess.run(command, check=False).returncode == 1  # its parent is another one
    assert not copy_of(model).exists()
    maker = Maker(model, 1)
    maker.close()
    assert maker.done
    # What was left half made goes once nobody can be at work on it any more.
    old, young = (copy_of(model).with_name(f"m.gguf.bf16.{name}") for name in ("aa", "bb"))
    for each in (old, young):
        each.touch()
    os.utime(old, (0, 0))
    make_copy(model)
    assert (old.exists(), young.exists(), is_made(model)) == (False, True, True)


def test_the_process_that_makes_it_yields_to_all_others(tmp_path: Path) -> None:
    model = write_tiny_gguf(tmp_path / "m.gguf")
    told = (
        "import os, sys; from govbot.generate import prompt_copy as p\n"
        "p._make = lambda model: print(os.nice(0)) or 0\n"
        "sys.exit(p.main([sys.argv[1], str(os.getppid())]))"
    )
    found = subprocess.run(
        [sys.executable, "-c", told, str(model)], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "19"


def test_a_copy_counts_for_the_bound_of_memory(tmp_path: Path) -> None:
    model = write_tiny_gguf(tmp_path / "m.gguf", favourite=char_token("Z"))
    options = GenerationOptions(model_path=model)
    before = estimate(options)
    make_copy(model)
    assert estimate(options) > 1.9 * before
    assert estimate(replace(options, prompt_weights="file")) == before
