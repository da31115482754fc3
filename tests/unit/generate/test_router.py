import subprocess
import sys
from pathlib import Path

import pytest

from govbot.errors import BadConfig
from govbot.generate.router import open_generator
from tests.unit.generate.conftest import GenerationOptions


@pytest.mark.parametrize(
    ("options", "name"),
    [
        (GenerationOptions(), "extractive"),
        (GenerationOptions(base_url="http://host"), "openai:modelo"),
        (GenerationOptions(base_url="http://host", model_path="m.gguf"), "llama:m.gguf"),
        (GenerationOptions(backend="openai", base_url="http://h", model_path="m"), "openai:modelo"),
        (GenerationOptions(backend="extractive", model_path="m.gguf"), "extractive"),
        (GenerationOptions(backend="llama", model_path=Path("a/b.gguf")), "llama:b.gguf"),
    ],
)
async def test_the_settings_choose_the_kind(options: GenerationOptions, name: str) -> None:
    generator = open_generator(options)
    assert generator.name == name
    assert generator.excerpts == (name == "extractive")
    await generator.aclose()


@pytest.mark.parametrize(
    ("options", "key"),
    [
        (GenerationOptions(backend="llama"), "model_path"),
        (GenerationOptions(backend="openai", model=""), "base_url"),
        (GenerationOptions(backend="magic"), "magic"),
    ],
)
def test_a_kind_that_lacks_a_setting_says_which(options: GenerationOptions, key: str) -> None:
    with pytest.raises(BadConfig, match=key):
        open_generator(options)


def test_the_kinds_that_are_not_chosen_are_not_loaded() -> None:
    program = (
        "import sys; from govbot.generate.router import open_generator; "
        "from tests.unit.generate.conftest import GenerationOptions; "
        "open_generator(GenerationOptions()); "
        "assert not {'llama_cpp', 'httpx', 'torch'} & set(sys.modules)"
    )
    root = Path(__file__).parents[3]
    subprocess.run([sys.executable, "-c", program], cwd=root, check=True, timeout=60)
