from __future__ import annotations

from govbot.web.charts import HEIGHT, WIDTH, bar_chart, line_chart


def test_a_line_goes_from_left_to_right_and_higher_values_stand_higher() -> None:
    chart = line_chart("Notas", ["a", "b"], [("MRR", [0.0, 1.0])], low=0.0, high=1.0)
    (line,) = chart.series
    assert line.path == f"M{WIDTH / 4} {HEIGHT:.1f} L{WIDTH * 3 / 4} 0.0"
    assert chart.scale == ("1", "0.5", "0")
    assert chart.rows == (("a", ("0",)), ("b", ("1",)))


def test_a_missing_value_breaks_the_line_and_is_told_in_the_table() -> None:
    chart = line_chart("Notas", ["a", "b", "c"], [("x", [1.0, None, 3.0])])
    assert chart.series[0].path.count("M") == 2
    assert len(chart.series[0].dots) == 2
    assert chart.rows[1] == ("b", ("–",))


def test_equal_values_and_none_at_all_can_be_drawn() -> None:
    flat = line_chart("Notas", ["a", "b"], [("x", [0.5, 0.5])])
    assert {dot.y for dot in flat.series[0].dots} == {float(HEIGHT)}
    assert line_chart("Notas", [], [("x", [])]).empty
    assert bar_chart("Notas", ["a"], [("x", [None])]).empty


def test_values_beyond_the_scale_stay_in_the_drawing() -> None:
    chart = line_chart("Notas", ["a", "b"], [("x", [-5.0, 9.0])], low=0.0, high=1.0)
    assert [dot.y for dot in chart.series[0].dots] == [float(HEIGHT), 0.0]


def test_bars_of_several_series_stand_side_by_side_from_zero() -> None:
    chart = bar_chart("Perguntas", ["seg", "ter"], [("a", [2, 4]), ("b", [1, 0])])
    first, second = (each.bars[0] for each in chart.series)
    assert second.x == first.x + first.width
    assert chart.series[0].bars[1].height == HEIGHT
    assert chart.series[1].bars[1].height == 0
    assert [each.colour for each in chart.series] == [1, 2]
