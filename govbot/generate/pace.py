"""How fast a model works, learned while it works: for the size of a step and for estimates."""

from __future__ import annotations

_WEIGHT = 0.2  # of the newest measurement
_DEARER = 0.7  # of one that is higher: the further a prompt is read, the more a token of it costs
# Tokens of a prompt per step. Of a step with fewer a good part goes to reading the weights, and to
# reading them once more for the answers that are being written.
_SMALLEST = 128
_TELLING = 64  # tokens of a prompt from which a step tells what one costs
# How much longer a step may take for prompts than for the answers that are being written: less, and
# on a slow machine prompts would be read at half the speed; more, and streams would stand still.
_PROMPT_SHARE = 10


class Pace:
    """Averages over the latest steps and answers; seconds and tokens."""

    def __init__(self, *, gap_s: float, idle_s: float) -> None:
        """`gap_s`: how long a step may take while answers are being written, which is the pause
        that their readers see, on a machine fast enough for it; `idle_s`: while none is, which
        is how long a cancel may take."""
        self._gap_s = gap_s
        self._idle_s = idle_s
        self._token_s = 0.0  # of a prompt
        self._step_s = 0.0  # of a step with answers being written and no prompt
        self._answer_s = 0.0  # of a whole answer, from its place to its end
        self._written_per_s = 0.0

    @property
    def written_per_s(self) -> float:
        """Tokens of all answers together."""
        return self._written_per_s

    def stepped(
        self, *, prompt: int, written: int, seconds: float, drafts: int = 0, writing_s: float = 0.0
    ) -> None:
        """One step decoded `prompt` tokens of prompts and `drafts` guesses, and gave `written`
        tokens of answers. `writing_s` is the part of its `seconds` that answers took, where they
        went through the model by themselves."""
        if writing_s and prompt:
            if not drafts:
                self._step_s = _mean(self._step_s, writing_s)
            if prompt >= _TELLING:
                self._token_s = _rising(self._token_s, (seconds - writing_s) / prompt)
        elif prompt >= _TELLING and written and not self._step_s and self._token_s:
            self._step_s = max(seconds - prompt * self._token_s, 0.0)
        elif prompt >= _TELLING:
            cost = max(seconds - (self._step_s if written else 0.0), seconds / 4)
            self._token_s = _rising(self._token_s, cost / prompt)
        elif prompt == 0 and written and not drafts:
            self._step_s = _mean(self._step_s, seconds)
        if written:
            self._written_per_s = _mean(self._written_per_s, written / max(seconds, 1e-6))

    def answered(self, seconds: float) -> None:
        self._answer_s = _mean(self._answer_s, seconds)

    def prompt_limit(self, limit: int, *, writing: bool) -> int:
        """How many tokens of prompts the next step may take, at most `limit`."""
        if not self._token_s:
            return limit
        pause = max(self._gap_s - self._step_s, _PROMPT_SHARE * self._step_s)
        seconds = pause if writing else max(self._idle_s, pause)
        return max(min(_SMALLEST, limit), min(limit, int(seconds / self._token_s)))

    def guess_cost(self, writing: int) -> float:
        """What a guessed token costs, as a share of what a right one saves, while so many answers
        are being written. Beside others, guesses take a pass over the weights of their own."""
        if not self._token_s or not self._step_s:
            return 0.25 if writing == 1 else 1.0
        saved = self._step_s / writing
        own_pass = saved / 4 if writing > 1 else 0.0
        return (self._token_s + own_pass) / saved

    def reading_s(self, tokens: int) -> float:
        """Seconds until so many tokens of prompts are read."""
        return tokens * self._token_s

    def waiting_s(self, place: int, slots: int) -> float:
        """Seconds until the request at this place of the queue (1 is next) gets a slot, if all
        answers take as long as the latest ones."""
        return place * self._answer_s / max(slots, 1)


def _rising(before: float, now: float) -> float:
    """An average that follows what grows at once, and what shrinks slowly."""
    return before + _DEARER * (now - before) if 0 < before < now else _mean(before, now)


def _mean(before: float, now: float) -> float:
    return now if not before else before + _WEIGHT * (now - before)
