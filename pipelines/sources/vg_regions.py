"""Visual Genome's regions: a box or a mask, and one phrase, which an image has once."""

from typing import Any

import msgspec

from pipelines.sources.coco_json import Id
from pipelines.sources.json_window import Broken, Window, broken_findings, record_key
from pipelines.sources.seen import SeenIds, SeenTexts
from pipelines.sources.spec import Annotations, Finding
from pipelines.sources.spool import Spool, rectangle
from pipelines.sources.text import clean_line
from schemas.records import Box, Expression, Image

SOURCE = "vg"
UNIT = "expressions"
"""Every region has one phrase; in every stage a region with phrases counts as these."""

NO_BOX: Box = (0.0, 0.0, 0.0, 0.0)


class RegionEntry(msgspec.Struct, gc=False):
    """A region of `region_descriptions.json`: box in pixels from the top left, and phrase; names vary by release."""

    x: float
    y: float
    width: float
    height: float
    phrase: str
    region_id: Id | None = None
    id: Id | None = None
    image_id: Any = None
    image: Any = None


class Group(msgspec.Struct, gc=False):
    """An element of `region_descriptions.json`: the regions of one image."""

    regions: list[RegionEntry]
    id: Any = None
    image_id: Any = None


class LooseGroup(msgspec.Struct, gc=False):
    """A group of which something is broken."""

    regions: list[msgspec.Raw]
    id: Any = None
    image_id: Any = None


class MaskEntry(msgspec.Struct, gc=False):
    """An element of `annotations` in `vg_train_with_mask.json`."""

    id: Id
    image_id: Id
    caption: str
    segmentation: msgspec.Raw
    bbox: tuple[float, float, float, float] = NO_BOX
    ignore: int | bool | None = None


groups_decoder = msgspec.json.Decoder(list[Group])
masks_decoder = msgspec.json.Decoder(list[MaskEntry])
_loose = msgspec.json.Decoder(LooseGroup)
_region = msgspec.json.Decoder(RegionEntry)
_polygons = msgspec.json.Decoder(list[list[float]])


class Regions:
    """Collects the regions of known images (by Visual Genome's number), and why others are not kept."""

    def __init__(self, images: dict[int, Image]) -> None:
        self.findings: list[Finding] = []
        self.read = 0
        self._images = images
        self._spool = Spool(SOURCE)
        self._ids = SeenIds()
        self._phrases = SeenTexts()

    def annotations(self) -> Annotations:
        """All that was kept; nothing can be added after."""
        return self._spool.annotations()

    def add_masks(self, window: Window) -> None:
        """Add a window of annotations that have masks."""
        self.findings += broken_findings(window, UNIT)
        for self.read, entry in zip(window.indices, window.records, strict=True):
            if entry.ignore:
                self._reject(entry.id, "ignored")
            else:
                segmentation = bytes(entry.segmentation)
                box = entry.bbox if entry.bbox != NO_BOX else _hull(segmentation)
                self._add(entry.id, entry.image_id, entry.caption, box, segmentation)
        self.read = window.stop

    def add_groups(self, window: Window) -> None:
        """Add a window of images with their regions, in the order of the file."""
        found = [*zip(window.indices, window.records, strict=True), *((each.position, each) for each in window.broken)]
        for _, group in sorted(found, key=lambda each: each[0]) if window.broken else found:
            if isinstance(group, Broken):
                self._add_broken(group)
                continue
            for entry in group.regions:
                self._add_region(entry, _number(group))

    def _add_broken(self, broken: Broken) -> None:
        """The sound regions of a group; a group without a list of regions counts as one."""
        try:
            group = _loose.decode(broken.record)
        except msgspec.DecodeError:
            self._reject("", "malformed_record", f"image {broken.position} of the list: {broken.detail}")
            self.read += 1
            return
        for raw in group.regions:
            try:
                self._add_region(_region.decode(raw), _number(group))
            except msgspec.DecodeError as error:
                self._reject("", "malformed_record", f"image {_number(group)}: {error}")
                self.read += 1

    def _add_region(self, entry: RegionEntry, image: Any) -> None:
        """A region whose mask is the part of its box that lies in the image."""
        own_id = entry.region_id if entry.region_id is not None else entry.id
        number = next((each for each in (image, entry.image_id, entry.image) if isinstance(each, int)), -1)
        box = (entry.x, entry.y, entry.width, entry.height)
        if own_id is None:
            self._reject("", "malformed_record", "has neither `region_id` nor `id`")
        elif min(box[2:]) < 0:
            self._reject(own_id, "malformed_record", f"box {list(box)}")
        else:
            self._add(own_id, number, entry.phrase, box)
        self.read += 1

    def _add(self, own_id: int, number: int, phrase: str, box: Box, segmentation: bytes = b"") -> None:
        """A region with the mask given, or else with its box as mask."""
        image, text = self._images.get(number), clean_line(phrase)
        if not self._ids.add(own_id):
            self._reject(own_id, "duplicate_id")
        elif image is None:
            self._reject(own_id, "unknown_image", f"image {number}")
        elif not segmentation and min((inside := clipped(box, image))[2:]) <= 0:
            reason = "outside_image" if box[2] and box[3] else "empty_mask"
            self._reject(own_id, reason, f"box {list(box)}, image {image.width} x {image.height}", image.image_id)
        elif not text:
            self._reject(own_id, "empty_text", image_id=image.image_id)
        elif not self._phrases.add(number, text):
            self._reject(own_id, "duplicate_text", text, image.image_id)
        else:
            expression = Expression(source=SOURCE, text=text, ordinal=self.read)
            mask = segmentation or rectangle(inside)
            self._spool.add(f"{SOURCE}/{own_id}", image, None, mask, box, expressions=(expression,))

    def _reject(self, own_id: object, reason: str, detail: str = "", image_id: str = "") -> None:
        self.findings.append(Finding(record_key(UNIT, self.read, own_id), reason, detail, image_id))


def _number(group: Group | LooseGroup) -> Any:
    return group.image_id if group.image_id is not None else group.id


def clipped(box: Box, image: Image) -> Box:
    """The part of a box [x, y, width, height] that lies in its image."""
    x, y, width, height = box
    left, top = max(0.0, x), max(0.0, y)
    return left, top, min(image.width, x + width) - left, min(image.height, y + height) - top


def _hull(segmentation: bytes) -> Box:
    """The box of polygons; zeros where the segmentation is none, since only boxes that were annotated are known."""
    try:
        polygons = [each for each in _polygons.decode(segmentation) if len(each) >= 2]
    except msgspec.DecodeError:
        return NO_BOX
    if not polygons:
        return NO_BOX
    left, top = min(min(each[::2]) for each in polygons), min(min(each[1::2]) for each in polygons)
    right, bottom = max(max(each[::2]) for each in polygons), max(max(each[1::2]) for each in polygons)
    return left, top, right - left, bottom - top
