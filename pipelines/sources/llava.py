"""LLaVA's instructions on COCO pictures, written by GPT-4 (Liu et al., NeurIPS 2023; https://llava-vl.github.io)."""

import re
from typing import Any

import msgspec

from pipelines.sources.json_stream import read_list
from pipelines.sources.json_window import broken_findings, record_key
from pipelines.sources.locate import file_name
from pipelines.sources.names import coco_number, image_id, is_safe
from pipelines.sources.spec import FileSpec, Finding, Reading, Source, SourceSpec
from pipelines.sources.text import clean_paragraphs
from schemas.records import ImageText

_WHERE = "https://huggingface.co/datasets/liuhaotian/LLaVA-Instruct-150K (no registration)"
UNIT = "records"

_DETAIL = FileSpec(role="detail", path="llava/detail_23k.json", where=_WHERE)
_INSTRUCT = FileSpec(role="instruct", path="llava/llava_instruct_150k.json", where=_WHERE)

SPEC = SourceSpec(
    name="llava",
    title="LLaVA-Instruct-150K",
    homepage="https://llava-vl.github.io",
    license="CC-BY-NC-4.0",
    license_note="First published as CC BY-NC 4.0, the data card now says CC BY 4.0; the stricter one is kept. "
    "OpenAI's terms of use apply, since GPT-4 wrote the text.",
    citation="""@inproceedings{liu2023llava,
  title={Visual Instruction Tuning},
  author={Liu, Haotian and Li, Chunyuan and Wu, Qingyang and Lee, Yong Jae},
  booktitle={NeurIPS}, year={2023}
}""",
    layouts=((_DETAIL, msgspec.structs.replace(_INSTRUCT, required=False)), (_INSTRUCT,)),
    counts={"records": 157_712, "detail": 23_240, "conversation": 56_681, "reasoning": 76_643},
    evaluation=(),
    split_note="All for training, on pictures of COCO train2017. The file of 150k holds the one of 23k again: "
    "repeats are rejected. The evaluation sets of RefCOCO and LVIS lie within these pictures.",
)

_ASKS_TO_DESCRIBE = re.compile(
    r"^(?:(?:can|could|would) you (?:please )?)?(?:please )?"
    r"(?:describe|provide|give|share|offer|explain|clarify|characterize|break down|walk through|portray|narrate|analyze"
    r"|illustrate|examine|write|elaborate|depict|present|summarize|detail)\b.*\b(?:image|picture|photo|scene|snapshot)\b"
    r"|^what(?:'s| is) (?:happening|going on|in th(?:is|e) (?:photo|picture|image))"
    r"|^what(?:'s| is) this (?:photo|picture|image) about"
    r"|^what do you (?:see|think is going on)\b",
    re.IGNORECASE | re.DOTALL,
)


class Turn(msgspec.Struct, rename={"speaker": "from"}, gc=False):
    """One turn; the speaker is `human` or `gpt`."""

    speaker: str
    value: str


class Entry(msgspec.Struct, gc=False):
    """A record; `image` is `000000033471.jpg`, in later files with its folder."""

    conversations: list[Turn]
    id: str | int | None = None
    image: str | None = None


def read(files: dict[str, str]) -> Reading:
    """The texts of both files, `detail_23k` first."""
    texts: list[ImageText] = []
    findings: list[Finding] = []
    seen: set[tuple[str, str]] = set()
    count = 0
    decoder = msgspec.json.Decoder(list[Entry])
    for role in ("detail", "instruct"):
        start = count
        for window in read_list(files[role], decoder) if role in files else ():
            findings += broken_findings(window, UNIT)
            for position, entry in zip(window.indices, window.records, strict=True):
                made = _text(entry, start + position, whole_file_is_detail=role == "detail", seen=seen)
                if isinstance(made, ImageText):
                    texts.append(made)
                else:
                    detail = f"{file_name(files[role])}: {made[1]}"
                    findings.append(Finding(record_key(UNIT, position, entry.id or ""), made[0], detail, _image(entry)))
            count = start + window.stop
    return Reading([], [], texts, [finding.reject(SPEC.name) for finding in findings], {UNIT: count}, None)


def _text(
    entry: Entry, ordinal: int, *, whole_file_is_detail: bool, seen: set[tuple[str, str]]
) -> ImageText | tuple[str, str]:
    """The record's text, or (reason, detail)."""
    number = _number(entry)
    if isinstance(number, tuple):
        return number
    speakers = [turn.speaker for turn in entry.conversations]
    if len(speakers) < 2 or speakers != ["human", "gpt"] * (len(speakers) // 2):
        return "malformed_record", f"speakers {speakers}: expected human and gpt in turn"
    role = "detail" if whole_file_is_detail else role_of(entry)
    text = _answer(entry) if role == "detail" else _turns(entry)
    key = (image_id(number), _answer(entry) if len(speakers) == 2 else text)
    if not text or key in seen:
        return ("duplicate_text" if text else "empty_text"), text[:80]
    seen.add(key)
    return ImageText(image_id=key[0], source=SPEC.name, role=role, ordinal=ordinal, text=text)


def role_of(entry: Entry) -> str:
    """`detail`, `conversation` or `reasoning`: the file of 150k does not say which of the three it took a record from.

    Conversations have several questions; of the records with one, a detail's question asks to describe the picture.
    """
    if len(entry.conversations) > 2:
        return "conversation"
    return "detail" if _ASKS_TO_DESCRIBE.match(_question(entry.conversations[0])) else "reasoning"


def _number(entry: Entry) -> int | tuple[str, str]:
    name = entry.image if entry.image is not None else f"{entry.id}.jpg"
    if not is_safe(name):
        return "unsafe_path", name
    number = coco_number(name)
    return ("unknown_image", f"{name} is no picture of COCO") if number is None else number


def _image(entry: Entry) -> str:
    number = _number(entry)
    return image_id(number) if isinstance(number, int) else ""


def _question(turn: Turn) -> str:
    """Without the mark that stands for the picture, at the start or the end of the first question."""
    return clean_paragraphs(turn.value.replace("<image>", ""))


def _answer(entry: Entry) -> str:
    return clean_paragraphs(entry.conversations[1].value)


def _turns(entry: Entry) -> str:
    """Questions and answers in turn, parted by empty lines."""
    texts: list[Any] = [_question(turn) for turn in entry.conversations]
    return "\n\n".join(text for text in texts if text)


SOURCE = Source(SPEC, read)
