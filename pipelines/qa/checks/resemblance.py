"""The pictures of all rows, and of the evaluation sets, in groups that look alike."""

import os
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipelines import storage
from pipelines.qa.checks.base import Scene
from pipelines.qa.checks.gathered import Hashes, Numbers, counted, hashed
from pipelines.qa.checks.grouping import Groups
from pipelines.qa.checks.leakage import excluded
from pipelines.qa.checks.lists import EvaluationImages, Names
from pipelines.qa.checks.looks import Picture, looks_of
from pipelines.qa.checks.perceptual import alike, flat
from pipelines.qa.checks.seen import Images, SeenImages
from pipelines.qa.pieces import column


class HeldOut(NamedTuple):
    """A picture of evaluation sets."""

    image_id: str
    sets: tuple[str, ...]
    path: str


class Resemblance(NamedTuple):
    """Images of the rows first, then those of evaluation sets."""

    images: Images
    held_out: tuple[HeldOut, ...]
    pictures: Hashes
    """(all,): a hash of the picture's name, whatever other names it goes by."""
    usable: npt.NDArray[np.bool_]
    """(all,): could be read, and shows something."""
    groups: Groups
    left_out: str
    """How many could not be read, or are of one colour; empty where none."""

    @property
    def own(self) -> npt.NDArray[np.bool_]:
        """(all,): which are images of rows."""
        return np.arange(len(self.usable)) < len(self.images.keys)

    def beside(self, chosen: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """(all,): whose group holds one of the chosen that is another picture by name."""
        pairs = np.stack([self.groups.labels.astype(np.uint64), self.pictures], axis=1)
        distinct = np.unique(pairs[chosen], axis=0)
        labels, first, counts = np.unique(distinct[:, 0], return_index=True, return_counts=True)
        if not len(labels):
            return np.zeros(len(pairs), bool)
        at = np.minimum(np.searchsorted(labels, pairs[:, 0]), len(labels) - 1)
        held = labels[at] == pairs[:, 0]
        return np.asarray(held & ((counts[at] > 1) | (distinct[first[at], 1] != self.pictures)))


def resemblance(seen: SeenImages, scene: Scene) -> Resemblance | str:
    """Look at all pictures; or say why there is none to look at."""
    images = seen.images()
    mine = _own_pictures(images, scene)
    if isinstance(mine, str):
        return mine
    names = Names.read(scene.out)
    held_out = _held_out(scene, names)
    looks = looks_of(scene.out, [*mine, *(Picture(one.path) for one in held_out)], scene.progress)
    pictures = np.append(names.pictures_of(images.keys), names.pictures_of(hashed([one.image_id for one in held_out])))
    dull = flat(looks) & looks["seen"]
    usable = looks["seen"] & ~dull
    numbers = np.flatnonzero(usable)
    found = alike(looks[numbers], np.unique(pictures, return_inverse=True)[1][numbers])
    left_out = _left_out(int((~looks["seen"])[: len(mine)].sum()), int(dull[: len(mine)].sum()))
    return Resemblance(images, tuple(held_out), pictures, usable, _spread(found, numbers, len(looks)), left_out)


def _spread(found: Groups, numbers: Numbers, count: int) -> Groups:
    """Groups of some items as groups of all; the others stay alone."""
    groups = Groups(count)
    groups.labels[numbers] = numbers[np.unique(found.labels, return_index=True)[1][found.labels]]
    joined = found.partners >= 0
    groups.partners[numbers[joined]] = numbers[found.partners[joined]]
    return groups


def _left_out(unread: int, dull: int) -> str:
    told = [f"{counted(unread, 'picture')} could not be read"] * (unread > 0) + [f"{dull:,} are of one colour"] * (
        dull > 0
    )
    return f"left out: {' and '.join(told)}" if told else ""


def _own_pictures(images: Images, scene: Scene) -> list[Picture] | str:
    """The pictures of images, in their order; or why there are none."""
    if scene.manifest.recipe.get("images", {}).get("embed"):
        files = {file.path: file.sha256 for kind in scene.manifest.kinds.values() for file in kind.files}
        return [Picture("", place, files.get(place.file, "")) for place in images.places()]
    if scene.data is None:
        return "the folder of the pictures is not known"
    if not storage.is_local(scene.data):
        return f"pictures are not fetched from {scene.data}"
    paths = [storage.join(scene.data, path) for path in images.table["path"].to_pylist()]
    return [Picture(path) for path in paths]


def _held_out(scene: Scene, names: Names) -> list[HeldOut]:
    """One for each picture of the evaluation sets that the recipe keeps out, where it is below DATA."""
    known = EvaluationImages.read(scene.out, names)
    if known is None or scene.data is None or not storage.is_local(scene.data):
        return []
    found: dict[int, HeldOut] = {}
    pictures = names.pictures_of(hashed(column(known.table, "image_id")))
    for picture, entry in zip(pictures.tolist(), known.table.to_pylist(), strict=True):
        name = entry["evaluation_set"]
        if name in excluded(scene):
            path = _existing([storage.join(scene.data, path) for path in entry["paths"]])
            before = found.get(picture, HeldOut(entry["image_id"], (), ""))
            found[picture] = HeldOut(before.image_id, (*before.sets, name), before.path or path)
    return [one for one in found.values() if one.path]


def _existing(paths: list[str]) -> str:
    return next((path for path in paths if os.path.exists(path)), "")
