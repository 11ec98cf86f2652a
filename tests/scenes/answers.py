"""Answers of finished rows, held against the scenes: of each kind, whether what is said is true."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

import prompts
from pipelines.scenes import ObjectTruth
from pipelines.scenes.catalogue import LVIS_NAMES
from pipelines.scenes.lvis import ALIKE
from pipelines.scenes.truth import Shown
from pipelines.scenes.vocabulary import LVIS_CATEGORIES
from tests.scenes.known import Known, Truth
from tests.scenes.reading import RELATIONS, chosen, fits_long, like
from tests.scenes.reading_regions import true_caption, true_of, true_statement

Row = dict[str, Any]
Turn = tuple[str, str]
"""Question and answer."""

REGION = re.compile(r"<region(\d+)>")
_PLACED = (
    "NAME (?:is|shows) THING at the SPOT of the picture.", "At the SPOT of the picture, NAME (?:is|shows) THING.",
    "NAME, at the SPOT of the picture, (?:is|shows) THING.",
    "NAME (?:is|shows) THING, and (?:it lies|they lie) at the SPOT of the picture.",
)  # fmt: skip
PLACED = [
    re.compile(
        form.replace(".", r"\.").replace("NAME", r"(?P<name><region\d+>)").replace("THING", r"(?P<thing>[a-z ]+)")
        .replace("SPOT", r"(?P<spot>(?:upper |lower )?(?:left|right)|top|bottom|middle)")
    )
    for form in _PLACED
]  # fmt: skip
"""What conversations say of a region's name and place."""
FULL_NAMES = {"l": "left", "r": "right", "f": "front", "b": "back", "u": "upper"}
PART_IMAGENET = {"wheel": "tyre", "cap": "mouth"}


def false_answers(truth: Truth, row: Row) -> Iterator[Turn]:
    """The turns of a row whose answer is not true; a place, a size or a name that is wrong counts as that."""
    contents = [message["content"] for message in row["messages"]]
    named = {f"<region{at}>": truth.regions[region["region_id"]] for at, region in enumerate(row["regions"], 1)}
    boxes = {f"<region{at}>": region["bbox"] for at, region in enumerate(row["regions"], 1)}
    for turn in zip(contents[::2], contents[1::2], strict=True):
        if not CHECKS[row["kind"]](truth, row, turn, named, boxes):
            yield turn


Named = dict[str, Known]
Boxes = dict[str, list[float]]
Check = Callable[[Truth, Row, Turn, Named, Boxes], bool]


def wrong_masks(truth: Truth, row: Row) -> list[str]:
    """Regions whose mask is not where the truth is: less than half in common, or outside of it."""
    return [
        region["region_id"] for region in row["regions"] if not _same_place(truth.regions[region["region_id"]], region)
    ]


def _same_place(known: Known, region: dict[str, Any]) -> bool:
    size = region["mask"]["size"]
    scaled = size[0] / known.scene.height
    flat = [[value * scaled for value in polygon] for polygon in known.polygons]
    true = coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects(flat, *size)))
    mine = coco_mask.decode(region["mask"])
    common = np.count_nonzero(true & mine)
    if region["source"] == "vcr" and mine.sum() == region["bbox"][2] * region["bbox"][3]:
        return bool(common >= 0.9 * np.count_nonzero(true))  # without an outline the box is the mask
    if known.written:
        return bool(common >= 0.9 * mine.sum())  # one of two eyes, half a leg
    return common + 12 >= 0.5 * np.count_nonzero(true | mine)


def _about(turn: Turn, named: Named) -> Known:
    """The one region that a question is about."""
    (name,) = set(REGION.findall(turn[0]))
    return named[f"<region{name}>"]


def _image_text(truth: Truth, row: Row, turn: Turn, named: Named, boxes: Boxes) -> bool:
    return true_caption(truth.images[row["image_id"]], turn[1])


def _mask_text(truth: Truth, row: Row, turn: Turn, named: Named, boxes: Boxes) -> bool:
    """Rows with two sources rest on a mask of the one and a phrase of the other; one's own data has both."""
    known = _about(turn, named)
    if row["sources"] == ["own"]:
        return turn[1] in names_of(known) or _points_out(known, turn[1])
    return _points_out(known, turn[1]) if len(row["sources"]) == 2 else turn[1] in names_of(known)


