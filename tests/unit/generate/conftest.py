"""Settings, requests and tiny models for the tests of generation."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pydantic import SecretStr

from govbot.generate import ChatMessage, Request, Source
from govbot.generate.prompt_copy import Maker
from tests.tiny_gguf import char_token, write_tiny_gguf


@dataclass(frozen=True)
class GenerationOptions:
    """The [generation] section, without reading a configuration."""

    backend: str = "auto"
    model_path: str | Path = ""
    n_gpu_layers: int = -1
    context_tokens: int = 512
    threads: int = 1
    base_url: str = ""
    model: str = "modelo"
    api_key: SecretStr = field(default_factory=lambda: SecretStr(""))
    timeout_s: float = 5.0
    connect_timeout_s: float = 5.0
    retries: int = 1
    parallel: int = 0
    main_gpu: int = -1
    tensor_split: tuple[float, ...] = ()
    slots: int = 2
    shared_context_tokens: int = 0
    max_waiting: int = 64
    max_waiting_per_owner: int = 4
    answer_timeout_s: float = 60.0
    kv_type: str = "f16"
    flash_attention: str = "auto"
    prefix_memory_mb: int = 64
    prompt_weights: str = "auto"
    speculation: str = "off"
    lora: tuple[str, ...] = ()
    lora_scale: float = 1.0
    draft: str = ""


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that never ends by itself."""
    return write_tiny_gguf(tmp_path_factory.mktemp("gguf") / "tiny.gguf", favourite=char_token("Z"))


def make_copy(model: Path) -> Maker:
    """The process that made the copy of a model for its prompts, once it has ended."""
    maker = Maker(model, model.stat().st_size)
    until = time.monotonic() + 60
    while not maker.done:
        assert time.monotonic() < until
        time.sleep(0.02)
    return maker


def source(
    number: int, text: str, *, score: float = 1.0, title: str = "", heading: str = ""
) -> Source:
    return Source(number, text, title, heading, 1, score)


def rendered(sources: tuple[Source, ...], question: str = "pergunta") -> tuple[ChatMessage, ...]:
    passages = "\n".join(f"({each.number}) {each.text}" for each in sources)
    return (
        ChatMessage("system", "regras"),
        ChatMessage("user", "antes"),
        ChatMessage("assistant", "depois"),
        ChatMessage("user", f"{passages}\n{question}"),
    )


MakeRequest = Callable[..., Request]


@pytest.fixture
def make_request() -> MakeRequest:
    def make(
        *sources: Source,
        question: str = "pergunta",
        max_tokens: int = 16,
        owner: str = "",
        on_position: Callable[[int], None] | None = None,
        on_sources: Callable[[tuple[Source, ...]], None] | None = None,
    ) -> Request:
        return Request(
            question=question,
            messages=rendered(sources, question),
            sources=sources,
            max_tokens=max_tokens,
            temperature=0.0,
            build=lambda fewer: rendered(fewer, question),
            owner=owner,
            on_position=on_position,
            on_sources=on_sources,
        )

    return make
