"""The order of the passages in a prompt: those first that the latest prompts began with.

An engine that remembers the beginnings of prompts, as ours and vLLM do, then reads the rest only.
People do not see this order: marks are numbered by first use (chat/citations.py). What it is
learned from is kept as hashes, and it tells nobody anything: of what a prompt holds, other people's
prompts change the order alone.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Sequence

from govbot.generate import Source

_LATEST = 256  # prompts


class Arrangement:
    """What the latest prompts of this process held, in their order. For one event loop."""

    def __init__(self, limit: int = _LATEST) -> None:
        """`limit`: how many prompts are remembered."""
        self._limit = limit
        self._latest: OrderedDict[tuple[int, ...], None] = OrderedDict()
        self._common: Counter[int] = Counter()  # in how many of them a passage is

    def arrange(self, sources: Sequence[Source]) -> list[int]:
        """The places of these sources in the order for a new prompt, which is remembered.

        First comes the longest beginning of a prompt of before that these sources can repeat, then
        the others, those of many prompts first, and of equals those that came first.
        """
        places = {_key(source): at for at, source in enumerate(sources)}
        beginning = self._longest(places)
        rest = [key for key in places if key not in beginning]
        rest.sort(key=lambda key: (-self._common[key], places[key]))
        order = (*beginning, *rest)
        self._remember(order)
        chosen = [places[key] for key in order]
        return chosen + [at for at in range(len(sources)) if at not in chosen]

    def _longest(self, places: dict[int, int]) -> tuple[int, ...]:
        """Of equally long ones, the latest."""
        best: tuple[int, ...] = ()
        for order in self._latest:
            length = next((at for at, key in enumerate(order) if key not in places), len(order))
            if length and length >= len(best):
                best = order[:length]
        return best

    def _remember(self, order: tuple[int, ...]) -> None:
        if order not in self._latest:
            self._common.update(order)
        self._latest[order] = None
        self._latest.move_to_end(order)
        if len(self._latest) > self._limit:
            oldest, _ = self._latest.popitem(last=False)
            self._common.subtract(oldest)
            self._common += Counter()  # drops those that no prompt holds any more


def _key(source: Source) -> int:
    """What of a passage stands in a prompt, but for its number."""
    return hash((source.title, source.heading, source.page, source.note, source.text))
