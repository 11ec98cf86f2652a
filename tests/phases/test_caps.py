"""Caps on rows: exact, by the seed, the same for any number of parts and workers; what is above is never asked."""

import pathlib

import msgspec
import pytest

from pipelines import commands, recipes
from pipelines.builders import BUILDERS
from pipelines.commands import Asking
from pipelines.phases import tally
from pipelines.phases.generate import asks, keys
from pipelines.phases.layout import Layout
from pipelines.phases.plan import Job, Plan, make_plan, read_plan
from pipelines.phases.running import Running
from schemas.recipe import Recipe
from tests.factories import context as context_of
from tests.factories import pairs, region, says, scene, text
from tests.phases import outputs
from tests.recipes import load

CAP = 9


def capped(rows: int | None = CAP, seed: int = 0) -> Recipe:
    """Two kinds with at most so many rows each."""
    recipe = recipes.only(load("object-level"), ["mask_text", "description"])
    kinds = {kind: msgspec.structs.replace(settings, rows=rows) for kind, settings in recipe.kinds.items()}
    return msgspec.structs.replace(recipe, kinds=kinds, seed=seed)


def build(recipe: Recipe, scenes: str, out: pathlib.Path) -> str:
    commands.build(Job(recipe, scenes, Layout(str(out))), Asking(), Running())
    return str(out)


@pytest.fixture(scope="module")
def built(scenes: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    return build(capped(), scenes, tmp_path_factory.mktemp("capped"))


@pytest.fixture(scope="module")
def whole(scenes: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    return build(capped(None), scenes, tmp_path_factory.mktemp("whole"))


def ids(out: str, kind: str) -> set[str]:
    return {row["sample_id"] for row in outputs.rows(out, kind)}


def test_a_cap_is_exact_and_every_row_above_it_is_a_reject(built: str, whole: str) -> None:
    before = ids(whole, "mask_text")
    assert len(before) > CAP
    kept = ids(built, "mask_text")
    assert len(kept) == CAP
    assert kept < before
    line = outputs.ledger(built)["assemble", "mask_text", "rows"]
    assert (line["read"], line["kept"]) == (len(before), CAP)
    assert line["rejected"] == {"row_cap": len(before) - CAP}
    rejected = {row["key"] for row in outputs.rejects(built, "assemble") if row["source"] == "mask_text"}
    assert rejected == before - kept


def planned(recipe: Recipe, scenes: str, out: pathlib.Path) -> Plan:
    return make_plan(Job(recipes.only(recipe, ["mask_text"]), scenes, Layout(str(out))))


def test_a_cap_above_all_rows_changes_nothing(scenes: str, whole: str, tmp_path: pathlib.Path) -> None:
    plan = planned(capped(10_000), scenes, tmp_path)
    assert plan.cuts == {}
    assert sum(plan.rows["mask_text"].values()) == len(ids(whole, "mask_text"))


def test_parts_do_not_change_which_rows_are_kept(
    built: str, scenes: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.sources.ingest.PART_ROWS", 8)
    plan, known = planned(capped(), scenes, tmp_path), read_plan(Layout(built))
    assert plan.parts > known.parts
    assert plan.cuts["mask_text"] == known.cuts["mask_text"]
    assert (plan.rows["mask_text"], plan.amounts["mask_text"]) == (known.rows["mask_text"], known.amounts["mask_text"])


def test_the_seed_decides_which(built: str) -> None:
    order = [sorted(ids(built, "mask_text"), key=lambda one: tally.rank(seed, "mask_text", one)) for seed in (0, 1)]
    assert order[0] != order[1]
    assert max(tally.rank(0, "mask_text", one) for one in order[0]) == read_plan(Layout(built)).cuts["mask_text"]


def test_requests_above_the_cap_are_never_asked(scenes: str, tmp_path: pathlib.Path) -> None:
    layout = Layout(str(tmp_path))
    plan = make_plan(Job(recipes.only(capped(3), ["description"]), scenes, layout, generator="openai"))
    assert plan.requests == 3 == sum(plan.rows["description"].values())
    assert len(list(asks(plan, layout))) == len(list(keys(plan, layout, "description"))) == 3


def test_the_plan_counts_what_the_shards_hold(built: str) -> None:
    """By kind, and by source: a row of RefCOCO+ counts for RefCOCO+, not for COCO, whose mask it has."""
    amounts = read_plan(Layout(built)).amounts
    for kind, entry in outputs.manifest(built)["kinds"].items():
        found = amounts[kind][tally.ALL]
        assert (found.rows, found.regions, found.turns) == (entry["rows"], entry["regions"], entry["turns"])
    by_source = amounts["mask_text"]
    assert sum(amount.rows for source, amount in by_source.items() if source != tally.ALL) == CAP
    told = [row["sources"] for row in outputs.rows(built, "mask_text")]
    assert by_source["refcoco"].rows == sum("refcoco" in sources for sources in told)


def test_turns_count_for_the_sources_of_the_regions_they_name() -> None:
    one = region(1, expressions=says("left dog"))
    two = region(2, at=(30, 6, 10, 8), expressions=says("the cat", source="refcoco+"))
    sources = ["refcoco", "refcoco+"]
    given = scene([one, two], [text("A dog and a cat.")])
    (sample,) = BUILDERS["conversation"](given, context_of("conversation", sources)).samples
    (line, *rest) = tally._shares(sample, sources)
    assert line == (tally.ALL, 2, len(pairs(sample)))
    assert [(source, regions) for source, regions, _ in rest] == [("refcoco", 1), ("refcoco+", 1)]
    for source, _, turns in rest:
        number = sources.index(source) + 1
        assert turns == sum(f"<region{number}>" in question + answer for question, answer in pairs(sample))
