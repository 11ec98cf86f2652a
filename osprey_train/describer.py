"""Ask a trained model about regions of a picture, from Python."""

import json
import os
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import PIL.Image
import PIL.ImageOps
import torch

from osprey_train import geometry
from osprey_train.masks import as_mask, box_mask, numbers
from osprey_train.model.loading import load
from osprey_train.model.processor import as_picture
from schemas.errors import InputError
from schemas.records import Mask

if TYPE_CHECKING:
    from osprey_train.segment import Segmenter

ASK, ASK_PICTURE = "Describe <region1> briefly.", "Describe the picture."
"""What is asked of a region, and of a picture without regions, where nobody says."""
AT_A_TIME = 8
"""Regions that are asked about in one go."""
_DARK = 16
"""Colours up to this may be what JPEG makes of black."""
_named = re.compile(r"<region([0-9]{1,9})>")


class Region(NamedTuple):
    """A region of a picture."""

    given: str
    """How the user gave it, such as `box 10,20,30,40`."""
    mask: Mask


class Answer(NamedTuple):
    """What the model says."""

    regions: tuple[int, ...]
    """Numbers, from 1, of the regions that were asked about."""
    ask: str
    text: str


class Describer:
    """A loaded model; with SAM weights it also understands points, and finds the object in a box."""

    def __init__(self, model: str | os.PathLike[str], device: str = "auto", sam: str = "") -> None:
        """`model` is a folder of `osprey-train`, `sam` a folder or a name of the hub.

        Raises:
            ModelError: one of them is no such model.
            InputError: there is no such device.
        """
        self.device = find_device(device)
        precision: Any = "auto" if self.device.startswith("cuda") else torch.float32
        self.model, self.processor = load(os.fspath(model), dtype=precision)
        self.model.to(self.device)
        self.segmenter = _segmenter(sam, self.device) if sam else None

    def __call__(
        self, image: Any, *, mask: Any = None, box: Any = None, point: Any = None, ask: str = "", **settings: Any
    ) -> str:
        """The answer about one region, or about the whole picture; `settings` are those of `answers`."""
        picture = open_picture(image)
        given = {"mask": mask, "box": box, "point": point}
        regions = [self.region(picture, **{kind: what}) for kind, what in given.items() if what is not None]
        if len(regions) > 1:
            raise InputError("several regions were given", hint="Give a mask, a box or a point; `answers` takes more.")
        return self.answers(picture, regions, [ask] if ask else [], **settings)[0].text

    def region(self, picture: PIL.Image.Image, **given: Any) -> Region:
        """A region of a picture, by one of: `mask`, a file or what `masks.as_mask` takes; `rle`, as `read_rle` has it;
        `box`, x, y, width, height in pixels; `point`, x, y in pixels.

        Without SAM weights a box is a rectangle, and a point is no region. Raises InputError for one that cannot be.
        """
        ((kind, what),) = given.items()
        what = numbers(kind, what) if kind in ("box", "point") else what
        name = _name(kind, what)
        try:
            return Region(name, self._mask(picture, kind, what))
        except InputError as error:
            raise InputError(f"{name}: {error.message}", hint=error.hint) from error

    def _mask(self, picture: PIL.Image.Image, kind: str, what: Any) -> Mask:
        size = (picture.height, picture.width)
        if kind == "mask":
            return as_mask(read_mask(what) if isinstance(what, str | os.PathLike) else what, size)
        if kind == "rle":
            return as_mask(read_rle(what, size), size)
        if kind == "box":
            return self.segmenter.box(picture, what) if self.segmenter else box_mask(what, size)
        if self.segmenter is None:
            raise InputError("no SAM weights", hint="A point becomes a region by SAM weights; or give a box or a mask.")
        return self.segmenter.point(picture, what)

    def answers(
        self,
        picture: PIL.Image.Image,
        regions: Sequence[Region],
        asks: Sequence[str] = (),
        *,
        temperature: float = 0.0,
        seed: int = 0,
        max_tokens: int = 256,
    ) -> list[Answer]:
        """Answers to questions, each of which follows up on those before it.

        Questions that name `<region1>`, ... are asked once, about all regions; others are asked of every region by
        itself. At temperature 0 the likeliest words are chosen, above it words are drawn, by the seed.
        """
        asks, together = questions(asks, len(regions))
        groups = [tuple(range(len(regions)))] if together else [(index,) for index in range(len(regions))]
        found: list[Answer] = []
        with torch.random.fork_rng(), torch.inference_mode():
            torch.manual_seed(seed)
            for start in range(0, len(groups), AT_A_TIME):
                some = groups[start : start + AT_A_TIME]
                masks = [[regions[index].mask for index in group] for group in some]
                found += self._conversations(picture, masks, some, asks, temperature, max_tokens)
        return found

    def _conversations(
        self,
        picture: PIL.Image.Image,
        masks: list[list[Mask]],
        groups: Sequence[tuple[int, ...]],
        asks: Sequence[str],
        temperature: float,
        max_tokens: int,
    ) -> list[Answer]:
        """Several conversations on one picture at a time; the answers of each stay together."""
        sampling = {"do_sample": True, "temperature": temperature} if temperature else {"do_sample": False}
        messages: list[list[dict[str, str]]] = [[] for _ in groups]
        found: list[list[Answer]] = [[] for _ in groups]
        for turn, ask in enumerate(asks, 1):
            for one in messages:
                one.append({"role": "user", "content": ask})
            named = any(map(_named.search, asks[:turn]))
            inputs = self.processor([picture] * len(groups), messages, masks if named else ()).to(self.device)
            self._check_length(inputs["input_ids"].shape[1] + max_tokens)
            written = self.model.generate(**inputs, max_new_tokens=max_tokens, **sampling)
            texts = self.processor.answers(written, inputs)
            for one, answers, group, text in zip(messages, found, groups, texts, strict=True):
                answers.append(Answer(tuple(index + 1 for index in group), ask, text))
                one.append({"role": "assistant", "content": _without_unknown(text, len(group) if named else 0)})
        return [answer for answers in found for answer in answers]

    def _check_length(self, tokens: int) -> None:
        most = getattr(self.model.config.language, "max_position_embeddings", None)
        if most and tokens > most:
            raise InputError(
                f"questions and answers of up to {tokens} tokens; the model reads {most}",
                hint="Ask less at a time, or allow shorter answers (--max-tokens).",
            )


