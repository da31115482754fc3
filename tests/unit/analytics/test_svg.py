"""Charts: well-formed, described, nothing that a content policy forbids, text as text."""

from __future__ import annotations

from typing import Any

import pytest
from lxml import etree

from govbot.analytics.svg import HEIGHT, WIDTH, Series, columns, lines

LABELS = ["01/03", "02/03", "<b>"]


@pytest.mark.parametrize("draw", [columns, lines])
@pytest.mark.parametrize("values", [[3, 0, 10], [0, 0, 0], [None, 2.5, None], [1e6, 1, 2]])
def test_a_chart_stays_inside_its_frame_and_says_what_it_shows(
    draw: object, values: list[float | None]
) -> None:
    chart = draw("Perguntas & dias", "De 1º a 3", LABELS, [Series("sem <i>", "c2", values)])  # type: ignore[operator]
    tree: Any = etree.fromstring(str(chart))
    assert tree.get("role") == "img"
    assert [each.text for each in tree[:2]] == ["Perguntas & dias", "De 1º a 3"]
    for each in tree.iter():
        assert each.get("style") is None
        for name, limit in (("x", WIDTH), ("y", HEIGHT), ("cx", WIDTH), ("cy", HEIGHT)):
            assert 0 <= float(each.get(name) or 0) <= limit
    shown = sum(1 for value in values if value) if draw is columns else len(
        [value for value in values if value is not None]
    )  # fmt: skip
    assert len(tree.xpath("//*[@class='c2'][local-name() != 'polyline']")) == shown


def test_a_chart_of_nothing_is_one_too() -> None:
    assert etree.fromstring(str(columns("Nada", "", [], []))).tag == "svg"
