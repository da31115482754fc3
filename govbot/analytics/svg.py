"""Charts as SVG that screen readers read and a strict content policy allows: presentation by
classes and attributes, no style, no script. Sizes are in user units; the page scales them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, log10

from markupsafe import Markup, escape

WIDTH, HEIGHT = 720, 220
LEFT, RIGHT, TOP, BOTTOM = 44, 8, 12, 26
LABELS = 8  # below the columns, at most


@dataclass(frozen=True, slots=True)
class Series:
    """Values from left to right; `kind` is the class of its marks (c1, c2, c3...)."""

    name: str
    kind: str
    values: Sequence[float | None]


def columns(
    title: str, description: str, labels: Sequence[str], series: Sequence[Series]
) -> Markup:
    """Stacked columns, one for each label; a missing value has no height."""
    tops = [sum(each.values[place] or 0 for each in series) for place in range(len(labels))]
    scale = _Scale(max(tops, default=0), len(labels))
    marks: list[str] = []
    for place, label in enumerate(labels):
        base = 0.0
        for each in series:
            value = each.values[place] or 0
            if value > 0:
                y, height = scale.y(base + value), scale.y(base) - scale.y(base + value)
                marks.append(
                    f'<rect class="{escape(each.kind)}" x="{scale.x(place):.1f}" y="{y:.1f}"'
                    f' width="{scale.thick:.1f}" height="{max(height, 0.5):.1f}" rx="1.5">'
                    f"<title>{escape(label)}: {escape(each.name)} {value:g}</title></rect>"
                )
                base += value
    return _chart(title, description, scale, labels, marks)


def lines(title: str, description: str, labels: Sequence[str], series: Sequence[Series]) -> Markup:
    """A line for each series; where values are missing it is broken."""
    known = [value for each in series for value in each.values if value is not None]
    scale = _Scale(max(known, default=0), len(labels))
    marks: list[str] = []
    for each in series:
        for run in _runs(each.values):
            points = " ".join(
                f"{scale.middle(place):.1f},{scale.y(value):.1f}" for place, value in run
            )
            if len(run) > 1:
                marks.append(
                    f'<polyline class="{escape(each.kind)}" fill="none" points="{points}"/>'
                )
            for place, value in run:
                marks.append(
                    f'<circle class="{escape(each.kind)}" cx="{scale.middle(place):.1f}"'
                    f' cy="{scale.y(value):.1f}" r="2.5"><title>{escape(labels[place])}:'
                    f" {escape(each.name)} {value:g}</title></circle>"
                )
    return _chart(title, description, scale, labels, marks)


@dataclass(frozen=True, slots=True)
class _Scale:
    """Where values and places stand. The axis ends at a round number above the highest value."""

    highest: float
    places: int

    @property
    def step(self) -> float:
        """The distance of the grid lines: 1, 2 or 5 times a power of ten."""
        rough = max(self.highest, 1) / 4
        power = 10 ** ceil(log10(rough) - 1e-9) / 10
        step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
        return max(float(step), 1.0)

    @property
    def end(self) -> float:
        return ceil(max(self.highest, 1) / self.step) * self.step

    @property
    def slot(self) -> float:
        return (WIDTH - LEFT - RIGHT) / max(self.places, 1)

    @property
    def thick(self) -> float:
        return min(max(self.slot * 0.7, 1.0), 36.0)

    def x(self, place: int) -> float:
        return self.middle(place) - self.thick / 2

    def middle(self, place: int) -> float:
        return LEFT + self.slot * (place + 0.5)

    def y(self, value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / self.end)


def _chart(
    title: str, description: str, scale: _Scale, labels: Sequence[str], marks: Sequence[str]
) -> Markup:
    grid: list[str] = []
    for number in range(round(scale.end / scale.step) + 1):
        value = number * scale.step
        grid.append(
            f'<line class="grid-line" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{scale.y(value):.1f}"'
            f' y2="{scale.y(value):.1f}"/><text x="{LEFT - 6}" y="{scale.y(value) + 4:.1f}"'
            f' text-anchor="end">{value:g}</text>'
        )
    every = max(1, ceil(len(labels) / LABELS))
    for place in range(0, len(labels), every):
        grid.append(
            f'<text x="{scale.middle(place):.1f}" y="{HEIGHT - 8}" text-anchor="middle">'
            f"{escape(labels[place])}</text>"
        )
    # Everything that is not a number was escaped above.
    return Markup(  # noqa: S704
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">'
        f"<title>{escape(title)}</title><desc>{escape(description)}</desc>"
        f'<g aria-hidden="true">{"".join(grid)}{"".join(marks)}</g></svg>'
    )


def _runs(values: Sequence[float | None]) -> list[list[tuple[int, float]]]:
    runs: list[list[tuple[int, float]]] = [[]]
    for place, value in enumerate(values):
        if value is None:
            runs.append([])
        else:
            runs[-1].append((place, value))
    return [run for run in runs if run]
