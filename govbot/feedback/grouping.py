"""Questions about the same thing, by their vectors and stems: agglomerative, by average linkage.

Pure: texts and vectors in, groups out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from govbot.generate.stems import content_stems

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.float32]

# Of the similarity of two questions, the share of the cosine of their vectors; the rest is the
# cosine of their stems. Without vectors the stems decide alone.
VECTOR_SHARE = 0.3
# Groups merge while their questions are on average so similar. With the starter embedder, pairs of
# wordings of one question are 0.36 to 0.72 alike, those of different questions up to 0.2, but for
# twins such as licença-maternidade and licença-paternidade.
THRESHOLD = 0.4
_MERGED = -2.0  # below every similarity


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with its unit vector, or none."""

    text: str
    vector: Sequence[float] | None = None


def group(known: Sequence[Sequence[Asked]], new: Sequence[Asked]) -> list[int]:
    """For each of `new` the number of its group: below len(known) that one, else a new one.

    Groups of `known` never merge with one another. Cost: (known + new) x new numbers in memory,
    and that again for each merge.
    """
    import numpy as np

    if not new:
        return []
    centres = _centres([*known, *([each] for each in new)])
    sizes = np.array([max(len(each), 1) for each in known] + [1] * len(new), dtype=np.float32)
    member = {len(known) + number: [number] for number in range(len(new))}
    alike = _similarities(centres, len(known))
    while True:
        first, second = divmod(int(alike.argmax()), alike.shape[1])
        if alike[first, second] < THRESHOLD:
            break
        # The rows are all groups, the columns the new ones; what is merged goes into the row.
        gone = len(known) + second
        total = sizes[first] + sizes[gone]
        centres[first] = (centres[first] * sizes[first] + centres[gone] * sizes[gone]) / total
        sizes[first] = total
        member.setdefault(first, []).extend(member.pop(gone))
        alike[gone, :] = alike[:, second] = _MERGED
        _renew(alike, centres, first, len(known))
    return _numbers(member, len(known), len(new))


def most_central(questions: Mapping[str, int]) -> str:
    """The wording that shares the most with the others, weighted by how often they were asked."""
    texts = list(questions)
    if len(texts) < 2:
        return texts[0] if texts else ""
    stems = [set(content_stems(text)) for text in texts]

    def closeness(number: int) -> float:
        own = stems[number]
        return sum(
            questions[text] * len(own & other) / ((len(own) * len(other)) ** 0.5 or 1)
            for text, other in zip(texts, stems, strict=True)
        )

    best = max(range(len(texts)), key=lambda number: (closeness(number), -len(texts[number])))
    return texts[best]


def _centres(groups: Sequence[Sequence[Asked]]) -> Matrix:
    """One row for each group: the mean of its questions' vectors beside that of their stems.

    The product of two such means is the mean of the products of all pairs.
    """
    import numpy as np

    columns: dict[str, int] = {}
    counted = [[set(content_stems(each.text)) for each in questions] for questions in groups]
    for stems in counted:
        for own in stems:
            for stem in sorted(own):
                columns.setdefault(stem, len(columns))
    width = max((len(each.vector or ()) for part in groups for each in part), default=0)
    share = VECTOR_SHARE if width else 0.0
    table = np.zeros((len(groups), width + len(columns)), dtype=np.float32)
    for row, (questions, stems) in enumerate(zip(groups, counted, strict=True)):
        for question, own in zip(questions, stems, strict=True):
            if question.vector is not None and len(question.vector) == width:
                table[row, :width] += np.sqrt(share) * np.asarray(question.vector, np.float32)
            for stem in own:
                table[row, width + columns[stem]] += np.sqrt((1 - share) / len(own))
        table[row] /= max(len(questions), 1)
    return table


def _similarities(centres: Matrix, known: int) -> Matrix:
    import numpy as np

    alike: Matrix = centres @ centres[known:].T
    for number in range(alike.shape[1]):
        # Each pair once: a new group meets the known ones and the new ones before it.
        alike[known + number :, number] = _MERGED
    return np.ascontiguousarray(alike)


def _renew(alike: Matrix, centres: Matrix, row: int, known: int) -> None:
    """The similarities of a group that grew."""
    fresh = centres[known:] @ centres[row]
    alive = alike[row] > _MERGED
    alike[row, alive] = fresh[alive]
    if row >= known:
        column = row - known
        alive = alike[:, column] > _MERGED
        alike[alive, column] = (centres @ centres[row])[alive]


def _numbers(member: Mapping[int, Sequence[int]], known: int, new: int) -> list[int]:
    found = [0] * new
    fresh = known
    for group_number in sorted(member):
        number = group_number
        if group_number >= known:
            number, fresh = fresh, fresh + 1
        for each in member[group_number]:
            found[each] = number
    return found