def questions(asks: Sequence[str], regions: int) -> tuple[list[str], bool]:
    """The questions as the model reads them, and whether they are about all regions together.

    Raises InputError where some name regions, and one of the regions is not among them.
    """
    named = {int(number) for ask in asks for number in _named.findall(ask)}
    if lacking := [number for number in range(1, regions + 1) if named and number not in named]:
        raise InputError(
            f"no question names <region{lacking[0]}>",
            hint=f"Regions given: {regions}. Name all, or none so that each is asked about by itself.",
        )
    if named or not regions:
        return list(asks) or [ASK_PICTURE], True
    return [f"<region1> {asks[0]}", *asks[1:]] if asks else [ASK], False


def _without_unknown(text: str, regions: int) -> str:
    """The text; regions that there are not, which a model may well write of, are named in plain words."""
    return _named.sub(lambda mention: mention[0] if 1 <= int(mention[1]) <= regions else f"region {mention[1]}", text)


def _segmenter(weights: str, device: str) -> "Segmenter":
    from osprey_train.segment import Segmenter  # half of the time that starting takes, and seldom wanted

    return Segmenter(weights, device)


def _name(kind: str, what: Any) -> str:
    if kind in ("box", "point"):
        return f"{kind} {','.join(f'{value:g}' for value in what)}"
    named = isinstance(what, os.PathLike) or (isinstance(what, str) and (kind == "mask" or os.path.isfile(what)))
    return os.fspath(what) if named else kind


def find_device(name: str) -> str:
    """The device of that name of torch's; for `auto` the first GPU where there is one."""
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.zeros(1, device=name)
    except (RuntimeError, AssertionError) as error:
        raise InputError(
            f"no device {name!r}: {str(error).splitlines()[0]}", hint="Devices: auto, cpu, cuda, cuda:1, mps."
        ) from error
    return name


def open_picture(image: Any) -> PIL.Image.Image:
    """A picture as viewers show it (turned as its EXIF data say), in RGB, of a file, a PIL picture or an array."""
    if not isinstance(image, str | os.PathLike):
        return geometry.rgb(as_picture(image))
    return geometry.rgb(PIL.ImageOps.exif_transpose(_opened(image)))


def _opened(path: str | os.PathLike[str]) -> PIL.Image.Image:
    try:
        found = PIL.Image.open(path)
        found.load()
        return found
    except (OSError, SyntaxError, ValueError, PIL.Image.DecompressionBombError) as error:
        reason = getattr(error, "strerror", None) or "not a picture, or a broken one"
        raise InputError(
            f"{os.fspath(path)}: {reason}", hint="Give a file that Pillow opens, such as JPEG or PNG."
        ) from error


def read_mask(path: str | os.PathLike[str]) -> Any:
    """A mask of a picture file: the picture, or of a JPEG, in which black is never quite black, what is bright."""
    found = _opened(path)
    if found.format != "JPEG":
        return found
    brightest = np.asarray(found.convert("RGB")).max(axis=2)
    return brightest > max(_DARK, int(brightest.max()) // 2)


def read_rle(given: str, size: tuple[int, int]) -> Any:
    """RLE or polygons of a text or of the file of that name.

    The text is JSON (a COCO RLE, polygons, or an annotation with one of them as its `segmentation`), or the counts of a
    compressed RLE of the picture's size (height, width).
    """
    text = given
    if os.path.isfile(given):
        with open(given, encoding="utf-8-sig", errors="replace") as file:
            text = file.read()
    elif "." in given and given[0] not in "{[":
        raise InputError("no such file", hint="RLE is given as JSON, as its counts, or by a file of either.")
    text = text.strip()
    try:
        found = json.loads(text) if text[:1] in ("{", "[") else text
    except ValueError as error:
        raise InputError(
            f"no JSON: {error}", hint='An RLE looks like {"size": [height, width], "counts": "..."}.'
        ) from None
    if isinstance(found, str):
        return {"size": size, "counts": found}
    return found.get("segmentation", found) if isinstance(found, dict) else found
