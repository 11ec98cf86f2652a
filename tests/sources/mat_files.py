"""Pascal-Part's MATLAB files, hand-made: those of tests/fixtures/pascal_part, and any other a test wants.

To write the fixture anew: `python -m tests.sources.mat_files`.
"""

import io
import pathlib
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.io import savemat

FOLDER = pathlib.Path(__file__).parents[1] / "fixtures" / "pascal_part" / "pascal_part" / "Annotations_Part"

HEIGHT, WIDTH = 12, 16

Mask = npt.NDArray[np.uint8]


def box(x: int, y: int, width: int, height: int, size: tuple[int, int] = (HEIGHT, WIDTH)) -> Mask:
    """A mask of 0 and 1 with a box set."""
    mask = np.zeros(size, np.uint8)
    mask[y : y + height, x : x + width] = 1
    return mask


def structs(rows: list[dict[str, Any]]) -> npt.NDArray[Any]:
    """A 1 x N array of structs; (0, 0) where there are none, as MATLAB writes it."""
    if not rows:
        return np.zeros((0, 0))
    made = np.empty((1, len(rows)), dtype=[(name, object) for name in rows[0]])
    for place, row in enumerate(rows):
        made[0, place] = tuple(row.values())
    return made


def thing(name: str, index: int, mask: Mask, parts: dict[str, Mask]) -> dict[str, Any]:
    """An object with its parts."""
    rows = [{"part_name": part, "mask": part_mask} for part, part_mask in parts.items()]
    return {"class": name, "class_ind": index, "mask": mask, "parts": structs(rows)}


def anno(name: str, objects: list[dict[str, Any]]) -> dict[str, Any]:
    """The variables of an image's file."""
    return {"anno": structs([{"imname": name, "objects": structs(objects)}])}


def content(variables: dict[str, Any]) -> bytes:
    """The file, without the time at which it was written."""
    stream = io.BytesIO()
    savemat(stream, variables)
    header = b"MATLAB 5.0 MAT-file, hand-made".ljust(116)
    return header + stream.getvalue()[116:]


def structs_without_fields(side: int) -> bytes:
    """A file that claims side x side structs, of no fields."""
    shape = _element(5, np.array([side, side], "<i4").tobytes())
    return _variable(2, shape + _element(1, b"s") + _element(5, np.array([1], "<i4").tobytes()) + _element(1, b""))


def numbers_of_shape(shape: npt.NDArray[np.float32]) -> bytes:
    """A file with an array whose shape is given in real numbers."""
    return _variable(6, _element(7, shape.tobytes()) + _element(1, b"s") + _element(9, bytes(8)))


def _variable(kind: int, rest: bytes) -> bytes:
    flags = _element(6, np.array([kind, 0], "<u4").tobytes())
    return b"MATLAB 5.0 MAT-file".ljust(126) + b"IM" + _element(14, flags + rest)


def _element(kind: int, data: bytes) -> bytes:
    return np.array([kind, len(data)], "<u4").tobytes() + data.ljust(-(-len(data) // 8) * 8, b"\0")


def files() -> dict[str, bytes]:
    """The fixture: content by name."""
    full = box(0, 0, WIDTH, HEIGHT)
    person = thing("person", 15, box(0, 0, 6, 12), {"lear": box(0, 1, 1, 2), "rear": box(5, 1, 1, 2), "luarm": full})
    cat = thing("cat", 8, box(8, 4, 6, 6), {"rfpa": box(8, 9, 2, 1), "xyz": full, "tail": box(0, 0, 0, 0)})
    screen = thing("tvmonitor", 20, box(2, 2, 3, 3), {})
    train = thing("train", 19, full, {"cfrontside_1": box(1, 1, 2, 2), "cfrontside_12": box(4, 1, 2, 2)})
    other_size = thing("car", 7, full, {"wheel_2": box(1, 1, 2, 2, (6, 8)), "bliplate": box(3, 3, 1, 1)})
    first = content(anno("2008_000001", [person, cat, screen]))
    return {
        "2008_000001.mat": first,
        "2008_000002.mat": content(anno("2008_000002", [train, other_size])),
        "2008_000003.mat": content(anno("2008_000003", [])),
        "2008_000004.mat": first[: len(first) // 3],
        "2008_000005.mat": content({"anno": structs([{"imname": "2008_000005"}])}),
        "2008_000006.mat": content(anno("2008_000006", [{**screen, "mask": np.zeros((2, 2, 2), np.uint8)}])),
        "2008_000007.mat": content(anno("2008_000070", [screen])),
        "2008_000008.mat": b"not MATLAB at all\n" * 20,
        "2008_000009.mat": content({"annotations": np.zeros((2, 2))}),
        "2008_000010.mat": content(anno("2008_000010", [{**screen, "parts": np.ones((3, 2))}])),
        "copies/2008_000001.mat": first,
    }


def write(folder: pathlib.Path) -> None:
    """Write the fixture."""
    for name, data in files().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


if __name__ == "__main__":
    write(FOLDER)
