"""The figures of a build, as the page arranges them. What is empty is left out."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from pipelines.qa.figures.records import Distribution, Figures, KindFigures, Vanishing, Vocabulary
from pipelines.qa.page.charts import Mark, Write, curve, histogram, ranges, spark
from pipelines.qa.page.wording import BLANK, fine_percent, percent, plain, short
from pipelines.qa.results import LeakLine

_TOP = 20
"""Names of a vocabulary that are listed, of the head and of the tail."""

_LONGEST = 80
"""Characters of a name that are shown."""


class Panel(NamedTuple):
    """One chart with its title and a sentence."""

    title: str
    says: str
    chart: Markup


class Measure(NamedTuple):
    """A column of the table of distributions."""

    name: str
    head: str
    write: Write


MEASURES = (
    Measure("regions_per_row", "regions a row", short), Measure("turns_per_row", "pairs a row", short),
    Measure("question_words", "words of a question", short), Measure("answer_words", "words of an answer", short),
    Measure("tokens", "tokens a row", plain), Measure("area_share", "area of a mask", fine_percent),
)  # fmt: skip


class Spark(NamedTuple):
    """A cell of the table of distributions."""

    chart: Markup
    median: str
    range: str


class KindShape(NamedTuple):
    """A line of the table of distributions."""

    kind: str
    cells: list[Spark | None]


class Words(NamedTuple):
    """A vocabulary."""

    title: str
    one: str
    """What a name of it is."""
    found: Vocabulary
    top: list[tuple[str, int, float]]
    """Name, count, and count over the largest."""
    tail: list[tuple[str, int]]
    chart: Markup


class Level(NamedTuple):
    """A feature level at which regions vanish."""

    stride: int
    shares: list[float | None]
    """Of the whole build, then of each kind."""


class Matrix(NamedTuple):
    """Counts by two names."""

    rows: list[str]
    columns: list[str]
    counts: dict[tuple[str, str], int]
    most: int


class Yes(NamedTuple):
    """Answers that begin with yes or no."""

    kind: str
    yes: int
    no: int

    @property
    def share(self) -> float:
        """Of yes."""
        return self.yes / (self.yes + self.no)


def panels(figures: Figures) -> list[Panel]:
    """Histograms of the whole build."""
    made = [
        _panel(
            "Regions of a picture",
            figures.regions_per_image,
            ("pictures with regions", "a region that several rows show counts once"),
            short,
        ),
        _panel("Area of a mask, in pixels", figures.area_px, ("distinct regions", "in the picture's own size"), short),
        _panel("Area of a mask, of its picture", figures.area_share, ("distinct regions", ""), fine_percent),
        _tokens(figures),
    ]
    return [panel for panel in made if panel.chart]


def _panel(title: str, found: Distribution, says: tuple[str, str], write: Write) -> Panel:
    """`says` is what is counted, and what else there is to know."""
    known = [
        ("least", found.low),
        (f"5{BLANK}% below", found.p05),
        (f"95{BLANK}% below", found.p95),
        ("most", found.high),
    ]
    told = ", ".join(f"{words} {write(value)}" for words, value in known if value is not None)
    about = "; ".join(filter(None, [f"{found.number:,} {says[0]}: {told}", says[1]]))
    return Panel(title, f"{about}.", histogram(found, title, write))


def _tokens(figures: Figures) -> Panel:
    title, context = "Tokens of a row", figures.context
    over = sum(kind.over_context for kind in figures.kinds.values())
    chart = ranges({k: one.tokens for k, one in figures.kinds.items()}, title, Mark(context, f"context {context:,}"))
    counted = f" Counted with {figures.tokenizer}" if figures.tokenizer else ""
    rows = "No row is" if not over else "1 row is" if over == 1 else f"{over:,} rows are"
    return Panel(title, f"{rows} longer than the context. Thick: 5 to 95 %, dot: median.{counted}", chart)


def shapes(figures: Figures) -> list[KindShape]:
    """A line of small histograms for each kind."""
    lines = [KindShape(kind, [_cell(one, kind, found) for one in MEASURES]) for kind, found in figures.kinds.items()]
    return [line for line in lines if any(line.cells)]


def _cell(measure: Measure, kind: str, figures: KindFigures) -> Spark | None:
    found: Distribution = getattr(figures, measure.name)
    chart = spark(found, f"{kind}: {measure.head}", measure.write)
    if not chart:
        return None
    ends = list(dict.fromkeys(measure.write(one) for one in (found.low, found.high) if one is not None))
    if len(ends) == 1:
        return Spark(chart, "", f"always {ends[0]}")
    return Spark(chart, "" if found.median is None else measure.write(found.median), " to ".join(ends))


def yes_no(figures: Figures) -> list[Yes]:
    """Kinds with answers of either sort."""
    return [Yes(kind, one.yes, one.no) for kind, one in figures.kinds.items() if one.yes + one.no]


def openings(figures: Figures, most: int = 5) -> list[tuple[str, list[tuple[str, float]]]]:
    """By kind: how answers begin most often, with the share of all answers."""
    return [
        (kind, [(_cut(one.name), one.count / max(1, found.turns)) for one in found.openings[:most]])
        for kind, found in figures.kinds.items()
        if found.openings
    ]


def vocabularies(figures: Figures) -> list[Words]:
    """Categories, parts, attributes."""
    named = (
        ("Categories", "category", figures.categories), ("Parts", "part", figures.parts),
        ("Attributes", "attribute", figures.attributes),
    )  # fmt: skip
    return [_words(title, one, found) for title, one, found in named if found.distinct]


def _words(title: str, one: str, found: Vocabulary) -> Words:
    largest = max((name.count for name in found.top), default=1)
    top = [(_cut(name.name), name.count, name.count / max(1, largest)) for name in found.top[:_TOP]]
    listed = {name.name for name in found.top[:_TOP]}
    tail = [(_cut(name.name), name.count) for name in found.tail[:_TOP] if name.name not in listed]
    chart = curve(found.curve, f"How often each {one} occurs, by rank", "rank", "count")
    return Words(title, one, found, top, tail, chart)


def levels(figures: Figures) -> tuple[list[str], list[Level]]:
    """Kinds, and the share of regions that vanish at each feature level in the whole build and in each of them."""
    kinds = [kind for kind, found in figures.kinds.items() if any(one.judged for one in found.vanishing)]
    lines = [_by_stride(figures.vanishing), *(_by_stride(figures.kinds[kind].vanishing) for kind in kinds)]
    strides = sorted({stride for line in lines for stride in line})
    return kinds, [Level(stride, [line.get(stride) for line in lines]) for stride in strides]


def _by_stride(found: Sequence[Vanishing]) -> dict[int, float]:
    return {one.stride: one.vanished / one.judged for one in found if one.judged}


def kinds_by_source(figures: Figures) -> Matrix:
    """Rows of each kind that rest on each source."""
    counts: Counter[tuple[str, str]] = Counter()
    for cell in figures.cells:
        for source in cell.sources:
            counts[source, cell.kind] += cell.rows
    kinds = sorted({kind for _, kind in counts})
    return Matrix(list(figures.row_sources), kinds, dict(counts), max(counts.values(), default=1))


def leaks(lines: Sequence[LeakLine]) -> tuple[list[str], list[str], dict[tuple[str, str], LeakLine]]:
    """Sources, evaluation sets, and the line of each pair."""
    pairs = {(one.source, one.evaluation_set): one for one in lines}
    return list(dict.fromkeys(one.source for one in lines)), sorted({name for _, name in pairs}), pairs


def _cut(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[:_LONGEST]}..."


def tail_sentence(words: Words) -> str:
    """How long the tail is."""
    found = words.found
    head = sum(count for _, count, _ in words.top)
    share = percent(head / found.total) if found.total else "-"
    counted = "answers that name them" if words.one == "attribute" else "distinct regions"
    return f"{found.distinct:,} names, {found.total:,} {counted}; the first {len(words.top)} make {share}"
