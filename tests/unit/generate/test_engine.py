import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace

import pytest

from govbot.errors import Busy, Invalid, Unavailable
from govbot.generate import Request, State
from govbot.generate.engine import Engine
from govbot.generate.pace import Pace
from govbot.generate.running import Running
from govbot.generate.step import Step
from govbot.generate.ticket import Ticket
from tests.unit.generate.conftest import MakeRequest


class Gate:
    """A model that writes one piece, then waits until it is let through or withdrawn."""

    device = "test"
    copied = False
    prefix_tokens = 0
    cells = (0, 0)

    def __init__(self, slots: int = 1) -> None:
        self.slots = slots
        self.opened = threading.Event()
        self.threads: set[str] = set()
        self.served: list[str] = []
        self.answers: list[Running] = []
        self.discarded: list[Running] = []
        self.closed = False

    def prepare(self, ticket: Ticket) -> Running:
        return Running(ticket, [1], room=2, stops=())

    def admit(self, answer: Running) -> bool:
        if len(self.answers) >= self.slots:
            return False
        self.answers.append(answer)
        self.served.append(answer.ticket.request.owner)
        return True

    def withdraw(self, answer: Running) -> None:
        if answer in self.answers:
            self.answers.remove(answer)

    def discard(self, answer: Running) -> None:
        self.discarded.append(answer)

    def step(self, pace: Pace) -> Step:
        self.threads.add(threading.current_thread().name)
        step = Step()
        for answer in self.answers:
            if not answer.written:
                step.texts.append((answer.ticket, answer.add(1, b"primeira")))
            elif self.opened.is_set():
                step.texts.append((answer.ticket, answer.add(2, b" segunda")))
                step.over.append((answer, None))
        if not step.texts:
            time.sleep(0.005)
        return step

    def reset(self) -> None:
        self.answers.clear()

    def close(self) -> None:
        self.closed = True


async def _all(engine: Engine, request: Request) -> str:
    return "".join([text async for text in engine.stream(request)])


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.002)


async def test_one_thread_serves_owners_in_turns(make_request: MakeRequest) -> None:
    model = Gate()
    engine = Engine(lambda: model)
    async with asyncio.TaskGroup() as group:
        for owner in ("ana", "ana", "ana", "rui", "bia"):
            group.create_task(_all(engine, make_request(owner=owner)))
        await _until(lambda: engine.status().waiting == 4)
        model.opened.set()
    assert model.served == ["ana", "rui", "bia", "ana", "ana"] or model.served == [
        "ana",
        "ana",
        "rui",
        "bia",
        "ana",
    ]
    assert model.threads == {"engine"}
    await engine.aclose()


async def test_those_who_wait_see_their_position_move(make_request: MakeRequest) -> None:
    model = Gate()
    engine = Engine(lambda: model)
    seen: list[int] = []
    async with asyncio.TaskGroup() as group:
        group.create_task(_all(engine, make_request(owner="a")))
        await _until(lambda: engine.status().running == 1)
        group.create_task(_all(engine, make_request(owner="b")))
        group.create_task(_all(engine, make_request(owner="c", on_position=seen.append)))
        await _until(lambda: engine.status().waiting == 2)
        model.opened.set()
    assert seen == [2, 1, 0]
    await engine.aclose()


async def test_leaving_the_queue_moves_the_others_up(make_request: MakeRequest) -> None:
    engine = Engine(Gate)
    seen: list[int] = []
    running = asyncio.create_task(_all(engine, make_request(owner="a")))
    await _until(lambda: engine.status().running == 1)
    waiting = asyncio.create_task(_all(engine, make_request(owner="b")))
    await _until(lambda: engine.status().waiting == 1)
    last = asyncio.create_task(_all(engine, make_request(owner="c", on_position=seen.append)))
    await _until(lambda: seen == [2])
    waiting.cancel()
    await _until(lambda: seen == [2, 1])
    assert engine.status().waiting == 1
    for task in (running, last):
        task.cancel()
    await asyncio.gather(running, waiting, last, return_exceptions=True)
    await engine.aclose()


async def test_a_full_queue_is_busy_and_says_so_at_once(make_request: MakeRequest) -> None:
    engine = Engine(Gate, max_waiting=1)
    running = asyncio.create_task(_all(engine, make_request(owner="a")))
    await _until(lambda: engine.status().running == 1)
    waiting = asyncio.create_task(_all(engine, make_request(owner="b")))
    await _until(lambda: engine.status().waiting == 1)
    with pytest.raises(Busy):
        await _all(engine, make_request(owner="c"))
    for task in (running, waiting):
        task.cancel()
    await asyncio.gather(running, waiting, return_exceptions=True)
    await engine.aclose()


async def test_closing_the_stream_cancels_the_model_between_two_pieces(
    make_request: MakeRequest,
) -> None:
    engine = Engine(Gate)
    async with aclosing(engine.stream(make_request())) as stream:  # type: ignore[type-var]
        assert await anext(stream) == "primeira"
        assert engine.status().running == 1
    await _until(lambda: engine.status().running == 0)
    await engine.aclose()