def names_of(known: Known) -> set[str]:
    """What the region is called in its data set, by its source's words."""
    one, part = known.what.one, known.what.part
    if known.written:
        return {f"{_written_part(known.written)} of the {one.category}"}
    wholes = _words(one) | ({"quadruped"} if one.category == "dog" else set())
    names = {part.replace("_", " "), PART_IMAGENET.get(part, part.replace("_", " "))}
    return {f"{name} of the {whole}" for name in names for whole in wholes} if part else _words(one)


def _words(one: ObjectTruth) -> set[str]:
    return {one.category, plain(LVIS_NAMES[one.category])}


def _written_part(written: str) -> str:
    """`lfleg` is the left front leg, `wheel_2` a wheel, `leftside` the left side."""
    if found := re.fullmatch(r"(left|right)side", written):
        return f"{found[1]} side"
    if found := re.fullmatch(r"([lr])([fb]?)([ul]?)(eye|ear|hand|foot|arm|leg)", written):
        height = {"u": "upper", "l": "lower", "": ""}[found[3]]
        return " ".join(filter(None, (FULL_NAMES[found[1]], FULL_NAMES.get(found[2]), height, found[4])))
    return written.partition("_")[0]


def _points_out(known: Known, text: str) -> bool:
    """Whether a referring expression fits this object and no other."""
    said, one = text.lower().rstrip("."), known.what.one
    try:
        if re.search(RELATIONS, said):
            return fits_long(known.scene, one, said)
        found = like(known.scene, said)
        return bool(found) and [other.number for other in chosen(found, said)] == [one.number]
    except (StopIteration, IndexError):
        return False  # it names nothing that scenes have, or a place where nothing is


def _description(truth: Truth, row: Row, turn: Turn, named: Named, boxes: Boxes) -> bool:
    known, answer = _about(turn, named), turn[1]
    name = REGION.search(turn[0])
    assert name is not None
    phrases = re.findall(r'"(.+?)"', answer)
    rest = re.sub(r'".+?"', "", answer)
    share = re.search(r"(\d+) percent", rest)
    area = 100 * known.what.one.area / (row["width"] * row["height"])
    return (
        bool(re.search(rf"\b{_with_article(known.what.one.category)}\b", rest, re.IGNORECASE))
        and re.findall(r"\bat the (.+?)(?: of the picture|[.,])", rest.lower()) == [spot(boxes[name[0]], row)]
        and abs((int(share[1]) if share else 0) - area) < 1.5
        and all(_points_out(known, phrase) for phrase in phrases)
    )


def spot(box: list[float], row: Row) -> str:
    """The middle of a box, in thirds of the picture."""
    across, down = (box[0] + box[2] / 2) / row["width"], (box[1] + box[3] / 2) / row["height"]
    column = "left" if across < 1 / 3 else "right" if across >= 2 / 3 else ""
    line = "upper" if down < 1 / 3 else "lower" if down >= 2 / 3 else ""
    if column:
        return f"{line} {column}".strip()
    return {"upper": "top", "lower": "bottom", "": "middle"}[line]


def _conversation(truth: Truth, row: Row, turn: Turn, named: Named, boxes: Boxes) -> bool:
    question, answer = turn
    if len(set(REGION.findall(question))) == 2:
        areas = [named[f"<region{number}>"].what.one.area for number in (1, 2)]
        larger = re.match(r"<region(\d)> takes up more", answer)
        return abs(areas[0] - areas[1]) < 60 or (larger is not None and areas[int(larger[1]) - 1] == max(areas))
    known = _about(turn, named)
    if re.search(r"\b(words|point out|say so that somebody finds)\b", question):
        return _points_out(known, answer)
    found = next((match for form in PLACED if (match := form.fullmatch(answer))), None)
    if found is None or named[found["name"]] is not known:
        return False
    told = (found["thing"], found["spot"])
    return told == (_with_article(known.what.one.category), spot(boxes[found["name"]], row))


def _with_article(category: str) -> str:
    """No name of the scenes sounds otherwise than it is written, or is a plural."""
    return f"an {category}" if category[0] in "aeiou" else f"a {category}"


def _short_form(truth: Truth, row: Row, turn: Turn, named: Named, boxes: Boxes) -> bool:
    known, answer = _about(turn, named), turn[1].lower()
    if "picture" in turn[0]:
        return any(answer == spot(boxes[name], row) for name in named if named[name] is known)
    return answer == known.what.one.category


