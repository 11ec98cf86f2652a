"""--limit takes a fair share of every source, and nothing of an evaluation set."""

import pathlib
from collections.abc import Sequence

import pytest

from pipelines.phases.limit import first_images
from pipelines.phases.progress import silent
from pipelines.phases.sources import look, read
from pipelines.sources.cache import SourceCache
from schemas.records import TRAIN
from tests.recipes import load


@pytest.fixture(scope="module")
def caches(scenes: str, tmp_path_factory: pytest.TempPathFactory) -> Sequence[SourceCache]:
    recipe = load("complete")
    work = str(tmp_path_factory.mktemp("work"))
    return read(recipe, look(recipe, scenes).located, work, silent)[0]


EXCLUDED = frozenset(load("complete").exclude_evaluation or ())


def usable(cache: SourceCache) -> set[str]:
    """Images of a source that something can be built from."""
    alone = {text.image_id for text in cache.texts() if text.role == "image_text"}
    return alone | set(cache.annotations()["image_id"].to_pylist())


def test_every_source_has_a_share(caches: Sequence[SourceCache]) -> None:
    """One image of each source would do; texts that stand alone have their share too."""
    taken = first_images(caches, EXCLUDED, 0, 12)
    assert len(taken) == 12
    shares = {cache.name: len(taken & usable(cache)) for cache in caches}
    assert all(share for name, share in shares.items() if name != "llava"), shares
    assert any(image.startswith("llava_pretrain/") for image in taken)


def test_a_larger_limit_only_adds(caches: Sequence[SourceCache]) -> None:
    few, more = (first_images(caches, EXCLUDED, 0, limit) for limit in (5, 30))
    assert few < more
    assert first_images(caches, EXCLUDED, 1, 5) != few, "the seed decides"


def test_no_picture_of_an_evaluation_set_is_taken_under_any_name(caches: Sequence[SourceCache]) -> None:
    names = {image.image_id: image.same_as for cache in caches for image in cache.images() if image.same_as}
    barred = {image.image_id for cache in caches for image in cache.images() if image.split != TRAIN}
    everything = first_images(caches, EXCLUDED, 0, 10_000)
    assert any(image in names for image in everything), "Visual Genome's"
    assert any(names[image] in barred for cache in caches for image in usable(cache) if image in names)
    assert not {names.get(image, image) for image in everything} & barred
    assert first_images(caches, frozenset(), 0, 10_000) > everything


def test_images_with_expressions_come_first(caches: Sequence[SourceCache], tmp_path: pathlib.Path) -> None:
    coco = [cache for cache in caches if cache.name in ("coco", "refcoco")]
    referred = usable(coco[1])
    taken = first_images(coco, EXCLUDED, 0, 4)
    assert taken <= referred
