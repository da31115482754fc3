"""Several models as one generator: choice, standing in, memory, loading and unloading."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from govbot.errors import Busy, GovBotError, Invalid, NotFound, Unavailable
from govbot.generate import Generator, Priority, Request, Routed, State, Status
from govbot.generate.members import Entry, Kind
from govbot.generate.pool import Pool
from govbot.generate.routing import Tier
from tests.unit.generate.conftest import GenerationOptions, MakeRequest

MB = 2**20
TIERS: tuple[tuple[str, Tier], ...] = (("rapido", "fast"), ("grande", "quality"))


@dataclass
class Scripted:
    """A model that says its name, or fails, or waits to be let go."""

    name: str
    failure: GovBotError | None = None
    after: int = 0  # deltas before the failure
    gate: asyncio.Event | None = None
    excerpts: bool = False
    requests: list[Request] = field(default_factory=list)
    state: State = State.IDLE
    closed: bool = False

    async def stream(self, request: Request) -> AsyncIterator[str]:
        self.requests.append(request)
        self.state = State.READY
        if self.gate is not None:
            await self.gate.wait()
        if self.failure is not None and not self.after:
            raise self.failure
        yield self.name
        if self.failure is not None:
            raise self.failure

    def start(self) -> None:
        self.state = State.FAILED if self.failure else State.READY

    def status(self) -> Status:
        return Status(self.state, failure=self.failure)

    async def aclose(self) -> None:
        self.closed = True


@dataclass
class House:
    """A pool of scripted models, each opened anew by its script."""

    scripts: dict[str, Callable[[], Scripted]] = field(default_factory=dict)
    opened: list[Scripted] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    now: float = 0.0

    def add(
        self,
        name: str,
        tier: Tier = "quality",
        *,
        failure: GovBotError | None = None,
        after: int = 0,
        gate: asyncio.Event | None = None,
        kind: Kind = "llama",
        file: Path | str = "m.gguf",
        context: int = 4096,
        idle: float = 0.0,
        offered: bool = False,
    ) -> None:
        options = GenerationOptions(model_path=file, context_tokens=context)
        self.entries.append(
            Entry(name, kind, options, tier=tier, idle_unload_s=idle, offered=offered)
        )
        self.scripts[name] = lambda: Scripted(name, failure, after, gate)

    def pool(self, *, memory_mb: float = 0) -> Pool:
        return Pool(
            self.entries,
            memory_bytes=int(memory_mb * MB),
            opening=self._open,
            clock=lambda: self.now,
        )

    def _open(self, entry: Entry) -> Generator:
        self.opened.append(self.scripts[entry.name]())
        return self.opened[-1]

    def loaded(self) -> list[str]:
        return [each.name for each in self.opened if not each.closed]


@pytest.fixture
def house() -> House:
    return House()


async def said(pool: Pool, request: Request) -> tuple[str, Routed]:
    heard: list[Routed] = []
    request = replace(request, on_routed=heard.append)
    text = "".join([delta async for delta in pool.stream(request)])
    return text, heard[-1]


async def test_a_lone_model_answers_under_its_own_name_and_fails_with_its_own_error(
    house: House, make_request: MakeRequest
) -> None:
    house.add("llama:m.gguf", failure=Unavailable("out of paper", code="E-MODEL"))
    pool = house.pool()
    assert (pool.name, pool.excerpts, pool.status().state) == ("llama:m.gguf", False, State.IDLE)
    with pytest.raises(Unavailable, match="out of paper"):
        await said(pool, make_request())
    house.opened[0].failure = None
    assert await said(pool, make_request()) == ("llama:m.gguf", Routed("llama:m.gguf", "only"))
    assert pool.offered() == ()
    await pool.aclose()
    assert house.loaded() == []


async def test_simple_questions_go_to_the_fast_tier_and_difficult_ones_to_quality(
    house: House, make_request: MakeRequest
) -> None:
    house.add("grande", "quality", offered=True)
    house.add("rapido", "fast")
    pool = house.pool()
    simple = make_request(question="Qual o prazo da licença?")
    assert await said(pool, simple) == ("rapido", Routed("rapido", "simple"))
    difficult = make_request(question="Compare a lei antiga com a nova.")
    assert await said(pool, difficult) == ("grande", Routed("grande", "complex", ("comparison",)))
    behind = replace(difficult, priority=Priority.BACKGROUND, tier="fast")
    assert (await said(pool, behind))[1].reason == "background"
    chosen = replace(simple, model="grande")
    assert await said(pool, chosen) == ("grande", Routed("grande", "chosen"))
    assert [each.name for each in pool.offered()] == ["grande"]
    assert pool.name == "grande+rapido"


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (Busy(), "fallback-full"),
        (Unavailable(code="E-MODEL-SERVER"), "fallback-failed"),
    ],
)
async def test_another_model_stands_in_before_the_first_word(
    house: House, make_request: MakeRequest, failure: GovBotError, reason: str
) -> None:
    house.add("grande", "quality")
    house.add("rapido", "fast", failure=failure)
    text, routed = await said(house.pool(), make_request(question="Qual o prazo?"))
    assert text == "grande"
    assert (routed.model, routed.reason) == ("grande", reason)
    assert routed.passed == (f"rapido {failure.error_code}",)


async def test_nobody_stands_in_after_the_first_word_or_for_a_person_who_has_enough(
    house: House, make_request: MakeRequest
) -> None:
    house.add("rapido", "fast", failure=Unavailable("broke off"), after=1)
    house.add("grande", "quality")
    with pytest.raises(Unavailable, match="broke off"):
        await said(house.pool(), make_request(question="Qual o prazo?"))
    house.scripts["rapido"] = lambda: Scripted("rapido", Busy(code="E-ANSWERS"))
    with pytest.raises(Busy):
        await said(house.pool(), make_request(question="Qual o prazo?"))
    assert "grande" not in house.loaded()


async def test_when_all_fail_the_one_that_was_full_is_told_and_a_long_question_seeks_a_larger_one(
    house: House, make_request: MakeRequest
) -> None:
    house.add("rapido", "fast", failure=Unavailable(code="E-MODEL"))
    house.add("grande", "quality", failure=Busy("all full", retry_after=7))
    with pytest.raises(Busy, match="all full"):
        await said(house.pool(), make_request())
    other = House()
    too_long = Invalid("too long", code="E-QUESTION-LENGTH")
    other.add("rapido", "fast", failure=too_long, context=512)
    other.add("igual", "fast", context=512)
    other.add("grande", "quality", context=4096)
    text, routed = await said(other.pool(), make_request(question="Qual o prazo?"))
    assert (text, routed.reason) == ("grande", "fallback-context")


async def test_an_unloaded_model_is_left_alone_until_it_is_loaded(
    house: House, make_request: MakeRequest
) -> None:
    house.add("rapido", "fast")
    house.add("grande", "quality")
    pool = house.pool()
    await said(pool, make_request())
    await pool.unload("rapido")
    assert house.loaded() == []
    assert [each.presence for each in pool.models()] == ["out", "unloaded"]
    assert (await said(pool, make_request()))[0] == "grande"
    asked = replace(make_request(), model="rapido")
    assert (await said(pool, asked))[1].passed == ("rapido E-MODEL-OUT",)
    await pool.load("rapido")
    assert [each.presence for each in pool.models()] == ["loaded", "loaded"]
    assert (await said(pool, make_request()))[0] == "rapido"
    with pytest.raises(NotFound):
        await pool.load("nenhum")
    await pool.unload("rapido")
    await pool.unload("grande")
    with pytest.raises(Unavailable, match="out of use"):
        await said(pool, make_request())


async def test_a_model_that_does_not_load_says_why_and_is_tried_anew(house: House) -> None:
    house.add("rapido", "fast", failure=Unavailable("no such file"))
    pool = house.pool()
    with pytest.raises(Unavailable, match="no such file"):
        await pool.load("rapido")
    house.scripts["rapido"] = lambda: Scripted("rapido")
    await pool.load("rapido")
    assert pool.models()[0].presence == "loaded"


async def test_unloading_waits_for_the_answers_under_way(
    house: House, make_request: MakeRequest
) -> None:
    gate = asyncio.Event()
    house.add("rapido", "fast", gate=gate)
    pool = house.pool()
    answer = asyncio.create_task(said(pool, make_request()))
    await asyncio.sleep(0)
    leaving = asyncio.create_task(pool.unload("rapido"))
    for _ in range(5):
        await asyncio.sleep(0)
    assert house.loaded() == ["rapido"]
    gate.set()
    assert (await answer)[0] == "rapido"
    await leaving
    assert house.loaded() == []


async def test_an_idle_model_leaves_the_memory_and_comes_back_with_the_next_question(
    house: House, make_request: MakeRequest
) -> None:
    house.add("rapido", "fast", idle=60)
    pool = house.pool()
    await said(pool, make_request())
    house.now = 59
    await pool.tick()
    assert house.loaded() == ["rapido"]
    house.now = 61
    await pool.tick()
    assert house.loaded() == []
    assert pool.models()[0].note == "idle"
    assert (await said(pool, make_request()))[0] == "rapido"
    assert pool.models()[0].note == ""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Weighs about 129 MB: its own and that of the buffers (its header cannot be read)."""
    found = tmp_path / "m.gguf"
    found.write_bytes(b"\0" * MB)
    return found


