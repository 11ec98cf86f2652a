"""The shards of a build: which there are, whether they can be read, and their row groups.

Opening reads footers only, some kilobytes a file, whatever the files hold.
"""

import concurrent.futures
import hashlib
import json
import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, get_args

import fsspec
import pyarrow as pa
import pyarrow.fs
import pyarrow.parquet as pq

from schemas.columns import SCHEMA_VERSION, SHARD
from schemas.errors import ShardError
from schemas.records import TRAIN, Kind

KINDS: tuple[str, ...] = get_args(Kind)
_NAME = re.compile(r"(?P<split>\w+)-(?P<number>\d+)-of-(?P<count>\d+)\.parquet")
_BUILD = "Give the folder `data` of a finished build (`osprey-data build --out OUT` writes OUT/data)."
_AGAIN = "Copy the file again, or run `osprey-data assemble` to write it again."
_ONLINE = "Say HF_HUB_OFFLINE=0 before the command (without it nothing is fetched), or copy the folder to a disk."
_THREADS = 16
_AFTER_FOOTER = 8
"""Bytes: its length, and Parquet's mark."""


class Group(NamedTuple):
    """A row group of a shard."""

    file: str
    number: int
    """In the file, as `first_row` is."""
    first_row: int
    rows: int


class Shards:
    """The shards of some kinds and one split.

    `folder` is OUT/data (or OUT), a local path or a URL that fsspec knows; `images` the folder that `image.path` is
    relative to, not needed where the rows carry their pictures. Without `kinds` all that are there are taken.

    Raises:
        ShardError: no shards, an unknown kind, kinds or files missing, a file that is no shard of this schema.
    """

    def __init__(self, folder: str, images: str = "", kinds: Sequence[str] = (), split: str = TRAIN) -> None:
        self._fs, self.folder = _data_folder(folder)
        self.split = split
        chosen = _chosen(_files(self._fs, self.folder), kinds, split, self.folder)
        paths = [path for kind in chosen.values() for path in kind]
        with concurrent.futures.ThreadPoolExecutor(_THREADS) as pool:
            read = dict(zip(paths, pool.map(self._footer, paths), strict=True))
        footers = {path: footer for path, (footer, _) in read.items()}
        self.manifest = _manifest(self._fs, self.folder)
        sums = {posixpath.join(self.folder, *path.split("/")[1:]): sha256 for path, sha256 in _sums(self.manifest)}
        self.digests: Mapping[str, str] = {
            kind: _digest(f"{posixpath.basename(path)} {read[path][1]}" for path in paths)
            for kind, paths in chosen.items()
        }
        """Of each kind: a digest of its files' names and footers, which hold size, offset and bounds of all columns."""
        self.contents: Mapping[str, str] = {
            kind: _digest(map(sums.__getitem__, paths)) for kind, paths in chosen.items() if sums.keys() >= set(paths)
        }
        """Of each kind that a manifest beside the shards names all files of: a digest of their sha256 sums there."""
        self.groups: Mapping[str, Sequence[Group]] = {
            kind: [group for path in paths for group in _groups(path, footers[path])] for kind, paths in chosen.items()
        }
        if not images and not all(map(_embedded, footers.values())):
            raise ShardError(
                f"{self.folder}: the rows do not carry their pictures",
                hint="Give the folder of the raw data, which `image.path` is relative to, as --images.",
            )
        self.images = images
        self._image_fs: Any = None
        if images:
            hint = "Give the raw data as --images."
            self._image_fs, self._image_root = _folder(images, "folder of pictures", hint)

    @property
    def group_rows(self) -> dict[str, list[int]]:
        """Rows of each kind's row groups, as `Order` takes them."""
        return {kind: [group.rows for group in groups] for kind, groups in self.groups.items()}

    @property
    def rows(self) -> int:
        """Of all kinds."""
        return sum(sum(rows) for rows in self.group_rows.values())

    def read(self, kind: str, group: int, columns: Sequence[str] | None = None) -> pa.Table:
        """Some columns (all by default) of a row group; nested ones as `image.path`, `regions.list.element.mask`.

        Raises:
            ShardError: the file is damaged, gone, or another than when it was opened.
        """
        file, index, _, rows = self.groups[kind][group]
        try:
            with pq.ParquetFile(file, filesystem=self._fs, page_checksum_verification=True) as opened:
                table = opened.read_row_group(index, columns=columns, use_threads=False)
            table.validate(full=True)
        except (pa.ArrowException, OSError) as error:
            raise ShardError(f"{file}: row group {index} cannot be read: {_line(error)}", hint=_AGAIN) from error
        if table.num_rows != rows:
            raise ShardError(
                f"{file}: has changed while it was read: row group {index} had {rows} rows, now {table.num_rows}",
                hint="Do not build into a folder that is trained on.",
            )
        return table

    def picture(self, path: str) -> bytes:
        """A picture's file from the folder of the raw data, which its path may not leave.

        Raises:
            ValueError: no such file, or a path that leads elsewhere.
        """
        if not path or path.startswith("/") or ".." in path.split("/") or "\\" in path or self._image_fs is None:
            raise ValueError(f"{path!r} is no path inside the folder of the pictures")
        try:
            content: bytes = self._image_fs.cat_file(posixpath.join(self._image_root, path))
        except OSError as error:
            raise ValueError(f"no {path} in {self.images}: {error.strerror or type(error).__name__}") from error
        return content

    def where(self, kind: str, group: int, row: int) -> str:
        """A row in words, for messages: file and number of the row in it, from 0."""
        found = self.groups[kind][group]
        return f"{found.file}: row {found.first_row + row}"

    def _footer(self, file: str) -> tuple[Any, str]:
        """The file's metadata, after a check of version and schema, and the sha256 of their bytes in the file."""
        try:
            with self._fs.open_input_file(file) as stream:
                footer = pq.read_metadata(stream)
                size = footer.serialized_size
                content = stream.read_at(size, stream.size() - size - _AFTER_FOOTER)
            schema = footer.schema.to_arrow_schema()
        except (pa.ArrowException, OSError) as error:
            raise ShardError(f"{file}: no Parquet file, or cut off: {_line(error)}", hint=_AGAIN) from error
        version = (schema.metadata or {}).get(b"osprey_schema_version", b"").decode(errors="replace")
        if version != str(SCHEMA_VERSION):
            found = f"has schema version {version!r}" if version else "names no schema version"
            raise ShardError(
                f"{file}: {found}, this program reads {SCHEMA_VERSION}",
                hint="Build again, or train with the version of osprey_train that belongs to the file.",
            )
        if not schema.equals(SHARD):
            raise ShardError(f"{file}: {_difference(schema)}", hint="Use the shards as osprey-data wrote them.")
        return footer, hashlib.sha256(content).hexdigest()


