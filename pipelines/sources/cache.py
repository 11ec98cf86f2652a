"""A source in its normal form: Parquet files under OUT/work/sources, read by slot ranges."""

import msgspec
import pyarrow as pa

from pipelines import storage
from pipelines.sources.spec import STAGE
from schemas import ledger
from schemas.columns import ANNOTATION, to_records
from schemas.ledger import LedgerLine
from schemas.records import Category, Image, ImageText, Record, Reject

DONE = "_done.json"

ALL_SLOTS = (0, 256)


class SourceCache(Record, frozen=True, kw_only=True):
    """Where the normal form of one source lies.

    Slot ranges are half-open. Rows come ordered by slot, image and position in the source's file.
    """

    name: str
    key: str
    folder: str
    parts: int
    """Files of annotations, each of 256 / parts slots; 0 for a source without annotations."""
    notes: tuple[str, ...] = ()

    def images(self, slots: tuple[int, int] = ALL_SLOTS) -> list[Image]:
        """The images whose slot is in the range."""
        return to_records(storage.read_table(self.path("images.parquet"), slots), Image)

    def texts(self, slots: tuple[int, int] = ALL_SLOTS) -> list[ImageText]:
        """The texts about these images."""
        return to_records(storage.read_table(self.path("texts.parquet"), slots), ImageText)

    def annotations(self, slots: tuple[int, int] = ALL_SLOTS) -> pa.Table:
        """The annotations of these images, as `schemas.columns.ANNOTATION`."""
        wanted = storage.parts_for(self.parts, slots)
        tables = [storage.read_table(self.annotation_path(part), slots) for part in wanted]
        return pa.concat_tables([ANNOTATION.empty_table(), *tables])

    def annotation_path(self, part: int) -> str:
        """The file of annotations of the slots [part * 256 / parts, (part + 1) * 256 / parts)."""
        return self.path("annotations", storage.part_name(part, self.parts))

    def vocabulary(self) -> list[Category]:
        """The source's categories, in the order of its file."""
        return msgspec.json.decode(storage.read_bytes(self.path("vocabulary.json")), type=list[Category])

    def rejects(self) -> list[Reject]:
        """The records that were not kept."""
        return to_records(storage.read_table(self.path("rejects.parquet")), Reject)

    def read(self) -> dict[str, int]:
        """Records read, by unit."""
        return msgspec.json.decode(storage.read_bytes(self.path("reading.json")), type=dict[str, int])

    def ledger(self) -> list[LedgerLine]:
        """A line for each unit: read = kept + rejected."""
        read = {(self.name, unit): count for unit, count in self.read().items()}
        return ledger.lines(STAGE, read, self.rejects())

    def path(self, *parts: str) -> str:
        """A file of this cache."""
        return storage.join(self.folder, *parts)
