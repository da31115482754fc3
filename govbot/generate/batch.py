"""What one step decodes: a token of every running answer, and the rest of the room for prompts.

Pure: it sees counts of tokens and gives back counts, so that the rule can be read and tested.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wish:
    """What an answer could decode now. `pending` tokens are known and not in memory yet; of an
    answer that is being written it is one. `drafts` are guesses at what follows."""

    pending: int
    writing: bool
    drafts: int = 0


@dataclass(frozen=True, slots=True)
class Share:
    """What it decodes in this step: never more than wished for."""

    pending: int
    drafts: int = 0


def plan(wishes: Sequence[Wish], *, limit: int, prompt_limit: int, tile: int = 1) -> list[Share]:
    """The share of each wish, in the same order, at most `limit` tokens in all.

    Answers being written come first, one token each, so that no stream waits for a prompt; what is
    left of `limit`, but no more than `prompt_limit`, goes to prompts, the first one first: who came
    first begins first, and the median begins sooner than if all advanced together. Drafts take
    what is left then.

    A prompt is cut so that no piece of it is smaller than `tile`, for which `prompt_limit` may be
    exceeded by less than one tile.
    """
    left = limit - sum(1 for wish in wishes if wish.writing)
    if left < 0:
        raise ValueError("more answers are being written than a step can decode")
    room = min(left, prompt_limit)
    tile = tile if tile <= room else 1
    shares = []
    begun = False
    for wish in wishes:
        taken = 1 if wish.writing else _cut(wish.pending, room, left, tile, begun=begun)
        if not wish.writing:
            begun = begun or taken > 0
            room = max(0, room - taken)
            left -= taken
        shares.append(Share(taken))
    for at, wish in enumerate(wishes):
        drafts = min(wish.drafts, left) if wish.writing else 0
        left -= drafts
        shares[at] = Share(shares[at].pending, drafts)
    return shares


def _cut(pending: int, room: int, left: int, tile: int, *, begun: bool) -> int:
    """How much of a prompt to take: no less than a tile, and none less than a tile remains. What
    can be neither taken whole nor cut so waits, if another prompt has `begun` in this step."""
    if pending <= room:
        return pending
    if room < tile:
        return 0
    if pending < 2 * tile:
        return pending if pending <= left else (0 if begun else room)
    return min(room, pending - tile)