def _part_category(truth: Truth, row: Row, turn: Turn, named: Named, boxes: Boxes) -> bool:
    known, answer = _about(turn, named), turn[1]
    if known.what.part and " of the " not in answer:
        return answer in _words(known.what.one)
    return answer in names_of(known)


def _part_attribute(truth: Truth, row: Row, turn: Turn, named: Named, boxes: Boxes) -> bool:
    question, answer = turn[0].lower(), turn[1].lower()
    words = set(re.split(r", | and ", answer))
    asked = (
        "colour" if "colour" in question else "pattern" if "pattern" in question
        else "transparency" if "opaque" in question or "light" in question or "reflect" in question else "material"
    )  # fmt: skip
    return words <= looks(_about(turn, named).what)[asked]


def looks(what: Shown) -> dict[str, set[str]]:
    """What may be said of an object's or a part's looks; what has no word is not to be said."""
    one, shown = what.one, what.parts or what.one.parts
    part = what.parts[0] if what.part else None
    pattern, material = (part.pattern, part.material) if part else (one.pattern, one.material)
    return {
        "colour": {part.colour for part in shown} | {one.marking for part in shown if part.pattern != "plain"},
        "pattern": {"checkered" if pattern == "checked" else pattern}, "material": {material} - {"other"},
        "transparency": {part.transparency if part else "opaque"},
    }  # fmt: skip


def _positive_negative(truth: Truth, row: Row, turn: Turn, named: Named, boxes: Boxes) -> bool:
    """A Yes needs the region's own name or a synonym; a No another word.

    COCO labels each object with one of its 80 words. Of LVIS's words, one that somebody could use is no No, unless it
    is what LVIS calls another object here.
    """
    known, asked = _about(turn, named), asked_category(turn[0])
    (number,) = set(REGION.findall(turn[0]))
    names = {name for word in names_of(known) for name in (word, *_synonyms(word))}
    if turn[1] == "Yes":
        return asked in names
    others = {word for one in known.scene.objects for word in _words(one)}
    alike = ALIKE.get(known.what.one.category, ()) if row["regions"][int(number) - 1]["source"] == "lvis" else ()
    return turn[1] == "No" and asked != "" and asked not in names | ({plain(name) for name in alike} - others)


def plain(name: str) -> str:
    """`car_(automobile)` is a car."""
    return re.sub(r"_\(.*\)", "", name).replace("_", " ")


def _synonyms(word: str) -> set[str]:
    """LVIS's synonyms of a word."""
    entries = [entry for name, entry in LVIS_CATEGORIES.items() if plain(name) == word]
    return {plain(each) for entry in entries for each in entry.synonyms}


def asked_category(question: str) -> str:
    """What a question asks whether the region is; empty where it has none of the known forms."""
    for form in prompts.questions("positive_negative"):
        pattern = re.escape(form).replace(r"\{region\}", r"<region\d+>").replace(r"\{a_category\}", "(?:an? )?(.+)")
        if found := re.fullmatch(pattern, question, re.IGNORECASE):
            return found[1].lower()
    return ""


def _region_caption(truth: Truth, row: Row, turn: Turn, named: Named, boxes: Boxes) -> bool:
    known = _about(turn, named)
    if row["sources"] == ["own"]:
        return _points_out(known, turn[1])
    return any(true_of(known.scene, what, turn[1]) for what in _same_outline(known))


def _same_outline(known: Known) -> list[Shown]:
    """The object or part, and what of the object has the same outline to the point: an apple, all but the body hidden.
    Such regions are one, with the phrases of both."""
    one = known.what.one
    outlines = [("", one.visible), *((part.name, part.visible) for part in one.parts)]
    return [known.what, *(Shown(one, name) for name, outline in outlines if outline == known.polygons)]


def _commonsense(truth: Truth, row: Row, turn: Turn, named: Named, boxes: Boxes) -> bool:
    objects = {name: known.what.one for name, known in named.items()}
    return true_statement(truth.images[row["image_id"]], re.sub(r" ?, (?=<region)", " and ", turn[1]), objects)


CHECKS: dict[str, Check] = {
    "image_text": _image_text, "mask_text": _mask_text, "description": _description, "conversation": _conversation,
    "short_form": _short_form, "part_category": _part_category, "part_attribute": _part_attribute,
    "positive_negative": _positive_negative, "region_caption": _region_caption, "commonsense": _commonsense,
}  # fmt: skip
"""Of every kind, whether an answer is true."""
