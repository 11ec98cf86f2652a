"""Rows become batches, in worker processes that each hold a few row groups and nothing else."""

import functools
import gc
import io
import os
import signal
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import PIL.Image
import PIL.ImageOps
import pyarrow as pa
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from osprey_train import geometry
from osprey_train.chat import IGNORED
from osprey_train.data.order import Place
from osprey_train.data.shards import Shards
from schemas import rle
from schemas.errors import OspreyDataError, ShardError

COLUMNS = ("sample_id", "kind", "width", "height", "image", "regions.list.element.mask", "messages")
"""What training needs of a row."""
CACHE_BYTES = 512 * 2**20
"""Of the row groups that a worker holds; those of masks and text take some 5 MB each, of pictures some 25 MB."""

Example = dict[str, Any]
Batch = dict[str, Any]
_REMOVE = "Repair or remove what is broken in the raw data and build again."
_PICTURES = "Give as --images the folder of the raw data, with the pictures that the shards were built from."


class Processor(Protocol):
    """What the loader needs of `OspreyProcessor`."""

    pad_token_id: int

    def example(self, row: Mapping[str, Any], image: Any, context: int) -> Example:
        """Tensors of a row and its picture."""


class Fault(NamedTuple):
    """An error on its way from a worker to the main process."""

    message: str
    hint: str


class Rows(Dataset[Example | Fault]):
    """Examples by their place. A row that cannot be used gives a `Fault`.

    `context` is the most tokens of a text; `cache_bytes` limits the row groups held (the last one read always is).
    """

    def __init__(
        self, shards: Shards, processor: Processor, context: int, cache_bytes: int = CACHE_BYTES,
        columns: Sequence[str] = COLUMNS,
    ) -> None:  # fmt: skip
        self.shards, self.processor, self.context = shards, processor, context
        self.cache_bytes, self.columns = cache_bytes, list(columns)
        self._cache: OrderedDict[tuple[str, int], pa.Table] = OrderedDict()

    def __getitem__(self, place: Place) -> Example | Fault:
        try:
            return self.example(place)
        except OspreyDataError as error:
            return Fault(error.message, error.hint)

    def example(self, place: Place) -> Example:
        """The example of a row.

        Raises:
            ShardError: naming file, row, sample and, where it is one, the field at fault.
        """
        row = self.row(place)
        where = f"{self.shards.where(*place)} ({row['sample_id']})"
        try:
            picture = self.picture(row)
        except ValueError as error:
            hint = _PICTURES if row["image"]["bytes"] is None else _REMOVE
            raise ShardError(f"{where}, image: {error}", hint=hint) from error
        try:
            return self.processor.example(row, picture, self.context)
        except ValueError as error:
            fault = fault_of(row, picture)
            if fault is None and isinstance(error, OspreyDataError):
                reason = error.message.removeprefix(f"{row['sample_id']}: ")
                raise ShardError(f"{where}: {reason}", hint=error.hint or _REMOVE) from error
            if fault is None:
                raise
            raise ShardError(f"{where}, {fault}", hint=_REMOVE) from error

    def row(self, place: Place) -> dict[str, Any]:
        """The columns of a row as Python values."""
        found: dict[str, Any] = self._group(place.kind, place.group).slice(place.row, 1).to_pylist()[0]
        return found

    def _group(self, kind: str, group: int) -> pa.Table:
        key = (kind, group)
        if key not in self._cache:
            self._cache[key] = self.shards.read(kind, group, self.columns)
            while len(self._cache) > 1 and sum(table.nbytes for table in self._cache.values()) > self.cache_bytes:
                self._cache.popitem(last=False)
        self._cache.move_to_end(key)
        return self._cache[key]

    def picture(self, row: Mapping[str, Any]) -> bytes | PIL.Image.Image:
        """The picture's file; where the masks fit only the picture as its EXIF data turn it, the picture turned.

        Raises:
            ValueError: no picture, or one of another size than the row says.
        """
        content, path = row["image"]["bytes"], row["image"]["path"]
        if content is None:
            content = self.shards.picture(path)
        size = (row["width"], row["height"])
        try:
            opened = PIL.Image.open(io.BytesIO(content))
            if opened.size == size:
                return bytes(content)
            stored, turned = opened.size, PIL.ImageOps.exif_transpose(opened)
        except (OSError, SyntaxError, PIL.Image.DecompressionBombError) as error:
            raise ValueError(f"{path} cannot be decoded") from error
        if turned.size != size:
            raise ValueError(f"{path} has {stored[0]} x {stored[1]} pixels, the row says {size[0]} x {size[1]}")
        return turned


