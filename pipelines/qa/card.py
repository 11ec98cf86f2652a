"""OUT/README.md: the dataset card, in the Hugging Face Hub's format, so that the folder loads by kind."""

import json
from typing import Any, NamedTuple

from pipelines import storage
from pipelines.qa.figures.records import Figures
from pipelines.qa.page.overview import kind_lines, reason_lines
from pipelines.qa.page.report import environment
from pipelines.qa.reading import rows_at
from pipelines.qa.results import Report
from pipelines.shards.manifest import Manifest, costs, read_manifest
from pipelines.sources import SOURCES, osprey_724k
from schemas.licenses import FROM_FREE_TO_STRICT, strictest

CARD = "README.md"
LONGEST_TEXT = 300
"""Characters of a message in an example."""
MOST = 3
"""Regions and question-answer pairs of an example."""

_ON_HUB = {"CC-BY-4.0": "cc-by-4.0", "CC-BY-NC-4.0": "cc-by-nc-4.0"}
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))

OSPREY = """@inproceedings{yuan2024osprey,
  title={Osprey: Pixel Understanding with Visual Instruction Tuning},
  author={Yuan, Yuqian and Li, Wentong and Liu, Jian and Tang, Dongqi and Luo, Xinjie and Qin, Chi and Zhang, Lei and
          Zhu, Jianke},
  booktitle={CVPR}, year={2024}
}"""


class SourceLine(NamedTuple):
    """A source in the card's table; empty texts where it is none of ours."""

    name: str
    title: str
    homepage: str
    license: str
    note: str
    rows: int
    masks: int
    citation: str


def write_card(out: str, report: Report) -> str:
    """Write the card of a finished build, and return its path.

    Raises:
        BuildError: the manifest is missing or unreadable.
    """
    manifest = read_manifest(out)
    figures = report.figures
    sources = [_source_line(name, figures, manifest) for name in figures.row_sources]
    total = sum(entry.rows for entry in manifest.kinds.values())
    made = environment()
    made.filters["cell"] = _cell
    text = made.get_template("card.md").render(
        manifest=manifest, kinds=kind_lines(manifest, figures), reasons=reason_lines(manifest.ledger), total=total,
        configs=_configs(manifest), loaded=_loaded(manifest), size=_size(total), sources=sources,
        hub_license=_hub_license(figures), examples=_examples(out, figures), osprey=OSPREY,
        licenses=list(figures.licenses.items()), costs=costs(manifest),
    )  # fmt: skip
    path = storage.join(out, CARD)
    storage.write_bytes(path, text.encode())
    return path


def _configs(manifest: Manifest) -> list[tuple[str, list[tuple[str, str]]]]:
    """(kind, [(split, glob)]) of the kinds with rows; JSON strings, which YAML reads as they are."""
    found = []
    for kind, entry in sorted(manifest.kinds.items()):
        splits = sorted({file.path.rpartition("/")[2].split("-")[0] for file in entry.files})
        if entry.rows:
            found.append((kind, [(split, f"data/{kind}/{split}-*.parquet") for split in splits]))
    return found


class Loaded(NamedTuple):
    """The kind that the card's code loads."""

    name: str
    regions: int


def _loaded(manifest: Manifest) -> Loaded:
    """The first kind with regions, else the first with rows."""
    filled = [Loaded(kind, entry.regions) for kind, entry in sorted(manifest.kinds.items()) if entry.rows]
    return next((one for one in filled if one.regions), filled[0] if filled else Loaded("KIND", 1))


def _size(rows: int) -> str:
    return next((name for limit, name in _SIZES if rows < limit), "1M<n<10M")


def _hub_license(figures: Figures) -> str:
    """The Hub's name of the strictest licence of all rows; `other` where a model's provider has a say as well."""
    writers = {cell.generator for cell in figures.cells}
    if not figures.licenses or set(figures.licenses) - set(FROM_FREE_TO_STRICT) or writers - {"template"}:
        return "other"
    return _ON_HUB.get(strictest(figures.licenses), "other")


def _source_line(name: str, figures: Figures, manifest: Manifest) -> SourceLine:
    """With the licence that the recipe states, where it states one."""
    rows, masks = figures.row_sources[name], figures.region_sources.get(name, 0)
    if name not in SOURCES and name != osprey_724k.SPEC.name:
        return SourceLine(name, name, "", "", "", rows, masks, "")
    spec = SOURCES[name].spec if name in SOURCES else osprey_724k.SPEC
    stated = manifest.recipe.get("sources", {}).get(name, {}).get("license")
    license, note = (stated, "As the recipe states.") if stated else (spec.license, spec.license_note)
    return SourceLine(name, spec.title, spec.homepage, license, note, rows, masks, spec.citation.strip())


def _examples(out: str, figures: Figures) -> dict[str, str]:
    """A row of each kind as JSON, shortened."""
    return {
        kind: _json_lines(_shortened(rows_at(out, [(shown[0].file, shown[0].row)])[0]))
        for kind, shown in figures.shown.items()
        if shown
    }


def _shortened(row: dict[str, Any]) -> dict[str, Any]:
    regions = [
        {name: region[name] for name in ("region_id", "category", "bbox", "area")} for region in row["regions"] or ()
    ]
    messages = [{**m, "content": _cut(m["content"] or "")} for m in row["messages"] or ()]
    return {
        "sample_id": row["sample_id"], "image": {"path": row["image"]["path"]}, "regions": _few(regions, MOST),
        "messages": _few(messages, 2 * MOST), "generator": {"name": row["generator"]["name"]},
    }  # fmt: skip


def _json_lines(row: dict[str, Any]) -> str:
    """JSON with a line for each item of a list; no text can begin a line, so none can end the block it stands in."""
    lines = [f"  {json.dumps(name)}: {_value(value)}" for name, value in row.items()]
    return "{\n" + ",\n".join(lines) + "\n}"


def _value(value: Any) -> str:
    if not isinstance(value, list):
        return json.dumps(value, ensure_ascii=False)
    return "[\n" + ",\n".join(f"    {json.dumps(item, ensure_ascii=False)}" for item in value) + "\n  ]"


def _few(items: list[Any], most: int) -> list[Any]:
    return items if len(items) <= most else [*items[:most], f"... {len(items) - most} more"]


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]} ..."


def _cell(text: object) -> str:
    """Text for a table of Markdown: on one line, without markup of its own."""
    plain = " ".join(str(text).split())
    return "".join(f"\\{char}" if char in "\\|`*[]<>#" else char for char in plain)
