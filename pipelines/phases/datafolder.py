"""The data folder as a whole: whether it is the right one, and what of the sources lies in it."""

import os
import posixpath
from collections.abc import Iterator, Sequence

import fsspec
import pyarrow.compute as pc

from pipelines import recipes, storage
from pipelines.sources import SOURCES
from pipelines.sources.cache import SourceCache
from pipelines.sources.locate import Located, Missing, is_there, locate, resolve
from schemas.errors import SourceError
from schemas.recipe import Recipe

MOST_FOLDERS = 8


def check_folder(recipe: Recipe, data: str) -> None:
    """Raise SourceError where `data` is no folder, may not be read, or its parent is meant (`DATA/coco` for `DATA`)."""
    fs, name = fsspec.url_to_fs(data)
    if not fs.isdir(name):
        raise SourceError(f"{data} is not a folder", hint="Give the folder that holds coco/, refer/, llava/, lvis/ ...")
    try:
        fs.ls(name, detail=False)
    except OSError as error:
        raise SourceError(
            f"{data} may not be read: {error.strerror or error}",
            hint="Ask its owner for the right to read it (ls -ld).",
        ) from error
    if storage.is_local(data) and not _any_part(recipe, data) and _any_part(recipe, parent := _parent(data)):
        raise SourceError(f"{data} holds none of the recipe's sources", hint=f"Did you mean {parent}?")


def _parent(data: str) -> str:
    above = posixpath.dirname(data.rstrip("/"))
    return above if above and posixpath.basename(data.rstrip("/")) not in (".", "..") else _absolute_parent(data)


def _absolute_parent(data: str) -> str:
    return posixpath.dirname(os.path.abspath(data))


def _any_part(recipe: Recipe, data: str) -> bool:
    for name, settings in recipe.sources.items():
        place = locate(SOURCES[name].spec, data, settings.files)
        if isinstance(place, Located) or any(parts_there(place, data, settings.files)):
            return True
    return False


def parts_there(missing: Missing, data: str, overrides: dict[str, str]) -> Iterator[str]:
    """Paths of the required files that are there of a source which lacks others."""
    for file in {file.role: file for layout in SOURCES[missing.name].spec.layouts for file in layout}.values():
        path = resolve(data, overrides.get(file.role, file.path))
        if is_there(path, file):
            yield path


def folders_for_nothing(recipe: Recipe, caches: Sequence[SourceCache]) -> Iterator[str]:
    """Keys of `images.folders` that are no folder in which a source that is there looks for pictures."""
    if not recipe.images.folders:
        return
    folders: set[str] = set()
    for cache in caches:
        paths = pc.list_flatten(storage.read_table(cache.path("images.parquet"), columns=["paths"])["paths"])
        folders.update(pc.unique(pc.replace_substring_regex(paths, "/[^/]*$", "")).to_pylist())
    for key in recipe.images.folders:
        if key not in folders:
            some = ", ".join(sorted(folders)[:MOST_FOLDERS]) + (", ..." if len(folders) > MOST_FOLDERS else "")
            yield f"images.folders: nothing that is there looks for pictures in {key}, but in {some}"


def unused(recipe: Recipe, data: str) -> list[tuple[str, str]]:
    """Sources that are under DATA though not in the recipe, and the recipe that has most use for each, if any has."""
    found = [
        name
        for name, source in SOURCES.items()
        if name not in recipe.sources and isinstance(locate(source.spec, data, {}), Located)
    ]
    return [(name, recipes.using(name)) for name in found]
