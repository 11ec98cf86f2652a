"""The assemble phase: samples, requests and replies -> parsed and checked rows -> shards and rejects.

The element is one shard. Shards cover ranges of slots, like the plan's files, so each worker reads only what it writes.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple

import apache_beam as beam
import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from pipelines import storage
from pipelines.builders import MODEL_KINDS
from pipelines.builders.model_kind import finish, reject_of
from pipelines.builders.replies import BadReply
from pipelines.generation.store import ReplyStore
from pipelines.phases.layout import Layout
from pipelines.phases.pictures import read_picture
from pipelines.phases.plan import SPLITS, Plan
from pipelines.phases.progress import Progress, files, silent, watching
from pipelines.phases.records import read_requests, write_rejects
from pipelines.phases.running import ONE_WORKER, Running, run, spread
from pipelines.phases.tally import within
from pipelines.qa.suite.expectations import ShardValidator, Verdict
from pipelines.shards.counts import Counts, count
from pipelines.shards.manifest import manifest_path
from pipelines.shards.writing import FileEntry, shard_count, shard_path, write_shard
from schemas import ledger
from schemas.columns import SHARD, shard_row
from schemas.keys import SLOTS
from schemas.ledger import LedgerLine
from schemas.records import Record, Reject, Reply, Request, Sample

STAGE = "assemble"


class Shard(NamedTuple):
    """One shard to be written."""

    kind: str
    split: str
    number: int
    shards: int

    @property
    def slots(self) -> tuple[int, int]:
        """The half-open range of slots whose rows it holds (`pipelines.shards.writing.shard_of`)."""
        return -(-self.number * SLOTS // self.shards), -(-(self.number + 1) * SLOTS // self.shards)

    @property
    def path(self) -> str:
        return shard_path(self.kind, self.split, self.number, self.shards)

    @property
    def name(self) -> str:
        return self.path.removeprefix("data/").replace("/", "-").removesuffix(".parquet")


class Written(Record, frozen=True, kw_only=True):
    """What became of one shard."""

    kind: str
    split: str
    file: FileEntry
    counts: Counts
    ledger: list[LedgerLine]
    verdict: Verdict


class WriteShards(beam.PTransform):
    """Shard -> `Written`; the shard, its rejects and its report are files."""

    def __init__(self, plan: Plan, layout: Layout, store: ReplyStore) -> None:
        super().__init__()
        self._assembler = Assembler(plan, layout, store)

    def expand(self, shards: beam.PCollection[Shard]) -> beam.PCollection[Written]:
        return shards | "ParseCheckWrite" >> beam.ParDo(self._assembler)


class Assembler(beam.DoFn):
    """Reads the planned rows of one shard, gives requests their replies, writes what passes and checks it."""

    def __init__(self, plan: Plan, layout: Layout, store: ReplyStore) -> None:
        super().__init__()
        self._plan, self._layout, self._store = plan, layout, store

    def setup(self) -> None:
        self._validator = ShardValidator(sources=self._plan.sources)

    def process(self, shard: Shard) -> Iterable[Written]:
        yield self.assemble(shard)

    def assemble(self, shard: Shard) -> Written:
        """Everything about one shard; its report is written last."""
        samples, above = self._samples(shard)
        answered, rejects, asked = self._answered(shard)
        rejects = [*above, *rejects]
        rows = pa.concat_tables([samples, pa.Table.from_pylist(answered, schema=SHARD)]).sort_by("sample_id")
        entry = write_shard(shard.path, rows, out=self._layout.out, picture=self._picture())
        verdict = self._validator.validate(rows, shard.kind, file=shard.path, split=shard.split)
        write_rejects(storage.join(self._layout.assembled, f"{shard.name}.parquet"), rejects)
        written = Written(
            kind=shard.kind, split=shard.split, file=entry, counts=count(rows),
            ledger=ledger.lines(STAGE, {(shard.kind, "rows"): samples.num_rows + len(above) + asked}, rejects),
            verdict=verdict,
        )  # fmt: skip
        report = storage.join(self._layout.assembled, f"{shard.name}.json")
        storage.write_json(report, msgspec.to_builtins(written))
        return written

    def _picture(self) -> Callable[[str], bytes] | None:
        """How to get at the pictures, where the recipe wants them in the rows."""
        data = self._plan.data
        return (lambda path: read_picture(data, path)) if self._plan.recipe.images.embed else None

    def _samples(self, shard: Shard) -> tuple[pa.Table, list[Reject]]:
        """The finished rows within the kind's cap, and rejects of those above it."""
        tables = [storage.read_table(path, shard.slots, SHARD.names) for path in self._files("samples", shard)]
        rows = pa.concat_tables([SHARD.empty_table(), *(table.cast(SHARD) for table in tables)])
        rows = rows.filter(pc.equal(rows["split"], shard.split))
        if shard.kind not in self._plan.cuts:
            return rows, []
        ids = rows["sample_id"].to_pylist()
        inside = [self._within(shard.kind)(sample_id) for sample_id in ids]
        above = [above_cap(shard.kind, sample_id) for sample_id, kept in zip(ids, inside, strict=True) if not kept]
        return rows.filter(pa.array(inside, pa.bool_())), above

    def _within(self, kind: str) -> Callable[[str], bool]:
        return within(self._plan.cuts, self._plan.recipe.seed, kind)

    def _answered(self, shard: Shard) -> tuple[list[dict[str, Any]], list[Reject], int]:
        """Rows from replies, the rejects, and how many requests there were."""
        found = read_requests(self._files("requests", shard), shard.slots, payloads=False)
        own = [request for request in found if request.sample.split == shard.split]
        inside = self._within(shard.kind)
        requests = [request for request in own if inside(request.sample.sample_id)]
        above = [above_cap(shard.kind, r.sample.sample_id) for r in own if not inside(r.sample.sample_id)]
        rows, rejects = parse_all(requests, self._store)
        return rows, above + rejects, len(own)

    def _files(self, what: str, shard: Shard) -> list[str]:
        folder = storage.join(self._layout.work, self._plan.folder, what, shard.kind)
        wanted = {storage.part_name(i, self._plan.parts) for i in storage.parts_for(self._plan.parts, shard.slots)}
        return [storage.join(folder, name) for name in storage.list_files(folder, ".parquet") if name in wanted]


