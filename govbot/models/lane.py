"""A thread that works off batches one after the other, so that a model never blocks the loop."""

from __future__ import annotations

import os
import queue
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Lane(Generic[Item, Result]):
    """Runs `work` on batches in the order of their coming; the thread starts with the first.

    Batches that wait when the thread is free are worked off together while they have at most
    `together` items; one that comes alone waits for no other. `failed` makes the exception that a
    caller gets of one that `work` raised; `closed` makes the one for batches that come, or still
    wait, after `close`.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[Sequence[Item]], list[Result]],
        *,
        failed: Callable[[Exception], Exception],
        closed: Callable[[], Exception],
        niceness: int = 0,
        together: int = 1,
    ):
        self._name = name
        self._work = work
        self._failed = failed
        self._refusal = closed
        self._niceness = niceness
        self._together = together
        self._held: _Batch[Item, Result] | None = None
        self._ending = False
        self._batches: queue.SimpleQueue[_Batch[Item, Result] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._closed = False

    def submit(self, items: Sequence[Item]) -> Future[list[Result]]:
        batch: _Batch[Item, Result] = _Batch(items)
        with self._lock:
            if self._closed:
                raise self._refusal()
            self._batches.put(batch)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
        return batch.future

    def close(self) -> None:
        """What waits is refused; the batch under way is finished."""
        with self._lock:
            self._closed = True
            self._batches.put(None)

    def join(self, timeout_s: float) -> None:
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _run(self) -> None:
        _be_nice(self._niceness)
        while batches := self._next():
            wanted = [each for each in batches if each.future.set_running_or_notify_cancel()]
            if self._closed:
                for each in wanted:
                    each.future.set_exception(self._refusal())
            elif len(wanted) > 1:
                self._work_together(wanted)
            elif wanted:
                self._work_alone(wanted[0])

    def _next(self) -> list[_Batch[Item, Result]]:
        """The batch that waited longest and those that go with it; none at the end."""
        first, self._held = self._held, None
        if first is None and not self._ending:
            first = self._batches.get()
        if first is None:
            return []
        batches, items = [first], len(first.items)
        while not self._ending and items < self._together:
            try:
                batch = self._batches.get_nowait()
            except queue.Empty:
                break
            if batch is None:
                self._ending = True
            elif items + len(batch.items) > self._together:
                self._held = batch
                break
            else:
                batches.append(batch)
                items += len(batch.items)
        return batches

    def _work_together(self, batches: Sequence[_Batch[Item, Result]]) -> None:
        """One batch of them must not fail for another: after a failure each is tried alone."""
        try:
            results = self._work([item for batch in batches for item in batch.items])
        except Exception:  # told by the one that fails alone
            for batch in batches:
                self._work_alone(batch)
            return
        start = 0
        for batch in batches:
            batch.future.set_result(results[start : start + len(batch.items)])
            start += len(batch.items)

    def _work_alone(self, batch: _Batch[Item, Result]) -> None:
        try:
            batch.future.set_result(self._work(batch.items))
        except Exception as error:
            batch.future.set_exception(self._failed(error))


@dataclass(frozen=True, slots=True, eq=False)
class _Batch(Generic[Item, Result]):
    items: Sequence[Item]
    future: Future[list[Result]] = field(default_factory=Future)


def _be_nice(niceness: int) -> None:
    """Lowers the priority of this thread, and of those that the libraries start from it."""
    if niceness and sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)
