"""Rows of regions and phrases as the COCO-style file that Osprey's loader of Visual Genome reads.

That loader asks questions of its own, so a row gives as many annotations as it has turns, each with its answer as
`caption`. A region that is asked about in several rows stands there several times.
"""

from collections.abc import Iterator
from typing import Any

from pipelines.exchange.names import numbers
from pipelines.exchange.osprey_export import Unfit, segmentation
from pipelines.segmentation.coco_file import CATEGORY

Row = dict[str, Any]


class Numbers:
    """Running numbers for pictures, by image id, in the order of first sight."""

    def __init__(self) -> None:
        self._known: dict[str, int] = {}

    def of(self, image_id: str) -> tuple[int, bool]:
        """(number, whether it is new)."""
        new = image_id not in self._known
        return self._known.setdefault(image_id, len(self._known) + 1), new


def image(row: Row, number: int) -> Row:
    """An element of `images`; the file name is the path below DATA."""
    return {"id": number, "file_name": row["image"]["path"], "height": row["height"], "width": row["width"]}


def annotations(row: Row, number: int, first: int) -> Iterator[Row]:
    """Elements of `annotations` with ids from `first` on. Unfit where a turn is not about one region."""
    contents = [message["content"] for message in row["messages"]]
    about = [numbers(question) for question in contents[::2]]
    if any(len(named) != 1 for named in about):
        raise Unfit("a question is not about one region")
    for place, ((own,), caption) in enumerate(zip(about, contents[1::2], strict=True)):
        region = row["regions"][own - 1]
        yield {
            "id": first + place, "image_id": number, "category_id": CATEGORY["id"], "caption": caption,
            "bbox": list(region["bbox"]), "area": region["area"], "iscrowd": 0, "segmentation": segmentation(region),
        }  # fmt: skip
