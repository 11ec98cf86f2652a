"""Segmentations to masks, part by part; what has its ledger file is not made again."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import apache_beam as beam
import msgspec
import pyarrow as pa

from pipelines import storage
from pipelines.phases.progress import Progress, files, watching
from pipelines.phases.records import write_rejects
from pipelines.phases.running import Running, run, spread
from pipelines.regions import clean
from pipelines.sources.cache import SourceCache
from schemas import ledger
from schemas.columns import REGION, to_records
from schemas.ledger import LedgerLine
from schemas.records import Region


class Part(NamedTuple):
    """One part of one source."""

    source: str
    cache: str
    number: int
    parts: int

    @property
    def name(self) -> str:
        return storage.part_name(self.number, self.parts)


class CleanRegions(beam.PTransform):
    """Part -> its ledger lines; masks and rejects are files beside the annotations."""

    def expand(self, parts: beam.PCollection[Part]) -> beam.PCollection[list[LedgerLine]]:
        return parts | "SegmentationsToMasks" >> beam.Map(clean_part)


def clean_all(caches: Sequence[SourceCache], running: Running, progress: Progress) -> None:
    """Masks for every part of every source that has none yet."""
    folders = [_folder(cache.folder) for cache in caches]
    parts = [Part(cache.name, cache.folder, number, cache.parts) for cache in caches for number in range(cache.parts)]
    done = {storage.join(folder, name) for folder in folders for name in storage.list_files(folder, ".json")}
    todo = [part for part in parts if storage.join(_folder(part.cache), f"{part.name}.json") not in done]
    if todo:
        with watching("making masks", files(*folders), len(parts), progress):
            run(partial(_pipeline, todo), running.at_most(len(todo)))


def _pipeline(parts: list[Part], pipeline: beam.Pipeline) -> beam.PCollection[list[LedgerLine]]:
    return spread(pipeline, parts) | "CleanRegions" >> CleanRegions()


def clean_part(part: Part) -> list[LedgerLine]:
    """Segmentations of one part to masks: regions, rejects and, last, the ledger file."""
    annotations = storage.read_table(storage.join(part.cache, "annotations", part.name))
    cleaned = clean.clean(annotations)
    lines = ledger.lines(clean.STAGE, _records_read(annotations, part.source), cleaned.rejects)
    folder = _folder(part.cache)
    storage.write_table(storage.join(folder, part.name), cleaned.regions)
    write_rejects(storage.join(folder, f"rejects-{part.name}"), cleaned.rejects)
    storage.write_json(storage.join(folder, f"{part.name}.json"), msgspec.to_builtins(lines))
    return lines


def regions(cache: SourceCache, slots: tuple[int, int]) -> list[Region]:
    """The regions of a source whose image's slot is in the half-open range, by image and position in the file."""
    folder = _folder(cache.folder)
    names = (storage.part_name(index, cache.parts) for index in storage.parts_for(cache.parts, slots))
    tables = [storage.read_table(storage.join(folder, name), slots) for name in names]
    return to_records(pa.concat_tables([REGION.empty_table(), *tables]), Region)


def lines_of(cache: SourceCache) -> list[LedgerLine]:
    """The ledger of all parts of a source."""
    folder = _folder(cache.folder)
    found = (storage.read_json(storage.join(folder, name)) for name in storage.list_files(folder, ".json"))
    return ledger.merge(line for lines in found for line in msgspec.convert(lines, list[LedgerLine]))


def reject_files(cache: SourceCache) -> list[str]:
    """Paths of the rejects of all parts of a source."""
    folder = _folder(cache.folder)
    return [storage.join(folder, f"rejects-{storage.part_name(index, cache.parts)}") for index in range(cache.parts)]


def _folder(cache: str) -> str:
    """Beside the annotations; another version of the rules has another folder."""
    return storage.join(cache, f"regions-v{clean.VERSION}")


def _records_read(annotations: pa.Table, source: str) -> dict[tuple[str, str], int]:
    """By unit: an annotation with expressions stands for these, any other for itself."""
    counts = [len(expressions) for expressions in annotations["expressions"].to_pylist()]
    read = {(source, "expressions"): sum(counts), (source, "annotations"): counts.count(0)}
    return {key: count for key, count in read.items() if count}
