"""What is in a sample scene: the truth that pictures, annotations and texts are made from.

Units: pixels of the picture, origin at the top left, y downwards. A polygon is flat, [x1, y1, x2, y2, ...], with two
decimals, as COCO writes it. Objects and parts have two kinds of polygons: `shape` is the whole outline (what is
painted), `visible` is what is left of it once everything in front has been cut away. Annotations carry the visible
outline.
"""

from typing import Literal, NamedTuple

from schemas.records import Box, Record

Polygon = tuple[float, ...]
Place = Literal["room", "park", "street"]
Seat = Literal["ground", "wall", "sky"]
Transparency = Literal["opaque", "translucent", "transparent"]


class PartTruth(Record, frozen=True, kw_only=True):
    """A named part of an object. Several parts may share a name (two wheels)."""

    name: str
    """As PACO calls it where PACO knows the part, such as `neck` or `finger_hole`."""
    colour: str
    pattern: str
    """`plain`, `striped`, `dotted` or `checked`."""
    shape: Polygon
    visible: tuple[Polygon, ...]
    """Empty where the part is hidden. What other parts of the same object cover is not cut away."""
    material: str
    """As PACO calls it, such as `metal`; `other` for what PACO has no word for, such as skin or rubber."""
    transparency: Transparency


class ObjectTruth(Record, frozen=True, kw_only=True):
    """One object, told apart within its scene by `number`."""

    number: int
    """0, 1, 2, ... from back to front: of two objects that overlap, the higher number is in front."""
    category: str
    """Its name in `catalogue.TEMPLATES`: the COCO name, or a plain noun for what only LVIS knows."""
    colour: str
    """The colour of its main part or parts."""
    second: str
    """The colour of its accents, such as a cap, a label or a person's trousers."""
    pattern: str
    marking: str
    """The colour of the stripes, dots or checks; empty for a plain object."""
    seat: Seat
    shape: tuple[Polygon, ...]
    visible: tuple[Polygon, ...]
    parts: tuple[PartTruth, ...]
    material: str
    """Of the most of it, as with parts. Every object as a whole is opaque."""
    box: Box
    """Of the visible outline: [x, y, width, height]."""
    area: float
    """Of the visible outline, in square pixels (shoelace, as COCO computes it)."""
    hidden: float
    """Which fraction of the whole outline is hidden by objects in front, 0 to 0.6."""
    base: float
    """Where it touches the ground (y); for things on the wall or in the sky, its lower end."""


class Shown(NamedTuple):
    """What a region of a written file shows: an object of the scene, or its parts of one name."""

    one: ObjectTruth
    part: str = ""
    """As in `PartTruth.name`; empty for the whole object."""

    @property
    def parts(self) -> tuple[PartTruth, ...]:
        """All parts of that name; none for the whole object."""
        return tuple(part for part in self.one.parts if part.name == self.part)


class CrowdTruth(Record, frozen=True, kw_only=True):
    """Many small people far away, too many to outline one by one. They stand behind every object."""

    shapes: tuple[Polygon, ...]
    colours: tuple[str, ...]
    """The coat of each."""


class SceneTruth(Record, frozen=True, kw_only=True):
    """A picture and everything in it."""

    seed: int
    index: int
    image_id: int
    """The COCO image id; ids have gaps and do not start at 0."""
    folder: str
    """`train2017` or `val2017`."""
    series: str = ""
    """The format whose own scene this is; empty where it is COCO's. Scenes of one number have one id and one folder."""
    width: int
    height: int
    place: Place
    horizon: float
    """Where floor and wall, or ground and sky, meet (y)."""
    objects: tuple[ObjectTruth, ...]
    crowd: CrowdTruth | None = None

    @property
    def file_name(self) -> str:
        """`000000000009.jpg`."""
        return f"{self.image_id:012d}.jpg"
