"""A build of ours, exported, imported: what comes back, and what the checks say of it."""

import pathlib
from typing import Any

import pytest

from pipelines import commands
from pipelines.commands import Asking
from pipelines.exchange import export
from pipelines.exchange.osprey_import import Splitting
from pipelines.phases import importing
from pipelines.phases.layout import Layout
from pipelines.phases.plan import Job
from pipelines.phases.running import ONE_WORKER
from pipelines.qa.suite.frame import shard_frame
from pipelines.scenes import write_scenes
from schemas.records import IMPORTED
from tests import recipes
from tests.phases import outputs
from tests.qa import rows as drawn

KEPT = ("sample_id", "kind", "split", "image", "image_id", "width", "height", "messages")
KEPT_OF_REGIONS = ("region_id", "category", "bbox", "area", "mask")


def kept(row: dict[str, Any]) -> dict[str, Any]:
    """What Osprey's files have a place for."""
    regions = [{name: region[name] for name in KEPT_OF_REGIONS} for region in row["regions"]]
    return {name: row[name] for name in KEPT} | {"regions": regions}


@pytest.mark.slow
def test_a_build_comes_back_as_it_was(tmp_path: pathlib.Path) -> None:
    """Among it rows of positive_negative that ask about one mask under two ids."""
    scenes, built, back = str(tmp_path / "scenes"), str(tmp_path / "built"), str(tmp_path / "back")
    write_scenes(scenes, 16, seed=3, workers=1)
    recipe = recipes.load()
    commands.build(Job(recipe, scenes, Layout(built)), Asking(), ONE_WORKER)
    export.write(built, str(tmp_path / "files"), export.OSPREY)
    for split, folder in (("train", tmp_path / "files"), ("val", tmp_path / "files" / "val")):
        if not any(row["split"] == split for row in outputs.rows(built, "conversation")):
            continue
        files = importing.osprey_files([str(folder)])
        splitting = Splitting(recipe.seed, recipe.val_fraction)
        importing.make_plan(importing.Job(files, scenes, Layout(back), "", splitting))
        commands.assemble(Layout(back), Asking(), ONE_WORKER)
        for kind in ("description", "conversation", "short_form", "positive_negative"):
            rows = {row["sample_id"]: row for row in outputs.rows(back, kind)}
            given = [row for row in outputs.rows(built, kind) if row["split"] == split]
            assert given
            assert len(rows) == len(given)
            for row in given:
                assert kept(rows[row["sample_id"]]) == kept(row)


@pytest.mark.parametrize(
    ("changes", "known"),
    [({}, True), ({"request_key": "0" * 64}, False), ({"prompt_sha256": "0" * 64}, False), ({"name": "gpt-4"}, False)],
)
def test_imported_text_has_neither_prompt_nor_request(changes: dict[str, str], known: bool) -> None:
    (row,) = drawn.rows(1)
    row["generator"] = {"name": IMPORTED, "prompt": "", "prompt_sha256": "", "request_key": ""} | changes
    assert shard_frame(drawn.table([row])).samples["generator_known"].tolist() == [known]


def test_imported_regions_need_no_category() -> None:
    (row,) = drawn.rows(1)
    row["regions"][0] |= {"category": "", "source": "osprey-724k"}
    row["regions"][1] |= {"category": ""}
    assert shard_frame(drawn.table([row])).regions["category_filled"].tolist() == [True, False]
