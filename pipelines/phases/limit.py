"""Which images a build with --limit takes."""

from collections.abc import Sequence

import pyarrow.compute as pc

from pipelines import storage
from pipelines.sources.cache import SourceCache
from schemas.keys import stable_int
from schemas.records import TRAIN


def first_images(caches: Sequence[SourceCache], excluded: frozenset[str], seed: int, limit: int) -> frozenset[str]:
    """Ids of `limit` images that have annotations and belong to no excluded evaluation set.

    Images with referring expressions come first, so that a small try shows every kind; among equals the seed decides.
    """
    barred, annotated, referred = set[str](), set[str](), set[str]()
    for cache in caches:
        barred |= _evaluation_images(cache, excluded)
        for part in range(cache.parts):
            table = storage.read_table(cache.annotation_path(part), columns=["image_id", "expressions"])
            annotated |= set(table["image_id"].to_pylist())
            with_texts = table.filter(pc.greater(pc.list_value_length(table["expressions"]), 0))
            referred |= set(with_texts["image_id"].to_pylist())
    order = sorted(
        annotated - barred, key=lambda image: (image not in referred, stable_int(seed, "limit", image), image)
    )
    return frozenset(order[:limit])


def _evaluation_images(cache: SourceCache, excluded: frozenset[str]) -> set[str]:
    table = storage.read_table(cache.path("images.parquet"), columns=["image_id", "split"])
    pairs = zip(table["image_id"].to_pylist(), table["split"].to_pylist(), strict=True)
    return {image for image, split in pairs if split != TRAIN and split in excluded}
