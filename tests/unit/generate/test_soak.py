"""The short form of tests/bench/test_soak.py."""

from pathlib import Path

from govbot.generate import State
from govbot.generate.llama import LlamaGenerator
from tests.soak import nothing_left, soak
from tests.tiny_gguf import write_tiny_gguf
from tests.unit.generate.conftest import GenerationOptions


async def test_requests_of_every_kind_leave_nothing_behind(tmp_path: Path) -> None:
    path = write_tiny_gguf(tmp_path / "m.gguf", context=512)
    for shared in (0, 700):
        generator = LlamaGenerator(
            GenerationOptions(
                model_path=path,
                slots=3,
                shared_context_tokens=shared,
                prefix_memory_mb=1,
                max_waiting_per_owner=64,
                speculation="lookup",
            )
        )
        ends = await soak(generator, 80, seed=shared, context=512)
        assert ends["done"] > 10
        assert ends.keys() >= {"cancelled", "left", "E-GRAMMAR", "E-QUESTION-LENGTH"}
        assert ends.keys() <= {
            "done", "cancelled", "left", "E-GRAMMAR", "E-QUESTION-LENGTH", "E-MODEL-TIME", "E-BUSY",
        }  # fmt: skip
        await nothing_left(generator)
        await generator.aclose()
        assert generator.status().state is State.CLOSED
