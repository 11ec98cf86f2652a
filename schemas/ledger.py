"""The ledger: every stage says what it read, what it kept and why the rest is gone."""

from collections import Counter
from collections.abc import Iterable, Mapping

from schemas.records import Record, Reject

REASONS = {
    # reading a source
    "malformed_record": "a field is missing, of another type, or not finite",
    "duplicate_id": "the id stands twice in the file; the first one counts",
    "unknown_image": "no image of that id in the sources read",
    "unknown_category": "no category of that id in the file",
    "unknown_annotation": "no annotation of that id in the instances file, or it was rejected",
    "unsafe_path": "the file name leaves the data folder",
    "crowd": "a crowd region covers many objects",
    "ignored": "the file itself says to ignore it",
    "empty_text": "nothing is left of the text once it is cleaned",
    "duplicate_text": "the same text for the same region or image",
    "unknown_object": "the part's object is not in the file, or was rejected",
    "unknown_attribute": "no attribute of that id in the file's table",
    "uncertain_attribute": "the annotators flagged this type of attribute as one that cannot be told",
    "unknown_region": "the text names a region that is not there, or was rejected",
    "unknown_part": "the part's name follows none of the known forms",
    "tag_out_of_range": "a tag names an object that the list of objects does not have",
    "several_images": "the text is about more than one picture",
    "unnamed_region": "no text of the record names the region",
    "duplicate_record": "the same record stands twice",
    # masks
    "empty_mask": "no pixel is set, or there is no segmentation",
    "degenerate_polygon": "no polygon has three points",
    "outside_image": "the mask lies wholly outside the image",
    "size_mismatch": "the mask's size is not the image's",
    "invalid_rle": "the run lengths do not add up to the image's size",
    "mask_misses_box": "the mask made from a box fills too little of it, or spills out of it",
    # joining
    "evaluation_split": "the image or the record belongs to an evaluation set",
    "image_missing": "the picture is not under DATA",
    "image_unreadable": "the picture is no picture, or has another size than the annotations say",
    "duplicate_region": "the same mask and category stand twice in one source",
    "label_noise": "the recipe's lists of wrong referring expressions name it",
    "no_regions": "the image has no usable region, or the text names none",
    "over_limit": "left out by --limit",
    # building
    "region_cap": "the recipe's cap on regions per image",
    "no_image_text": "the image has neither a detailed description nor captions",
    "names_region": "the text holds what would be read as the name of a region, such as <region2>",
    "same_object": "another region of the image, of a source named before, shows the same object and stands for it",
    "no_negative": "no other object near, and no category near in meaning is known to be absent",
    "row_cap": "the recipe's cap on rows of the kind",
    "no_category": "the mask has no category that says what it is, and no text",
    "no_phrase": "the source has no phrase for the region",
    "no_attributes": "nothing is wholly known of the region's colour, pattern, material or reflectance",
    "not_a_part": "the kind is about parts and their objects, and the source marks no parts on the image",
    # generation
    "not_generated": "no reply yet: over the budget, interrupted, or not asked",
    "request_failed": "the server refused, or did not answer",
    # replies
    "reply_empty": "the reply has no text",
    "reply_cut_off": "the reply stopped at the length limit",
    "reply_filtered": "the server's content filter stopped the reply",
    "reply_refused": "the model declined to answer",
    "reply_format": "the reply is not in the asked format",
    "reply_region_count": "not as many regions as asked",
    "reply_unknown_region": "the reply names a region that was not given",
    "reply_missing_region": "the reply leaves a region out",
    "reply_no_question": "no question with its answer",
    "reply_long_answer": "a short answer is not short",
    "reply_too_many_questions": "more questions about one region than asked for",
    "reply_no_answer": "an answer says that it is not known, or `other`",
    "reply_unfounded": "an answer holds what the model was not told",
    "reply_mentions_source": "the reply talks of boxes, coordinates, captions or descriptions",
}


AS_MEANT = frozenset((
    "evaluation_split", "over_limit", "label_noise", "region_cap", "row_cap", "crowd", "duplicate_text",
    "duplicate_region", "same_object", "no_regions", "ignored",
))  # fmt: skip
"""Reasons that sound data meets too: what the recipe wants left out, and what holds nothing new."""


class LedgerLine(Record, frozen=True, kw_only=True):
    """One line: read = kept + sum(rejected), always."""

    stage: str
    source: str
    unit: str
    """What is counted, such as annotations, expressions, regions or rows."""
    read: int
    kept: int
    rejected: dict[str, int]

    def check(self) -> None:
        """Raise AssertionError where a record vanished: that is a bug of ours, never a user's mistake."""
        total = self.kept + sum(self.rejected.values())
        assert self.read == total, f"ledger {self.stage}/{self.source}: read {self.read}, accounted for {total}"
        assert self.kept >= 0, f"ledger {self.stage}/{self.source}: more rejects than the {self.read} records read"
        unknown = set(self.rejected) - set(REASONS)
        assert not unknown, f"ledger {self.stage}/{self.source}: reasons without a definition: {sorted(unknown)}"


def lines(stage: str, read: Mapping[tuple[str, str], int], rejects: Iterable[Reject]) -> list[LedgerLine]:
    """A stage's lines from the records it read, by (source, unit), and its rejects; what is not rejected was kept."""
    rejected: dict[tuple[str, str], Counter[str]] = {key: Counter() for key in read}
    for reject in rejects:
        rejected[reject.source, reject.unit][reject.reason] += 1
    made = [
        LedgerLine(
            stage=stage, source=source, unit=unit, read=count,
            kept=count - rejected[source, unit].total(), rejected=dict(sorted(rejected[source, unit].items())),
        )
        for (source, unit), count in read.items()
    ]  # fmt: skip
    for one in made:
        one.check()
    return made


def losses(lines: Iterable[LedgerLine]) -> dict[tuple[str, str], tuple[int, Counter[str]]]:
    """What faults took before any kind was built, by (source, unit): records read, and how many for each reason.

    Reasons that sound data meets too (`AS_MEANT`) are not counted.
    """
    found: dict[tuple[str, str], tuple[int, Counter[str]]] = {}
    for one in lines:
        if one.stage in ("ingest", "regions", "join"):
            read, lost = found.get((one.source, one.unit), (0, Counter()))
            faults = Counter({reason: n for reason, n in one.rejected.items() if reason not in AS_MEANT})
            found[one.source, one.unit] = max(read, one.read), lost + faults
    return found


def merge(lines: Iterable[LedgerLine]) -> list[LedgerLine]:
    """Sum lines of the same stage, source and unit, in order of first sight."""
    sums: dict[tuple[str, str, str], tuple[int, int, Counter[str]]] = {}
    for one in lines:
        read, kept, rejected = sums.get((one.stage, one.source, one.unit), (0, 0, Counter()))
        sums[one.stage, one.source, one.unit] = (read + one.read, kept + one.kept, rejected + Counter(one.rejected))
    return [
        LedgerLine(stage=stage, source=source, unit=unit, read=read, kept=kept, rejected=dict(sorted(rejected.items())))
        for (stage, source, unit), (read, kept, rejected) in sums.items()
    ]
