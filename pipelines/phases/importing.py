"""Osprey's released files -> planned rows, which the assemble phase makes into shards like those of a build.

The files are read window by window; rows go to disk by slot range, so that a file of any size needs little memory.
"""

import functools
import posixpath
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple

import fsspec
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines import storage
from pipelines.exchange import osprey_import as convert
from pipelines.exchange.osprey_import import BadRecord, Fault, Splitting
from pipelines.exchange.osprey_json import SOURCE, Entry, decoder, form_in, form_of
from pipelines.phases import pictures
from pipelines.phases.layout import Layout
from pipelines.phases.plan import SPLITS, Plan
from pipelines.phases.progress import Progress, silent
from pipelines.phases.records import SLOTTED_SHARD
from pipelines.phases.tally import ALL, Amount
from pipelines.sources.drawn import any_drawn
from pipelines.sources.json_stream import read_list
from pipelines.sources.json_window import Broken, Window, record_key
from pipelines.sources.locate import cache_key, readable
from pipelines.sources.osprey_724k import FILES
from schemas.columns import REJECT, shard_row
from schemas.errors import SourceError
from schemas.keys import SLOTS, digest
from schemas.ledger import LedgerLine
from schemas.recipe import ImageSettings, KindSettings, Recipe, SourceSettings
from schemas.records import IMPORTED, Reject, Sample

STAGE = "import"
PARTS = 32
"""Files of a kind's planned rows, each of 256 / 32 slots."""
BUFFERED = 4096
"""Rows, and rejects, in memory."""
NOTE = (
    "Osprey's files do not say which evaluation sets their pictures are in: nothing was kept out. Most pictures are of "
    "COCO train2017, which holds all of RefCOCO's val and test and much of LVIS's val."
)
NOT_READ = {
    "vg_train_with_mask.json": "captions of regions, which `build` reads as the source vg",
    "osprey_mask_text.json": "names of regions without questions; `build` makes mask_text from the sources",
    "osprey_image_text.json": "in LLaVA's format, without regions; `build` makes image_text from llava_pretrain",
}
"""Files of an export that are none of Osprey's five, and why they are not imported."""
NO_NAME = "not named like one of Osprey's files; name it by itself, with its --kind, to have it read"


class Job(NamedTuple):
    """What is to be imported, and where to."""

    files: tuple[str, ...]
    data: str
    layout: Layout
    form: str = ""
    """Of all files; told by their names where it is empty."""
    splitting: Splitting = Splitting()
    check_pictures: bool = True


def make_plan(job: Job, progress: Progress = silent) -> Plan:
    """Read the files into planned rows; returns the plan, which is also written to the layout's `plan`.

    Raises:
        SourceError: a file or DATA is missing, a file is no JSON list, or its name does not tell what it is.
    """
    if job.check_pictures and not storage.exists(job.data):
        raise SourceError(
            f"no data folder {job.data}", hint="Give the folder that holds coco/train2017/, or --no-check-pictures."
        )
    forms = {path: job.form or form_of(path) for path in job.files}
    key = cache_key(STAGE, {str(number): path for number, path in enumerate(job.files)}, job.layout.work)
    told = (*forms.values(), *job.splitting, job.check_pictures)
    folder = f"plan-{digest(STAGE, key, *told)[:16]}"
    storage.remove_tree(storage.join(job.layout.work, folder))
    importer = _Importer(job, storage.join(job.layout.work, folder))
    with importer:
        for path, form in forms.items():
            importer.read(path, form, progress)
    plan = _plan(job, folder, importer)
    storage.write_bytes(job.layout.plan, msgspec.json.format(msgspec.json.encode(plan), indent=2))
    return plan


