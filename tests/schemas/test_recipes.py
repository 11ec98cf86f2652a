"""Recipes: a mistake is named together with what is allowed in its place."""

import datetime
import pathlib
from typing import Any, get_args

import msgspec
import pytest
import yaml

from pipelines import recipes
from pipelines.builders import BUILDERS, MODEL_KINDS, referred
from pipelines.recipes.giving import NEEDS
from pipelines.sources import EVALUATION_SETS as EVERY_EVALUATION_SET
from pipelines.sources import SOURCES as EVERY_SOURCE
from schemas.errors import RecipeError
from schemas.recipe import CheckSettings, Recipe
from schemas.records import Kind
from tests.recipes import load as load_as_the_command_line_does

SOURCES = ("coco", "refcoco")
KINDS = ("mask_text", "description")
CHECKS = ("english", "no_slurs")
EVALUATION_SETS = ("coco_val2017", "refcoco_val")
GOOD: dict[str, Any] = {
    "name": "small",
    "sources": {"coco": {"required": True}, "refcoco": {"files": {"refs": "elsewhere/refs.p"}}},
    "kinds": {
        "mask_text": {"sources": ["coco"], "regions_per_image": {"coco": 3}},
        "description": {"sources": ["refcoco"]},
    },
    "exclude_evaluation": ["coco_val2017"],
    "generation": {"model": "m", "seed": 4},
    "val_fraction": 0.1,
}


def load(path: pathlib.Path, content: object) -> Recipe:
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return recipes.load(str(path), sources=SOURCES, kinds=KINDS, evaluation_sets=EVALUATION_SETS, checks=CHECKS)


