"""Which words name which of COCO's 80 categories, and which categories annotators themselves take for one another.

Everybody who annotates pictures has these categories, and they exclude each other as the thousands of LVIS do not (a
puppy is a dog, a mug a cup). So only a claim that one of them is another one is certain enough to be called false.
"""

import re
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from pipelines.builders.vocabulary import plain
from pipelines.sources.coco_synsets import SYNSETS

_SYNONYMS = {
    "person": "man woman boy girl child kid baby toddler lady guy gentleman male female player batter catcher pitcher "
    "skier snowboarder surfer skateboarder cyclist biker rider pedestrian boy adult teenager worker people men women "
    "children kids boys girls ladies guys dude human individual waiter chef bride groom umpire referee",
    "bicycle": "bike", "motorcycle": "motorbike", "airplane": "plane aeroplane airliner jet", "car": "automobile suv",
    "bus": "double-decker", "train": "locomotive", "couch": "sofa", "tv": "television", "refrigerator": "fridge",
    "cell phone": "phone cellphone smartphone", "donut": "doughnut", "dog": "puppy", "cat": "kitten",
    "horse": "pony foal", "cow": "bull calf", "sheep": "lamb ram", "suitcase": "luggage", "handbag": "purse",
    "tie": "necktie", "cup": "mug", "fire hydrant": "hydrant", "tennis racket": "racket racquet",
    "baseball bat": "bat", "potted plant": "flowerpot houseplant", "dining table": "table desk",
    "baseball glove": "mitt", "boat": "canoe kayak sailboat", "sports ball": "ball", "laptop": "notebook",
    "hair drier": "hairdryer", "frisbee": "disc", "bird": "parrot pigeon seagull duck",
}  # fmt: skip

_ALIKE = (
    "car|truck|bus|train", "bicycle|motorcycle", "couch|chair|bed|bench", "cup|bowl|wine glass|vase|bottle",
    "backpack|handbag|suitcase", "fork|knife|spoon", "cake|donut|pizza|sandwich|hot dog", "boat|surfboard",
    "oven|microwave|toaster|refrigerator|sink", "skis|snowboard|skateboard|surfboard", "orange|apple|banana|carrot",
    "sports ball|frisbee|orange|apple", "horse|cow|sheep", "baseball bat|tennis racket|baseball glove|sports ball",
    "traffic light|stop sign|parking meter|fire hydrant", "tv|laptop|cell phone|remote|microwave",
)  # fmt: skip
"""Objects that one may see as one another."""

_TOGETHER = {
    "teddy bear": "bear|dog|cat|sheep|elephant|person|bird", "potted plant": "vase|bowl|cup|bottle|broccoli",
    "dining table": "bed|chair|couch|bench|oven|sink|cake|pizza|sandwich|laptop|keyboard",
    "laptop": "keyboard|mouse|book",
    "bowl": "cake|pizza|sandwich|broccoli|carrot|sink", "toilet": "sink", "kite": "umbrella|airplane|bird",
    "handbag": "book|cell phone", "toothbrush": "remote|spoon|knife", "sink": "cup|vase|bottle",
}  # fmt: skip
"""Objects that are alike, or stand in and on one another so that one mask has both."""

WORN = frozenset(
    """backpack|umbrella|handbag|tie|suitcase|frisbee|skis|snowboard|sports ball|kite|baseball bat|baseball glove|
    skateboard|surfboard|tennis racket|bicycle|motorcycle|horse|cell phone|skateboard|boat|bed|couch|chair|bench"""
    .replace("\n    ", "").split("|")
)  # fmt: skip
"""What people point out by the person who has it or is on it: "man on the left" for a bicycle."""


def _pairs() -> frozenset[frozenset[str]]:
    alike = [(one, other) for group in _ALIKE for one in group.split("|") for other in group.split("|")]
    together = [(one, other) for one, others in _TOGETHER.items() for other in others.split("|")]
    return frozenset(map(frozenset, [*alike, *together]))


_PAIRS = _pairs()
_WORDS = {word: name for name, words in _SYNONYMS.items() for word in words.split()} | {name: name for name in SYNSETS}
NAMES = frozenset(_WORDS)
"""All words that name a category."""

STOP = frozenset(
    """a about above across after against along among and appears are around as at because before behind below beneath
    beside between but by can covered dressed during eating for from grows hangs has have her his holding holds
    in inside is it its lies looks near next no not of off on or out outside over rests riding runs s seated
    seems seen since sits sitting so standing stands surrounded that the their to under using walks was wearing
    wears were what where which while who whose with without you""".split()  # noqa: SIM905
)
"""Words that end a noun phrase."""
_TOKEN = re.compile(r"[A-Za-z]+(?:-[A-Za-z]+)*|['\u2019]s\b|[^\sA-Za-z]")
_REMEMBERED = 50_000
"""Texts of which the outcome is kept: the same names and answers come again and again."""
_MOST_WORDS = 6
"""Of a noun phrase before its noun ends; longer ones are not read."""


@lru_cache(maxsize=_REMEMBERED)
def category(name: str) -> str:
    """The category of COCO that a word, its plural, or a category of any source names; empty where it names none."""
    return next((_WORDS[one] for one in singulars(plain(name)) if one in _WORDS), "")


def singulars(text: str) -> list[str]:
    """A word as it is, and what it may be the plural of: `buses` of `bus`, `knives` of `knife`."""
    endings = (("", ""), ("s", ""), ("es", ""), ("ies", "y"), ("ves", "fe"))
    return [text.removesuffix(end) + new for end, new in endings if text.endswith(end)]


def head(text: str) -> tuple[str, str]:
    """The category that the noun at the start of a text names, and the words read: ("cat", "small black cat").

    The noun phrase runs to the first preposition, verb or mark. "Car door", "cat's tail" and "photo of a dog" name no
    category here, since it is their last word that says what they are.
    """
    return _head(text[:120])


@lru_cache(maxsize=_REMEMBERED)
def _head(text: str) -> tuple[str, str]:
    words: list[str] = []
    for match in _TOKEN.finditer(text):
        token = match.group()
        if token in ("'s", "\u2019s"):
            return "", ""
        if not token[0].isalpha() or token.lower() in STOP or _is_verb(token.lower()):
            break
        words.append(token.lower())
        if len(words) > _MOST_WORDS:
            return "", ""
    for length in (2, 1):
        found = category(" ".join(words[-length:])) if len(words) >= length else ""
        if found:
            return found, " ".join(words)
    return "", ""


def _is_verb(word: str) -> bool:
    return len(word) > 5 and word.endswith("ing")


def contradict(own: str, claimed: str) -> bool:
    """Whether two categories of COCO are plainly different things."""
    return bool(own and claimed) and own != claimed and frozenset((own, claimed)) not in _PAIRS


def overlap(one: npt.NDArray[np.float64], others: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(n,): intersection over union of a box [x, y, width, height] with boxes (n, 4)."""
    low = np.maximum(one[:2], others[:, :2])
    high = np.minimum(one[:2] + one[2:], others[:, :2] + others[:, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=1)
    union = one[2] * one[3] + others[:, 2] * others[:, 3] - shared
    return shared / np.maximum(union, 1e-9)
