"""What is counted and measured of a build: plain numbers, as they stand in qa/report.json."""

from schemas.records import Record


class Distribution(Record, frozen=True, kw_only=True):
    """How a number is distributed: a histogram for people, and quantiles that do not depend on its bins.

    A quantile is the smallest value that this share of all does not exceed; exact below 2,048 (steps of 2**-40 for
    shares), and not more than 0.1 % too low above.
    """

    edges: tuple[float, ...] = ()
    """Borders of the bins, one more than `counts`; the last bin includes its upper border."""
    counts: tuple[int, ...] = ()
    number: int = 0
    low: float | None = None
    p05: float | None = None
    median: float | None = None
    p95: float | None = None
    high: float | None = None
    mean: float | None = None


class Name(Record, frozen=True, kw_only=True):
    """A name and how often it stands there."""

    name: str
    count: int


class Vocabulary(Record, frozen=True, kw_only=True):
    """Names by frequency, bounded: the head, the tail, and the curve between."""

    distinct: int = 0
    total: int = 0
    top: tuple[Name, ...] = ()
    tail: tuple[Name, ...] = ()
    """The rarest ones."""
    curve: tuple[Name, ...] = ()
    """Some ranks of the frequency curve on a logarithmic scale; `name` is the rank, counted from 1."""


class Shown(Record, frozen=True, kw_only=True):
    """A row of the gallery."""

    sample_id: str
    file: str
    """Shard, relative to OUT."""
    row: int
    """Within the shard."""


class Cell(Record, frozen=True, kw_only=True):
    """Rows of one kind, split and generator that rest on the same sources."""

    kind: str
    split: str
    generator: str
    sources: tuple[str, ...]
    rows: int = 0
    regions: int = 0
    turns: int = 0


class Prompt(Record, frozen=True, kw_only=True):
    """A file of wording that rows of a kind were written from, by a model or by the template."""

    kind: str
    generator: str
    """The model that answered, or `template`."""
    prompt: str
    sha256: str
    rows: int


class Vanishing(Record, frozen=True, kw_only=True):
    """Regions that no cell of a feature map sees under the paper's pooling (section 3: bilinear resize, then `> 0`)."""

    stride: int
    """Pixels of the model's picture a cell stands for: 4, 8, 16, 32."""
    judged: int
    vanished: int


class KindFigures(Record, frozen=True, kw_only=True):
    """One kind."""

    rows: int = 0
    regions: int = 0
    turns: int = 0
    images: int = 0
    """Distinct ones."""
    area_px: Distribution = Distribution()
    """Of all regions of all rows."""
    area_share: Distribution = Distribution()
    """Of the picture, 0 to 1."""
    regions_per_row: Distribution = Distribution()
    turns_per_row: Distribution = Distribution()
    question_words: Distribution = Distribution()
    answer_words: Distribution = Distribution()
    tokens: Distribution = Distribution()
    """A row as the trainer sees it: image tokens, two a region, and the words."""
    over_context: int = 0
    """Rows longer than the context."""
    yes: int = 0
    """Answers that begin with it."""
    no: int = 0
    openings: tuple[Name, ...] = ()
    """The commonest first three words of answers, in lower case."""
    vanishing: tuple[Vanishing, ...] = ()


class Figures(Record, frozen=True, kw_only=True):
    """The whole build."""

    rows: int = 0
    regions: int = 0
    turns: int = 0
    images: int = 0
    cells: tuple[Cell, ...] = ()
    kinds: dict[str, KindFigures] = {}
    regions_per_image: Distribution = Distribution()
    """Distinct regions of all kinds together, of images that have any."""
    area_px: Distribution = Distribution()
    """Of distinct regions, as what follows to `parts`: one that many rows show counts once."""
    area_share: Distribution = Distribution()
    vanishing: tuple[Vanishing, ...] = ()
    categories: Vocabulary = Vocabulary()
    """Of regions that are not parts; those without a category are left out."""
    parts: Vocabulary = Vocabulary()
    """Of regions that belong to another one, or whose name says which part of which object they are."""
    attributes: Vocabulary = Vocabulary()
    """Words of the answers of `part_attribute`, by question-answer pairs."""
    row_sources: dict[str, int] = {}
    """Rows that rest on a source; a row may rest on several."""
    region_sources: dict[str, int] = {}
    """Regions (with repeats) whose mask is a source's."""
    licenses: dict[str, int] = {}
    kind_licenses: dict[str, dict[str, int]] = {}
    """Rows by kind and licence."""
    prompts: tuple[Prompt, ...] = ()
    shown: dict[str, tuple[Shown, ...]] = {}
    """By kind: the rows of the gallery."""
    tokenizer: str = ""
    """What counted the tokens."""
    context: int = 2048
