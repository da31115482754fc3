"""Where a model is put: one GPU, several, a part, none; tables of cases without any GPU."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import llama_cpp
import pytest

from govbot.config.table import Generation
from govbot.devices import Device, DeviceKind, build, devices, is_portable
from govbot.generate.placement import Wanted, kv_bytes, place, table
from govbot.generate.placing import attempts, fill_model, wanted_of
from govbot.gguf import GgufHeader, read_header
from tests.tiny_gguf import write_tiny_gguf

GIB = 2**30
# The shape of an 8 B model in Q4_K_M.
LARGE = GgufHeader(
    architecture="llama", name="", kind="model", licence="", quantisation="Q4_K_M",
    size=4_920_000_000, layers=32, heads=32, kv_heads=(8,) * 32, embedding=4096,
    feed_forward=14336, context=131072, vocabulary=128256, key_length=128, value_length=128,
    window=0, pooling=None, chat_template=True, layer_bytes=(130_000_000,) * 32,
    input_bytes=300_000_000, output_bytes=430_000_000,
)  # fmt: skip
WANTED = Wanted(context_tokens=8192)
CPU = Device("CPU", "a CPU", "CPU", DeviceKind.CPU, 32 * GIB, 64 * GIB)


def _gpu(index: int, gigabytes: float, kind: DeviceKind = DeviceKind.GPU) -> Device:
    free = int(gigabytes * GIB)
    return Device(f"CUDA{index}", "a GPU", "CUDA", kind, free, free, index)


def test_without_a_gpu_it_runs_on_the_cpu_and_says_why() -> None:
    made = place(LARGE, WANTED, [CPU])
    assert (made.layers, made.fits, made.kv_type) == (0, True, "f16")
    assert "sees no GPU" in made.why
    small = place(LARGE, WANTED, [replace(CPU, free=2 * GIB)])
    assert not small.fits
    refused = place(LARGE, replace(WANTED, layers=0), [CPU, _gpu(0, 80)])
    assert refused.layers == 0
    assert "n_gpu_layers = 0" in refused.why


def test_one_gpu_that_is_enough_takes_all_of_it() -> None:
    made = place(LARGE, WANTED, [CPU, _gpu(0, 6), _gpu(1, 24)])
    assert (made.layers, made.of, made.main_gpu, made.split) == (33, 33, 1, ())
    [cpu, gpu] = made.shares
    assert (cpu.weights, cpu.layers) == (LARGE.input_bytes, 0)
    assert gpu.weights == sum(LARGE.layer_bytes) + LARGE.output_bytes
    assert gpu.kv == 8192 * 32 * 8 * 256 * 2
    assert gpu.used < gpu.device.free


def test_keys_and_values_shrink_before_layers_leave_the_gpu() -> None:
    made = place(LARGE, replace(WANTED, context_tokens=32768), [CPU, _gpu(0, 9)])
    assert (made.layers, made.kv_type) == (33, "q8_0")
    assert "8 bits" in made.why
    kept = place(LARGE, replace(WANTED, context_tokens=32768, kv_type="f16"), [CPU, _gpu(0, 9)])
    assert kept.kv_type == "f16"
    assert 0 < kept.layers < 33


def test_fewer_answers_at_a_time_before_layers_leave_the_gpu() -> None:
    many = replace(WANTED, slots=8, kv_type="f16")
    made = place(LARGE, many, [CPU, _gpu(0, 10)])
    assert (made.layers, made.slots) == (33, 4)
    assert made.shares[1].used <= 10 * GIB * 0.95
    none = place(LARGE, many, [CPU, _gpu(0, 3)])
    assert 0 < none.layers < 33
    assert none.slots == 8
    assert place(LARGE, replace(many, shared_tokens=8192), [CPU, _gpu(0, 10)]).slots == 8


def test_a_small_gpu_takes_the_last_layers_that_fit() -> None:
    made = place(LARGE, WANTED, [CPU, _gpu(0, 4)])
    assert 0 < made.layers < 33
    assert made.shares[1].used <= 4 * GIB * 0.95
    assert made.shares[0].layers == 33 - made.layers
    assert place(LARGE, WANTED, [CPU, _gpu(0, 0.5)]).layers == 0


def test_several_gpus_share_what_none_can_hold_alone() -> None:
    made = place(LARGE, WANTED, [CPU, _gpu(0, 4), _gpu(1, 6)])
    assert made.layers == 33
    assert made.main_gpu == -1
    assert sum(made.split) == 33
    assert made.split[1] > made.split[0] > 0
    for share in made.shares[1:]:
        assert share.used <= share.device.free * 0.95


def test_what_the_settings_say_is_done() -> None:
    pair = [CPU, _gpu(0, 24), _gpu(1, 24)]
    assert place(LARGE, replace(WANTED, main_gpu=1), pair).main_gpu == 1
    split = place(LARGE, replace(WANTED, split=(3, 1)), pair)
    assert split.split == (25.0, 8.0)
    ten = place(LARGE, replace(WANTED, layers=10), pair)
    assert (ten.layers, ten.shares[0].layers) == (10, 23)
    assert place(LARGE, replace(WANTED, layers=99), [CPU, _gpu(0, 3)]).layers == 33  # as told
    off = place(LARGE, replace(WANTED, flash_attention=False), pair)
    assert not off.flash_attention


@pytest.mark.parametrize("gigabytes", [1.0, 2.5, 4.0, 5.5, 7.0, 12.0])
@pytest.mark.parametrize("gpus", [1, 2, 3])
def test_nothing_is_put_where_it_does_not_fit_and_nothing_is_lost(
    gigabytes: float, gpus: int
) -> None:
    found = [CPU, *(_gpu(number, gigabytes + number) for number in range(gpus))]
    made = place(LARGE, WANTED, found)
    assert sum(share.layers for share in made.shares) == made.of
    weights = sum(share.weights for share in made.shares)
    assert weights == LARGE.weights
    for share in made.shares[1:]:
        assert share.used <= share.device.free
    more = place(LARGE, WANTED, [CPU, *(_gpu(n, gigabytes + n + 1) for n in range(gpus))])
    assert more.layers >= made.layers


def test_graphics_of_the_processor_are_used_when_there_is_nothing_else() -> None:
    shared = replace(_gpu(0, 16, DeviceKind.IGPU), name="Vulkan0")
    assert place(LARGE, WANTED, [CPU, shared]).shares[1].device.name == "Vulkan0"
    assert place(LARGE, WANTED, [CPU, shared, _gpu(0, 24)]).shares[1].device.name == "CUDA0"


def test_keys_and_values_are_counted_by_the_heads_of_each_layer() -> None:
    mixed = replace(LARGE, kv_heads=(8,) * 16 + (0,) * 16)
    assert kv_bytes(mixed, 0, 100, "f16") == 100 * 8 * 256 * 2
    assert kv_bytes(mixed, 31, 100, "f16") == 0
    assert kv_bytes(mixed, 0, 100, "q8_0") == round(100 * 8 * 256 * 34 / 32)


def test_a_placement_becomes_the_parameters_of_llama_cpp() -> None:
    one = place(LARGE, WANTED, [CPU, _gpu(0, 6), _gpu(1, 24)])
    parameters = llama_cpp.llama_model_default_params()
    assert fill_model(parameters, one) is None
    assert (parameters.n_gpu_layers, parameters.main_gpu) == (33, 1)
    assert parameters.split_mode == llama_cpp.LLAMA_SPLIT_MODE_NONE
    both = place(LARGE, WANTED, [CPU, _gpu(0, 4), _gpu(1, 6)])
    kept = fill_model(parameters, both)
    assert parameters.split_mode == llama_cpp.LLAMA_SPLIT_MODE_LAYER
    shares = ctypes.cast(parameters.tensor_split, ctypes.POINTER(ctypes.c_float))
    assert kept is not None
    assert [shares[0], shares[1]] == list(both.split)


def test_the_build_and_the_devices_of_this_machine_are_found(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    found = devices()
    cpu = next(device for device in found if device.kind is DeviceKind.CPU)
    assert 0 < cpu.free <= cpu.total
    own = build()
    assert own.version == llama_cpp.__version__
    assert "CPU" in own.backends
    path = write_tiny_gguf(tmp_path / "m.gguf")
    with caplog.at_level("INFO", logger="govbot"):
        [made] = attempts(path, Generation(model_path=str(path), n_gpu_layers=0), found)
    assert made.layers == 0
    assert "m.gguf on CPU: 3 layers" in caplog.text
    assert "n_gpu_layers = 0" in caplog.text
    assert len(table(made)) == 1
    wanted = wanted_of(Generation(slots=3), read_header(path))
    assert wanted.cells == 3 * 512  # each as it was trained


def test_what_does_not_load_on_the_gpu_is_tried_on_the_cpu_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_tiny_gguf(tmp_path / "m.gguf")
    with caplog.at_level("INFO", logger="govbot"):
        first, second = attempts(path, Generation(model_path=str(path)), [CPU, _gpu(0, 24)])
    assert (first.layers, second.layers) == (3, 0)
    assert "does not load on the GPU" in caplog.text


def test_a_portable_build_is_known_by_its_libraries(tmp_path: Path) -> None:
    (tmp_path / "libggml-cpu.so").touch()
    assert not is_portable(tmp_path)
    (tmp_path / "libggml-cpu.so").unlink()
    (tmp_path / "libggml-cpu-haswell.so").touch()
    assert is_portable(tmp_path)


def test_the_devices_are_those_of_the_library_that_runs_the_model() -> None:
    # A second copy of libggml would have backends of its own, which libllama does not know.
    program = (
        "from govbot.devices import devices\n"
        "assert devices()\n"
        "lines = [line.split()[-1] for line in open('/proc/self/maps') if '/libggml' in line]\n"
        "print(*sorted({line.rpartition('/')[2].partition('.so')[0] for line in lines}))\n"
        "print(len(set(lines)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    names, files = done.stdout.splitlines()
    assert {"libggml", "libggml-base"} <= set(names.split())
    assert int(files) == len(names.split())
