"""Engines side by side: ours, llama-server and llama-cpp-python's Llama class, asked the same."""

from __future__ import annotations

import asyncio
import json
import socket
import statistics
import subprocess
import time
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import httpx
from pydantic import SecretStr

from govbot.generate import ChatMessage, Request, Sampling, Usage
from govbot.generate.llama import LlamaGenerator

GREEDY = Sampling(temperature=0.0)


@dataclass(frozen=True, slots=True)
class Chat:
    """One question: what comes before it, and how long the answer is."""

    rules: str
    passages: str
    question: str
    length: int
    owner: str = ""

    def messages(self) -> tuple[ChatMessage, ...]:
        return (
            ChatMessage("system", self.rules),
            ChatMessage("user", f"{self.passages}\n{self.question}"),
        )


@dataclass(slots=True)
class Timing:
    """Seconds from the start of the round to each token."""

    times: list[float] = field(default_factory=list)

    @property
    def first(self) -> float:
        return self.times[0]

    def longest_gap(self) -> float:
        return max(b - a for a, b in zip(self.times, self.times[1:], strict=False))


@dataclass(slots=True)
class Round:
    timings: list[Timing]
    usages: list[Usage] = field(default_factory=list)

    @property
    def total(self) -> float:
        return max(timing.times[-1] for timing in self.timings)

    @property
    def first_median(self) -> float:
        return statistics.median(timing.first for timing in self.timings)

    @property
    def first_max(self) -> float:
        return max(timing.first for timing in self.timings)


@dataclass(frozen=True)
class BenchOptions:
    """The settings of one model, as the engine reads them."""

    model_path: str | Path
    context_tokens: int = 2048
    slots: int = 8
    threads: int = 0
    n_gpu_layers: int = -1
    backend: str = "llama"
    shared_context_tokens: int = 0
    max_waiting: int = 4096
    max_waiting_per_owner: int = 4096
    answer_timeout_s: float = 3600.0
    kv_type: str = "f16"
    flash_attention: str = "auto"
    prefix_memory_mb: int = 512
    prompt_weights: str = "auto"
    speculation: str = "off"
    main_gpu: int = -1
    tensor_split: tuple[float, ...] = ()
    lora: tuple[str, ...] = ()
    lora_scale: float = 1.0
    draft: str = ""
    base_url: str = ""
    model: str = ""
    api_key: SecretStr = field(default_factory=lambda: SecretStr(""))
    timeout_s: float = 120.0
    connect_timeout_s: float = 10.0
    retries: int = 0
    parallel: int = 0


class Peer(Protocol):
    name: str

    async def stream(self, chat: Chat) -> AsyncIterator[None]:
        """One item for each token of the answer."""
        ...


class Ours:
    name = "GovBot"

    def __init__(self, options: BenchOptions) -> None:
        self.generator = LlamaGenerator(options)
        self.usages: list[Usage] = []

    async def stream(self, chat: Chat) -> AsyncIterator[None]:
        async with aclosing(self.generator.stream(self.request(chat))) as texts:  # type: ignore[type-var]
            async for _ in texts:
                yield None

    def request(self, chat: Chat) -> Request:
        return Request(
            question=chat.question,
            messages=chat.messages(),
            sources=(),
            max_tokens=chat.length,
            temperature=0.0,
            build=lambda _sources: chat.messages(),
            owner=chat.owner,
            sampling=GREEDY,
            on_usage=self.usages.append,
        )


class LlamaServer:
    """llama-server at an address; it is given tokens, so that all peers read the same."""

    def __init__(self, url: str, tokens: Tokens, name: str = "llama-server") -> None:
        self.name = name
        self._tokens = tokens
        self._client = httpx.AsyncClient(base_url=url, timeout=3600)

    async def stream(self, chat: Chat) -> AsyncIterator[None]:
        body = {
            "prompt": self._tokens.of(chat),
            "n_predict": chat.length,
            "temperature": 0.0,
            "ignore_eos": True,
            "cache_prompt": True,
            "stream": True,
        }
        async with self._client.stream("POST", "/completion", json=body) as response:
            response.raise_for_status()
            async for line in response.aiter_lines():
                if line.startswith("data: "):
                    event = json.loads(line[6:])
                    for _ in event.get("tokens") or ([0] if event.get("content") else []):
                        yield None

    async def aclose(self) -> None:
        await self._client.aclose()


class HighLevel:
    """The Llama class of llama-cpp-python, one question after another: it cannot do more."""

    name = "Llama class"

    def __init__(self, path: Path, tokens: Tokens, context: int, threads: int) -> None:
        from llama_cpp import Llama

        self._llama = Llama(
            str(path),
            n_ctx=context,
            n_batch=512,
            n_threads=threads,
            n_threads_batch=threads,
            verbose=False,
        )
        self._tokens = tokens
        self._turn = asyncio.Lock()
        # One thread: llama.cpp keeps a team of workers for each thread that calls it.
        self._thread = ThreadPoolExecutor(1)

    async def stream(self, chat: Chat) -> AsyncIterator[None]:
        async with self._turn:
            written = self._llama.generate(self._tokens.of(chat), temp=0.0)
            for _ in range(chat.length):
                await asyncio.get_running_loop().run_in_executor(self._thread, next, written)
                yield None
            written.close()

    def close(self) -> None:
        self._thread.shutdown()
        self._llama.close()


class Tokens:
    """The prompts as our engine reads them."""

    def __init__(self, path: Path) -> None:
        from govbot.generate.llama import LlamaModel

        model = LlamaModel(BenchOptions(path, context_tokens=512, slots=1, n_gpu_layers=0))
        self._known: dict[Chat, list[int]] = {}
        self._model = model

    def of(self, chat: Chat) -> list[int]:
        if chat not in self._known:
            prompt = self._model._template.render(chat.messages())
            self._known[chat] = self._model.tokenize(prompt)
        return self._known[chat]

    def close(self) -> None:
        self._model.close()


async def ask_all(peer: Any, chats: Sequence[Chat]) -> Round:
    """All chats at once."""
    start = time.perf_counter()

    async def one(chat: Chat) -> Timing:
        timing = Timing()
        async for _ in peer.stream(chat):
            timing.times.append(time.perf_counter() - start)
        assert len(timing.times) == chat.length, (peer.name, len(timing.times))
        return timing

    return Round(list(await asyncio.gather(*(one(chat) for chat in chats))))


@asynccontextmanager
async def llama_server(
    program: Path, model: Path, *, slots: int, context: int, threads: int, flags: Sequence[str] = ()
) -> AsyncIterator[str]:
    """Its address. `context` tokens for each slot; its own memory for each, as ours."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        str(program), "-m", str(model), "--host", "127.0.0.1", "--port", str(port),
        "-np", str(slots), "-c", str(slots * context), "-t", str(threads),
        "--no-kv-unified", *flags,
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        await _until_ready(url, process)
        yield url
    finally:
        process.terminate()
        process.wait(30)


async def _until_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    async with httpx.AsyncClient() as client, asyncio.timeout(300):
        while True:
            if process.poll() is not None:
                raise RuntimeError(f"llama-server ended with {process.returncode}")
            try:
                if (await client.get(f"{url}/health")).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.2)
