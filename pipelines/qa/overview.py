"""The kinds of a build as a table in Markdown, for README: counted, or read from the code, not typed."""

import re
from importlib import import_module

from pipelines.builders import BUILDERS, MODEL_KINDS
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
        f"`{kind}`", what(kind), sources, f"{entry.rows:,}", f"{entry.regions:,}", f"{entry.turns:,}", paper, writer,
    )  # fmt: skip


def what(kind: str) -> str:
    """What the kind is, in the words of its builder: the first sentence, without the place in the paper."""
    text = " ".join((import_module(f"pipelines.builders.{kind}").__doc__ or "").split("\n\n")[0].split())
    text = re.sub(r"^`\w+`(?: \([^)]*\))?: ", "", text)
    return re.split(r"[.;](?: |$)", re.sub(r" \(paper[^)]*\)", "", text))[0]
