"""A build of sample scenes says that nothing in it is a photograph, and so do files that are exported from it."""

import pathlib

import msgspec

from pipelines import commands, recipes
from pipelines.commands import Asking
from pipelines.exchange import export
from pipelines.exchange.osprey_json import SOURCE
from pipelines.phases import importing
from pipelines.phases.layout import Layout
from pipelines.phases.plan import Job
from pipelines.phases.running import Running
from pipelines.qa.results import REPORT, Report
from pipelines.shards.manifest import read_manifest
from schemas.scenes import MARKER
from tests.recipes import load


def build(data: str, out: pathlib.Path) -> tuple[tuple[str, ...], Report]:
    """The manifest's word for it, and the report."""
    recipe = recipes.only(load("object-level"), ["description"])
    commands.build(Job(recipe, data, Layout(str(out)), limit=8), Asking(), Running())
    return read_manifest(str(out)).sample_scenes, msgspec.json.decode((out / REPORT).read_bytes(), type=Report)


def imported(files: pathlib.Path, data: str, out: pathlib.Path) -> tuple[str, ...]:
    job = importing.Job(importing.osprey_files([str(files)]), data, Layout(str(out)))
    return importing.make_plan(job).sample_scenes


def test_from_the_raw_files_to_the_exported_ones(data: str, tmp_path: pathlib.Path) -> None:
    said, report = build(data, tmp_path / "out")
    assert "coco" in said
    assert report.sample_scenes == said
    assert report.drawn_rows == report.figures.rows > 0
    assert "None of the pictures is a photograph" in (tmp_path / "out/README.md").read_text()
    export.write(str(tmp_path / "out"), str(tmp_path / "files"), "osprey-json")
    assert imported(tmp_path / "files", data, tmp_path / "again") == (SOURCE,)

    for marker in pathlib.Path(data).rglob(MARKER):
        marker.unlink()
    said, report = build(data, tmp_path / "out")
    assert (said, report.sample_scenes, report.drawn_rows) == ((), (), 0)
    assert "photograph" not in (tmp_path / "out/README.md").read_text()
    export.write(str(tmp_path / "out"), str(tmp_path / "unmarked"), "osprey-json")
    assert imported(tmp_path / "unmarked", data, tmp_path / "once more") == ()
