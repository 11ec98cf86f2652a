"""How many prompt tokens the pictures of a request are counted as.

OpenAI counts a picture by its size and the model, in one of two ways. What follows are the rules of its guide "Images
and vision" (developers.openai.com/api/docs/guides/images-vision, section on costs), as public copies of 2025 and 2026
quote it, with what users measured where it is silent or wrong. Every payload asks for `detail: high`, so that the rule
is known.

* Tiles. The picture is scaled down to fit 2048 x 2048, then to a shorter side of 768; a fixed number of tokens, and a
  number for each tile of 512 x 512 that it takes. The guide reads as if smaller pictures were scaled up to 768 as well;
  users measured that they are not. The bound counts the larger of the two, the guess what was measured.
* Patches of 32 x 32, each so many tokens by the model. Beyond 1,536 patches (2,500 or 10,000 with newer large models)
  the picture is scaled down. For GPT-5 mini and nano the guide's numbers are above what is charged (1.2 and 1.5 were
  measured); they are kept, since a bound may be high. The large models from GPT-5.2 on are
  counted at 1.2, of which users tell and the guide does not.

A model that is not listed counts as the dearest of all (GPT-4o mini, which charges for 33 times as many tokens as
GPT-4o at a 17th of the price), unless the settings say better. The size of a picture stands in its name (`name`):
a plan holds no pixels.
"""

import math
import re
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple, Protocol

HIGH = "high"
"""The `detail` of all pictures that are sent: the one whose cost follows from the size alone."""
MARKS = 16
"""At most what a server adds to a picture, such as marks around it."""
DEAREST_SIZES = ((4096, 4096), (2048, 768))
"""For a picture whose size is not known: the one takes most patches, the other most tiles."""

_NAME = re.compile(r"sha256:[0-9a-f]{64}#(\d{1,5})x(\d{1,5})")
Size = tuple[int, int]


class Rule(Protocol):
    """How a model counts the tokens of a picture of (width, height) pixels."""

    def most(self, size: Size) -> int: ...

    def likely(self, size: Size) -> int: ...


class Tiles(NamedTuple):
    """A number of tokens for every picture, and one for each of its tiles."""

    base: int
    tile: int

    def most(self, size: Size) -> int:
        return self.base + self.tile * max(_tiles(size, enlarge=True), _tiles(size, enlarge=False))

    def likely(self, size: Size) -> int:
        return self.base + self.tile * _tiles(size, enlarge=False)


class Patches(NamedTuple):
    """A number of tokens for each patch, of which there are at most so many."""

    tokens: float
    patches: int = 1536

    def most(self, size: Size) -> int:
        return math.ceil(self.tokens * min(self.patches, math.ceil(size[0] / 32) * math.ceil(size[1] / 32)))

    def likely(self, size: Size) -> int:
        return self.most(size)


DEAREST = Tiles(2833, 5667)
FAMILIES: dict[str, Rule] = {
    "gpt-4o-mini": DEAREST,
    "gpt-4-turbo": Tiles(85, 170), "gpt-4-vision": Tiles(85, 170), "gpt-4o": Tiles(85, 170),
    "chatgpt-4o": Tiles(85, 170), "gpt-4.1": Tiles(85, 170), "gpt-4.5": Tiles(85, 170),
    "gpt-4.1-mini": Patches(1.62), "gpt-4.1-nano": Patches(2.46),
    "o1": Tiles(75, 150), "o3": Tiles(75, 150), "o4-mini": Patches(1.72), "codex-mini": Patches(1.72),
    "computer-use-preview": Tiles(65, 129),
    "gpt-5": Tiles(70, 140), "gpt-5.1": Tiles(70, 140), "gpt-5-mini": Patches(1.62), "gpt-5-nano": Patches(2.46),
    "gpt-5.1-codex-mini": Patches(1.62), "gpt-5-codex-mini": Patches(1.62),
    "gpt-5.2": Patches(1.2, 10_000), "gpt-5.3": Patches(1.2, 10_000), "gpt-5.4": Patches(1.2, 10_000),
    "gpt-5.4-mini": Patches(1.62), "gpt-5.4-nano": Patches(2.46),
    "gpt-5.5": Patches(1.2, 10_000), "gpt-5.6": Patches(1.2, 10_000), "gpt-6": Patches(1.2, 10_000),
}  # fmt: skip
"""Beginning of a model's name -> its rule; the longest one counts."""


def name(digest: str, size: Size) -> str:
    """What stands in a payload for a JPEG: the SHA-256 that determines it, and its width and height.

    The size is no further information: what the digest is of determines it.
    """
    return f"sha256:{digest}#{size[0]}x{size[1]}"


def is_name(url: str) -> bool:
    """Whether a picture's URL is such a name, and has yet to be filled in."""
    return _NAME.fullmatch(url) is not None


def bound(payload: dict[str, Any], each: int | None = None) -> int:
    """The most tokens that the pictures of a request are charged for; `each` of them at most so many, where known."""
    rule = _rule(str(payload.get("model", "")))
    return sum((max(map(rule.most, sizes)) if each is None else each) + MARKS for sizes in _sizes(payload))


def guess(payload: dict[str, Any], each: int | None = None) -> int:
    """What they are most likely charged for."""
    rule = _rule(str(payload.get("model", "")))
    return sum(max(map(rule.likely, sizes)) if each is None else each for sizes in _sizes(payload))


def pictures(payload: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The `image_url` objects of a request's messages, in order: `{"url": ..., "detail": ...}`."""
    for message in payload.get("messages", ()):
        content = message.get("content")
        for part in content if isinstance(content, list) else ():
            if isinstance(part, dict) and part.get("type") == "image_url":
                yield part["image_url"]


def _sizes(payload: dict[str, Any]) -> Iterator[tuple[Size, ...]]:
    """The sizes that each picture may have."""
    for picture in pictures(payload):
        found = _NAME.fullmatch(str(picture.get("url", "")))
        yield ((int(found[1]), int(found[2])),) if found else DEAREST_SIZES


@cache
def _rule(model: str) -> Rule:
    """Of `openai/gpt-4o-2024-08-06` as of `gpt-4o`. A dated or otherwise longer name belongs to the longest beginning
    that ends where a word does; `gpt-4o-audio` and the like are thus counted as their family."""
    plain = model.lower().rpartition("/")[2]
    fitting = [family for family in FAMILIES if re.match(rf"{re.escape(family)}(?![\w.])", plain)]
    return FAMILIES[max(fitting, key=len)] if fitting else DEAREST


def _tiles(size: Size, *, enlarge: bool) -> int:
    width, height = size
    scale = min(1.0, 2048 / max(width, height))
    shorter = 768 / (min(width, height) * scale)
    scale *= shorter if enlarge else min(1.0, shorter)
    if enlarge:
        scale = min(scale, 2048 / max(width, height))
    return math.ceil(round(width * scale, 6) / 512) * math.ceil(round(height * scale, 6) / 512)
