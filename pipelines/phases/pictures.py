"""The pictures under DATA: where one is, and whether it is what the annotations say."""

import posixpath
from collections.abc import Callable, Sequence

import fsspec
import PIL.Image
import pyarrow.compute as pc

from pipelines import storage
from pipelines.regions.join import Check
from pipelines.sources.cache import SourceCache
from schemas.errors import SourceError
from schemas.keys import digest
from schemas.recipe import ImageSettings

_TIMES = ("mtime", "LastModified", "last_modified", "updated", "ETag", "etag")
"""What file systems call the time of a file's last change, or a mark of its content."""

Find = Callable[[Sequence[str]], str | None]


def finder(settings: ImageSettings, data: str) -> Find:
    """Gives the first of the paths (relative to DATA) at which there is a picture, with the recipe's folders in place.

    Where pictures are not to be checked it gives the first path.
    """
    checked = settings.check or settings.embed

    def find(paths: Sequence[str]) -> str | None:
        placed = [place(path, settings.folders) for path in paths]
        return next((path for path in placed if not checked or storage.exists(storage.join(data, path))), None)

    return find


def place(path: str, folders: dict[str, str]) -> str:
    """The path with the folder that the recipe names instead of the usual one."""
    folder, name = posixpath.split(path)
    return storage.join(folders.get(folder, folder), name)


def checker(settings: ImageSettings, data: str) -> Check:
    """Opens pictures and compares their size with the annotations. Only the header is read.

    Where pictures are not to be checked, only those are opened whose size no source knows.
    """
    checked = settings.check or settings.embed

    def check(path: str, width: int, height: int) -> tuple[int, int] | None:
        if width and height and not checked:
            return width, height
        try:
            with fsspec.open(storage.join(data, path), "rb") as stream, PIL.Image.open(stream) as picture:
                return picture.size if not width or not height or picture.size == (width, height) else None
        except (OSError, SyntaxError, ValueError, PIL.Image.DecompressionBombError):
            return None

    return check


def read_picture(data: str, path: str) -> bytes:
    """The bytes of a picture; SourceError where it went away after the plan was made."""
    try:
        return storage.read_bytes(storage.join(data, path))
    except OSError as error:
        raise SourceError(
            f"{storage.join(data, path)}: cannot be read any more: {error}", hint="Put it back, or run the build again."
        ) from error


def state(settings: ImageSettings, data: str, caches: Sequence[SourceCache], *, contents: bool = False) -> str:
    """Changes when a picture is added to, or removed from, a folder in which pictures are looked for.

    With `contents` also when one is written anew, as far as its size and time tell.
    """
    if not (settings.check or settings.embed):
        return ""
    folders: set[str] = set()
    for cache in caches:
        paths = pc.list_flatten(storage.read_table(cache.path("images.parquet"), columns=["paths"])["paths"])
        folders |= {
            posixpath.dirname(path) for path in pc.unique(pc.replace_substring_regex(paths, "[^/]*$", "_")).to_pylist()
        }
    look = _files_state if contents else _folder_state
    return digest(*(look(storage.join(data, settings.folders.get(name, name))) for name in sorted(folders)))


def _folder_state(path: str) -> str:
    """The time of the last change where the file system tells it, else the names of all files."""
    fs, name = fsspec.url_to_fs(path)
    if not fs.exists(name):
        return "none"
    return str(fs.info(name).get("mtime") or digest(*storage.list_files(path)))


def _files_state(path: str) -> str:
    """Name, size and time, or what stands for a time there, of every file."""
    fs, name = fsspec.url_to_fs(path)
    if not fs.isdir(name):
        return "none"
    found = sorted(fs.ls(name, detail=True), key=lambda one: str(one["name"]))
    return digest(*(one.get(key) for one in found for key in ("name", "size", *_TIMES)))
