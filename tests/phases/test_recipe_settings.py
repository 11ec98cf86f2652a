"""What a recipe says of its sources reaches the rows: lists of wrong expressions, licences, exhaustive annotation."""

import datetime
import json
import pathlib
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from pipelines import recipes
from pipelines.phases import parts
from pipelines.phases.layout import Layout
from pipelines.phases.plan import Job, Plan, make_plan
from pipelines.phases.progress import silent
from pipelines.phases.sources import look, read
from pipelines.regions.join import Joined, SourceRows, join
from pipelines.storage import list_files, read_table
from schemas.recipe import Recipe, SourceSettings
from tests.command_line import Run
from tests.recipes import load

NOTHING_EXCLUDED = msgspec.structs.replace(recipes.only(load("object-level"), ["mask_text"]), exclude_evaluation=())


def planned(recipe: Recipe, scenes: str, out: pathlib.Path) -> Plan:
    return make_plan(Job(recipe, scenes, Layout(str(out))))


def rejected(plan: Plan, source: str) -> dict[str, int]:
    return next(line.rejected for line in plan.ledger if (line.stage, line.source) == ("join", source))


def test_wrong_expressions_are_label_noise(scenes: str, tmp_path: pathlib.Path) -> None:
    caches = read(NOTHING_EXCLUDED, look(NOTHING_EXCLUDED, scenes).located, str(tmp_path / "work"), silent)[0]
    (refcoco,) = [cache for cache in caches if cache.name == "refcoco"]
    region = refcoco.annotations().slice(0, 1).to_pylist()[0]
    number, text = region["region_id"].removeprefix("coco/"), region["expressions"][0]["text"]
    (tmp_path / "wrong.json").write_text(
        json.dumps(
            [
                {"dataset": "refcoco", "ann_id": int(number), "sentence": text.upper()},
                {"dataset": "refcoco", "ann_id": int(number), "sentence": "said of no region"},
            ]
        )
    )
    recipe = msgspec.structs.replace(NOTHING_EXCLUDED, label_noise=(str(tmp_path / "wrong.json"),))
    plan = planned(recipe, scenes, tmp_path)
    assert rejected(plan, "refcoco") == {"label_noise": 1}
    assert rejected(plan, "refcoco+") == {}
    assert any("2 records, 2 of them" in note for note in plan.notes)


def test_a_list_that_is_not_there(scenes: str, tmp_path: pathlib.Path, osprey_data: Run) -> None:
    (tmp_path / "mine.yaml").write_text(
        "name: mine\nsources: {coco: {}}\nkinds: {mask_text: {sources: [coco]}}\nlabel_noise: [refer/wrong.json]\n"
    )
    ran = osprey_data(
        "plan", "--data", scenes, "--out", tmp_path / "out", "--recipe", tmp_path / "mine.yaml", "--kinds", "mask_text"
    )
    assert ran.code == 1
    assert "refer/wrong.json" in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("license", ["CC-BY-4.0", "LicenseRef-research-only"])
def test_rows_of_data_of_ones_own_carry_the_licence_stated(scenes: str, tmp_path: pathlib.Path, license: str) -> None:
    recipe = recipes.only(load("own-data"), ["mask_text"])
    settings = {"own": SourceSettings(required=True, license=license)}
    planned(msgspec.structs.replace(recipe, sources=settings), scenes, tmp_path)
    (folder,) = (tmp_path / "work").glob("plan-*/samples/mask_text")
    rows = [row for name in list_files(str(folder)) for row in read_table(str(folder / name)).to_pylist()]
    assert rows
    assert {row["license"] for row in rows} == {license}


@pytest.mark.parametrize("exhaustive", [False, True])
def test_what_is_exhaustive_is_for_the_owner_to_say(
    scenes: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, exhaustive: bool
) -> None:
    known: list[bool] = []

    def joined(rows: Sequence[SourceRows], *rest: Any) -> Joined:
        known.extend(image.exhaustive for source in rows for image in source.images)
        return join(rows, *rest)

    monkeypatch.setattr(parts, "join", joined)
    recipe = recipes.only(load("own-data"), ["mask_text"])
    settings = {"own": SourceSettings(exhaustive=exhaustive)}
    planned(msgspec.structs.replace(recipe, sources=settings), scenes, tmp_path)
    assert set(known) == {exhaustive}


def test_a_date_of_publication_makes_nothing_anew(scenes: str, tmp_path: pathlib.Path) -> None:
    def folder(published: datetime.date | None) -> str:
        recipe = msgspec.structs.replace(NOTHING_EXCLUDED, published=published)
        return make_plan(Job(recipe, scenes, Layout(str(tmp_path)), limit=5)).folder

    assert folder(None) == folder(datetime.date(2026, 1, 31))
