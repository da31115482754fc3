"""A thousand requests of every kind at the engine, with the model swapped in the middle."""

import asyncio
import os
import threading
from pathlib import Path

from govbot.generate.llama import LlamaGenerator
from tests.bench.peers import BenchOptions
from tests.soak import nothing_left, resident_mib, soak
from tests.tiny_gguf import write_tiny_gguf

COUNT = int(os.environ.get("GOVBOT_BENCH_SOAK", "1000"))


async def test_a_thousand_requests_leak_no_slot_no_memory_and_no_task(tmp_path: Path) -> None:
    path = write_tiny_gguf(tmp_path / "m.gguf", context=512)
    options = BenchOptions(
        path, slots=4, context_tokens=512, prefix_memory_mb=4, max_waiting=20,
        max_waiting_per_owner=8, threads=1, speculation="lookup",
    )  # fmt: skip
    memory = []
    for half in range(2):
        generator = LlamaGenerator(options)
        await soak(generator, COUNT // 10, seed=half, context=512)  # what is made once, is made
        memory.append(resident_mib())
        ends = await soak(generator, COUNT // 2, seed=10 + half, context=512)
        await nothing_left(generator)
        memory.append(resident_mib())
        swapped = asyncio.create_task(soak(generator, 20, seed=20, context=512))
        await asyncio.sleep(0.02)
        await generator.aclose()  # the swap: those under way end with a sentence
        await swapped
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert not [each for each in threading.enumerate() if each.name == "engine"]
        print(f"\n{sum(ends.values())} requests: {dict(sorted(ends.items()))}")
    print("resident MiB after the first tenth and at the end, twice:", *map(round, memory))
    assert memory[3] - memory[1] < 8
