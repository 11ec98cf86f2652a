"""The image-text pairs of LLaVA's first stage: BLIP captions (558K), or CC3M's own (595K) (Liu et al., NeurIPS 2023).

Both files hold the same kind of record: a request such as "Describe the image briefly." and the caption as answer.
Format: https://huggingface.co/datasets/liuhaotian/LLaVA-Pretrain and LLaVA-CC3M-Pretrain-595K.
"""

import posixpath

import msgspec

from pipelines.sources.json_stream import read_list
from pipelines.sources.json_window import broken_findings, record_key
from pipelines.sources.llava import Turn
from pipelines.sources.names import is_safe
from pipelines.sources.spec import FileSpec, Finding, Reading, Source, SourceSpec
from pipelines.sources.text import clean_paragraphs
from schemas.records import Image, ImageText

_BLIP = "https://huggingface.co/datasets/liuhaotian/LLaVA-Pretrain (no registration; pictures in images.zip)"
_CC3M = "https://huggingface.co/datasets/liuhaotian/LLaVA-CC3M-Pretrain-595K (no registration; pictures in images.zip)"
_MARK = "<image>"
UNIT = "records"

SPEC = SourceSpec(
    name="llava_pretrain",
    title="LLaVA's image-text pairs for pretraining",
    homepage="https://huggingface.co/datasets/liuhaotian/LLaVA-Pretrain",
    license="LicenseRef-unstated",
    license_note="The cards say `other`: CC3M's text may be used freely with a word of thanks to Google, BLIP's "
    "captions on BLIP's terms; for what comes from LAION and SBU none are stated. The pictures are their owners', and "
    "the zip files are for reproducing LLaVA only.",
    citation="""@inproceedings{liu2023llava,
  title={Visual Instruction Tuning},
  author={Liu, Haotian and Li, Chunyuan and Wu, Qingyang and Lee, Yong Jae},
  booktitle={NeurIPS}, year={2023}
}""",
    layouts=(
        (FileSpec(role="pairs", path="llava/blip_laion_cc_sbu_558k.json", where=_BLIP),),
        (FileSpec(role="cc3m", path="llava/chat.json", where=_CC3M),),
    ),
    counts={"records": 558_128, "records of chat.json": 595_375},
    evaluation=(),
    split_note="All for training. The pictures are from the web (LAION, CC3M, SBU); that none of them is one of COCO's "
    "is not known. The two files share pictures of CC3M, under other names.",
)


class Entry(msgspec.Struct, gc=False):
    """A record; `image` is `00453/004539375.jpg` or `GCC_train_002582585.jpg`, in other files sometimes a list."""

    conversations: list[Turn]
    id: str | int | None = None
    image: str | list[str] | None = None


_decoder = msgspec.json.Decoder(list[Entry])


def read(files: dict[str, str]) -> Reading:
    """A record is a pair; an image is one about which there is a pair."""
    (path,) = files.values()
    images: dict[str, Image] = {}
    texts: list[ImageText] = []
    findings: list[Finding] = []
    seen: set[tuple[str, tuple[str, ...]]] = set()
    count = 0
    for window in read_list(path, _decoder):
        findings += broken_findings(window, UNIT)
        for position, entry in zip(window.indices, window.records, strict=True):
            made = _text(entry, position, images, seen)
            if isinstance(made, ImageText):
                texts.append(made)
            else:
                own_id = "" if entry.id is None else "_".join(str(entry.id).split())
                findings.append(Finding(record_key(UNIT, position, own_id), *made))
        count = window.stop
    rejects = [finding.reject(SPEC.name) for finding in findings]
    return Reading(list(images.values()), [], texts, rejects, {"images": len(images), UNIT: count}, None)


def _text(
    entry: Entry, ordinal: int, images: dict[str, Image], seen: set[tuple[str, tuple[str, ...]]]
) -> ImageText | tuple[str, str]:
    """The record's text, whose image is added to `images` (by id), or (reason, detail)."""
    names = [entry.image] if isinstance(entry.image, str) else entry.image or []
    marks = sum(turn.value.count(_MARK) for turn in entry.conversations)
    if len(names) > 1 or marks > 1:
        return "several_images", f"{len(names)} images, {marks} {_MARK} marks"
    if not names:
        return "malformed_record", "no `image`"
    if not is_safe(names[0]):
        return "unsafe_path", names[0]
    speakers = [turn.speaker for turn in entry.conversations]
    if len(speakers) < 2 or speakers != ["human", "gpt"] * (len(speakers) // 2):
        return "malformed_record", f"speakers {speakers}: expected human and gpt in turn"
    if any(_MARK in turn.value for turn in entry.conversations[1::2]):
        return "malformed_record", f"{_MARK} in an answer"
    turns = tuple(clean_paragraphs(turn.value.replace(_MARK, "")) for turn in entry.conversations)
    image = images.get(_image_id(names[0])) or _image(names[0])
    if image != _image(names[0]):
        return "duplicate_id", f"{names[0]}: another picture of that name is {image.paths[0]}"
    captions = (image.image_id, turns[1::2])
    if not all(turns) or captions in seen:
        return ("duplicate_text" if all(turns) else "empty_text"), " / ".join(turns)[:80]
    seen.add(captions)
    images[image.image_id] = image
    return ImageText(image_id=image.image_id, source=SPEC.name, role="image_text", ordinal=ordinal, turns=turns)


def _image_id(name: str) -> str:
    return f"{SPEC.name}/{posixpath.splitext(name)[0]}"


def _image(name: str) -> Image:
    """No file says how large the picture is."""
    paths = (f"llava/images/{name}", f"llava/{name}")
    return Image(image_id=_image_id(name), source=SPEC.name, paths=paths, width=0, height=0)


SOURCE = Source(SPEC, read)
