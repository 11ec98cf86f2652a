"""What the two part kinds share: objects and parts with what is known of their looks, and short questions about each.

Paper section 2: the model is told, of each region, the object or `object:part`, colour, pattern, material and
reflectance, and writes one or two questions with answers of one or two words. "One or two" words are taken as up to
three, words like "of" and "the" not counted: "potted plant" and "door of the car" must fit. The annotated name itself
always fits.
"""

import re
from collections import Counter
from collections.abc import Iterable

import msgspec

from pipelines.builders.forms import Content
from pipelines.builders.model_kind import Candidate, Values
from pipelines.builders.naming import region_name, region_names, unique
from pipelines.builders.replies import BadReply, Pairs, check_one_line, check_regions, check_talk, short_answers
from schemas.records import Region, Sample, Scene

MOST_QUESTIONS = 2
"""Of one region."""
MOST_WORDS = 3
"""Of an answer, small words not counted."""

TYPES = {"color": "colour", "pattern_marking": "pattern", "material": "material", "transparency": "reflectance"}
"""Types of attributes as PACO names them -> as the paper does, in its order."""
OTHER = "other"
"""What annotators chose where no word of the table fits."""

_SMALL = frozenset(("a", "an", "the", "of", "and", "or", "with"))
_WORD = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*")
_NO_ANSWER = re.compile(
    r"(?:others?|n/?a|none|nothing)\W*$|(?:unknown|unclear|unsure|uncertain|unspecified)\b"
    r"|(?:it is |it's )?not (?:known|clear|sure|certain|specified|given|visible|annotated)\b"
    r"|(?:i )?(?:cannot|can't|can not|don't) (?:tell|say|know|be)\b",
    re.IGNORECASE,
)

About = tuple[Region, str, str]
"""A region with a question about it and the answer."""


def known(region: Region) -> dict[str, list[str]]:
    """Type of attribute -> its values. A type with `other` among them is left out: the rest is not the whole truth."""
    unsure = {one.type for one in region.attributes if is_other(one.name)}
    found = {name: unique(one.name for one in region.attributes if one.type == name) for name in TYPES}
    return {name: values for name, values in found.items() if values and name not in unsure}


def is_other(name: str) -> bool:
    """Whether an attribute is `other`, as PACO's files write it (`other(color)`) or shortened."""
    return name.partition("(")[0].strip().lower() == OTHER


def tells_nothing(text: str) -> bool:
    """Whether a text says only that something is not known: "other", "unknown object"."""
    return bool(_NO_ANSWER.match(text))


def is_named(region: Region) -> bool:
    """Whether a region has a category that says what it is."""
    return bool(region.category) and not tells_nothing(region.part or region.category)


def label(region: Region) -> str:
    """The object, or `object:part`."""
    if not region.part:
        return region.category
    return f"{region.whole}:{region.part}" if region.whole else region.part


def tell(scene: Scene, region: Region) -> Values:
    """The name and all that is known of the looks."""
    facts = [{"name": TYPES[name], "words": ", ".join(values)} for name, values in known(region).items()]
    return {"label": label(region), "facts": facts}


def candidate(region: Region, reason: str = "") -> Candidate:
    """A region as these kinds look at it: for itself, whatever people say of it."""
    bare = msgspec.structs.replace(region, expressions=())
    return Candidate(bare, region.source, ((region.source, "regions", region.region_id),), reason)


def nothing(scene: Scene) -> Values:
    """These kinds are told of the regions alone."""
    return {}


def checked(content: Content, row: Sample) -> list[About]:
    """The pairs of a reply, each with the one region that its question names; all but the length of answers is checked.

    Raises:
        BadReply: also for an answer that says that it does not know, and for a third question about a region.
    """
    pairs = short_answers(content)
    check_regions((text for pair in pairs for text in pair), len(row.regions))
    found = [_about(row, question, answer) for question, answer in pairs]
    asked = Counter(region.region_id for region, _, _ in found)
    if len(asked) < len(row.regions):
        raise BadReply("reply_missing_region", f"asks about {len(asked)} of {len(row.regions)} regions")
    if max(asked.values()) > MOST_QUESTIONS:
        raise BadReply(
            "reply_too_many_questions", f"{max(asked.values())} questions about {asked.most_common(1)[0][0]}"
        )
    check_talk(text for pair in pairs for text in pair)
    return found


def _about(row: Sample, question: str, answer: str) -> About:
    numbers = [number for number in range(1, len(row.regions) + 1) if region_name(number) in region_names(question)]
    if len(numbers) != 1 or region_names(answer):
        raise BadReply("reply_format", f"{question[:80]!r} and its answer must name one region, in the question")
    check_one_line(answer)
    if tells_nothing(answer):
        raise BadReply("reply_no_answer", f"{answer[:80]!r} tells nothing")
    return row.regions[numbers[0] - 1], question, answer


def too_long(answer: str) -> bool:
    """Whether an answer has more words than asked for."""
    return len(content_words(answer)) > MOST_WORDS


def content_words(text: str) -> list[str]:
    """The words of a text in lower case, without the small ones."""
    return [word for word in _WORD.findall(text.lower()) if word not in _SMALL]


def as_pairs(found: Iterable[About]) -> Pairs:
    """Questions and answers alone."""
    return [(question, answer) for _, question, answer in found]
