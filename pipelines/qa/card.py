"""OUT/README.md: the dataset card, in the Hugging Face Hub's format, so that the folder loads by kind.

Its figures are those of the report (`qa/report.json`), as the page shows them; its faults are what was measured.
"""

import json
import re
from typing import Any, NamedTuple

from pipelines import storage
from pipelines.qa import faults
from pipelines.qa.figures.records import Figures
from pipelines.qa.page.overview import kind_lines, reason_lines, tolerated
from pipelines.qa.page.report import environment
from pipelines.qa.provenance import citations, source_lines, strictest_of
from pipelines.qa.reading import rows_at
from pipelines.qa.results import Report
from pipelines.shards.manifest import KindEntry, Manifest, costs, read_manifest
from pipelines.shards.writing import FileEntry
from schemas.licenses import FROM_FREE_TO_STRICT
from schemas.records import IMPORTED

CARD = "README.md"
LONGEST_TEXT = 300
"""Characters of a message in an example."""
LONGEST_CELL = 200
"""Characters of a fault's example in a table."""
MOST = 3
"""Regions and question-answer pairs of an example."""

_ON_HUB = {"CC-BY-4.0": "cc-by-4.0", "CC-BY-NC-4.0": "cc-by-nc-4.0"}
_SIZES = (
    (1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"), (10_000_000, "1M<n<10M"),
    (100_000_000, "10M<n<100M"), (1_000_000_000, "100M<n<1B"),
)  # fmt: skip
"""The Hub's names of sizes, each with the number of rows that is too many for it."""
_SEE = "licence-of-each-row"
"""What the Hub shows where no licence of its list holds for all rows."""
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Characters that command a terminal, or turn around what stands beside them."""
_MARKUP = re.compile(r"[\\|`*~\[\]<>#&]|(?<![^\W_])_|_(?![^\W_])")
"""Characters that Markdown reads as markup; an underscore within a word is none."""
_WITHOUT_PROVIDER = {"template"}
"""Who writes without terms of their own."""


def write_card(out: str, report: Report) -> str:
    """Write the card of a finished build, and return its path.

    Raises:
        BuildError: the manifest is missing or unreadable.
    """
    manifest = read_manifest(out)
    figures = report.figures
    sources = source_lines(figures, manifest)
    made = environment()
    made.filters["cell"] = _cell
    made.filters["cut"] = lambda text: _cut(str(text), LONGEST_CELL)
    text = made.get_template("card.md").render(
        manifest=manifest, report=report, figures=figures, kinds=kind_lines(manifest, figures),
        reasons=reason_lines(manifest.ledger), loaded=_loaded(manifest), sources=sources,
        examples=_examples(out, figures), citations=citations(sources), kind_licenses=figures.kind_licenses,
        costs=costs(manifest), settings=_settings(manifest), outcomes=faults.outcomes(report),
        found=faults.fault_lines(report),
        unjudged=faults.not_judged(report), tolerated=tolerated(report), leaks=faults.leak_sets(report),
        shapes=faults.shapes(figures), remarks=faults.remarks(report), uses=_uses(figures),
    )  # fmt: skip
    path = storage.join(out, CARD)
    storage.write_bytes(path, f"---\n{front_matter(manifest, figures)}\n---\n{text}".encode())
    return path


def front_matter(manifest: Manifest, figures: Figures) -> str:
    """The card's YAML, by the Hub's own class."""
    from huggingface_hub import DatasetCardData

    filled = {kind: entry for kind, entry in sorted(manifest.kinds.items()) if entry.rows}
    configs = [{"config_name": kind, "data_files": _data_files(kind, entry)} for kind, entry in filled.items()]
    data = DatasetCardData(
        pretty_name=" ".join(f"Osprey-Data {manifest.recipe.get('name', '')}".split()),
        language=["en"], **_terms(figures),
        task_categories=["image-text-to-text", "visual-question-answering"],
        tags=["region-understanding", "segmentation-masks", "mask-text", "instruction-tuning", "croissant"],
        size_categories=[_size(sum(entry.rows for entry in filled.values()))], configs=configs or None,
        dataset_info=[_info(kind, entry) for kind, entry in filled.items()] or None,
    )  # fmt: skip
    return data.to_yaml()


def _data_files(kind: str, entry: KindEntry) -> list[dict[str, str]]:
    return [{"split": split, "path": f"data/{kind}/{split}-*.parquet"} for split in _by_split(entry)]


def _info(kind: str, entry: KindEntry) -> dict[str, Any]:
    """What loaders compare with what they read, which is the number of rows; bytes are those of the files."""
    splits = [
        {"name": split, "num_bytes": sum(one.bytes for one in files), "num_examples": sum(one.rows for one in files)}
        for split, files in _by_split(entry).items()
    ]
    size = sum(file.bytes for file in entry.files)
    return {"config_name": kind, "splits": splits, "download_size": size, "dataset_size": size}


def _by_split(entry: KindEntry) -> dict[str, list[FileEntry]]:
    """Shards by split, from their names, which loaders go by."""
    found: dict[str, list[FileEntry]] = {}
    for file in entry.files:
        found.setdefault(file.path.rpartition("/")[2].split("-")[0], []).append(file)
    return dict(sorted(found.items()))


class Loaded(NamedTuple):
    """The kind that the card's code loads."""

    name: str
    regions: int
    split: str


def _loaded(manifest: Manifest) -> Loaded:
    """The kind with most rows, if it can be one with regions, and its first split."""
    filled = [(bool(entry.regions), entry.rows, kind) for kind, entry in manifest.kinds.items() if entry.rows]
    if not filled:
        return Loaded("KIND", 1, "train")
    entry = manifest.kinds[kind := max(filled)[-1]]
    return Loaded(kind, entry.regions, next(iter(_by_split(entry))))


def _size(rows: int) -> str:
    return next((name for limit, name in _SIZES if rows < limit), "1B<n<10B")


def _terms(figures: Figures) -> dict[str, Any]:
    """The licence; one that is not in the Hub's list with a name of its own, and what it comes to."""
    license = _hub_license(figures)
    if license != "other":
        return {"license": license}
    told = ", ".join(f"{name} {rows:,} rows" for name, rows in figures.licenses.items())
    details = " ".join(f"By the column license: {told or 'no rows'}.".split())
    return {"license": license, "license_name": _SEE, "license_details": details}


def _hub_license(figures: Figures) -> str:
    """The Hub's name of the strictest licence of all rows; `other` where a model's provider has a say as well."""
    writers = {cell.generator for cell in figures.cells}
    strictest = strictest_of(figures.licenses)
    if len(strictest) != 1 or writers - _WITHOUT_PROVIDER:
        return "other"
    return _ON_HUB.get(strictest[0], "other")


def _settings(manifest: Manifest) -> dict[str, str]:
    """How models were asked, by the recipe; what it leaves to the server is not there."""
    asked = manifest.recipe.get("generation", {})
    return {name: json.dumps(value) for name, value in sorted(asked.items()) if value is not None}


def _uses(figures: Figures) -> list[str]:
    """What the rows may and may not be used for, as far as figures say."""
    found = []
    strict = {name: rows for name, rows in figures.licenses.items() if name != FROM_FREE_TO_STRICT[0]}
    if strict:
        told = ", ".join(f"{rows:,} rows are under {name}" for name, rows in strict.items())
        found.append(f"Not for every purpose: {told}. The column license tells them apart.")
    models = {cell.generator for cell in figures.cells} - {"template", IMPORTED}
    if models:
        found.append(f"Answers of {', '.join(sorted(models))} are under the terms of their provider as well.")
    return found


def _examples(out: str, figures: Figures) -> dict[str, str]:
    """A row of each kind as JSON, shortened."""
    first = {kind: shown[0] for kind, shown in figures.shown.items() if shown}
    rows = rows_at(out, [(one.file, one.row) for one in first.values()])
    return {kind: _json_lines(_shortened(row)) for kind, row in zip(first, rows, strict=True)}


def _shortened(row: dict[str, Any]) -> dict[str, Any]:
    regions = [
        {name: region[name] for name in ("region_id", "category", "bbox", "area")} for region in row["regions"] or ()
    ]
    messages = [{**m, "content": _cut(m["content"] or "", LONGEST_TEXT)} for m in row["messages"] or ()]
    return {
        "sample_id": row["sample_id"], "image": {"path": row["image"]["path"]}, "regions": _few(regions, MOST),
        "messages": _few(messages, 2 * MOST), "generator": {"name": row["generator"]["name"]},
    }  # fmt: skip


def _json_lines(row: dict[str, Any]) -> str:
    """JSON with a line for each item of a list; no text can begin a line, so none can end the block it stands in."""
    lines = [f"  {json.dumps(name)}: {_value(value)}" for name, value in row.items()]
    return "{\n" + ",\n".join(lines) + "\n}"


def _value(value: Any) -> str:
    if not isinstance(value, list) or not value:
        return json.dumps(value, ensure_ascii=False)
    return "[\n" + ",\n".join(f"    {json.dumps(item, ensure_ascii=False)}" for item in value) + "\n  ]"


def _few(items: list[Any], most: int) -> list[Any]:
    return items if len(items) <= most else [*items[:most], f"... {len(items) - most} more"]


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[:longest]} ..."


def _cell(text: object) -> str:
    """Text for a table of Markdown: on one line, without markup of its own and without characters of control."""
    plain = " ".join(_CONTROL.sub(" ", str(text)).split())
    return _MARKUP.sub(r"\\\g<0>", plain)
