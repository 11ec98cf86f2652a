"""The typed records that pass between stages.

Units, once and for all: pixels; boxes are [x, y, width, height] with the origin at the top left of the image; masks are
COCO compressed RLE (column-major, starting with a run of zeros) of size (height, width).
"""

from typing import Any, Literal, NamedTuple

import msgspec

from schemas.keys import slot

Kind = Literal[
    "image_text", "mask_text", "description", "conversation", "short_form", "part_category", "part_attribute",
    "positive_negative", "region_caption", "commonsense",
]  # fmt: skip
Box = tuple[float, float, float, float]

TRAIN = "train"
"""The `split` of a record that belongs to no evaluation set; otherwise the set's name, such as `refcoco_testA`."""


class Record(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Base of all records: immutable, compared by value."""


class Category(Record, frozen=True, kw_only=True):
    """An entry of a source's vocabulary."""

    name: str
    """As annotated, such as `car_(automobile)`; the key within its source."""
    text: str
    """As one would write it, such as `car`."""
    synonyms: tuple[str, ...] = ()
    """Other names of the same thing, as one would write them."""
    synset: str = ""
    part: str = ""
    """Of a category of parts: the part's own name, such as `antenna`, where `text` is `antenna of the car`."""
    whole: str = ""
    """The name of the object that the part belongs to, such as `car`."""


class Attribute(Record, frozen=True, kw_only=True):
    """What an object or part looks like in one respect."""

    type: Literal["color", "pattern_marking", "material", "transparency"]
    """As PACO names it; the paper calls the last one reflectance."""
    name: str
    """As one would write it, such as `dark blue`; `other` where the annotators found no fitting word."""


class Expression(Record, frozen=True, kw_only=True):
    """A referring expression or phrase for one region."""

    source: str
    text: str
    ordinal: int
    """Position in the source's file: the order of first sight."""


class Mask(Record, frozen=True, kw_only=True):
    """A binary mask as COCO compressed RLE."""

    size: tuple[int, int]
    """(height, width) in pixels."""
    counts: str


class Region(Record, frozen=True, kw_only=True):
    """One object or part of an image, with a usable mask."""

    region_id: str
    """`<data set>/<annotation id>`, such as `coco/1768`; the same object in two sources has one id."""
    image_id: str
    source: str
    """The data set whose mask this is."""
    ordinal: int
    """Position in the source's file."""
    category: str
    """The category's text; `category_raw` is its name as annotated."""
    category_raw: str
    source_box: Box
    """The box as annotated; `bbox` is the mask's own."""
    bbox: Box
    area: int
    """Pixels of the mask."""
    mask: Mask
    split: str = TRAIN
    part_of: str = ""
    """Region id of the object that this is a part of, where its source has the object too."""
    part: str = ""
    """Of a part: its own name, such as `antenna`; `category` is then `antenna of the car`."""
    whole: str = ""
    """Of a part: the name of its object, such as `car`."""
    attributes: tuple[Attribute, ...] = ()
    """Empty where nobody annotated any; that says nothing about how the region looks."""
    expressions: tuple[Expression, ...] = ()


class Image(Record, frozen=True, kw_only=True):
    """An image as one source knows it."""

    image_id: str
    """`coco/000000000009`: the same in every source that uses the picture with this size."""
    source: str
    paths: tuple[str, ...]
    """Where the picture may lie, relative to DATA, most likely first."""
    width: int
    """0, as the height, where the source does not say: the picture then has to be opened."""
    height: int
    split: str = TRAIN
    exhaustive: bool = False
    """Every object of this source's vocabulary is annotated: what is not there is absent."""
    absent: tuple[str, ...] = ()
    """Categories (names) known to be absent (LVIS `neg_category_ids`)."""
    present: tuple[str, ...] = ()
    """Categories (names) annotated on the image in any form, crowds and rejected annotations included."""
    not_exhaustive: tuple[str, ...] = ()
    """Categories (names) of which some instances are unlabelled (LVIS `not_exhaustive_category_ids`)."""
    same_as: str = ""
    """Image id of the same picture in another source (Visual Genome's `coco_id`), whose pixels may differ in number.

    Both go to the same split, and if one of them is in an evaluation set, both are.
    """

    @property
    def slot(self) -> int:
        """The slot, 0 to 255, of the picture, under whichever name."""
        return slot(self.same_as or self.image_id)


class ImageText(Record, frozen=True, kw_only=True):
    """A text about an image: of one piece (`text`), or a conversation (`turns`)."""

    image_id: str
    source: str
    role: str
    """`caption`; for LLaVA-Instruct `detail`, `conversation` or `reasoning`; with turns `image_text` (stage 1) or
    `question_answer` (VCR: question, answer, and where there is one, why-question left empty and rationale)."""
    ordinal: int
    text: str = ""
    """Empty where there are turns."""
    turns: tuple[str, ...] = ()
    """Question and answer in turn; regions are named `<region1>`, ... in the order of `regions`."""
    regions: tuple[str, ...] = ()
    """Region ids that the turns name, by first sight."""


class Reject(Record, frozen=True, kw_only=True):
    """A record that is not in the data, and why. Every reject is counted in the ledger and kept in `rejects/`."""

    stage: str
    source: str
    unit: str
    """What the ledger line counts: annotations, captions, records, expressions, images, regions or rows."""
    key: str
    """What was rejected: an annotation id, `file:position`, a sample id, a request key."""
    reason: str
    """From a closed list, `schemas.ledger.REASONS`."""
    detail: str = ""
    """For reading: the field and value at fault, or the reply that failed."""


class Scene(Record, frozen=True, kw_only=True):
    """An image with everything the sources say about it: what kinds are built from."""

    image_id: str
    path: str
    """Where the picture is, relative to DATA."""
    width: int
    height: int
    split: str
    """Of the shards: train or val."""
    regions: tuple[Region, ...]
    """In the order of the sources, then of their files."""
    texts: tuple[ImageText, ...] = ()
    images: tuple[Image, ...] = ()
    """The image as each source knows it."""
    same_as: str = ""
    """See `Image`."""


class Message(Record, frozen=True, kw_only=True):
    """One turn of a conversation."""

    role: Literal["user", "assistant"]
    content: str


IMPORTED = "osprey-724k"
"""As `Generator.name`: the text was taken over from that data set as it is; which prompt wrote it is not known."""


class Generator(Record, frozen=True, kw_only=True):
    """Who wrote the answers."""

    name: str
    """`template`, the model that answered, or `IMPORTED`."""
    prompt: str = ""
    prompt_sha256: str = ""
    request_key: str = ""


class Sample(Record, frozen=True, kw_only=True):
    """A finished shard row (`schemas.columns.SHARD`)."""

    sample_id: str
    kind: str
    split: str
    image_id: str
    path: str
    width: int
    height: int
    regions: tuple[Region, ...]
    messages: tuple[Message, ...]
    generator: Generator
    sources: tuple[str, ...]
    license: str
    same_as: str = ""
    """See `Image`; not a column of the shard."""

    @property
    def slot(self) -> int:
        """The slot of the picture, which says into which shard the row goes."""
        return slot(self.same_as or self.image_id)


class Request(Record, frozen=True, kw_only=True):
    """A sample that waits for its answer."""

    key: str
    """`schemas.keys.request_key` of the payload."""
    payload: dict[str, Any]
    """The body sent to the chat completions endpoint: model, messages and parameters."""
    sample: Sample
    """The row without its messages."""


REFUSED = "refusal"
"""As `finish_reason`: in the place of an answer the server gave the model's refusal, whose words are the text."""


class Reply(Record, frozen=True, kw_only=True):
    """What the model answered, as the reply store keeps it."""

    key: str
    text: str
    finish_reason: str
    model: str
    """As answered, not as asked."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float = 0.0
    attempts: int = 1
    error: str = ""
    """Not empty when the request failed for good; `text` is then empty."""
    at_risk_usd: float = 0.0
    """What attempts that broke off after they were sent may have been charged, at most."""
    repair_of: str = ""
    """Key of the request whose bad reply this one was to mend; empty for a first reply."""


class Built(NamedTuple):
    """What a builder makes of one scene."""

    samples: list[Sample]
    requests: list[Request]
    rejects: list[Reject]
    read: dict[tuple[str, str], int]
    """Records looked at, by (source, unit): kept + rejected of the ledger."""