def kinds_in(folder: str, split: str = TRAIN) -> list[str]:
    """The kinds that have shards of a split, in alphabetical order."""
    fs, data = _data_folder(folder)
    return sorted(_files(fs, data).get(split, {}))


def _folder(url: str, what: str, hint: str) -> tuple[Any, str]:
    """File system and path of a folder that is there."""
    try:
        fs, path = fsspec.url_to_fs(url)
        found = fs.isdir(path) or fs.info(path)["type"] == "directory"  # `isdir` does not tell why not
    except (FileNotFoundError, NotADirectoryError):
        found = False
    except Exception as error:  # a library is missing, no network, no key: every file system has errors of its own
        if type(error).__name__ == "OfflineModeIsEnabled":  # of huggingface_hub, which need not be loaded for it
            raise ShardError(f"{url}: the hub is not asked while HF_HUB_OFFLINE is set", hint=_ONLINE) from error
        raise ShardError(f"{url}: cannot be opened: {_line(error)}", hint=hint) from error
    if not found:
        raise ShardError(f"{url}: there is no such {what}", hint=hint)
    return fs, path


def _data_folder(folder: str) -> tuple[Any, str]:
    """File system and path of the folder of the kinds; OUT is taken for OUT/data."""
    fs, path = _folder(folder, "folder", _BUILD)
    inner = posixpath.join(path, "data")
    local = "file" in fs.protocol
    return (
        pyarrow.fs.LocalFileSystem() if local else pyarrow.fs.PyFileSystem(pyarrow.fs.FSSpecHandler(fs)),
        inner if fs.isdir(inner) else path,
    )


