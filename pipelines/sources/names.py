"""Names of images and categories: the same picture has one id in every data set that rests on COCO."""

import functools
import re

from pipelines.sources.text import clean_line

FOLDERS = ("train2017", "val2017")

_NAME_2014 = re.compile(r"^COCO_(?:train|val|test)2014_(\d{12}\.\w+)$")
_PLAIN = re.compile(r"\w+\.\w+")
_FOLDER_2017 = re.compile(r"(?:train|val|test|unlabeled)2017")
_COCO_NAME = re.compile(r"^(?:COCO_(?:train|val|test)2014_)?(\d{12})\.(?:jpg|jpeg|png)$", re.IGNORECASE)


def image_id(number: int) -> str:
    """`coco/000000000009`: images of 2014 and 2017 have the same numbers."""
    return f"coco/{number:012d}"


def coco_number(file_name: str) -> int | None:
    """The number in a COCO file name of 2014 or 2017, with or without a folder; None where it is no such name."""
    found = _COCO_NAME.match(file_name.rpartition("/")[2])
    return int(found[1]) if found else None


def is_safe(file_name: str) -> bool:
    """Whether a file name stays below the folder it is joined to."""
    if _PLAIN.fullmatch(file_name):
        return True
    if not file_name or any(mark in file_name for mark in ("\\", "\0", ":")):
        return False
    return not file_name.startswith(("/", "~")) and ".." not in file_name.split("/")


def image_paths(number: int, file_name: str, coco_url: str, folder: str) -> tuple[str, ...]:
    """Where the picture may lie below DATA, most likely first.

    The folder of `coco_url` comes first, because a file's own split is no proof of where its pictures lie, then that
    of `file_name` (PACO's have one), then `folder`, then the other one of 2017. Names of 2014 become those of 2017.
    `file_name` must be safe, or empty (LVIS v1 has none).
    """
    inside, _, name = file_name.rpartition("/")
    name = name or f"{number:012d}.jpg"
    renamed = _NAME_2014.match(name) if name.startswith("COCO_") else None
    name = renamed[1] if renamed else name
    folders = _folders(coco_url.rpartition("/")[0].rpartition("/")[2], inside.rpartition("/")[2], folder)
    return tuple([each + name for each in folders])


@functools.lru_cache(64)
def _folders(url_folder: str, name_folder: str, folder: str) -> tuple[str, ...]:
    first = [each for each in (url_folder, name_folder) if _FOLDER_2017.fullmatch(each)]
    return tuple(f"coco/{each}/" for each in dict.fromkeys((*first, folder, *FOLDERS)))


def category_text(name: str) -> str:
    """A category's name as one would write it: `car_(automobile)` is `car`, `stop_sign` is `stop sign`.

    What follows a parenthesis goes too: LVIS has `monitor_(computer_equipment) computer_monitor`.
    """
    before, _, inside = name.partition("(")
    return _spaced(before) or _spaced(inside.replace(")", " ")) or clean_line(name)


def _spaced(name: str) -> str:
    return clean_line(name.replace("_", " "))


def synonym_texts(name: str, synonyms: list[str]) -> tuple[str, ...]:
    """Other names of a category, each once, without the category's own text."""
    texts = dict.fromkeys(category_text(each) for each in synonyms)
    texts.pop(category_text(name), None)
    texts.pop("", None)
    return tuple(texts)