class _Importer:
    """Reads files into a plan's folder, counting what it reads and what it rejects."""

    def __init__(self, job: Job, folder: str) -> None:
        self.rows: Counter[tuple[str, str]] = Counter()
        self.amounts: dict[str, Amount] = {}
        self.taken: Counter[tuple[str, str]] = Counter()
        self.rejected: Counter[tuple[str, str, str]] = Counter()
        self._job = job
        self._folder = folder
        self._files = ExitStack()
        self._writers: dict[str, pq.ParquetWriter] = {}
        self._samples: list[Sample] = []
        self._rejects: list[Reject] = []
        self._seen: set[bytes] = set()
        images = ImageSettings(check=job.check_pictures)
        self._find, self._check = pictures.finder(images, job.data), pictures.checker(images, job.data)
        self._place = functools.lru_cache(1 << 17)(self._look)

    def __enter__(self) -> None:
        self._files.__enter__()
        self._writer("rejects.parquet", REJECT)

    def __exit__(self, *raised: Any) -> None:
        if raised[0] is None:
            self._flush()
        self._files.__exit__(*raised)

    def read(self, path: str, form: str, progress: Progress) -> None:
        """All records of a file."""
        name = posixpath.basename(path)
        with readable(path):
            mib = max(1, (fsspec.url_to_fs(path)[0].size(fsspec.url_to_fs(path)[1]) or 0) >> 20)
            for window in read_list(path, decoder(form)):
                progress(f"reading: {name}", window.offset >> 20, mib)
                for key, record in _in_order(window):
                    self._take(f"{name}: {key}", record, form)
        progress("reading", mib, mib)

    def _take(self, key: str, record: Entry | Broken, form: str) -> None:
        self.taken[form, "records"] += 1
        if isinstance(record, Broken):
            self._reject(form, "records", key, ("malformed_record", record.detail))
            return
        count = convert.annotations_of(record)
        self.taken[form, "annotations"] += count
        try:
            made = convert.convert(record, form, self._place, self._job.splitting)
            self._add(made.sample)
            faults = made.faults
        except BadRecord as bad:
            self._reject(form, "records", key, (bad.reason, bad.detail))
            faults = dict.fromkeys(range(count), (bad.reason, "the record is rejected"))
        for place, fault in faults.items():
            self._reject(form, "annotations", f"{key} annotation {place + 1}", fault)

    def _add(self, sample: Sample) -> None:
        name = digest(sample.sample_id).encode()[:16]
        if name in self._seen:
            raise BadRecord("duplicate_record", sample.sample_id)
        self._seen.add(name)
        self._samples.append(sample)
        self.rows[sample.kind, sample.split] += 1
        more = Amount(rows=1, regions=len(sample.regions), turns=len(sample.messages) // 2)
        self.amounts[sample.kind] = self.amounts.get(sample.kind, Amount()) + more
        if len(self._samples) >= BUFFERED:
            self._flush()

    def _reject(self, form: str, unit: str, key: str, fault: Fault) -> None:
        reason, detail = fault
        self.rejected[form, unit, reason] += 1
        self._rejects.append(
            Reject(stage=f"{STAGE}:{form}", source=SOURCE, unit=unit, key=key, reason=reason, detail=detail)
        )
        if len(self._rejects) >= BUFFERED:
            self._flush()

    def _look(self, paths: tuple[str, ...], width: int, height: int) -> str | Fault:
        path = self._find(paths)
        if path is None:
            return "image_missing", f"looked for {' and '.join(paths)}"
        if self._check(path, width, height) is None:
            return "image_unreadable", f"{path}: no picture, or not of {width} x {height} pixels"
        return path

    def _flush(self) -> None:
        by_file: dict[str, list[Sample]] = {}
        for sample in self._samples:
            part = storage.part_name(sample.slot * PARTS // SLOTS, PARTS)
            by_file.setdefault(storage.join("samples", sample.kind, part), []).append(sample)
        for path, samples in by_file.items():
            rows = [shard_row(sample) | {"slot": sample.slot} for sample in samples]
            self._writer(path, SLOTTED_SHARD).write_table(pa.Table.from_pylist(rows, schema=SLOTTED_SHARD))
        rejects = [msgspec.to_builtins(reject) for reject in self._rejects]
        self._writer("rejects.parquet", REJECT).write_table(pa.Table.from_pylist(rejects, schema=REJECT))
        self._samples.clear()
        self._rejects.clear()

    def _writer(self, path: str, schema: pa.Schema) -> pq.ParquetWriter:
        if path not in self._writers:
            stream = self._files.enter_context(storage.writing(storage.join(self._folder, path)))
            self._writers[path] = self._files.enter_context(pq.ParquetWriter(stream, schema, compression="zstd"))
        return self._writers[path]

    def ledger(self) -> Iterator[LedgerLine]:
        """A line for each form and unit."""
        for (form, unit), read in sorted(self.taken.items()):
            rejected = {r: n for (f, u, r), n in sorted(self.rejected.items()) if (f, u) == (form, unit)}
            line = LedgerLine(
                stage=f"{STAGE}:{form}", source=SOURCE, unit=unit, read=read, kept=read - sum(rejected.values()),
                rejected=rejected,
            )  # fmt: skip
            line.check()
            yield line


def _in_order(window: Window) -> Iterator[tuple[str, Entry | Broken]]:
    """Records and broken ones as they stand in the file, each with its key."""
    records = zip(window.indices, window.records, strict=True)
    found: list[tuple[int, Entry | Broken]] = [*records, *((each.position, each) for each in window.broken)]
    for position, record in sorted(found, key=lambda each: each[0]):
        if isinstance(record, Broken):
            yield record.key("records"), record
        else:
            yield record_key("records", position, "" if record.id is None else record.id), record


def _plan(job: Job, folder: str, importer: _Importer) -> Plan:
    kinds = sorted({kind for kind, _ in importer.rows})
    seed, val_fraction = job.splitting
    recipe = Recipe(
        name=f"import of {SOURCE}", kinds={kind: KindSettings(sources=(SOURCE,)) for kind in kinds},
        sources={SOURCE: SourceSettings()}, seed=seed, val_fraction=val_fraction, exclude_evaluation=(),
        images=ImageSettings(check=job.check_pictures),
    )  # fmt: skip
    return Plan(
        folder=folder, parts=PARTS, generator=IMPORTED, recipe=recipe, data=job.data, sources=(SOURCE,),
        rows={kind: {split: importer.rows[kind, split] for split in SPLITS} for kind in kinds},
        cuts={}, amounts={kind: {ALL: amount} for kind, amount in importer.amounts.items()}, requests=0,
        ledger=tuple(importer.ledger()), rejects={STAGE: (storage.join(folder, "rejects.parquet"),)}, notes=(NOTE,),
        sample_scenes=(SOURCE,) if any_drawn(job.files) else (),
    )  # fmt: skip


def osprey_files(paths: Sequence[str]) -> tuple[str, ...]:
    """The files given; of a folder, those named like Osprey's files (not those below it).

    Raises:
        SourceError: a folder holds none.
    """
    found: list[str] = []
    for path in paths:
        fs, name = fsspec.url_to_fs(path)
        found += _in_folder(path) if fs.isdir(name) else [path]
    return tuple(dict.fromkeys(found))


def not_read(paths: Sequence[str]) -> Iterator[str]:
    """A line for each JSON file of the folders given, or of folders in them, that `osprey_files` passes over."""
    for folder in paths:
        for name in storage.list_files(folder, ".json"):
            if not _is_ours(name):
                yield f"not read: {storage.join(folder, name)}: {NOT_READ.get(name, NO_NAME)}"
        for below in storage.list_files(folder):
            if storage.list_files(storage.join(folder, below), ".json"):
                yield f"not read: {storage.join(folder, below)}: a folder; name it too for its files"


def _is_ours(name: str) -> bool:
    return name.startswith("osprey_") and bool(form_in(name))


def _in_folder(folder: str) -> list[str]:
    names = [name for name in storage.list_files(folder, ".json") if _is_ours(name)]
    if not names:
        raise SourceError(
            f"{folder}: holds none of Osprey's files", hint=f"They are {', '.join(FILES.values())}; or name files."
        )
    return [storage.join(folder, name) for name in names]
