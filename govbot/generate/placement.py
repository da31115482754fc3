"""Which layers of a model go on which device: pure, from the header and the free memory.

The numbers are upper bounds made before anything is loaded: weights as they lie in the file, keys
and values for the whole context, and room for the computation. What does not fit stays on the CPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from govbot.devices import Device, DeviceKind

if TYPE_CHECKING:
    from govbot.gguf import GgufHeader

# Bytes of a key or value (ggml.h: blocks of 32 numbers).
KV_BYTES: Final = {"f32": 4.0, "f16": 2.0, "bf16": 2.0, "q8_0": 34 / 32, "q5_1": 24 / 32,
                   "q5_0": 22 / 32, "q4_1": 20 / 32, "q4_0": 18 / 32}  # fmt: skip
# Tried one after another where nothing is set: half the memory for hardly any loss, but not less.
AUTOMATIC: Final = ("f16", "q8_0")
MARGIN: Final = 512 * 2**20  # of each GPU, for the driver and for others
SHARE: Final = 0.05  # of each GPU besides: its memory is given out in pieces
MIB: Final = 2**20


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the settings ask for; -1 and "auto": chosen.

    `split`: shares of the GPUs, all of them named. `batch`: tokens computed at once. `slots`:
    answers at a time, each with `context_tokens` of its own, unless `shared_tokens` bound them.
    """

    context_tokens: int
    slots: int = 1
    shared_tokens: int = 0
    layers: int = -1
    main_gpu: int = -1
    split: tuple[float, ...] = ()
    kv_type: str = "auto"
    flash_attention: bool | None = None
    batch: int = 512

    @property
    def cells(self) -> int:
        """Tokens whose keys and values are kept, of all answers together."""
        whole = self.context_tokens * self.slots
        return (
            min(whole, max(self.shared_tokens, self.context_tokens))
            if self.shared_tokens
            else whole
        )