async def test_the_longest_unused_makes_room_and_what_is_in_use_does_not(
    house: House, make_request: MakeRequest, file: Path
) -> None:
    gate = asyncio.Event()
    house.add("um", "fast", file=file)
    house.add("dois", "fast", file=file)
    house.add("tres", "quality", file=file, gate=gate)
    pool = house.pool(memory_mb=260)
    for now, name in enumerate(("um", "dois")):
        house.now = now
        await said(pool, replace(make_request(), model=name))
    held = asyncio.create_task(said(pool, replace(make_request(), model="tres")))
    await asyncio.sleep(0.01)
    assert house.loaded() == ["dois", "tres"]
    assert [each.note for each in pool.models()] == ["room", "", ""]
    hold_dois = pool.stream(replace(make_request(), model="dois"))
    async with aclosing(hold_dois) as stream:  # type: ignore[type-var]
        await anext(stream)
        text, routed = await said(pool, replace(make_request(), model="um"))
        assert (text, routed.reason, routed.passed) == (
            "dois", "fallback-memory", ("um E-MODEL-ROOM",),
        )  # fmt: skip
    gate.set()
    await held


async def test_a_model_larger_than_the_bound_says_so(
    house: House, make_request: MakeRequest, file: Path
) -> None:
    house.add("um", "fast", file=file)
    with pytest.raises(Unavailable, match="129 MB") as caught:
        await said(house.pool(memory_mb=100), make_request())
    assert caught.value.error_code == "E-MODEL-MEMORY"
    assert house.opened == []


