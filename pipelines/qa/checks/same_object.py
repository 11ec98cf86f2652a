"""Rows that have one object twice: two of their regions cover the same pixels."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pycocotools import mask as coco_mask

from pipelines.builders.same_object import SAME_PIXELS
from pipelines.qa.checks.base import Fault, Faults, RowCheck, Spec
from pipelines.qa.masks import measure
from pipelines.qa.pieces import Ints, Piece, field

_PARTS = ("part_of", "region_id")


class RegionsDiffer(RowCheck):
    """Judges rows of several regions by the masks: two that have more than 95 % in common are one object.

    Such rows ask about one thing as about two, and answer twice. A part that hides all else of its object is another
    thing, where the row says what it is a part of. Data of one's own and imported rows may have some: hence a warning,
    and only where it is more than one row in a hundred. Masks that cannot be read are left out; the form tells of them.
    """

    spec = Spec(
        "regions_differ", "no two regions of a row are the same object: their masks differ",
        "repeats", "warn", 0.01, "rows of several regions",
    )  # fmt: skip
    nothing = "no row has several regions"

    def faults(self, piece: Piece) -> Faults:
        """A fault for each row with such a pair."""
        if not len(piece):
            return Faults(0, 0, [])
        judged = int((np.bincount(piece.region_rows, minlength=len(piece)) > 1).sum())
        found = dict[int, str]()
        for one, other, overlap in _same(piece):
            found.setdefault(int(piece.region_rows[one]), _told(piece, one, other, overlap))
        return Faults(judged, len(found), [Fault(row, found[row]) for row in sorted(found)])


def _same(piece: Piece) -> Iterator[tuple[int, int, float]]:
    """Pairs of regions of one row, in order, that are the same pixels, and what they have in common."""
    pairs = _another_thing(piece, _near(piece))
    used, places = np.unique(pairs, return_inverse=True)
    masks, valid = _masks(piece, used)
    for (one, other), (first, second) in zip(pairs.tolist(), places.reshape(-1, 2).tolist(), strict=True):
        if valid[first] and valid[second] and masks[first]["size"] == masks[second]["size"]:
            overlap = float(coco_mask.iou([masks[first]], [masks[second]], [0])[0, 0])
            if overlap > SAME_PIXELS:
                yield one, other, overlap


def _near(piece: Piece) -> Ints:
    """(pairs, 2): regions of one row whose areas and boxes leave it open that they are the same.

    Of masks that have a share in common, the smaller has at least this share of the larger one's area, and so has what
    their boxes have in common. Regions are compared with those that follow them by area, until none is near enough.
    """
    area = field(piece.regions, "area").astype(np.float64)
    boxes = _boxes(piece)
    order = np.lexsort((area, piece.region_rows))
    rows, sizes = piece.region_rows[order], area[order]
    found = [np.zeros((0, 2), np.int64)]
    for lag in range(1, len(order)):
        close = np.flatnonzero((rows[lag:] == rows[:-lag]) & (sizes[:-lag] >= SAME_PIXELS * sizes[lag:]))
        if not len(close):
            break
        pairs = np.stack([order[close], order[close + lag]], axis=1)
        found.append(pairs[_shared(boxes, pairs) >= SAME_PIXELS * sizes[close + lag]])
    pairs = np.sort(np.concatenate(found), axis=1)
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]


def _boxes(piece: Piece) -> npt.NDArray[np.float64]:
    flat = pc.list_flatten(pc.struct_field(piece.regions, "bbox")).to_numpy(zero_copy_only=False)
    boxes: npt.NDArray[np.float64] = flat.reshape(-1, 4).astype(np.float64)
    return boxes


def _shared(boxes: npt.NDArray[np.float64], pairs: Ints) -> npt.NDArray[np.float64]:
    """(pairs,): area that two boxes have in common."""
    one, other = boxes[pairs[:, 0]], boxes[pairs[:, 1]]
    low = np.maximum(one[:, :2], other[:, :2])
    high = np.minimum(one[:, :2] + one[:, 2:], other[:, :2] + other[:, 2:])
    shared: npt.NDArray[np.float64] = np.prod(np.clip(high - low, 0, None), axis=1)
    return shared


def _another_thing(piece: Piece, pairs: Ints) -> Ints:
    """The pairs without those of a part and its object."""
    wholes, names = (field(piece.regions, name) for name in _PARTS)
    one, other = pairs[:, 0], pairs[:, 1]
    return pairs[(wholes[one] != names[other]) & (wholes[other] != names[one])]


def _masks(piece: Piece, used: Ints) -> tuple[list[dict[str, object]], npt.NDArray[np.bool_]]:
    """Masks as pycocotools reads them, and whether it can: it would crash on a broken one."""
    structs = piece.regions.take(pa.array(used))
    sizes = pc.list_flatten(pc.struct_field(structs, ["mask", "size"])).to_numpy().reshape(-1, 2).astype(np.int64)
    counts = pc.struct_field(structs, ["mask", "counts"])
    valid = measure(counts, sizes[:, 0], sizes[:, 1]).valid
    pairs = zip(sizes.tolist(), counts.to_pylist(), strict=True)
    return [{"size": size, "counts": text} for size, text in pairs], valid


def _told(piece: Piece, one: int, other: int, overlap: float) -> str:
    first = int(np.searchsorted(piece.region_rows, piece.region_rows[one]))
    names = (_name(piece, number, number - first + 1) for number in (one, other))
    return f"{' and '.join(names)} have {overlap:.1%} of their pixels in common"


def _name(piece: Piece, place: int, number: int) -> str:
    region = piece.regions[place].as_py()
    return f"<region{number}> ({', '.join(filter(None, (region['region_id'], region['category'])))})"
