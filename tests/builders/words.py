"""Two small vocabularies, COCO's and LVIS's, with neighbours written by hand."""

from typing import Any

from pipelines.builders import vocabulary
from pipelines.builders.vocabulary import Vocabulary
from schemas.records import Category, Image
from tests.factories import image

COCO = ("dog", "cat", "car", "truck", "cup", "tv")
LVIS = {
    "dog": (), "puppy": (), "car (automobile)": ("car", "auto"), "sports car": (), "mug": ("cup",),
    "television set": ("tv",), "wolf": (), "saucer": (), "Christmas tree": (),
}  # fmt: skip
NEAR = {
    "dog": ("cat", "wolf", "puppy", "truck"), "cat": ("dog", "wolf"), "car": ("truck", "tv"), "mug": ("cup", "saucer"),
    "puppy": ("wolf", "dog", "cat"), "wolf": ("dog", "cat"), "truck": ("car", "sports car"), "cup": ("mug", "saucer"),
}  # fmt: skip


def words() -> Vocabulary:
    """The names of both, joined where they mean the same."""
    listed = {
        "coco": [Category(name=name, text=name) for name in COCO],
        "lvis": [
            Category(name=name.replace(" ", "_"), text=name.split(" (")[0], synonyms=synonyms)
            for name, synonyms in LVIS.items()
        ],
    }
    built = vocabulary.build(listed)
    near = {
        source: {text: tuple(name for name in found if name in texts.values()) for text, found in NEAR.items()}
        for source, texts in built.texts.items()
    }
    return built._replace(neighbors=near)


WORDS = words()


def lvis(absent: tuple[str, ...] = (), **changes: Any) -> Image:
    """The image as LVIS knows it."""
    return image("lvis", absent=absent, **changes)


FAR = (60, 40, 10, 10)
NEAREST = (16, 6, 5, 5)
"""Places beside the region that the factory draws."""
