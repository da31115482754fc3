"""The engine against llama-server and the Llama class, on GGUF files with random weights.

`GOVBOT_BENCH_LLAMA_SERVER` names the program that `build_llama_server.sh` built; without it
that peer is left out. `GOVBOT_BENCH_SHAPES` (135M,1B) and `GOVBOT_BENCH_SLOTS` (8): smaller.
`GOVBOT_BENCH_TURNS` (1): how often the peers take turns, for medians.
"""

from __future__ import annotations

import math
import os
import statistics
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import llama_cpp
import numpy as np
import pytest

from govbot.generate.llama import LlamaModel
from govbot.gguf import copy_of
from tests.bench.peers import (
    BenchOptions,
    Chat,
    HighLevel,
    LlamaServer,
    Ours,
    Round,
    Timing,
    Tokens,
    ask_all,
    llama_server,
)
from tests.bench.shapes import SHAPES, write_shape

TURNS = int(os.environ.get("GOVBOT_BENCH_TURNS", "1"))
SLOTS = int(os.environ.get("GOVBOT_BENCH_SLOTS", "8"))
NAMES = os.environ.get("GOVBOT_BENCH_SHAPES", "135M,1B").split(",")
SERVER = os.environ.get("GOVBOT_BENCH_LLAMA_SERVER", "")
THREADS = len(os.sched_getaffinity(0))
RULES, PASSAGES, QUESTION, CONTEXT = 300, 860, 40, 2048
LONG = 4000
_LETTERS = "abcdefghijklmnopqrstuvwxyz ,."