class _Bad(NamedTuple):
    """A request without a row."""

    reason: str
    detail: str
    reply: Reply | None = None
    """What was answered; None for nothing yet."""


def _read(request: Request, reply: Reply | None) -> Sample | _Bad:
    if reply is None:
        return _Bad("not_generated", f"request {request.key}")
    try:
        return finish(MODEL_KINDS[request.sample.kind], request, reply)
    except BadReply as bad:
        return _Bad(bad.reason, f"{bad.detail}\n\n{reply.text}".rstrip(), reply)


def _mended(request: Request, first: Sample | _Bad, repair: Reply | None) -> Sample | _Bad:
    """The row of a repair that passes; else the first reply's reason, and in the detail both."""
    if isinstance(first, Sample) or repair is None:
        return first
    second = _read(request, repair)
    if isinstance(second, Sample):
        return second
    return first._replace(detail=f"{first.detail}\n\nasked once more: {second.reason}: {second.detail}")


def above_cap(kind: str, sample_id: str) -> Reject:
    """The reject of a row that the recipe's cap on rows leaves out."""
    return Reject(stage=STAGE, source=kind, unit="rows", key=sample_id, reason="row_cap")


def parse_all(requests: Sequence[Request], store: ReplyStore) -> tuple[list[dict[str, Any]], list[Reject]]:
    """Requests and their replies to shard rows and rejects. A reject of a bad reply keeps the replies for reading.

    A reply that passes is always taken. Only where it fails, whatever mends it (`store.repairs`) is looked at: which of
    the two a row rests on is decided by what they say alone, and not by when, by whom or in which mode they were asked.
    """
    replies = store.get_many(request.key for request in requests) if requests else {}
    read = [(request, _read(request, replies.get(request.key))) for request in requests]
    bad = {request.key for request, one in read if isinstance(one, _Bad) and one.reply is not None}
    repairs = store.repairs(bad) if bad else {}
    rows: list[dict[str, Any]] = []
    rejects: list[Reject] = []
    for request, first in read:
        found = _mended(request, first, repairs.get(request.key))
        if isinstance(found, Sample):
            rows.append(shard_row(found))
        else:
            rejects.append(reject_of(request.sample, found.reason, found.detail))
    return rows, rejects


def shards_of(plan: Plan) -> list[Shard]:
    """All shards of a plan, by kind and split."""
    return [
        Shard(kind, split, number, count)
        for kind in plan.recipe.kinds
        for split in SPLITS
        for count in [shard_count(plan.rows[kind][split], plan.recipe.rows_per_shard)]
        for number in range(count)
    ]


def write_shards(
    plan: Plan,
    layout: Layout,
    store: ReplyStore,
    *,
    running: Running = ONE_WORKER,
    progress: Progress = silent,
) -> list[Written]:
    """Write and check every shard of a plan; returns the reports in the order of kinds, splits and shards.

    This always writes all of them: it is quick beside the other phases, and replies may have come since the last time.
    """
    shards = shards_of(plan)
    storage.remove_tree(layout.assembled)
    storage.remove(manifest_path(layout.out))
    with watching("writing shards", files(layout.assembled), len(shards), progress):
        run(partial(_pipeline, plan, layout, store, shards), running.at_most(len(shards)))
    reports = (storage.read_json(storage.join(layout.assembled, f"{shard.name}.json")) for shard in shards)
    return [msgspec.convert(report, Written) for report in reports]


def _pipeline(
    plan: Plan, layout: Layout, store: ReplyStore, shards: list[Shard], pipeline: beam.Pipeline
) -> beam.PCollection[Written]:
    return spread(pipeline, shards) | "WriteShards" >> WriteShards(plan, layout, store)