async def test_a_model_file_is_swapped_while_questions_come_and_nothing_stays_behind(
    make_request: MakeRequest, tiny_model: Path
) -> None:
    options = GenerationOptions(model_path=tiny_model)
    entries = [Entry(name, "llama", options, tier=tier) for name, tier in TIERS]
    pool = Pool(entries)
    requests = [make_request(owner=str(number), max_tokens=4) for number in range(40)]

    async def ask(request: Request) -> str:
        return (await said(pool, request))[1].model

    first = [asyncio.create_task(ask(request)) for request in requests[:20]]
    await asyncio.sleep(0)
    swap = asyncio.create_task(pool.unload("rapido"))
    await asyncio.sleep(0)
    second = [asyncio.create_task(ask(request)) for request in requests[20:]]
    second[0].cancel()
    assert set(await asyncio.gather(*first)) == {"rapido"}
    await swap
    assert set(await asyncio.gather(*second[1:])) == {"grande"}
    assert [each.presence for each in pool.models()] == ["out", "loaded"]
    await pool.load("rapido")
    assert await ask(requests[0]) == "rapido"
    assert [(each.status.running, each.status.waiting) for each in pool.models()] == [(0, 0)] * 2
    await pool.aclose()


async def test_a_stand_in_gets_the_time_that_is_left_and_each_model_its_own_limits(
    make_request: MakeRequest,
) -> None:
    house = House()
    house.add("rapido", "fast", failure=Busy())
    house.add("grande", "quality")
    house.entries[1] = replace(house.entries[1], max_tokens=5, temperature=0.7)
    pool = house.pool()
    await said(pool, replace(make_request(), timeout_s=9.0))
    (last,) = house.opened[-1].requests
    assert (last.timeout_s, last.max_tokens, last.temperature) == (9.0, 5, 0.7)
