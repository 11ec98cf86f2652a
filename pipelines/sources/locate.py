"""Which of a source's files are under DATA, and which content they have."""

import hashlib
import posixpath
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import fsspec

from pipelines import storage
from pipelines.sources.spec import FileSpec, SourceSpec
from schemas.errors import RecipeError, SourceError
from schemas.keys import digest
from schemas.records import Record

READER_VERSION = 4
"""Part of every cache key: raise it when a reader comes to yield something else from the same files."""

_BLOCK = 4 << 20


class Located(Record, frozen=True, kw_only=True):
    """The files to read."""

    name: str
    """Of the source."""
    files: dict[str, str]
    """Path by role; optional files that are not there are left out."""
    notes: tuple[str, ...] = ()
    """What was left unread or is not there though it could be, for the user to know."""
    only_evaluation: bool = False
    """Nothing but the images of evaluation sets, which other sources must not train on."""


class Missing(Record, frozen=True, kw_only=True):
    """A source that cannot be read."""

    name: str
    looked_for: tuple[tuple[FileSpec, ...], ...]
    """The files that are not there, by layout, with the paths that were tried."""
    no_files: tuple[str, ...] = ()
    """Paths at which something else than a file is there."""

    def message(self) -> str:
        """What is missing and where to get it, on one line a layout."""
        lines = [", ".join(file.path for file in layout) + f": {layout[0].where}" for layout in self.looked_for]
        folders = "".join(f" ({path} is a folder, not the file)" for path in self.no_files)
        return f"{self.name}: not found: " + "; or ".join(lines) + folders


def locate(spec: SourceSpec, data: str, overrides: dict[str, str]) -> Located | Missing:
    """The first layout of which all required files are there.

    `overrides` gives other paths by role, relative to `data` or absolute. Raises RecipeError for an unknown role.
    """
    unknown = sorted(set(overrides) - set(spec.roles()))
    if unknown:
        raise RecipeError(
            f"source {spec.name} has no file {unknown[0]!r}", hint=f"Its files are: {', '.join(sorted(spec.roles()))}."
        )
    paths = {role: resolve(data, overrides.get(role, file.path)) for role, file in spec.roles().items()}
    there = {role for role, file in spec.roles().items() if is_there(paths[role], file)}
    complete = [layout for layout in spec.layouts if {file.role for file in layout if file.required} <= there]
    if not complete:
        return Missing(
            name=spec.name,
            looked_for=tuple(_absent(layout, there, paths) for layout in spec.layouts),
            no_files=tuple(path for role, path in paths.items() if role not in there and storage.exists(path)),
        )
    only_evaluation = complete[0] in _evaluation_layouts(spec)
    training = [_no_training(spec.name, paths[file.role], file) for file in spec.layouts[0] if file.role not in there]
    return Located(
        name=spec.name,
        files={file.role: paths[file.role] for file in complete[0] if file.role in there},
        notes=(*(filter(None, training) if only_evaluation else ()), *_notes(spec, there, complete[0], paths)),
        only_evaluation=only_evaluation,
    )


def _no_training(name: str, path: str, file: FileSpec) -> str:
    if not file.required:
        return ""
    return f"{name}: {path} is {'a folder, not the file' if storage.exists(path) else 'not there'} ({file.where})"


def without_training(spec: SourceSpec, located: Located) -> Located | None:
    """The files with the images of evaluation sets alone, of a source whose training file is broken."""
    for layout in _evaluation_layouts(spec):
        files = {file.role: located.files[file.role] for file in layout if file.role in located.files}
        if files and not located.only_evaluation:
            return Located(name=spec.name, files=files, only_evaluation=True)
    return None


def _evaluation_layouts(spec: SourceSpec) -> list[tuple[FileSpec, ...]]:
    """Layouts of files that are optional beside the training file."""
    optional = {file.role for file in spec.layouts[0] if not file.required}
    return [layout for layout in spec.layouts[1:] if {file.role for file in layout} <= optional]


def is_there(path: str, file: FileSpec) -> bool:
    """Whether a file, or where a folder is meant a folder with a file of the right suffix in it, is there."""
    fs, name = fsspec.url_to_fs(path)
    if not file.suffix:
        return bool(fs.isfile(name))
    return any(
        found.endswith(file.suffix) and not found.startswith(".") for _, _, names in fs.walk(name) for found in names
    )


