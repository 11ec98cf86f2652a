"""Charts as text: what they show, what they leave out, and that names in them are escaped."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.qa.figures.records import Distribution, Figures, KindFigures, Name, Vanishing, Vocabulary
from pipelines.qa.page.charts import Mark, curve, histogram, ranges, spark
from pipelines.qa.page.panels import levels, openings, panels, shapes, tail_sentence, vocabularies, yes_no
from pipelines.qa.page.wording import BLANK, fine_percent, short

WORDS = Distribution(
    edges=(0, 10, 20, 40), counts=(5, 0, 15), number=20, low=1, p05=2, median=25, p95=38, high=39, mean=22
)


def numbers(svg: str, name: str) -> list[float]:
    return [float(found) for found in re.findall(rf'\b{name}="(-?[\d.]+)"', svg)]


def test_a_histogram_has_a_bar_for_each_filled_bin() -> None:
    svg = str(histogram(WORDS, "words"))
    assert re.findall(r"<title>(.*?)</title>", svg) == [
        "words", f"0 to 10: 5 (25{BLANK}%)", f"20 to 40: 15 (75{BLANK}%)",
    ]  # fmt: skip
    low, high = (float(found) for found in re.findall(r'<rect .*? height="([\d.]+)"', svg))
    assert high == pytest.approx(3 * low, rel=0.02)
    assert "median 25" in svg
    assert 'role="img" aria-label="words"' in svg


def test_what_is_empty_has_no_chart() -> None:
    assert histogram(Distribution(), "x") == spark(Distribution(), "x") == ranges({}, "x", Mark(1, "")) == ""
    assert curve([], "x", "a", "b") == curve([Name(name="1", count=3)], "x", "a", "b") == ""
    assert panels(Figures()) == shapes(Figures()) == vocabularies(Figures()) == openings(Figures()) == []
    assert levels(Figures()) == ([], [])


@given(
    st.lists(st.integers(0, 10**9), min_size=1, max_size=40),
    st.floats(-1e9, 1e9), st.lists(st.floats(0, 1e6), min_size=41, max_size=41, unique=True),
)  # fmt: skip
def test_bars_and_marks_stay_in_the_chart(counts: list[int], median: float, edges: list[float]) -> None:
    found = Distribution(edges=tuple(sorted(edges)[: len(counts) + 1]), counts=tuple(counts), median=median)
    svg = str(histogram(found, "x"))
    for x, width in zip(numbers(svg, "x")[: len(numbers(svg, "width"))], numbers(svg, "width"), strict=True):
        assert 0 <= x <= x + width <= 361
    assert all(0 <= x <= 360 for x in numbers(svg, "x1"))
    assert all(0 <= y <= 150 for y in numbers(svg, "y"))


def test_a_curve_falls_on_logarithmic_axes() -> None:
    svg = str(curve([Name(name=str(rank), count=1000 // rank) for rank in (1, 10, 100)], "x", "rank", "count"))
    points = [tuple(map(float, one.split(","))) for one in re.search('points="(.*?)"', svg)[1].split()]
    assert points[1][0] - points[0][0] == pytest.approx(points[2][0] - points[1][0], abs=0.2)
    assert points[0][1] < points[1][1] < points[2][1]


def test_names_in_charts_are_escaped() -> None:
    name = '<script>&"'
    svg = str(ranges({name: WORDS}, name, Mark(2048, name))) + str(histogram(WORDS, name)) + str(spark(WORDS, name))
    assert "<script" not in svg
    assert svg.count("&lt;script&gt;&amp;&#34;") >= 5


def test_ranges_reach_to_the_context() -> None:
    svg = str(ranges({"a": WORDS}, "tokens", Mark(100, "context 100")))
    limit = numbers(svg, "x1")[0]
    assert all(x < limit for x in numbers(svg, "cx"))
    assert "a: 1 to 39, median 25" in svg


def test_figures_as_panels() -> None:
    kind = KindFigures(
        rows=4, turns=8, answer_words=WORDS, tokens=WORDS, over_context=2, yes=3, no=1,
        openings=(Name(name="yes", count=3), Name(name="w" * 500, count=1)),
        vanishing=(Vanishing(stride=32, judged=10, vanished=4),),
    )  # fmt: skip
    words = Vocabulary(distinct=3, total=9, top=(Name(name="dog", count=8),), tail=(Name(name="cat", count=1),))
    figures = Figures(
        kinds={"short_form": kind, "empty": KindFigures()}, categories=words, area_px=WORDS,
        vanishing=(Vanishing(stride=32, judged=10, vanished=4), Vanishing(stride=4, judged=10, vanished=0)),
    )  # fmt: skip
    assert [panel.title for panel in panels(figures)] == ["Area of a mask, in pixels", "Tokens of a row"]
    assert panels(figures)[1].says.startswith("2 rows are longer than the context")
    assert [line.kind for line in shapes(figures)] == ["short_form"]
    assert [(one.kind, one.share) for one in yes_no(figures)] == [("short_form", 0.75)]
    assert openings(figures)[0][1][0] == ("yes", 3 / 8)
    assert len(openings(figures)[0][1][1][0]) < 100
    assert levels(figures) == (["short_form"], [(4, [0.0, None]), (32, [0.4, 0.4])])
    assert vocabularies(figures)[0].tail == [("cat", 1)]


def test_short_numbers() -> None:
    assert [short(n) for n in (0, 3, 2.5, 0.0123, 950, 1200, 999_999, 3_000_000)] == [
        "0", "3", "2.5", "0.012", "950", "1.2K", "1M", "3M",
    ]  # fmt: skip
    assert [fine_percent(n).replace(BLANK, " ") for n in (0.5, 0.000061, 0)] == ["50 %", "0.0061 %", "0 %"]


def test_figures_say_what_they_count() -> None:
    one = Distribution(edges=(0, 2), counts=(4,), number=4, low=1, median=1, high=1)
    found = Vocabulary(distinct=1, total=4, top=(Name(name="dog", count=4),))
    kind = KindFigures(rows=4, turns_per_row=one, tokens=one)
    figures = Figures(regions_per_image=one, categories=found, kinds={"mask_text": kind})
    assert panels(figures)[0].says.startswith("4 pictures with regions: least 1")
    [line] = shapes(figures)
    assert next((cell.median, cell.range) for cell in line.cells if cell) == ("", "always 1")
    assert tail_sentence(vocabularies(figures)[0]).startswith("1 names, 4 distinct regions")
