"""The registry of this process, and how a metric comes into it: once, however often it is made.

Labels hold a few fixed words only: never a user, a document or a path with an id in it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import nan
from typing import Final, TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
SECONDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)

# Else each counter has one series more, which nothing here asks for.
disable_created_metrics()  # type: ignore[no-untyped-call]
registry = CollectorRegistry()
ProcessCollector(registry=registry)
PlatformCollector(registry=registry)

Metric = TypeVar("Metric", Counter, Gauge, Histogram)
_made: dict[str, Counter | Gauge | Histogram] = {}


def counter(name: str, words: str, labels: Sequence[str] = ()) -> Counter:
    """Something that only grows; the name ends in `_total`."""
    return _once(name, Counter, lambda: Counter(name, words, labels, registry=registry))


def gauge(name: str, words: str, labels: Sequence[str] = (), *, unknown: bool = False) -> Gauge:
    """Something that goes up and down. `unknown`: not a number until it is set for the first time,
    so that no alert takes what nobody has looked at for a zero."""

    def make() -> Gauge:
        made = Gauge(name, words, labels, registry=registry)
        if unknown:
            made.set(nan)
        return made

    return _once(name, Gauge, make)


def histogram(name: str, words: str, labels: Sequence[str] = ()) -> Histogram:
    """Seconds, in buckets from hundredths to minutes."""
    return _once(
        name, Histogram, lambda: Histogram(name, words, labels, buckets=SECONDS, registry=registry)
    )


def names() -> frozenset[str]:
    """Every name that a query may use: those of the samples, and of what is counted."""
    found = set()
    for family in registry.collect():
        found.add(family.name)
        found |= {sample.name for sample in family.samples}
        ends = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}
        found |= {family.name + end for end in ends.get(family.type, ())}
    return frozenset(found)


def render() -> bytes:
    """All metrics in Prometheus' text format (CONTENT_TYPE)."""
    return generate_latest(registry)


def _once(name: str, kind: type[Metric], make: Callable[[], Metric]) -> Metric:
    """A module that is imported a second time finds its metrics, with what they have counted."""
    found = _made.get(name)
    if found is None:
        found = _made[name] = make()
    if type(found) is not kind:
        raise TypeError(f"{name} is a {type(found).__name__} already")
    return found