def files_below(path: str, suffix: str) -> list[str]:
    """Paths relative to a folder of its files of a suffix, at any depth, sorted; hidden ones are left out."""
    fs, root = fsspec.url_to_fs(path)
    found = (posixpath.relpath(each, root) for each in fs.find(root))
    return sorted(each for each in found if each.endswith(suffix) and not posixpath.basename(each).startswith("."))


@contextmanager
def readable(*paths: str) -> Iterator[None]:
    """While the files at `paths` are read: what the operating system refuses is a SourceError that says what to do."""
    try:
        yield
    except OSError as error:
        named = error.filename if isinstance(error.filename, str) else ", ".join(paths)
        raise SourceError(
            f"{named}: cannot be read: {error.strerror or error}",
            hint="Look whether it is a file that you may read (ls -l), or name another one for it in the recipe.",
        ) from error


def resolve(data: str, path: str) -> str:
    """A path relative to DATA, or as it is where it is absolute or a URL."""
    return path if "://" in path or path.startswith("/") else storage.join(data, path)


def _absent(layout: tuple[FileSpec, ...], there: set[str], paths: dict[str, str]) -> tuple[FileSpec, ...]:
    return tuple(
        FileSpec(role=file.role, path=paths[file.role], where=file.where)
        for file in layout
        if file.required and file.role not in there
    )


def _notes(spec: SourceSpec, there: set[str], layout: tuple[FileSpec, ...], paths: dict[str, str]) -> list[str]:
    chosen = {file.role for file in layout}
    return [
        *(
            f"{spec.name}: {paths[role]} is there too and was not read"
            for role in spec.roles()
            if role in there - chosen
        ),
        *(_without(spec.name, paths[file.role], file) for file in layout if file.role not in there),
        *(f"{spec.name}: {file.note}" for file in layout if file.note and file.role in there),
    ]


def _without(source: str, path: str, file: FileSpec) -> str:
    return f"{source}: {path} is not there and is done without" + (f": {file.lacking}" if file.lacking else "")


def cache_key(name: str, files: dict[str, str], work: str) -> str:
    """Changes with the content of the files, their roles and the reader; not with their paths.

    Checksums are remembered under `work` by path, size and time of change, so that unchanged files are not read again.
    """
    memory_path = storage.join(work, "sources", "checksums.json")
    memory: dict[str, Any] = storage.read_json(memory_path) if storage.exists(memory_path) else {}
    sums = {role: _remembered(path, memory) for role, path in sorted(files.items())}
    if any(memory.get(path) != entry for path, entry in ((files[role], sums[role]) for role in files)):
        storage.write_json(memory_path, memory | {files[role]: sums[role] for role in files})
    return digest("source", READER_VERSION, name, *(f"{role}={entry[-1]}" for role, entry in sums.items()))[:16]


def _remembered(path: str, memory: dict[str, Any]) -> list[Any]:
    """[size, time of change, sha256] of a file."""
    with readable(path):
        fs, name = fsspec.url_to_fs(path)
        info = fs.info(name)
    if info["type"] == "directory":
        return [0, "", _folder_state(path)]
    changed = _changed(info)
    stamp = [info["size"], changed]
    known = memory.get(path)
    if known and changed and known[:2] == stamp:
        return list(known)
    return [*stamp, sha256_of(path)]


def _folder_state(path: str) -> str:
    """Names, sizes and times of change of a folder's files: to read 80,000 files for a checksum would take as long as
    to use them.
    """
    fs, root = fsspec.url_to_fs(path)
    with readable(path):
        found = fs.find(root, detail=True)
    return digest(*(f"{posixpath.relpath(name, root)}|{one['size']}|{_changed(one)}" for name, one in found.items()))


def _changed(info: dict[str, Any]) -> str:
    return next((str(info[field]) for field in ("mtime", "LastModified", "updated", "etag") if field in info), "")


def sha256_of(path: str) -> str:
    """SHA-256 of a file's content. Raises SourceError where it cannot be read."""
    state = hashlib.sha256()
    with readable(path), fsspec.open(path, "rb") as stream:
        while block := stream.read(_BLOCK):
            state.update(block)
    return state.hexdigest()


def file_name(path: str) -> str:
    """The last part of a path or URL."""
    return posixpath.basename(path)
