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

    `failed` makes the exception that a caller gets of one that `work` raised; `closed` makes the
    one for batches that come, or still wait, after `close`.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[Sequence[Item]], list[Result]],
        *,
        failed: Callable[[Exception], Exception],
        closed: Callable[[], Exception],
        niceness: int = 0,
    ):
        self._name = name
        self._work = work
        self._failed = failed
        self._refusal = closed
        self._niceness = niceness
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
        while (batch := self._batches.get()) is not None:
            if not batch.future.set_running_or_notify_cancel():
                continue
            if self._closed:
                batch.future.set_exception(self._refusal())
                continue
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
