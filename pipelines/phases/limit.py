"""Which images a build with --limit takes: a fair share of every source, so that a small try shows every kind."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from pipelines import storage
from pipelines.regions.join import STANDALONE
from pipelines.sources.cache import SourceCache
from schemas.keys import stable_int
from schemas.records import TRAIN


class _Images(NamedTuple):
    """Image ids, and what is known of them."""

    usable: dict[str, set[str]]
    """Source -> images with annotations of it, or with texts that stand alone."""
    referred: set[str]
    """With referring expressions, of whichever source."""
    barred: set[str]
    """In an excluded evaluation set, by the name that other sources know the picture by."""
    names: dict[str, str]
    """Image id -> that name, where it is another."""


def first_images(
    caches: Sequence[SourceCache],
    excluded: frozenset[str],
    seed: int,
    limit: int,
    captions: frozenset[str] = frozenset(),
) -> frozenset[str]:
    """Ids of `limit` images that something can be built from and that belong to no excluded evaluation set.

    The next image is always one of the source that has the fewest so far; an image counts for every source that has it.
    Within a source those with referring expressions come first, then the seed decides. `captions` are the sources whose
    captions stand alone (`Policy.captions`).
    """
    images = _look(caches, excluded, captions)

    def order(image: str) -> tuple[bool, int, str]:
        return image not in images.referred, stable_int(seed, "limit", image), image

    waiting = {
        source: iter(sorted((image for image in usable if _free(image, images)), key=order))
        for source, usable in images.usable.items()
    }
    return frozenset(_in_turn(waiting, images.usable, limit))


def _free(image: str, images: _Images) -> bool:
    return images.names.get(image, image) not in images.barred


def _in_turn(waiting: dict[str, Iterator[str]], usable: dict[str, set[str]], limit: int) -> Iterable[str]:
    taken: dict[str, None] = {}
    shares = Counter(dict.fromkeys(waiting, 0))
    while len(taken) < limit and shares:
        source = min(shares, key=shares.__getitem__)
        image = next((image for image in waiting[source] if image not in taken), None)
        if image is None:
            del shares[source]
            continue
        taken[image] = None
        shares.update(each for each in shares if image in usable[each])
    return taken


def _look(caches: Sequence[SourceCache], excluded: frozenset[str], captions: frozenset[str]) -> _Images:
    images = _Images(defaultdict(set), set(), set(), {})
    barred: set[str] = set()
    for cache in caches:
        listed = storage.read_table(cache.path("images.parquet"), columns=["image_id", "split", "same_as"])
        other = listed.filter(pc.field("same_as") != "")
        images.names.update(zip(other["image_id"].to_pylist(), other["same_as"].to_pylist(), strict=True))
        barred |= _held_out(listed, excluded)
        texts = storage.read_table(cache.path("texts.parquet"), columns=["image_id", "role"])
        alone = [STANDALONE, *(["caption"] if cache.name in captions else [])]
        images.usable[cache.name].update(_ids(texts.filter(pc.field("role").isin(alone))))
        for part in range(cache.parts):
            table = storage.read_table(cache.annotation_path(part), columns=["image_id", "split", "expressions"])
            barred |= _held_out(table, excluded)
            images.usable[cache.name].update(_ids(table))
            images.referred.update(_ids(table.filter(pc.greater(pc.list_value_length(table["expressions"]), 0))))
    images.barred.update(images.names.get(image, image) for image in barred)
    return images


def _held_out(table: pa.Table, excluded: frozenset[str]) -> set[str]:
    splits = pa.array(sorted(excluded - {TRAIN}), pa.string())
    return set(_ids(table.filter(pc.is_in(table["split"], splits))))


def _ids(table: pa.Table) -> list[str]:
    ids: list[str] = pc.unique(table["image_id"]).to_pylist()
    return ids
