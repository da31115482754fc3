"""Charts drawn by the server as SVG: where the lines and bars stand. Pure.

A template shows them with the macros of `templates/_chart.html`: `chart(c)` draws one, `figures(c)`
gives the same numbers as a table, which must stand beside it. No scripts and no styles inside: the
colours are those of `css/charts.css`. The drawing is stretched to its place, so texts stand beside
it as HTML and lines keep their width.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Final, Literal

WIDTH, HEIGHT = 1000, 200  # units of the drawing
COLOURS: Final = 5  # series beyond take the colours again
_GAP = 0.25  # of the width of a bar's place
_ids = count(1)

Value = float | None


@dataclass(frozen=True, slots=True)
class Dot:
    """A value of a line; `title` is what a pointer on it tells."""

    x: float
    y: float
    title: str


@dataclass(frozen=True, slots=True)
class Bar:
    """A value of a bar chart."""

    x: float
    y: float
    width: float
    height: float
    title: str


@dataclass(frozen=True, slots=True)
class Series:
    """One line or kind of bars; `colour` is 1 to COLOURS, `path` the d of an SVG path."""

    name: str
    colour: int
    path: str = ""
    dots: tuple[Dot, ...] = ()
    bars: tuple[Bar, ...] = ()


@dataclass(frozen=True, slots=True)
class Chart:
    """What a template needs. `scale`: words at the top, middle and bottom; `rows`: the table."""

    id: str
    kind: Literal["line", "bar"]
    title: str
    description: str
    series: tuple[Series, ...]
    scale: tuple[str, str, str]
    labels: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not any(each.dots or each.bars for each in self.series)


def line_chart(
    title: str,
    labels: Sequence[str],
    series: Sequence[tuple[str, Sequence[Value]]],
    *,
    description: str = "",
    low: float | None = None,
    high: float | None = None,
    shown: Callable[[float], str] = "{:g}".format,
) -> Chart:
    """Lines over the same labels, from left to right; None leaves a gap.

    `low` and `high` bound the scale (else the values do); `shown` writes a value.
    """
    floor, ceiling = _bounds([v for _, vs in series for v in vs if v is not None], low, high)
    drawn = []
    for number, (name, values) in enumerate(series):
        dots = [
            Dot(_x(at, len(labels)), _y(v, floor, ceiling), f"{labels[at]}: {shown(v)}")
            if v is not None
            else None
            for at, v in enumerate(values)
        ]
        kept = tuple(dot for dot in dots if dot is not None)
        drawn.append(Series(name, number % COLOURS + 1, path=_path(dots), dots=kept))
    return _chart("line", title, description, labels, series, drawn, (floor, ceiling), shown)


def bar_chart(
    title: str,
    labels: Sequence[str],
    series: Sequence[tuple[str, Sequence[Value]]],
    *,
    description: str = "",
    high: float | None = None,
    shown: Callable[[float], str] = "{:g}".format,
) -> Chart:
    """Bars from zero, those of several series side by side under their label."""
    present = [v for _, vs in series for v in vs if v is not None]
    floor, ceiling = _bounds(present, 0.0, high)
    place = WIDTH / max(1, len(labels))
    width = place * (1 - _GAP) / max(1, len(series))
    drawn = []
    for number, (name, values) in enumerate(series):
        left = place * _GAP / 2 + number * width
        bars = tuple(
            Bar(
                round(at * place + left, 1),
                top := _y(value, floor, ceiling),
                round(width, 1),
                round(HEIGHT - top, 1),
                f"{labels[at]}: {shown(value)}",
            )
            for at, value in enumerate(values)
            if value is not None
        )
        drawn.append(Series(name, number % COLOURS + 1, bars=bars))
    return _chart("bar", title, description, labels, series, drawn, (floor, ceiling), shown)


def _chart(
    kind: Literal["line", "bar"],
    title: str,
    description: str,
    labels: Sequence[str],
    series: Sequence[tuple[str, Sequence[Value]]],
    drawn: Sequence[Series],
    bounds: tuple[float, float],
    shown: Callable[[float], str],
) -> Chart:
    floor, ceiling = bounds
    return Chart(
        id=f"chart-{next(_ids) % 1_000_000}",
        kind=kind,
        title=title,
        description=description,
        series=tuple(drawn),
        scale=(shown(ceiling), shown((floor + ceiling) / 2), shown(floor)),
        labels=tuple(labels),
        rows=tuple(
            (label, tuple(_cell(values[at], shown) for _, values in series))
            for at, label in enumerate(labels)
        ),
    )


def _cell(value: Value, shown: Callable[[float], str]) -> str:
    return "–" if value is None else shown(value)


def _bounds(values: Sequence[float], low: float | None, high: float | None) -> tuple[float, float]:
    """The ends of the scale, never the same."""
    floor = low if low is not None else min(values, default=0.0)
    ceiling = high if high is not None else max(values, default=1.0)
    return (floor, ceiling) if ceiling > floor else (floor, floor + (abs(floor) or 1.0))


def _x(at: int, n: int) -> float:
    return round((at + 0.5) * WIDTH / max(1, n), 1)


def _y(value: float, floor: float, ceiling: float) -> float:
    share = (value - floor) / (ceiling - floor)
    return round(HEIGHT * (1 - min(1.0, max(0.0, share))), 1)


def _path(dots: Sequence[Dot | None]) -> str:
    """Straight from dot to dot, broken where one is missing."""
    parts = []
    pen = "M"
    for dot in dots:
        if dot is None:
            pen = "M"
            continue
        parts.append(f"{pen}{dot.x} {dot.y}")
        pen = "L"
    return " ".join(parts)