async def test_closing_the_engine_ends_running_and_waiting_with_a_sentence(
    make_request: MakeRequest,
) -> None:
    model = Gate()
    engine = Engine(lambda: model)
    running = asyncio.create_task(_all(engine, make_request(owner="a")))
    await _until(lambda: engine.status().running == 1)
    waiting = asyncio.create_task(_all(engine, make_request(owner="b")))
    await _until(lambda: engine.status().waiting == 1)
    await engine.aclose()
    results = await asyncio.gather(running, waiting, return_exceptions=True)
    assert [type(result) for result in results] == [Unavailable, Unavailable]
    assert model.closed
    with pytest.raises(Unavailable, match="stopping"):
        await _all(engine, make_request())


async def test_a_model_that_does_not_load_is_tried_again_only_after_a_while(
    make_request: MakeRequest,
) -> None:
    now = [0.0]
    tries: list[float] = []

    def fails() -> Gate:
        tries.append(now[0])
        raise Unavailable("no such file")

    engine = Engine(fails, clock=lambda: now[0])
    for now[0] in (0.0, 10.0, 40.0):
        with pytest.raises(Unavailable, match="no such file"):
            await _all(engine, make_request())
    assert tries == [0.0, 40.0]
    assert engine.status().error == "no such file"
    await engine.aclose()


async def test_starting_loads_the_model_before_the_first_question() -> None:
    engine = Engine(Gate)
    assert engine.status().state is State.IDLE
    engine.start()
    await _until(lambda: engine.status().state is State.READY)
    assert engine.status().device == "test"
    await engine.aclose()
    assert engine.status().state is State.CLOSED


@pytest.mark.parametrize(
    ("raised", "expected"), [(Invalid("too long"), Invalid), (ValueError("bug"), Unavailable)]
)
async def test_an_error_of_the_model_ends_one_answer_and_not_the_engine(
    make_request: MakeRequest, raised: Exception, expected: type[Exception]
) -> None:
    class Fails(Gate):
        def prepare(self, ticket: Ticket) -> Running:
            if ticket.request.owner == "bad":
                raise raised
            return super().prepare(ticket)

    model = Fails()
    model.opened.set()
    engine = Engine(lambda: model)
    with pytest.raises(expected):
        await _all(engine, make_request(owner="bad"))
    assert await _all(engine, make_request(owner="good")) == "primeira segunda"
    await engine.aclose()


async def test_who_waits_is_told_how_long_from_how_long_others_took(
    make_request: MakeRequest,
) -> None:
    model = Gate()
    engine = Engine(lambda: model)
    model.opened.set()
    await _all(engine, make_request(owner="a"))
    model.opened.clear()
    seen: list[float] = []
    running = asyncio.create_task(_all(engine, make_request(owner="a")))
    await _until(lambda: engine.status().running == 1)
    waiting = asyncio.create_task(
        _all(engine, replace(make_request(owner="b"), on_estimate=seen.append))
    )
    await _until(lambda: bool(seen))
    model.opened.set()
    await asyncio.gather(running, waiting)
    assert 0 < seen[0] < 5
    await engine.aclose()


async def test_who_is_turned_away_learns_when_to_come_back(make_request: MakeRequest) -> None:
    engine = Engine(Gate, max_waiting=1)
    tasks = []
    for owner in "ab":
        tasks.append(asyncio.create_task(_all(engine, make_request(owner=owner))))
        await _until(lambda: engine.status().running == 1)
    await _until(lambda: engine.status().waiting == 1)
    with pytest.raises(Busy) as caught:
        await _all(engine, make_request(owner="c"))
    assert caught.value.retry_after >= 1
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await engine.aclose()


async def test_a_step_that_fails_ends_the_answers_in_it_and_the_next_one_works(
    make_request: MakeRequest,
) -> None:
    class Fails(Gate):
        broken = True

        def step(self, pace: Pace) -> Step:
            if self.broken and len(self.answers) == 2:
                self.broken = False
                raise ValueError("bug")
            return super().step(pace)

    model = Fails(slots=2)
    engine = Engine(lambda: model)
    tasks = [asyncio.create_task(_all(engine, make_request(owner=owner))) for owner in "ab"]
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results] == [Unavailable, Unavailable]
    model.opened.set()
    assert await _all(engine, make_request()) == "primeira segunda"
    assert len(model.discarded) == 3
    await engine.aclose()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_how_long_a_step_takes_is_told_and_a_thread_that_ended_by_itself_is_seen(
    make_request: MakeRequest,
) -> None:
    class Stuck(Gate):
        stuck = threading.Event()

        def step(self, pace: Pace) -> Step:
            self.stuck.wait(5)
            return super().step(pace)

        def admit(self, answer: Running) -> bool:
            if self.served:
                raise SystemExit  # no handler of the engine foresees it
            return super().admit(answer)

    model = Stuck()
    engine = Engine(lambda: model)
    first = asyncio.create_task(_all(engine, make_request()))
    await _until(lambda: engine.status().step_s > 0.05)
    model.opened.set()
    model.stuck.set()
    assert await first == "primeira segunda"
    assert engine.status().step_s == 0
    with pytest.raises(Unavailable):
        await _all(engine, make_request())
    await _until(lambda: engine.status().state is State.CLOSED)
    await engine.aclose()  # joined: what ended it is told here and not beside another test