@dataclass(frozen=True, slots=True)
class Share:
    """What one device holds, in bytes. `layers` counts the output as one."""

    device: Device
    layers: int
    weights: int
    kv: int
    work: int

    @property
    def used(self) -> int:
        """Bytes in all."""
        return self.weights + self.kv + self.work


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a model runs: `layers` on GPUs of `of` in all, the output among them.

    `main_gpu` is -1 when several GPUs share it as `split` says, one number for each GPU. `why` is a
    sentence for the log. `fits`: whether the machine has the memory for what is left to the CPU.
    """

    layers: int
    of: int
    main_gpu: int
    split: tuple[float, ...]
    kv_type: str
    flash_attention: bool
    shares: tuple[Share, ...]
    why: str
    fits: bool
    slots: int = 1


def place(header: GgufHeader, wanted: Wanted, devices: Sequence[Device]) -> Placement:
    """Where the model runs best with what is free: on one GPU, on several, in part, on the CPU."""
    gpus = [device for device in devices if device.kind is DeviceKind.GPU]
    if not gpus:
        # The graphics of a processor take from the same memory, but compute faster than its cores.
        gpus = [replace(d, index=0) for d in devices if d.kind is DeviceKind.IGPU][:1]
    if wanted.layers == 0 or not gpus:
        why = (
            "the settings keep it on the CPU (n_gpu_layers = 0)"
            if wanted.layers == 0
            else "this build of llama.cpp sees no GPU"
        )
        return on_cpu(header, wanted, devices, why)
    types = AUTOMATIC if wanted.kv_type == "auto" else (wanted.kv_type,)
    made = [_with_type(header, wanted, devices, gpus, kv_type) for kv_type in types]
    slots = wanted.slots // 2
    # Layers on the CPU slow every answer down; fewer answers at a time let the others wait.
    while max(each.layers for each in made) <= header.layers and slots and wanted.layers < 0:
        fewer = replace(wanted, slots=slots)
        tried = [_with_type(header, fewer, devices, gpus, kv_type) for kv_type in types]
        made += [each for each in tried if each.layers > header.layers]
        slots //= 2
    best = max(made, key=lambda each: each.layers)
    if best.layers == 0:
        return on_cpu(header, wanted, devices, "not one layer fits the free memory of a GPU")
    return best


def table(placement: Placement) -> list[tuple[str, ...]]:
    """Rows for people: device, layers, weights, keys and values, room to compute, free (MiB)."""
    return [
        (
            share.device.name,
            share.device.description,
            str(share.layers),
            str(round(share.weights / MIB)),
            str(round(share.kv / MIB)),
            str(round(share.work / MIB)),
            str(round(share.device.free / MIB)),
        )
        for share in placement.shares
    ]


COLUMNS: Final = ("device", "description", "layers", "weights", "kv", "work", "free")


def kv_bytes(header: GgufHeader, layer: int, tokens: int, kv_type: str) -> int:
    """Bytes of the keys and values of one layer. A sliding window is not counted: it saves some."""
    numbers = header.kv_heads[layer] * (header.key_length + header.value_length) * tokens
    return round(numbers * KV_BYTES.get(kv_type, 2.0))


def work_bytes(header: GgufHeader, wanted: Wanted, flash: bool) -> int:
    """Room for the computation on one device: the widest steps of one batch, an upper guess."""
    batch = wanted.batch
    wide = 6 * header.embedding + 3 * header.feed_forward
    scores = 0 if flash else 2 * header.heads * wanted.cells
    return 4 * batch * (wide + scores + header.vocabulary) + 32 * MIB


def _with_type(
    header: GgufHeader,
    wanted: Wanted,
    devices: Sequence[Device],
    gpus: Sequence[Device],
    kv_type: str,
) -> Placement:
    flash = wanted.flash_attention is not False
    limit = header.layers + 1 if wanted.layers < 0 else min(wanted.layers, header.layers + 1)
    needs = _needs(header, wanted, kv_type)
    forced = wanted.layers > 0
    if wanted.split:
        chosen, counts = list(gpus), _by_split(limit, wanted.split, len(gpus))
    elif wanted.main_gpu >= 0:
        chosen = [gpu for gpu in gpus if gpu.index == wanted.main_gpu][:1] or list(gpus[:1])
        counts = [_fitting(needs[-limit:], _room(chosen[0], header, wanted, flash))]
    else:
        chosen, counts = _chosen(needs, limit, gpus, header, wanted, flash)
    if forced and not wanted.split and sum(counts) < limit:
        counts[-1] += limit - sum(counts)  # who sets a number wants that number tried
    return _made(header, wanted, devices, chosen, counts, kv_type, flash, len(gpus))


def _needs(header: GgufHeader, wanted: Wanted, kv_type: str) -> list[tuple[int, int]]:
    """Weights and keys and values of each layer in order, the output last."""
    tokens = wanted.cells
    layers = [
        (size, kv_bytes(header, number, tokens, kv_type))
        for number, size in enumerate(header.layer_bytes)
    ]
    return [*layers, (header.output_bytes, 0)]


def _room(gpu: Device, header: GgufHeader, wanted: Wanted, flash: bool) -> int:
    return int(gpu.free * (1 - SHARE)) - MARGIN - work_bytes(header, wanted, flash)


def _fitting(needs: Sequence[tuple[int, int]], room: int) -> int:
    """How many of the last ones fit into so many bytes."""
    count = 0
    for weights, kv in reversed(needs):
        room -= weights + kv
        if room < 0:
            break
        count += 1
    return count


def _chosen(
    needs: Sequence[tuple[int, int]],
    limit: int,
    gpus: Sequence[Device],
    header: GgufHeader,
    wanted: Wanted,
    flash: bool,
) -> tuple[list[Device], list[int]]:
    """One GPU where one is enough: layers on two wait for each other. Else all of them, in order,
    each with a share of what it has free."""
    rooms = [max(0, _room(gpu, header, wanted, flash)) for gpu in gpus]
    best = max(range(len(gpus)), key=lambda number: rooms[number])
    alone = _fitting(needs[-limit:], rooms[best])
    if alone == limit or len(gpus) == 1:
        return [gpus[best]], [alone]
    counts, rest = [0] * len(gpus), list(needs[-limit:])
    # From the last GPU backwards: the output and the last layers belong to it.
    wanted_bytes = sum(weights + kv for weights, kv in rest)
    fraction = min(1.0, wanted_bytes / (sum(rooms) or 1))
    for number in reversed(range(len(gpus))):
        # An even load where all fits; the first GPU takes what rounding left over.
        room = rooms[number] if number == 0 else max(rooms[number] * fraction, 0)
        counts[number] = _fitting(rest, int(room))
        rest = rest[: len(rest) - counts[number]]
    for number in range(len(gpus)):  # what did not fit an even share, where room is left
        spare = rooms[number] - int(rooms[number] * fraction)
        more = _fitting(rest, spare) if number else 0
        counts[number] += more
        rest = rest[: len(rest) - more]
    return list(gpus), counts


def _by_split(limit: int, split: Sequence[float], gpus: int) -> list[int]:
    """Layers by the shares of the settings, rounded as llama.cpp does."""
    shares = [*split, *[0.0] * gpus][:gpus]
    whole = sum(shares) or 1.0
    counts, before, sofar = [], 0, 0.0
    for share in shares:
        sofar += share
        upto = round(limit * sofar / whole)
        counts.append(upto - before)
        before = upto
    return counts


def _made(
    header: GgufHeader,
    wanted: Wanted,
    devices: Sequence[Device],
    gpus: Sequence[Device],
    counts: Sequence[int],
    kv_type: str,
    flash: bool,
    among: int,
) -> Placement:
    needs = _needs(header, wanted, kv_type)
    layers = sum(counts)
    first = len(needs) - layers
    shares = [_cpu_share(header, wanted, devices, needs[:first])]
    for gpu, count in zip(gpus, counts, strict=True):
        own = needs[first : first + count]
        first += count
        work = work_bytes(header, wanted, flash) if count else 0
        weights, kv = sum(each[0] for each in own), sum(each[1] for each in own)
        shares.append(Share(gpu, count, weights, kv, work))
    used = [share for share in shares[1:] if share.layers]
    single = used[0].device.index if len(used) == 1 and among >= 1 else -1
    return Placement(
        layers=layers,
        of=len(needs),
        main_gpu=single,
        split=() if single >= 0 else tuple(map(float, counts)),
        kv_type=kv_type,
        flash_attention=flash,
        shares=tuple(shares),
        why=_why(used, layers, len(needs), kv_type, wanted),
        fits=shares[0].used <= shares[0].device.free,
        slots=wanted.slots,
    )


def _why(used: Sequence[Share], layers: int, of: int, kv_type: str, wanted: Wanted) -> str:
    names = " and ".join(share.device.name for share in used)
    if layers == of:
        words = f"all of it fits {names}"
    elif wanted.layers > 0:
        words = f"the settings put {layers} of {of} layers on {names}"
    else:
        words = f"{layers} of {of} layers fit the free memory of {names}, the rest is for the CPU"
    if kv_type == "q8_0" and wanted.kv_type == "auto":
        words += "; keys and values in 8 bits, which lets more fit"
    return words


def on_cpu(header: GgufHeader, wanted: Wanted, devices: Sequence[Device], why: str) -> Placement:
    """The model without any GPU; `why` is told."""
    kv_type = "f16" if wanted.kv_type == "auto" else wanted.kv_type
    needs = _needs(header, wanted, kv_type)
    share = _cpu_share(header, wanted, devices, needs)
    return Placement(
        layers=0,
        of=len(needs),
        main_gpu=-1,
        split=(),
        kv_type=kv_type,
        flash_attention=wanted.flash_attention is not False,
        shares=(share,),
        why=why,
        fits=share.used <= share.device.free,
        slots=wanted.slots,
    )


def _cpu_share(
    header: GgufHeader,
    wanted: Wanted,
    devices: Sequence[Device],
    needs: Sequence[tuple[int, int]],
) -> Share:
    cpu = next(
        (device for device in devices if device.kind is DeviceKind.CPU),
        Device("CPU", "", "CPU", DeviceKind.CPU, 0, 0),
    )
    weights = header.input_bytes + sum(each[0] for each in needs)
    work = work_bytes(header, wanted, wanted.flash_attention is not False)
    return Share(cpu, len(needs), weights, sum(each[1] for each in needs), work)
