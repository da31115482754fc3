"""Many requests of every kind at an engine at once: cancelled, abandoned, too long, too late, with
grammars good and bad. Afterwards nothing of them may be left."""

from __future__ import annotations

import asyncio
import gc
import random
from collections import Counter
from contextlib import aclosing
from pathlib import Path

from govbot.errors import GovBotError
from govbot.generate import ChatMessage, Grammar, Priority, Request, Sampling
from govbot.generate.llama import LlamaGenerator, LlamaModel

_GRAMMARS = (None, None, None, Grammar("gbnf", 'root ::= "a"+'), Grammar("gbnf", "root ::= ("))


def request_of(dice: random.Random, context: int) -> Request:
    """A request such as nobody would plan for."""
    passages = "as mesmas passagens, " * dice.choice((0, 3, 3, 9)) + "x" * dice.randrange(60)
    question = "pergunta " + "z" * (2 * context if dice.random() < 0.05 else dice.randrange(40))
    messages = (ChatMessage("system", "regras " * 12), ChatMessage("user", passages + question))
    return Request(
        question=question,
        messages=messages,
        sources=(),
        max_tokens=dice.choice((1, 5, 20, 60)),
        temperature=0.0,
        build=lambda _sources: messages,
        owner=f"p{dice.randrange(6)}",
        sampling=Sampling(temperature=dice.choice((0.0, 1.0)), repeat_penalty=1.1),
        stop=dice.choice(((), ("a",), ("zz", "b"))),
        grammar=dice.choice(_GRAMMARS),
        priority=dice.choice((Priority.CHAT, Priority.CHAT, Priority.BACKGROUND)),
        timeout_s=0.002 if dice.random() < 0.05 else 60.0,
    )


async def _ask(generator: LlamaGenerator, request: Request, dice: random.Random) -> str:
    leave_after = dice.choice((0, 1, 3, 1000, 1000, 1000))
    count = 0
    try:
        async with aclosing(generator.stream(request)) as texts:  # type: ignore[type-var]
            async for _ in texts:
                count += 1
                if count > leave_after:
                    return "left"
    except GovBotError as error:
        return error.error_code
    return "done"


async def soak(
    generator: LlamaGenerator, count: int, *, seed: int, context: int, at_once: int = 24
) -> Counter[str]:
    """How the requests ended. Some are cancelled from outside, wherever they are."""
    dice = random.Random(seed)
    ends: Counter[str] = Counter()
    places = asyncio.Semaphore(at_once)

    async def one(own: random.Random) -> None:
        task = asyncio.create_task(_ask(generator, request_of(own, context), own))
        if own.random() < 0.2:
            await asyncio.sleep(own.random() * 0.02)
            task.cancel()
        done, _ = await asyncio.wait([task])
        ends["cancelled" if task.cancelled() else task.result()] += 1
        places.release()
        assert done

    async with asyncio.TaskGroup() as group:
        for _ in range(count):
            await places.acquire()
            group.create_task(one(random.Random(dice.random())))
    return ends


async def nothing_left(generator: LlamaGenerator) -> None:
    """Raises AssertionError when a slot, a sampler, a place in the queue or a task is left."""
    engine = generator._engine
    async with asyncio.timeout(10):
        while engine.status().running or engine.status().waiting:
            await asyncio.sleep(0.005)
    model = engine._model
    assert isinstance(model, LlamaModel)
    assert not model._answers
    assert not model._samplers
    assert not any(slot.busy for slot in model._slots._slots)
    assert not engine._queue._running
    assert not engine._queue._turns
    assert asyncio.all_tasks() == {asyncio.current_task()}


def resident_mib() -> float:
    """Memory of this process, in MiB."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20