def fault_of(row: Mapping[str, Any], picture: bytes | PIL.Image.Image) -> str | None:
    """Field and reason of the first mask that is broken or not of the picture's size, or of a broken picture."""
    for index, region in enumerate(row["regions"]):
        field, mask = f"regions[{index}].mask", region["mask"]
        size = tuple(mask["size"])
        if size != (row["height"], row["width"]):
            there = f"{row['height']} x {row['width']}"
            return f"{field}.size: the mask is {size[0]} x {size[1]}, the picture {there} (height x width)"
        try:
            rle.check_runs(rle.runs(mask["counts"]), size)
        except ValueError as error:
            return f"{field}.counts: {error}"
    try:
        geometry.decode(picture)
    except ValueError as error:
        return f"image: {row['image']['path']}: {error}"
    return None


def collate(examples: Sequence[Example | Fault], pad_token_id: int) -> Batch | Fault:
    """A batch, texts padded on the right; the first fault, if there is one.

    `masks` (N, m, m) are those of all pictures, and `mask_image` (N,) says which picture of the batch each is on.
    """
    found: list[Example] = []
    for example in examples:
        if isinstance(example, Fault):
            return example
        found.append(example)
    ids = [example["input_ids"] for example in found]
    regions = torch.tensor([len(example["masks"]) for example in found])
    return {
        "input_ids": _padded(ids, pad_token_id),
        "attention_mask": _padded([torch.ones_like(text) for text in ids], 0),
        "labels": _padded([example["labels"] for example in found], IGNORED),
        "pixel_values": torch.stack([example["pixel_values"] for example in found]),
        "masks": torch.cat([example["masks"] for example in found]),
        "mask_image": torch.repeat_interleave(torch.arange(len(found)), regions),
        "counts": {
            "samples": len(found),
            "turns_dropped": sum(example["turns_dropped"] for example in found),
            "answers_cut": sum(example["answers_cut"] for example in found),
        },
        "sample_ids": [example["sample_id"] for example in found],
    }


def _padded(texts: Sequence[Tensor], value: int) -> Tensor:
    return torch.nn.utils.rnn.pad_sequence(list(texts), batch_first=True, padding_value=value)


class Loader(DataLoader[Any]):
    """A DataLoader that raises a worker's fault as what it is."""

    def __iter__(self) -> Iterator[Batch]:  # type: ignore[override]
        return map(checked, super().__iter__())


def checked(batch: Batch | Fault) -> Batch:
    """The batch; raises ShardError for a fault."""
    if isinstance(batch, Fault):
        raise ShardError(batch.message, hint=batch.hint)
    return batch


def loader(
    shards: Shards,
    batches: Any,
    processor: Processor,
    context: int,
    workers: int = 0,
    cache_bytes: int = CACHE_BYTES,
) -> Loader:
    """Batches of the places that `batches` gives (a batch sampler such as `GlobalBatches`), with tensors in memory
    that a GPU reads directly where there is one. With 0 workers the main process does the work.
    """
    several: dict[str, Any] = {}
    if workers:
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        several = {"persistent_workers": True, "prefetch_factor": 4, "worker_init_fn": _alone}
    return Loader(
        Rows(shards, processor, context, cache_bytes),
        batch_sampler=batches,
        collate_fn=functools.partial(collate, pad_token_id=processor.pad_token_id),
        num_workers=workers,
        pin_memory=torch.cuda.is_available(),
        **several,
    )


def _alone(_: int) -> None:
    """A worker computes on one thread, leaves signals to the main process, with which it ends, and does not collect
    what it shares with it: that would copy it."""
    gc.freeze()
    torch.set_num_threads(1)
    for number in (signal.SIGINT, signal.SIGTERM):  # which a scheduler sends to all processes of a job
        signal.signal(number, signal.SIG_IGN)
