"""Patterns of talk that has no place in a sample: of what the model was told, and to the one who asked.

All repeats are bounded: a model that repeats itself must cost no time.
"""

import re
from typing import NamedTuple

_TOLD = "(?:text|descriptions?|information|details|notes|sentences?|context|data|account|input|prompt)"
_ADJECTIVE = "(?:image|picture|photo|scene|text|whole|overall|detailed)"
_OWNER = r"(?:the|these|those|their|its|this|that|both|each|two|three|all|regions?|objects?|\w{1,20}['\u2019]s)"
_SHARE = r"[01]?\.[0-9]{1,6}"
_NUMBER = r"\d{0,5}\.?\d{1,6}"
_COMMA = r"\s{0,3}[,;]\s{0,3}"
_IS = r"\s{0,3}[=:]"


class _Group(NamedTuple):
    """Patterns that match nothing in a text without any of some words."""

    words: tuple[str, ...]
    """In small letters."""
    pattern: re.Pattern[str]

    def search(self, text: str, small: str) -> re.Match[str] | None:
        """The first match in a text, given also in small letters."""
        return self.pattern.search(text) if any(word in small for word in self.words) else None


def _group(words: tuple[str, ...], *patterns: str) -> _Group:
    return _Group(words, re.compile("|".join(patterns), re.IGNORECASE))


PLACE = (
    _group(("bounding", "bbox", "coordinate"), r"bounding[ -]box", r"\bbbox(?:es)?\b", r"\bcoordinates?\b"),
    _group(
        ("box",),
        # A pizza box may stand, lie and be opened; only a drawn one overlaps, spans and goes around a thing.
        rf"\b{_OWNER} box(?:es)? (?:around|overlap\w{{0,4}}|spans?|spanning|intersects?|encompass(?:es)?|encloses?)\b",
        r"\bbox(?:es)? (?:of|for|around) <region",
        r"<region\d{1,4}>['\u2019]s box",
    ),
    _group(
        ("[", "(", "{"),
        rf"[\[({{]\s{{0,3}}{_SHARE}{_COMMA}{_NUMBER}",  # (0.12, 0.40
        rf"\[\s{{0,3}}{_NUMBER}{_COMMA}{_NUMBER}\s{{0,3}}[\],;]",  # [120, 45,
        rf"\((?:\s{{0,3}}{_NUMBER}{_COMMA}){{3}}{_NUMBER}\s{{0,3}}\)",  # (120, 45, 200, 300)
        rf"\bat \({_NUMBER}{_COMMA}{_NUMBER}\)",  # at (120, 45)
    ),
    _group(
        tuple(f".{digit}" for digit in range(10)),
        rf"\bat {_SHARE}{_COMMA}{_SHARE}",  # at 0.12, 0.40
        rf"(?<![\d.])(?:{_SHARE}{_COMMA}){{2}}{_SHARE}",  # 0.21,0.40,0.55
        r"\b[01]\.[0-9]{3}\b",  # three decimals are what a request writes
    ),
    _group(
        ("=", ":"),
        rf"\b[xy]_?(?:\d|min|max){_IS}",  # x1=, ymax:
        rf"\bx{_IS}\s{{0,3}}[\d.]{{1,8}},?(?: and)?\s{{0,3}}y{_IS}",  # x=0.2, y=
    ),
)
"""Of boxes and coordinates."""

TOLD = (
    _group(
        ("caption", "annotat", "referring expression", "this region", "<regin"),
        r"\bcaptions?\b",
        r"\bannotat(?:ed|ions?)\b",
        r"\breferring expressions?\b",
        r"\bthis region\b",
        r"<regin",
    ),
    _group(
        ("given", "provided", "supplied"),
        rf"\b(?:given|provided|supplied) (?:{_ADJECTIVE} )?{_TOLD}\b",
        rf"\b{_TOLD} (?:given|provided|supplied)\b",
    ),
    _group(
        (" text", " sentence", " information", " account"),
        r"\b(?:according to|based on|from) (?:the|these|those|your) (?:text|sentences?|information|account)\b",
    ),
    _group(
        ("notes", "description", "context"),
        rf"\b(?:the|these|those|your) (?:{_ADJECTIVE} )?(?:notes|descriptions?)\b",
        r"\bcontext (?:says|states|mentions)\b",
    ),
)
"""Of captions, descriptions and other sources of what it knows."""

GROUPS = PLACE + TOLD


def source_talk(text: str) -> str:
    """The first words that speak of boxes, coordinates, captions or descriptions; empty where none does.

    What may be in a picture, such as a cardboard box, is none of these.
    """
    return _first(GROUPS, text)


def place_talk(text: str) -> str:
    """The first words that speak of drawn boxes or coordinates; empty where none does."""
    return _first(PLACE, text)


def told_talk(text: str) -> str:
    """The first words that speak of captions, descriptions and the like; empty where none does."""
    return _first(TOLD, text)


def _first(groups: tuple[_Group, ...], text: str) -> str:
    """Most texts have no word that any of the patterns needs, and looking for words is a hundred times quicker than
    looking for patterns.
    """
    small = text.casefold().replace("i\u0307", "i").replace("\u0131", "i")  # what `re` holds to be an i as well
    found = [match for group in groups if (match := group.search(text, small))]
    return min(found, key=lambda match: match.start()).group() if found else ""


_CLOSINGS = (
    r"i hope (?:this|that|these|it|you)\b",
    r"hope (?:this|that|these|it) helps",
    r"(?:please )?(?:let me know|tell me) (?:if|whether|when|what|which|how|should)\b",
    r"(?:please )?(?:feel free|do not hesitate|don['\u2019]t hesitate) to\b",
    r"if (?:you (?:need|want|wish|require|have any|would like)|you['\u2019]d like)\b",
    r"if there(?:['\u2019]s| is| are) any(?:thing)? (?:else|more|other|questions)\b",
    r"(?:would|do) you (?:like|want) (?:me|more|another|any)\b",
    r"(?:shall|should) i (?:add|write|continue|go on)\b",
    r"is there anything else",
    r"(?:these|the above|all) (?:questions|pairs|answers|descriptions|paragraphs)\b",
    r"(?:please )?note:",
    r"thank you|thanks for\b",
    r"(?:that|this) (?:is all|concludes)\b",
    r"(?:the )?end of (?:the |this )?(?:conversation|descriptions?|reply|answers?)\b",
)
CLOSING = re.compile(rf"[>*_#(\[ ]{{0,5}}(?:{'|'.join(_CLOSINGS)})", re.IGNORECASE)
"""How a last paragraph starts that speaks to the one who asked, as "I hope this helps!" does."""

REFUSAL = re.compile(
    r"\s*(?:(?:i['\u2019]m|i am) (?:very |so |really )?sorry\b|sorry, (?:but )?i\b|i apologi[sz]e\b"
    r"|(?:unfortunately, )?i (?:cannot|can['\u2019]t|can not|am not able to|am unable to|won['\u2019]t) "
    r"(?:help|assist|comply|do|fulfil|provide|describe|answer|write|discuss|identify)\w{0,3}\b)",
    re.IGNORECASE,
)
"""How a reply starts that turns the request down. Only looked for where a reply has nothing of the asked form."""
