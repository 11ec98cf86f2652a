"""A finished build as the files of other trainers, row by row."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, BinaryIO, NamedTuple

import msgspec

from pipelines import storage
from pipelines.exchange import captions_export, llava_export, osprey_export
from pipelines.exchange.captions_export import Numbers
from pipelines.exchange.osprey_export import Unfit
from pipelines.qa.reading import column_pieces
from pipelines.segmentation.coco_file import CATEGORY
from pipelines.shards.manifest import Manifest, read_manifest, verify_files
from pipelines.sources.osprey_724k import FILES
from schemas.errors import RecipeError
from schemas.scenes import MARKER

OSPREY, LLAVA = "osprey-json", "llava"
FORMATS = (OSPREY, LLAVA)

CAPTIONS = {"region_caption": "vg_train_with_mask.json", "mask_text": "osprey_mask_text.json"}
"""Kinds that Osprey's loader of Visual Genome can read, and their files."""
ELSEWHERE = {
    "commonsense": "Osprey's loader reads VCR's own files and no other",
    "image_text": "written in LLaVA's format, which Osprey's first stage reads",
}
"""Kinds for which the format has no file of its own."""
IMAGE_TEXT = "osprey_image_text.json"

DRAWN = "The files of this folder were made of sample scenes: their pictures are drawn, and none is a photograph.\n"
"""What lies beside the files where that is so, for people and for an import."""

_COLUMNS = ["sample_id", "kind", "split", "image.path", "image_id", "width", "height", "regions", "messages"]
Row = dict[str, Any]
Progress = Callable[[str, int, int], None]


class Files(NamedTuple):
    """What was written, for telling."""

    rows: Counter[str]
    """Rows by file."""
    left_out: Counter[tuple[str, str]]
    """Rows by kind and why."""
    misread: Counter[str]
    """Rows by file, whose picture's name Osprey's loaders would cut at its last `_`."""

    def told(self) -> Iterator[str]:
        """A line for each file, and for whatever is in none."""
        for path, rows in sorted(self.rows.items()):
            yield f"{path}: {rows:,} rows"
        for path, rows in sorted(self.misread.items()):
            yield f"{path}: of {rows:,} rows the picture's name holds `_`: Osprey looks for what follows the last one"
        for (kind, why), rows in sorted(self.left_out.items()):
            yield f"{kind}: {rows:,} rows left out: {why}"


class _Target(NamedTuple):
    """One file to write, and what goes into it."""

    path: str
    kinds: tuple[str, ...]
    split: str


def write(out: str, to: str, format: str, kinds: Sequence[str] = (), progress: Progress | None = None) -> Files:
    """Write a build's rows below the folder `to`.

    Raises:
        BuildError: there is no finished build in `out`, its shards are not those of its manifest, or `to` cannot be
            written to.
        RecipeError: the build has no rows of a kind that is asked for.
    """
    manifest = read_manifest(out)
    chosen = _chosen(manifest, kinds)
    verify_files(out, msgspec.structs.replace(manifest, kinds={kind: manifest.kinds[kind] for kind in chosen}))
    storage.make_folder(to)
    if manifest.sample_scenes:
        storage.write_bytes(storage.join(to, MARKER), DRAWN.encode())
    made = Files(Counter(), Counter(), Counter())
    targets = list(_targets(manifest, chosen, format))
    for number, target in enumerate(targets):
        if progress:
            progress(f"writing: {target.path}", number, len(targets))
        _write(out, storage.join(to, target.path), target, manifest, format, made)
    if progress:
        progress("writing", len(targets), len(targets))
    if format == OSPREY and "commonsense" in chosen:
        made.left_out["commonsense", ELSEWHERE["commonsense"]] += manifest.kinds["commonsense"].rows
    return made


def _chosen(manifest: Manifest, kinds: Sequence[str]) -> list[str]:
    there = [kind for kind, entry in sorted(manifest.kinds.items()) if entry.rows]
    if unknown := sorted(set(kinds) - set(there)):
        raise RecipeError(f"the build has no rows of {', '.join(unknown)}", hint=f"It has: {', '.join(there)}.")
    return [kind for kind in there if not kinds or kind in kinds]


def _targets(manifest: Manifest, kinds: Sequence[str], format: str) -> Iterator[_Target]:
    names: dict[str, list[str]] = {}
    for kind in kinds:
        if name := _file(kind, format):
            names.setdefault(name, []).append(kind)
    for split, folder in (("train", ""), ("val", "val")):
        for name, own in names.items():
            if any(_shards(manifest, kind, split) for kind in own):
                yield _Target(storage.join(folder, name), tuple(own), split)


def _file(kind: str, format: str) -> str:
    """The file's name; nothing where the format has none."""
    if format == LLAVA:
        return f"{kind}.json"
    form = osprey_export.form_of(kind)
    return FILES.get(form) or CAPTIONS.get(kind) or (IMAGE_TEXT if kind == "image_text" else "")


def _shards(manifest: Manifest, kind: str, split: str) -> list[str]:
    paths = (file.path for file in manifest.kinds[kind].files)
    return [path for path in paths if path.rpartition("/")[2].startswith(f"{split}-")]


def _rows(out: str, manifest: Manifest, target: _Target) -> Iterator[Row]:
    for kind in target.kinds:
        for path in _shards(manifest, kind, target.split):
            for piece in column_pieces(storage.join(out, path), _COLUMNS):
                yield from piece.to_pylist()


def _write(out: str, path: str, target: _Target, manifest: Manifest, format: str, made: Files) -> None:
    with storage.writing(path) as stream:
        if format == OSPREY and target.kinds[0] in CAPTIONS:
            _write_captions(stream, lambda: _rows(out, manifest, target), target, made)
        else:
            _write_records(stream, _rows(out, manifest, target), target, format, made)


def _write_records(stream: BinaryIO, rows: Iterator[Row], target: _Target, format: str, made: Files) -> None:
    llava = format == LLAVA or target.path.endswith(IMAGE_TEXT)
    stream.write(b"[")
    for row in rows:
        try:
            found = llava_export.record(row) if llava else osprey_export.record(row)
        except Unfit as unfit:
            made.left_out[row["kind"], str(unfit)] += 1
            continue
        stream.write(b",\n" if made.rows[target.path] else b"\n")
        stream.write(msgspec.json.encode(found))
        made.rows[target.path] += 1
        if not llava and osprey_export.misread_name(row):
            made.misread[target.path] += 1
    stream.write(b"\n]\n")


def _write_captions(stream: BinaryIO, rows: Callable[[], Iterator[Row]], target: _Target, made: Files) -> None:
    """Two passes: the images stand before the annotations."""
    known = Numbers()
    stream.write(b'{"categories": ' + msgspec.json.encode([CATEGORY]) + b',\n"images": [')
    for row in rows():
        number, new = known.of(row["image_id"])
        if new:
            stream.write(b",\n" if number > 1 else b"\n")
            stream.write(msgspec.json.encode(captions_export.image(row, number)))
    stream.write(b'],\n"annotations": [')
    count = 0
    for row in rows():
        try:
            found = list(captions_export.annotations(row, known.of(row["image_id"])[0], count + 1))
        except Unfit as unfit:
            made.left_out[row["kind"], str(unfit)] += 1
            continue
        for each in found:
            stream.write((b",\n" if count else b"\n") + msgspec.json.encode(each))
            count += 1
        made.rows[target.path] += 1
    stream.write(b"]}\n")
