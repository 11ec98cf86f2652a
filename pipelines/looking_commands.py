"""The commands that look at a finished build: audit it, report on it, draw one of its samples, compare two of them."""

import io
import os
import re
from collections.abc import Mapping

import msgspec
import pyarrow as pa

from pipelines import console, storage
from pipelines import console_looking as show
from pipelines.exchange import coco_export
from pipelines.options import check_data
from pipelines.phases.layout import Layout
from pipelines.phases.progress import Progress
from pipelines.phases.unfinished import known_plan, require_finished
from pipelines.qa.audit import audit
from pipelines.qa.diff.comparing import compare
from pipelines.qa.outputs import write_all
from pipelines.qa.page.report import PAGE
from pipelines.qa.results import REPORT, Report
from pipelines.qa.show.drawing import draw
from pipelines.qa.show.finding import find, row_at
from pipelines.qa.suite.expectations import Verdict
from pipelines.qa.suite.stored import read_judged
from pipelines.shards.manifest import Manifest, read_manifest
from schemas.errors import BuildError, RecipeError

PICTURES_HINT = "Give the folder below which the pictures lie: coco/train2017/ ..."


def report(layout: Layout, given: str, workers: int, fiftyone: str) -> None:
    """Everything that is written of a finished build; that a check fails is told and no error.

    What the suite said of a shard is taken as said, unless the shard has changed since.
    """
    require_finished(layout)
    manifest = read_manifest(layout.out)
    _report(layout, given, workers, read_judged(layout.out, manifest))
    if fiftyone:
        _export_coco(layout, given, fiftyone.rstrip("/"), manifest)


def _export_coco(layout: Layout, given: str, to: str, manifest: Manifest) -> None:
    data = pictures(layout, given)
    if data is None and not embedded(layout):
        raise RecipeError("where the pictures lie is not known", hint=f"{PICTURES_HINT} Say so with --data.")
    with console.bars() as progress:
        written = coco_export.write(layout.out, to, None if embedded(layout) else data, manifest, progress)
    show.coco(written, to)


def validate(layout: Layout, given: str, workers: int) -> None:
    """The same, with the suite over every shard; BuildError names the checks that fail."""
    require_finished(layout)
    _report(layout, given, workers, {}).require()


def look(
    layout: Layout, data: str | None, progress: Progress, judged: Mapping[str, Verdict] | None = None, workers: int = 1
) -> Report:
    """One pass over the shards, and all that is written from it. `judged` and `workers` as in `audit`."""
    found = audit(layout.out, data, progress, judged, workers)
    try:
        write_all(layout.out, found, data)
    except (OSError, KeyError, pa.ArrowException) as error:
        found.require()  # names the shard that cannot be read
        raise BuildError(f"no report was written: {error}", hint="The data passes its checks.") from error
    return found


def tell(layout: Layout, found: Report) -> None:
    """The verdict, what the checks found, and where to read of it."""
    show.report(found, storage.join(layout.out, PAGE))


def pictures(layout: Layout, given: str) -> str | None:
    """The folder of the pictures: what is given, else where the build found them, if that is still there."""
    if given:
        check_data(given, PICTURES_HINT)
        return given.rstrip("/")
    plan = known_plan(layout)
    return plan.data if plan is not None and storage.exists(plan.data) else None


def _report(layout: Layout, given: str, workers: int, judged: Mapping[str, Verdict]) -> Report:
    storage.make_folder(storage.join(layout.out, REPORT.split("/")[0]))
    data = pictures(layout, given)
    with console.bars() as progress:
        found = look(layout, data, progress, judged, workers)
    if data is None and not embedded(layout):
        show.pictures_on_grey("where the pictures lie is not known")
    tell(layout, found)
    return found


def embedded(layout: Layout) -> bool:
    """Whether the rows carry their pictures."""
    return bool(read_manifest(layout.out).recipe.get("images", {}).get("embed"))


def show_sample(layout: Layout, wanted: str, given: str, to: str) -> None:
    """Draw one sample, and tell it in words."""
    require_finished(layout)
    place = find(layout.out, read_manifest(layout.out), wanted)
    path = picture_path(to, place.sample_id)
    row = row_at(layout.out, place)
    drawn = draw(row, pictures(layout, given))
    stream = io.BytesIO()
    drawn.image.save(stream, "PNG")
    storage.write_bytes(path, stream.getvalue())
    show.row(row, place)
    for note in drawn.notes:
        console.out.print(note, markup=False)
    console.out.print(f"picture: {path}", markup=False)


def picture_path(to: str, sample_id: str) -> str:
    """Where the picture goes: a file, or one named after the sample, in a folder that is there or in this one."""
    if to.lower().endswith(".png"):
        return to
    if to and not os.path.isdir(to):
        raise RecipeError(f"{to} is neither a .png file nor a folder that is there", hint="Say --to FILE.png.")
    return os.path.join(to, re.sub(r"[^\w.-]", "_", sample_id)[-100:].lstrip(".") + ".png")


def diff(a: Layout, b: Layout, to: str) -> bool:
    """Compare two builds; whether they are equal."""
    require_finished(a)
    require_finished(b)
    with console.bars() as progress:
        found = compare(a.out, b.out, progress)
    show.comparison(found)
    if to:
        storage.write_bytes(to, msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
        console.out.print(f"all of it: {to}", markup=False)
    return found.equal