@pytest.fixture(scope="module", params=NAMES)
def shape(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def model(shape: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = write_shape(tmp_path_factory.mktemp("shapes") / f"{shape}.gguf", SHAPES[shape])
    loaded = LlamaModel(BenchOptions(path, slots=SLOTS, context_tokens=CONTEXT))
    await_copy(loaded)
    words = "a copy in BF16" if loaded.copied else "the file"
    print(f"\n{shape}: {path.stat().st_size / 1e6:.0f} MB, {loaded.device}, prompts by {words}")
    loaded.close()
    yield path
    copy_of(path).unlink(missing_ok=True)
    path.unlink()


def await_copy(loaded: LlamaModel) -> None:
    """Waits until the copy that reads prompts is made, where this machine makes one."""
    while loaded.copies:
        time.sleep(0.1)
        loaded.look()


@pytest.fixture(scope="module")
def tokens(model: Path) -> Iterator[Tokens]:
    found = Tokens(model)
    yield found
    found.close()


def text(length: int, *seed: int) -> str:
    letters = np.random.default_rng([*seed, 1]).integers(0, len(_LETTERS), length)
    return "".join(_LETTERS[each] for each in letters)


def chats(
    length: int, *, question: int = 0, passages: tuple[int, ...] = (), rules: int = 0
) -> list[Chat]:
    """Chats that arrive together: the same rules, passages of their own, 1 200 tokens in all."""
    return [
        Chat(text(RULES, 0, rules), text(PASSAGES, 1, each, rules),
             text(QUESTION, 2, each, question), length, owner=f"person-{number}")
        for number, each in enumerate(passages or range(SLOTS))
    ]  # fmt: skip


async def test_eight_chats_at_once(shape: str, model: Path, tokens: Tokens) -> None:
    if not SERVER:
        print("\nllama-server is left out: GOVBOT_BENCH_LLAMA_SERVER is not set")
    rows: dict[str, dict[str, list[Round]]] = {}
    for turn in range(TURNS):  # by turns: the machine is now faster, now slower
        for name in ("ours", *(("server",) if SERVER else ()), "alone"):
            # One after the other: two in this process at a time slow each other down.
            async with _peer(name, model, tokens) as peer:
                await ask_all(peer, [Chat("a", "b", "c", 2)])
                found = rows.setdefault(peer.name, {"cold": [], "second": [], "long": []})
                found["cold"].append(await ask_all(peer, chats(48, rules=turn)))
                found["second"].append(await ask_all(peer, chats(48, question=1, rules=turn)))
                other = tuple(range(100, 100 + SLOTS))
                found["long"].append(await ask_all(peer, chats(200, passages=other)))
    _print(shape, rows)


@asynccontextmanager
async def _peer(name: str, model: Path, tokens: Tokens) -> AsyncIterator[Any]:
    """GovBot ("ours"), llama-server ("server") or the Llama class ("alone"), until it is closed."""
    if name == "ours":
        ours = Ours(BenchOptions(model, slots=SLOTS, context_tokens=CONTEXT))
        yield ours
        await ours.generator.aclose()
    elif name == "server":
        async with llama_server(
            Path(SERVER), model, slots=SLOTS, context=CONTEXT, threads=THREADS
        ) as url:
            server = LlamaServer(url, tokens)
            yield server
            await server.aclose()
    else:
        alone = HighLevel(model, tokens, CONTEXT, THREADS)
        yield alone
        alone.close()


def _print(shape: str, rows: dict[str, dict[str, list[Round]]]) -> None:
    prompt = RULES + PASSAGES + QUESTION
    print(f"\n## {shape}: {SLOTS} chats together, {prompt} prompt tokens each, {TURNS} turns")
    print("| | 48 tokens: total s | first token median / max | second round: total, first median ")
    print("| 200 tokens: total s |\n|---|---|---|---|---|")
    figures = {name: _figures(rounds) for name, rounds in rows.items()}
    for name, found in figures.items():
        print(
            f"| {name} | {found['total 48']:.2f} | {found['first token']:.2f} "
            f"/ {found['last first token']:.2f} | {found['second round']:.2f}, "
            f"{found['second round first token']:.2f} | {found.get('total 200', math.nan):.2f} |"
        )
    ours = figures["GovBot"]
    for name, found in figures.items():
        if name != "GovBot":
            ratios = (f"{word} {ours[word] / found[word]:.2f}x" for word in ours if word in found)
            print(f"against {name}: " + ", ".join(ratios))


def _figures(rounds: dict[str, list[Round]]) -> dict[str, float]:
    """Seconds, the median of all turns."""
    cold, second, long = rounds["cold"], rounds["second"], rounds["long"]
    found = {
        "total 48": [each.total for each in cold],
        "first token": [each.first_median for each in cold],
        "last first token": [each.first_max for each in cold],
        "second round": [each.total for each in second],
        "second round first token": [each.first_median for each in second],
        "total 200": [each.total for each in long],
    }
    return {word: statistics.median(each) for word, each in found.items() if each}


async def test_the_same_passages_asked_by_another_person(model: Path, shape: str) -> None:
    cold, warm = [], []
    for passages in range(3):
        ours = Ours(BenchOptions(model, slots=SLOTS, context_tokens=CONTEXT))
        await ask_all(ours, [Chat("a", "b", "c", 2)])
        first, other = (chats(8, question=question, passages=(passages,))[0] for question in (0, 1))
        cold.append((await ask_all(ours, [first])).timings[0].first)
        warm.append((await ask_all(ours, [other])).timings[0].first)
        await ours.generator.aclose()
    ratio = statistics.median(warm) / statistics.median(cold)
    print(f"\n{shape}: the same passages asked by another person: first token {ratio:.2f}x of cold")
    assert ratio < 1


async def test_the_longest_gap_while_a_long_prompt_arrives(
    shape: str, model: Path, tokens: Tokens
) -> None:
    context = LONG + 1024
    gaps = {}

    async def gap(peer: Any) -> None:
        """The longest pause of a stream between its first token and the first of the long one."""
        import asyncio

        running = Timing()
        start = time.perf_counter()
        begun = asyncio.Event()

        async def stream() -> None:
            async for _ in peer.stream(Chat("r", text(200, 5), "q", 400, owner="a")):
                running.times.append(time.perf_counter() - start)
                if len(running.times) == 10:
                    begun.set()

        task = asyncio.create_task(stream())
        await begun.wait()
        came = time.perf_counter() - start
        async for _ in peer.stream(Chat("r", text(LONG, 6), "q", 1, owner="b")):
            pass
        read = time.perf_counter() - start
        await task
        during = Timing([each for each in running.times if came - 1 <= each <= read + 1])
        gaps[peer.name] = during.longest_gap(), read - came

    ours = Ours(BenchOptions(model, slots=2, context_tokens=context))
    await ask_all(ours, [Chat("a", "b", "c", 2)])
    await gap(ours)
    await ours.generator.aclose()
    if SERVER:
        async with llama_server(
            Path(SERVER), model, slots=2, context=context, threads=THREADS
        ) as url:
            server = LlamaServer(url, tokens)
            await ask_all(server, [Chat("a", "b", "c", 2)])
            await gap(server)
            await server.aclose()
    print(f"\n{shape}: a prompt of {LONG} tokens arrives during a stream")
    for name, (longest, reading) in gaps.items():
        print(f"  {name}: longest gap {longest:.3f} s, the prompt is read in {reading:.1f} s")
    if SERVER:
        print(f"  ratio of gaps {gaps['GovBot'][0] / gaps['llama-server'][0]:.2f}x")


async def test_share_of_python_in_a_step(
    shape: str, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside, steps = 0.0, []

    def timed(name: str) -> None:
        original = getattr(llama_cpp, name)

        def call(*arguments: Any) -> Any:
            nonlocal inside
            started = time.perf_counter()
            try:
                return original(*arguments)
            finally:
                inside += time.perf_counter() - started

        monkeypatch.setattr(llama_cpp, name, call)

    timed("llama_decode")
    timed("llama_sampler_sample")
    original = LlamaModel.step

    def step(self: LlamaModel, pace: Any) -> Any:
        nonlocal inside
        inside, started = 0.0, time.perf_counter()
        result = original(self, pace)
        whole = time.perf_counter() - started
        steps.append((whole - inside, whole))
        return result

    monkeypatch.setattr(LlamaModel, "step", step)
    ours = Ours(BenchOptions(model, slots=SLOTS, context_tokens=CONTEXT))
    short = [Chat("r", text(60, 8, each), "q", 40, owner=str(each)) for each in range(SLOTS)]
    await ask_all(ours, short)
    await ours.generator.aclose()
    python, whole = (sum(column) for column in zip(*steps, strict=True))
    print(
        f"\n{shape}: Python's share of {len(steps)} steps {100 * python / whole:.2f} % "
        f"({1000 * python / len(steps):.2f} of {1000 * whole / len(steps):.1f} ms)"
    )
    assert python / whole < 0.5


async def test_output_with_and_without_a_shared_beginning(shape: str, model: Path) -> None:
    texts = []
    for memory in (0, 512):
        ours = Ours(BenchOptions(model, slots=2, context_tokens=CONTEXT, prefix_memory_mb=memory))
        wanted = chats(24, passages=(1, 2))
        found = []
        for chat in wanted:
            if not memory:
                await ours.generator.aclose()
                ours = Ours(BenchOptions(model, slots=2, context_tokens=CONTEXT))
            found.append("".join([t async for t in ours.generator.stream(ours.request(chat))]))
        texts.append(found)
        if memory:
            assert ours.usages[-1].shared_tokens >= RULES
        await ours.generator.aclose()
    print(f"\n{shape}: output with and without sharing identical: {texts[0] == texts[1]}")
    assert texts[0] == texts[1]


@pytest.mark.parametrize("flash", ["auto", "off"])
async def test_log_probabilities_batched_against_alone(
    shape: str, model: Path, flash: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the engine draws from, of each answer: all written together, and each by itself."""
    drawn: dict[str, list[Any]] = {}
    original = LlamaModel._draw

    def draw(self: LlamaModel, answer: Any, index: int, step: Any) -> None:
        told = _log_softmax(self._context.logits(index).astype(np.float64))
        drawn.setdefault(answer.ticket.request.owner, []).append(told)
        original(self, answer, index, step)

    monkeypatch.setattr(LlamaModel, "_draw", draw)
    asked = [
        Chat("r", text(200 + 9 * each, 9, each), "q", 24, owner=str(each)) for each in range(SLOTS)
    ]

    async def read(chats: list[Chat]) -> None:
        ours = Ours(BenchOptions(model, slots=SLOTS, context_tokens=512, flash_attention=flash))
        await ask_all(ours, chats)
        await ours.generator.aclose()

    await read(asked)
    together = drawn.copy()
    drawn.clear()
    for each in asked:
        await read([each])
    first, later, compared = 0.0, 0.0, 0
    for owner, alone in drawn.items():
        for at, (one, other) in enumerate(zip(alone, together[owner], strict=True)):
            likely = np.argsort(one)[-100:]
            apart = float(np.abs(one[likely] - other[likely]).max())
            first, later = (max(first, apart), later) if at == 0 else (first, max(later, apart))
            compared += 1
            if one.argmax() != other.argmax():
                break
    print(f"\n{shape}: log-probabilities of the 100 likeliest tokens, batched against alone: at "
          f"most {first:.4f} apart for the first token, {later:.4f} for the next ones "
          f"({compared} compared, flash attention {flash})")  # fmt: skip
    assert first < 0.05
    # With flash attention the last bits of a token depend on how many are written at a time.
    assert later < (0.05 if flash == "off" else 0.5)


def _log_softmax(logits: Any) -> Any:
    highest = logits.max()
    return logits - highest - np.log(np.exp(logits - highest).sum())
