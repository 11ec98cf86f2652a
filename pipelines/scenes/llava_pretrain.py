"""LLaVA's image-text pairs (format document, section 3): a short caption for half as many pictures as COCO has.

The real `blip_laion_cc_sbu_558k.json` has 558,128 records; for N = 118,287 there are 59,000 here.
"""

from collections.abc import Iterator
from random import Random

from pipelines.scenes.draw import folder_of
from pipelines.scenes.entry import PICTURE, Entry
from pipelines.scenes.truth import SceneTruth
from pipelines.scenes.words import PLACES, article, listed, looks
from schemas.keys import stable_fraction, stable_int

PATH = "llava/blip_laion_cc_sbu_558k.json"
SHARE = 0.5

ASKS = (
    "Say in a few words what this is.", "Give a short caption for the picture.",
    "What does the picture show, in brief?", "Summarise the picture in one line.",
    "Write a brief description of the picture.",
)  # fmt: skip


def name_of(scene: SceneTruth) -> str:
    """Folder and name of the picture, such as `00453/004539375`."""
    number = f"{4_530_000 + 7 * scene.index:09d}"
    return f"{number[:5]}/{number}"


def chosen(seed: int, index: int) -> bool:
    """Whether the data set may have the picture of this number."""
    return stable_fraction("llava pretrain", seed, index) < SHARE and folder_of(index) == "train2017"


def is_member(scene: SceneTruth) -> bool:
    """Whether the data set has the picture."""
    return chosen(scene.seed, scene.index) and bool(scene.objects)


def entries(scene: SceneTruth) -> Iterator[Entry]:
    """The record and the picture; `<image>` stands at the start or at the end of the question."""
    if not is_member(scene):
        return
    random, name = Random(stable_int("llava pretrain", scene.seed, scene.index)), name_of(scene)
    yield f"llava/images/{name}.jpg", PICTURE, (scene.width, scene.height)
    ask = random.choice(ASKS)
    question = f"<image>\n{ask}" if random.random() < 0.5 else f"{ask}\n<image>"
    turns = [{"from": "human", "value": question}, {"from": "gpt", "value": caption(scene, random)}]
    yield PATH, "", {"id": name.partition("/")[2], "image": f"{name}.jpg", "conversations": turns}


def caption(scene: SceneTruth, random: Random) -> str:
    """One or two objects and the place: lower case, no full stop."""
    told = random.sample(scene.objects, min(len(scene.objects), random.choice((1, 2))))
    return f"{listed([article(looks(one)) for one in told])} {random.choice(PLACES[scene.place])}"
