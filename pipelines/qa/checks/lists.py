"""The lists that a build leaves beside its data: images of evaluation sets, and pictures that go by two names."""

from typing import NamedTuple, Self

import numpy as np
import pyarrow as pa

from pipelines import storage
from pipelines.qa.checks.gathered import Hashes, hashed
from pipelines.qa.pieces import column
from pipelines.regions.held_out import EVALUATION, NAMES
from schemas.errors import BuildError

EVALUATION_LIST = "qa/evaluation_images.parquet"
NAMES_LIST = "qa/picture_names.parquet"
NO_LIST = f"{EVALUATION_LIST} is missing: a build from sources leaves it, an import does not know the evaluation sets"


class Names(NamedTuple):
    """What pictures go by two names."""

    images: Hashes
    """(names,): of image ids, ascending."""
    pictures: Hashes
    """(names,): of the id under which other sources know the picture."""

    @classmethod
    def read(cls, out: str) -> Self:
        """Of a finished build; none where it left no list."""
        table = _read(storage.join(out, NAMES_LIST), NAMES)
        if table is None:
            return cls(np.zeros(0, np.uint64), np.zeros(0, np.uint64))
        images, first = np.unique(hashed(column(table, "image_id")), return_index=True)
        return cls(images, hashed(column(table, "same_as"))[first])

    def pictures_of(self, images: Hashes) -> Hashes:
        """For hashes of image ids those of the pictures, whatever name they go by."""
        if not len(self.images):
            return images
        at = np.minimum(np.searchsorted(self.images, images), len(self.images) - 1)
        return np.where(self.images[at] == images, self.pictures[at], images)


class EvaluationImages(NamedTuple):
    """The images of all evaluation sets."""

    sets: tuple[str, ...]
    """Names, in order."""
    members: tuple[Hashes, ...]
    """For each set the pictures' hashes, ascending."""
    table: pa.Table
    """`evaluation_set`, `image_id`, `same_as`, `paths`."""

    @classmethod
    def read(cls, out: str, names: Names) -> Self | None:
        """Of a finished build; None where it left no list."""
        table = _read(storage.join(out, EVALUATION_LIST), EVALUATION)
        if table is None:
            return None
        of = np.asarray(column(table, "evaluation_set").to_numpy(zero_copy_only=False), object)
        pictures = names.pictures_of(hashed(column(table, "image_id")))
        sets = tuple(sorted(set(of.tolist())))
        return cls(sets, tuple(np.unique(pictures[of == name]) for name in sets), table)


def _read(path: str, schema: pa.Schema) -> pa.Table | None:
    """A list; None where there is none."""
    if not storage.exists(path):
        return None
    try:
        return storage.read_table(path).select(schema.names).cast(schema)
    except (OSError, KeyError, pa.ArrowException) as error:
        raise BuildError(
            f"{path} cannot be read: {error}", hint="`osprey-data assemble` with this --out writes it again."
        ) from error