def _files(fs: Any, folder: str) -> dict[str, dict[str, list[str]]]:
    """Shards by split and kind."""
    found: dict[str, dict[str, list[str]]] = {}
    for kind in KINDS:
        selector = pyarrow.fs.FileSelector(posixpath.join(folder, kind), allow_not_found=True)
        for path in sorted(entry.path for entry in fs.get_file_info(selector)):
            if name := _NAME.fullmatch(posixpath.basename(path)):
                found.setdefault(name["split"], {}).setdefault(kind, []).append(path)
    return found


def _complete(paths: list[str]) -> list[str]:
    """The paths, after a check that they are all shards of one set."""
    counts = {int(path.rpartition("-of-")[2].removesuffix(".parquet")) for path in paths}
    folder = posixpath.dirname(paths[0])
    if len(counts) > 1:
        raise ShardError(
            f"{folder}: files of several builds, of {sorted(counts)} shards", hint="Keep those of one build."
        )
    if len(paths) != max(counts):
        raise ShardError(
            f"{folder}: there are only {len(paths)} files like {posixpath.basename(paths[0])}", hint=_AGAIN
        )
    return paths


def _chosen(
    files: Mapping[str, Mapping[str, list[str]]], kinds: Sequence[str], split: str, folder: str
) -> dict[str, list[str]]:
    """The files of the kinds asked for, or of all."""
    if unknown := [kind for kind in kinds if kind not in KINDS]:
        raise ShardError(f"unknown kind {', '.join(unknown)}", hint=f"Kinds are {', '.join(KINDS)}.")
    if split not in files:
        also = f"; there are shards of {', '.join(sorted(files))}" if files else ""
        raise ShardError(f"{folder}: no shards <kind>/{split}-*.parquet{also}", hint=_BUILD)
    there = files[split]
    if missing := [kind for kind in kinds if kind not in there]:
        raise ShardError(
            f"{folder}: no {split} shards of {', '.join(missing)}",
            hint=f"There are {', '.join(there)}. Build the others (`osprey-data build --kinds`), or leave them out.",
        )
    return {kind: _complete(there[kind]) for kind in kinds or there}


def _manifest(fs: Any, folder: str) -> dict[str, Any]:
    """The manifest in the folder or beside it, as it is in a finished build; empty where there is none to read."""
    for path in (posixpath.join(folder, "manifest.json"), posixpath.join(posixpath.dirname(folder), "manifest.json")):
        try:
            with fs.open_input_file(path) as stream:
                found = json.loads(stream.read())
        except (OSError, ValueError):
            continue
        if isinstance(found, dict):
            return found
    return {}


def _sums(manifest: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Path in the build, `data/<kind>/<file>`, and sha256 of every file that a manifest names."""
    try:
        return [
            (str(file["path"]), str(file["sha256"])) for kind in manifest["kinds"].values() for file in kind["files"]
        ]
    except (KeyError, TypeError, AttributeError):
        return []


def _digest(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]


def _groups(path: str, footer: Any) -> list[Group]:
    found, first = [], 0
    for index in range(footer.num_row_groups):
        rows = footer.row_group(index).num_rows
        found.append(Group(path, index, first, rows))
        first += rows
    return found


def _embedded(footer: Any) -> bool:
    """Whether the rows carry their pictures, by the statistics of the first row group."""
    if not footer.num_rows:
        return True
    group = footer.row_group(0)
    columns = (group.column(number) for number in range(group.num_columns))
    statistics = next(column.statistics for column in columns if column.path_in_schema == "image.bytes")
    return statistics is None or statistics.null_count < group.num_rows


def _difference(schema: pa.Schema) -> str:
    """The first thing in which a schema is not that of shards."""
    for field in SHARD:
        if field.name not in schema.names:
            return f"column {field.name} is missing"
        if not schema.field(field.name).equals(field):
            return f"column {field.name} is {schema.field(field.name).type}, not {field.type}"
    extra = [name for name in schema.names if name not in SHARD.names]
    return f"columns {', '.join(extra)} are not known" if extra else "the columns are in another order"


def _line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
