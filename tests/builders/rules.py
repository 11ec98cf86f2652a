"""The rules of a shard, judged by the code that judges finished shards."""

import pyarrow as pa

from pipelines.qa.suite.frame import shard_frame
from schemas.columns import SHARD, shard_row
from schemas.records import Sample

HELD = ("path_inside", "roles_in_turn", "all_filled", "regions_named", "generator_known", "complete")


def broken(samples: list[Sample]) -> list[str]:
    """Names of the rules that some sample breaks."""
    if not samples:
        return []
    frame, regions = shard_frame(pa.Table.from_pylist([shard_row(one) for one in samples], schema=SHARD))
    found = [name for name in HELD if not frame[name].all()]
    found += [name for name in ("source_listed", "mask_readable", "mask_fits", "box_inside") if not regions[name].all()]
    if (regions["box_error"] != 0).any() or (regions["area"] != regions["mask_area"]).any():
        found.append("measures")
    if frame["sample_id"].duplicated().any():
        found.append("sample_id")
    return found
