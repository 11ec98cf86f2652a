"""VCR (format document, section 9): questions with tags, four choices each, and the masks in the images' metadata.

For N = 118,287 training images there are about 80,400 here and 213,000 questions, as in VCR's train.jsonl.
"""

from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

import msgspec

from pipelines.scenes.catalogue import LVIS_ONLY
from pipelines.scenes.draw import folder_of
from pipelines.scenes.entry import FILE, PICTURE, Entry
from pipelines.scenes.truth import ObjectTruth, SceneTruth
from pipelines.scenes.vcr_questions import Question, Text, order, questions
from schemas.keys import stable_fraction, stable_int

PATH = "vcr/train.jsonl"
SHARE = 0.7
"""Of the training images; a few of those have too little in them to be asked about."""

PER_FILM, SECONDS = 400, 4
"""Images of one film, and how far apart they are in it."""

MOST = 4
"""Ids are set aside for so many questions of an image."""

COUNTS = (2, 3, 3)
"""How many are asked, where there are as many."""

NO_OUTLINE = 0.03
"""How often an object has a box but no outline."""


def objects(scene: SceneTruth) -> list[ObjectTruth]:
    """What the image's list of objects holds, in its order: all that COCO has names for."""
    return order([one for one in scene.objects if one.category not in LVIS_ONLY])


def image_name(scene: SceneTruth) -> str:
    """Folder and name of the picture and its metadata, below `vcr1images` and without ending."""
    film = f"{1_000 + scene.index // PER_FILM}_SAMPLE_FILM"
    start, end = (_clock(SECONDS * (scene.index % PER_FILM + after)) for after in (0, 1))
    return f"lsmdc_{film}/{film}_{start}-{end}@0"


def chosen(seed: int, index: int) -> bool:
    """Whether the scene of this number may be one of VCR's: a training image."""
    return stable_fraction("vcr", seed, index) < SHARE and folder_of(index) == "train2017"


def is_member(scene: SceneTruth) -> bool:
    """Whether the picture is one of VCR's: one that was chosen, with two objects and more."""
    return chosen(scene.seed, scene.index) and len(objects(scene)) > 1


def asked(scene: SceneTruth) -> list[Question]:
    """The questions of an image."""
    random = Random(stable_int("vcr", scene.seed, scene.index))
    return questions(scene, objects(scene), random)[: random.choice(COUNTS)]


def entries(scene: SceneTruth) -> Iterator[Entry]:
    """The questions, the picture and its metadata."""
    if not is_member(scene):
        return
    listed, name = objects(scene), image_name(scene)
    yield f"vcr/vcr1images/{name}.jpg", PICTURE, (scene.width, scene.height)
    yield f"vcr/vcr1images/{name}.json", FILE, msgspec.json.encode(_metadata(scene, listed))
    for number, question in enumerate(asked(scene)):
        yield PATH, "", _record(scene, listed, number, question)


def spoken(one: ObjectTruth) -> str:
    """VCR writes COCO's names in one word."""
    return one.category.replace(" ", "")


def _clock(seconds: int) -> str:
    return f"{seconds // 3600:02d}.{seconds // 60 % 60:02d}.{seconds % 60:02d}.000"


def _metadata(scene: SceneTruth, listed: Sequence[ObjectTruth]) -> dict[str, Any]:
    """Boxes as [x1, y1, x2, y2, score], outlines as lists of polygons of [x, y] points."""
    random = Random(stable_int("vcr metadata", scene.seed, scene.index))
    boxes = [
        [x, y, round(x + width, 2), round(y + height, 2), round(random.uniform(0.7, 1.0), 4)]
        for x, y, width, height in (one.box for one in listed)
    ]
    segms = [
        [] if random.random() < NO_OUTLINE else [list(zip(p[0::2], p[1::2], strict=True)) for p in one.visible]
        for one in listed
    ]
    return {
        "boxes": boxes, "segms": segms, "names": [spoken(one) for one in listed], "width": scene.width,
        "height": scene.height,
    }  # fmt: skip


def _record(scene: SceneTruth, listed: Sequence[ObjectTruth], number: int, question: Question) -> dict[str, Any]:
    random = Random(stable_int("vcr order", scene.seed, scene.index, number))
    name, unique = image_name(scene), scene.index * MOST + number
    answers, rationales = random.sample(range(4), 4), random.sample(range(4), 4)
    sources = [0 if each == 0 else unique + each for each in range(4)]
    return {
        "movie": name.partition("/")[0].removeprefix("lsmdc_"), "objects": [spoken(one) for one in listed],
        "interesting_scores": [random.choice((-1, 0, 1))], "answer_likelihood": random.choice(("possible", "likely")),
        "img_fn": f"{name}.jpg", "metadata_fn": f"{name}.json", "answer_orig": plain(question.answers[0]),
        "question_orig": plain(question.question), "rationale_orig": plain(question.rationales[0]),
        "question": question.question, "answer_match_iter": answers, "answer_sources": [sources[at] for at in answers],
        "answer_choices": [question.answers[at] for at in answers], "answer_label": answers.index(0),
        "rationale_choices": [question.rationales[at] for at in rationales],
        "rationale_sources": [sources[at] for at in rationales], "rationale_match_iter": rationales,
        "rationale_label": rationales.index(0), "img_id": f"train-{scene.index}", "question_number": number,
        "annot_id": f"train-{unique}", "match_fold": f"train-{scene.index % 10}", "match_index": unique,
    }  # fmt: skip


def plain(text: Text) -> str:
    """The text as typed: tags are numbers from 1 on, as the annotators saw them."""
    words = [token if isinstance(token, str) else " and ".join(str(tag + 1) for tag in token) for token in text]
    joined = " ".join(words)
    for mark in (".", "?", ","):
        joined = joined.replace(f" {mark}", mark)
    return joined