@pytest.fixture
def path(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / "mine.yaml"


def changed(*keys: str, to: object) -> dict[str, Any]:
    """The good recipe with another value at a path of keys."""
    content: dict[str, Any] = yaml.safe_load(yaml.safe_dump(GOOD, sort_keys=False))
    inner = content
    for key in keys[:-1]:
        inner = inner.setdefault(key, {})
    inner[keys[-1]] = to
    return content


def test_a_good_recipe(path: pathlib.Path) -> None:
    recipe = load(path, GOOD)
    assert recipe.kinds["mask_text"].regions_per_image == {"coco": 3}
    assert recipe.sources["coco"].required
    assert recipe.sources["refcoco"].files == {"refs": "elsewhere/refs.p"}
    assert (recipe.generation.model, recipe.generation.seed, recipe.generation.max_tokens) == ("m", 4, 1500)
    assert recipe.images.check


@pytest.mark.parametrize("written", ["2026-01-31", "'2026-01-31'"])
def test_a_date_of_publication(path: pathlib.Path, written: str) -> None:
    recipe = load(path, yaml.safe_dump(GOOD) + f"published: {written}\n")
    assert recipe.published == datetime.date(2026, 1, 31)
    assert msgspec.to_builtins(recipe)["published"] == "2026-01-31", "as the manifest has it"


@pytest.mark.parametrize(
    ("content", "message", "hint"),
    [
        (changed("kindz", to={}), "kindz", "name, kinds, sources, seed, val_fraction, exclude_evaluation"),
        (changed("images", "embedd", to=True), "embedd", "Allowed keys: check, embed"),
        (changed("generation", "top_p", to=1), "top_p", "Allowed keys: model, temperature, max_tokens, max_comp"),
        (changed("generation", "vision", "crop", to=1), "crop", "Allowed keys: image_px, crop_px, crops"),
        (changed("generation", "vision", "crops", to=-1), "generation.vision.crops: -1", "Give 0 to 50."),
        (changed("generation", "temperature", to=9), "generation.temperature: 9", "Give 0 to 2."),
        (changed("generation", "temperature", to=-0.1), "generation.temperature: -0.1 is out of", "Give 0 to 2."),
        (changed("generation", "temperature", to=float("nan")), "generation.temperature: nan", "Give 0 to 2."),
        (changed("generation", "max_tokens", to=-1), "generation.max_tokens: -1 is out of range", "Give 1 or more."),
        (changed("generation", "max_completion_tokens", to=0), "max_completion_tokens: 0 is", "Give 1 or more."),
        (changed("generation", "vision", to=True), "a mapping or nothing, got true or false", "every key"),
        (changed("kinds", "mask_text", "cap", to=1), "cap", "Allowed keys: sources, regions_per_image"),
        (changed("kinds", "mask_text", "rows", to=0), "kinds.mask_text.rows: 0 is no number of rows", "1 or more"),
        (changed("kinds", "mask_text", "rows", to="all"), "at `$.kinds.mask_text.rows`", "complete.yaml"),
        (
            changed("kinds", "mask_text", "regions", to="some"),
            "at `$.kinds.mask_text.regions`",
            "Allowed: referred, all",
        ),
        (changed("sources", "coco", "license", to="MIT"), "sources.coco.license: unknown 'MIT'", "Known: CC-BY-4.0, "),
        (changed("sources", "coco", "exhaustive", to="yes"), "at `$.sources.coco.exhaustive`", "complete.yaml"),
        (
            changed("published", to=2026),
            "Expected a date such as 2026-01-31 or nothing, got a whole n",
            "complete.yaml",
        ),
        (changed("published", to="soon"), "Invalid RFC3339 encoded date - at `$.published`", "complete.yaml"),
        (changed("label_noise", to="noise.json"), "Expected a list, got a text - at `$.label_noise`", "complete.yaml"),
        (changed("sources", "coco", "path", to="x"), "path", "Allowed keys: required, files"),
        (
            changed("kinds", "masc_text", to={"sources": ["coco"]}),
            "kinds: unknown 'masc_text'",
            "mask_text, description",
        ),
        (changed("sources", "voc", to={}), "sources: unknown 'voc'", "Known: coco, refcoco"),
        (
            changed("kinds", "mask_text", "sources", to=["refcocog"]),
            "kinds.mask_text.sources: unknown 'refcocog'",
            "Known: coco, refcoco",
        ),
        (
            changed("kinds", "mask_text", "regions_per_image", to={"refcoco": 3}),
            "kinds.mask_text.regions_per_image: unknown 'refcoco'",
            "Known: coco",
        ),
        (
            changed("kinds", "mask_text", "regions_per_image", to={"coco": 0}),
            "regions_per_image.coco: 0 is no number of regions",
            "1 or more",
        ),
        (
            changed("exclude_evaluation", to=["coco_val"]),
            "exclude_evaluation: unknown 'coco_val'",
            "Known: coco_val2017, refcoco_val",
        ),
        (changed("kinds", to={}), "kinds: nothing is named", "Known: mask_text, description"),
        (changed("kinds", "mask_text", "sources", to=[]), "kinds.mask_text.sources: nothing is named", "Known: coco"),
        (changed("kinds", "mask_text", "sources", to=["coco", "coco"]), "sources: 'coco' stands there twice", "once"),
        (changed("label_noise", to=["a.json", "a.json"]), "label_noise: 'a.json' stands there twice", "once"),
        (
            changed("kinds", "mask_text", "regions", to="all"),
            "kinds.mask_text.regions changes nothing",
            "description, ",
        ),
        (changed("kinds", "mask_text", "rows", to="3"), "Expected a whole number or nothing, got a text", "complete"),
        (changed("sources", "coco", to=None), "Expected a mapping, got nothing - at `$.sources.coco`", "`coco: {}`"),
        (changed("images", to=None), "Expected a mapping, got nothing - at `$.images`", "`images: {}`"),
        (changed("kinds", "mask_text", to=None), "got nothing - at `$.kinds.mask_text`", "See "),
        (changed("sources", to=None), "Expected a mapping, got nothing - at `$.sources`", "complete.yaml"),
        (
            {**GOOD, "sources": {"coco": {}}},
            "kinds.description.sources: 'refcoco' is not among the recipe's sources",
            "Name it under `sources` first: `refcoco: {}`.",
        ),
        (changed("val_fraction", to=2.0), "val_fraction: 2.0 is no share", "from 0 up to 1"),
        (changed("val_fraction", to=1.0), "val_fraction: 1.0", "from 0 up to 1"),
        (changed("val_fraction", to=float("nan")), "val_fraction: nan", "from 0 up to 1"),
        (changed("rows_per_shard", to=0), "rows_per_shard: 0", "1 or more"),
        (changed("seed", to="zero"), "`seed`|at `\\$.seed`", "complete.yaml"),
        ({"name": "x", "kinds": {}}, "missing required field `sources`", "complete.yaml"),
        ("", "the file is empty", "complete.yaml"),
        ("kinds: [1", "not valid YAML", "Mend the line"),
        ("!!python/object/apply:os.system ['true']", "not valid YAML", "Mend the line"),
    ],
)
def test_a_mistake_is_named_with_what_is_allowed(path: pathlib.Path, content: object, message: str, hint: str) -> None:
    with pytest.raises(RecipeError, match=message.replace("$", "\\$") if "|" not in message else message) as raised:
        load(path, content)
    assert "mine.yaml" in raised.value.message
    assert hint in raised.value.hint


@pytest.mark.parametrize("temperature", [None, 0, 2, 2.0])
def test_settings_of_asking_at_the_ends_of_their_ranges(path: pathlib.Path, temperature: float | None) -> None:
    asking = {"temperature": temperature, "max_tokens": None, "max_completion_tokens": 1}
    generation = load(path, {**GOOD, "generation": asking}).generation
    sent = {name: value for name, value in asking.items() if value is not None}
    assert generation.parameters() == {"model": generation.model, **sent}


def test_the_line_of_bad_yaml_is_named(path: pathlib.Path) -> None:
    with pytest.raises(RecipeError, match="line 3"):
        load(path, "name: x\nkinds: {}\nsources: ]\n")


def test_a_recipe_that_is_not_there(tmp_path: pathlib.Path) -> None:
    with pytest.raises(RecipeError, match="no recipe 'nowhere'") as raised:
        recipes.load("nowhere", sources=SOURCES, kinds=KINDS, evaluation_sets=EVALUATION_SETS)
    assert "object-level" in raised.value.hint
    with pytest.raises(RecipeError, match="folder"):
        recipes.load(str(tmp_path), sources=SOURCES, kinds=KINDS, evaluation_sets=EVALUATION_SETS)


def test_only_some_kinds(path: pathlib.Path) -> None:
    recipe = load(path, GOOD)
    assert list(recipes.only(recipe, ["description"]).kinds) == ["description"]
    assert list(recipes.only(recipe, ["description", "mask_text"]).kinds) == list(recipe.kinds), "the recipe's order"
    with pytest.raises(RecipeError, match="kinds: unknown 'conversation'") as raised:
        recipes.only(recipe, ["conversation"])
    assert raised.value.hint == "Known: mask_text, description"


@pytest.mark.parametrize(
    ("kind", "source", "message", "hint"),
    [
        ("region_caption", "coco", "coco has no phrases", "Sources that have: refcoco, refcoco+, refcocog, vg, own."),
        ("part_category", "vcr", "vcr has no parts of objects", "paco, part_imagenet, pascal_part, own"),
        ("image_text", "lvis", "lvis has no captions", "coco, own, llava_pretrain"),
        ("conversation", "coco", "coco has no referring expressions", "write `regions: all`"),
        ("mask_text", "llava", "llava has no regions", "coco, "),
    ],
)
def test_a_source_must_have_what_the_kind_is_built_from(
    path: pathlib.Path, kind: str, source: str, message: str, hint: str
) -> None:
    path.write_text(f"name: mine\nsources: {{{source}: {{}}}}\nkinds: {{{kind}: {{sources: [{source}]}}}}\n")
    with pytest.raises(RecipeError, match=rf"kinds\.{kind}\.sources: {message}") as raised:
        load_as_the_command_line_does(str(path))
    assert hint in raised.value.hint


def test_needs_are_known_of_every_kind_and_their_sources_are_ours() -> None:
    assert list(NEEDS) == list(BUILDERS)
    assert {source for need in NEEDS.values() for source in need.sources} <= set(EVERY_SOURCE)


@pytest.fixture(scope="module")
def ours() -> dict[str, Recipe]:
    """Every recipe that comes with the package."""
    return {name: load_as_the_command_line_does(name) for name in recipes.names()}


def test_settings_that_a_kind_heeds() -> None:
    referring = [kind for kind, made in MODEL_KINDS.items() if made.choose is referred.choose]
    assert list(recipes.HEEDING["regions"]) == referring
    assert [kind for kind in BUILDERS if kind not in recipes.HEEDING["regions_per_image"]] == [
        "image_text",
        "commonsense",
    ]


def test_every_recipe_of_ours_is_named_as_its_file(ours: dict[str, Recipe]) -> None:
    assert set(ours) == {
        "complete", "object-level", "osprey-724k", "own-data", "stage1", "stage2", "stage3",
    }  # fmt: skip
    assert all(name == recipe.name for name, recipe in ours.items())
    assert recipes.DEFAULT in ours


def test_every_recipe_keeps_every_evaluation_set_out(ours: dict[str, Recipe]) -> None:
    for recipe in ours.values():
        assert set(recipe.exclude_evaluation or ()) == set(EVERY_EVALUATION_SET)


def test_the_caps_of_the_paper(ours: dict[str, Recipe]) -> None:
    """Section 3: stage 2 takes at most 20 regions an image of COCO and 15 of the others, stage 3 takes 3 of VG."""
    assert ours["stage2"].kinds["mask_text"].regions_per_image == {
        "coco": 20, "refcoco": 15, "refcoco+": 15, "part_imagenet": 15, "pascal_part": 15,
    }  # fmt: skip
    assert ours["stage3"].kinds["region_caption"].regions_per_image == {"vg": 3}


def test_the_stages_add_up(ours: dict[str, Recipe]) -> None:
    """Stage 3 is Osprey-724K with VG and VCR; the complete recipe is the three stages."""
    kinds = {name: recipe.kinds for name, recipe in ours.items()}
    assert set(kinds["osprey-724k"]) == {
        "description", "conversation", "short_form", "part_category", "part_attribute", "positive_negative",
    }  # fmt: skip
    assert kinds["stage3"] == kinds["osprey-724k"] | {
        name: kinds["stage3"][name] for name in ("region_caption", "commonsense")
    }
    assert kinds["complete"] == kinds["stage1"] | kinds["stage2"] | kinds["stage3"]
    assert set(kinds["complete"]) == set(get_args(Kind)), "all ten"
    used = {source for name in ("stage1", "stage2", "stage3") for source in ours[name].sources}
    assert set(ours["complete"].sources) == used


def test_every_source_of_a_kind_is_named_where_its_evaluation_lists_are(ours: dict[str, Recipe]) -> None:
    """What rests on COCO's pictures is built only with every list of evaluation images on COCO's pictures at hand."""
    on_coco = {"coco", "refcoco", "refcoco+", "refcocog", "lvis", "paco"}
    for name in ("complete", "osprey-724k", "stage2", "stage3"):
        assert on_coco <= set(ours[name].sources), name


def test_without_the_key_every_evaluation_set_is_kept_out(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\nsources: {coco: {}}\nkinds: {mask_text: {sources: [coco]}}\n")
    recipe = recipes.load(str(path), sources=["coco"], kinds=["mask_text"], evaluation_sets=["one", "two"])
    assert recipe.exclude_evaluation == ("one", "two")


def test_how_strictly_checks_are_taken(path: pathlib.Path) -> None:
    recipe = load(path, changed("checks", to={"english": {"severity": "fail", "threshold": 0.01}, "no_slurs": {}}))
    assert recipe.checks == {"english": CheckSettings(severity="fail", threshold=0.01), "no_slurs": CheckSettings()}


def test_off_need_not_be_quoted(path: pathlib.Path) -> None:
    text = yaml.safe_dump(GOOD, sort_keys=False) + "checks: {english: {severity: off}}\n"
    assert load(path, text).checks["english"].severity == "off"


@pytest.mark.parametrize(("checks", "message", "hint"), [
    ({"englsh": {}}, "checks: unknown 'englsh'", "Known: english, no_slurs"),
    ({"english": {"threshold": 1.5}}, "checks.english.threshold: 1.5 is out of range", "0 to 1"),
    ({"english": {"threshold": -0.1}}, "checks.english.threshold: -0.1 is out of range", "0 to 1"),
    ({"english": {"threshold": float("nan")}}, "checks.english.threshold: nan is out of range", "0 to 1"),
    ({"english": {"severity": "loud"}}, "checks.english.severity", "fail, warn, off"),
    ({"english": {"severity": True}}, "checks.english.severity", ""),
    ({"english": {"treshold": 0.1}}, "checks.english", "Allowed keys: severity, threshold"),
    ({"english": None}, "checks.english", ""),
    ([], "checks", ""),
])  # fmt: skip
def test_a_mistake_in_the_checks(path: pathlib.Path, checks: object, message: str, hint: str) -> None:
    with pytest.raises(RecipeError) as caught:
        load(path, changed("checks", to=checks))
    assert message in caught.value.message
    assert hint in caught.value.hint
