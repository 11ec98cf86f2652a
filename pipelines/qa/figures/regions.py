"""The regions of a build, each counted once however many rows show it."""

from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.qa.figures.names import Counted, Hashes, Lexicon, counted, hashes, vocabulary
from pipelines.qa.figures.records import Distribution, Vanishing, Vocabulary
from pipelines.qa.figures.tally import SHARE, Ints, Tally, shares
from pipelines.qa.figures.vanishing import STRIDES, Bools, seen
from pipelines.qa.pieces import Piece, column, field

_ROW = np.dtype([
    ("region", np.uint64), ("image", np.uint64), ("category", np.uint64), ("area", np.uint32), ("pixels", np.uint32),
    ("flags", np.uint8),
])  # fmt: skip
"""33 bytes a region. Flags: a bit a feature map that sees it, then `_PART`."""
_PART = 1 << len(STRIDES)
_LEAST = 200_000
"""Regions that wait for repeats to be taken out, at least."""
Rows = npt.NDArray[np.void]


class Shapes(NamedTuple):
    """The regions (n,) of a piece."""

    area: Ints
    """Pixels set."""
    pixels: Ints
    """Of the picture."""
    seen: Bools
    """(n, 4): by each feature map."""


def shapes(piece: Piece) -> Shapes:
    """Areas, and what the paper's pooling sees."""
    size = pc.list_flatten(pc.struct_field(piece.regions, ["mask", "size"])).to_numpy().reshape(-1, 2).astype(np.int64)
    height, width = size.T.clip(0)
    counts = pc.struct_field(piece.regions, ["mask", "counts"])
    return Shapes(field(piece.regions, "area").astype(np.int64).clip(0), height * width, seen(counts, height, width))


class Regions:
    """Distinct regions, by image and id, 33 bytes each; those that tell two things at once count as the lesser one."""

    def __init__(self) -> None:
        self._lexicon = Lexicon()
        self._rows: Rows = np.zeros(0, _ROW)
        self._pending: list[Rows] = []

    def add(self, piece: Piece, found: Shapes) -> None:
        """Take note of the regions of a piece."""
        rows = np.zeros(len(piece.regions), _ROW)
        rows["image"] = hashes(column(piece.table, "image_id"))[piece.region_rows]
        rows["region"] = hashes(pc.struct_field(piece.regions, "region_id")) ^ (rows["image"] * np.uint64(0x9E3779B1))
        rows["category"] = self._categories(pc.struct_field(piece.regions, "category"))
        rows["area"], rows["pixels"] = found.area, found.pixels.clip(0, 2**32 - 1)
        rows["flags"] = found.seen @ (1 << np.arange(len(STRIDES))) + _PART * parts(piece)
        self._append(rows)

    def merge(self, other: Self) -> None:
        """Add the regions of another one."""
        self._lexicon.merge(other._lexicon)
        self._append(other.distinct())

    def distinct(self) -> Rows:
        """One line a region."""
        if self._pending:
            self._rows = _without_repeats(np.concatenate([self._rows, *self._pending]))
            self._pending = []
        return self._rows

    def areas(self) -> tuple[Distribution, Distribution]:
        """In pixels, and as share of the picture."""
        rows = self.distinct()
        area, pixels = rows["area"].astype(np.int64), rows["pixels"].astype(np.int64)
        absolute, relative = Tally(logarithmic=True), Tally(SHARE, logarithmic=True)
        absolute.add(area)
        relative.add(shares(area, pixels))
        return absolute.distribution(), relative.distribution()

    def per_image(self) -> Distribution:
        """Regions of each image that has any."""
        tally = Tally()
        tally.add(np.unique(self.distinct()["image"], return_counts=True)[1])
        return tally.distribution()

    def vanishing(self) -> tuple[Vanishing, ...]:
        """What no cell sees, by feature map."""
        flags = self.distinct()["flags"]
        return vanished(len(flags), [int((flags >> level & 1).sum()) for level in range(len(STRIDES))])

    def categories(self) -> Vocabulary:
        """Of the regions that are not parts."""
        rows = self.distinct()
        return self._vocabulary(rows[rows["flags"] & _PART == 0])

    def parts(self) -> Vocabulary:
        """Of the regions that are parts."""
        rows = self.distinct()
        return self._vocabulary(rows[rows["flags"] & _PART > 0])

    def _vocabulary(self, rows: Rows) -> Vocabulary:
        found = counted(rows["category"])
        named = found.hashes != _NO_NAME
        return vocabulary(Counted(found.hashes[named], found.counts[named]), self._lexicon)

    def _categories(self, names: pa.Array) -> Hashes:
        encoded = names.dictionary_encode()
        place = encoded.indices.to_numpy()
        return self._lexicon.add(encoded.dictionary, np.bincount(place, minlength=len(encoded.dictionary)))[place]

    def _append(self, rows: Rows) -> None:
        self._pending.append(rows)
        if sum(map(len, self._pending)) > max(_LEAST, len(self._rows)):
            self.distinct()


_NO_NAME = hashes(pa.array([""]))[0]
_OF = " of the "
"""Between part and object in the names of `pipelines.sources.parts`."""


def parts(piece: Piece) -> Bools:
    """(regions,): whether each is a part.

    It belongs to another region, its data set calls it `object:part`, or sources read its name as `head of the dog`
    (PartImageNet, which marks no whole objects).
    """
    belongs = pc.not_equal(pc.struct_field(piece.regions, "part_of"), "")
    raw = pc.match_substring(pc.struct_field(piece.regions, "category_raw"), ":")
    read = pc.match_substring(pc.struct_field(piece.regions, "category"), _OF)
    return pc.or_(pc.or_(belongs, raw), read).to_numpy(zero_copy_only=False)


def vanished(judged: int, seen_by: list[int]) -> tuple[Vanishing, ...]:
    """From how many regions each feature map sees."""
    return tuple(
        Vanishing(stride=stride, judged=judged, vanished=judged - number)
        for stride, number in zip(STRIDES, seen_by, strict=True)
    )


def _without_repeats(rows: Rows) -> Rows:
    """The lesser of the lines of each region, whatever their order."""
    rest = rows["image"] ^ rows["category"]
    rest = (rest * np.uint64(31) + rows["area"]) * np.uint64(31) + rows["pixels"]
    rest = rest * np.uint64(31) + rows["flags"]
    order = np.lexsort((rest, rows["region"]))
    ranked = rows["region"][order]
    return rows[order[np.append(True, ranked[1:] != ranked[:-1])]] if len(rows) else rows
