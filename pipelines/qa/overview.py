"""Tables in Markdown for README and guide: counted and listed, not typed."""

from pipelines.builders import BUILDERS, MODEL_KINDS
from pipelines.qa.checks.catalog import specs
from pipelines.qa.kinds import MEANS
from pipelines.shards.manifest import KindEntry, Manifest

_HEAD = ("kind", "what", "from", "rows", "regions", "turns", "paper", "who writes")
_ALIGN = ("---", "---", "---", "---:", "---:", "---:", "---:", "---")


def kinds_table(manifest: Manifest) -> str:
    """A line for each kind of the build, in the order of the stages of training."""
    lines = [_line(kind, manifest.kinds[kind], manifest) for kind in BUILDERS if kind in manifest.kinds]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (_HEAD, _ALIGN, *lines)) + "\n"


def _line(kind: str, entry: KindEntry, manifest: Manifest) -> tuple[str, ...]:
    sources = ", ".join(manifest.recipe["kinds"][kind]["sources"])
    paper = "" if entry.paper is None else f"{entry.paper:,}"
    writer = "a language model, or a template" if kind in MODEL_KINDS else "nobody: the annotations answer"
    return (
        f"`{kind}`", MEANS[kind], sources, f"{entry.rows:,}", f"{entry.regions:,}", f"{entry.turns:,}", paper, writer,
    )  # fmt: skip


def checks_table() -> str:
    """Every check of the content with what holds where a recipe says nothing, for the guide."""
    lines = [
        (f"`{spec.name}`", spec.means, spec.severity, f"{100 * spec.threshold:g} % of {spec.unit}")
        for spec in specs().values()
    ]
    head = ("check", "should hold", "severity", "may be at fault")
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ("---",) * len(head), *lines)) + "\n"
