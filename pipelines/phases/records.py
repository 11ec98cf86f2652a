"""Rejects, samples and requests as Parquet files."""

from collections.abc import Iterable, Sequence

import msgspec
import pyarrow as pa

from pipelines import storage
from schemas import keys
from schemas.columns import REJECT, REQUEST, SHARD, shard_row
from schemas.records import Reject, Request, Sample

SLOTTED_SHARD = SHARD.append(pa.field("slot", pa.uint8()))
"""A planned row: a shard row with the slot of its image."""


def write_rejects(path: str, rejects: Sequence[Reject]) -> None:
    """One row a reject."""
    columns = [pa.array([getattr(reject, name) for reject in rejects], pa.string()) for name in REJECT.names]
    storage.write_table(path, pa.table(columns, schema=REJECT))


def write_samples(path: str, samples: Sequence[Sample]) -> None:
    """One row a sample; no file where there are none."""
    if samples:
        rows = [shard_row(sample) | {"slot": sample.slot} for sample in samples]
        storage.write_table(path, pa.Table.from_pylist(rows, schema=SLOTTED_SHARD))


def write_requests(path: str, requests: Sequence[Request]) -> None:
    """One row a request; no file where there are none."""
    if requests:
        storage.write_table(path, pa.Table.from_pylist([_row(request) for request in requests], schema=REQUEST))


def _row(request: Request) -> dict[str, object]:
    return {
        "key": request.key,
        "kind": request.sample.kind,
        "slot": request.sample.slot,
        "sample_id": request.sample.sample_id,
        "payload": keys.canonical_json(request.payload).decode(),
        "row": msgspec.json.encode(request.sample).decode(),
    }


def read_requests(
    paths: Iterable[str], slots: tuple[int, int] | None = None, *, payloads: bool = True
) -> list[Request]:
    """The requests of some files whose slot is in the half-open range; without `payloads` these stay empty."""
    columns = ["key", "row", *(["payload"] if payloads else [])]
    rows = (row for path in paths for row in storage.read_table(path, slots, columns=columns).to_pylist())
    return [
        Request(key=row["key"], payload=msgspec.json.decode(row.get("payload", "{}")), sample=sample_of(row["row"]))
        for row in rows
    ]


def sample_of(text: str) -> Sample:
    """A sample from its JSON."""
    return msgspec.json.decode(text, type=Sample)
