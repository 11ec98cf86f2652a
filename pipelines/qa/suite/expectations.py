"""What every shard must keep: a Great Expectations suite, and the runner that keeps it ready.

The names in `CHECKS` are what a failed build prints. Adding one: a column in `pipelines.qa.suite.frame`, a line here, a
corruption in the test.
"""

import logging
import os
import re
from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple, get_args

import pandas as pd
import pyarrow as pa

from pipelines.qa.suite.frame import schema_frame, shard_frame
from pipelines.qa.suite.tally import Tally, plain_json, tally_of
from schemas.records import Kind, Record

EXAMPLES = 5
"""Sample ids that a failure names."""
KINDS = frozenset(get_args(Kind))
SPLITS = ("train", "val")


class Failure(Record, frozen=True, kw_only=True):
    """An expectation that does not hold."""

    expectation: str
    kind: str
    file: str
    """Relative to OUT; empty where it is about the whole build."""
    count: int
    """Rows, regions or records at fault."""
    examples: tuple[str, ...] = ()
    """Some of their sample ids, or what else tells them apart."""
    detail: str = ""


class Check(NamedTuple):
    """One expectation over one frame."""

    name: str
    frame: str
    means: str
    expectation: str
    """Class name in `great_expectations.expectations`."""
    arguments: dict[str, Any]


def _true(name: str, frame: str, column: str, means: str) -> Check:
    return Check(name, frame, means, "ExpectColumnValuesToBeInSet", {"column": column, "value_set": [True]})


def _among(name: str, column: str, means: str) -> Check:
    """The allowed values come with the shard (see `ShardValidator`)."""
    return Check(name, "samples", means, "ExpectColumnValuesToBeInSet", {"column": column})


def _filled(name: str, frame: str, column: str, means: str) -> Check:
    return Check(name, frame, means, "ExpectColumnValuesToMatchRegex", {"column": column, "regex": r"\S"})


def _between(name: str, frame: str, column: str, means: str, **bounds: float) -> Check:
    return Check(name, frame, means, "ExpectColumnValuesToBeBetween", {"column": column, **bounds})


CHECKS = (
    Check("columns", "schema", "the file has the columns of the schema, in their types",
          "ExpectColumnPairValuesToBeEqual", {"column_A": "type", "column_B": "expected"}),
    _true("no_missing_values", "samples", "complete", "no value is missing"),
    _filled("sample_id_filled", "samples", "sample_id", "every row has an id"),
    Check("sample_id_unique", "samples", "no two rows have one id", "ExpectColumnValuesToBeUnique",
          {"column": "sample_id"}),
    _among("kind_known", "kind", "the row is of the kind of its folder"),
    _among("split_known", "split", "the split is train or val, and that of the file's name"),
    _true("image_path_inside", "samples", "path_inside", "the picture's path stays below DATA"),
    _between("image_size_positive", "samples", "shorter_side", "width and height are at least 1", min_value=1),
    _between("has_regions", "samples", "regions", "a row has a region, but for image_text", min_value=1),
    _true("regions_named", "samples", "regions_named", "the text names <region1> to <regionN>: all, and no other"),
    _true("roles_in_turn", "samples", "roles_in_turn", "user and assistant take turns, the assistant last"),
    _true("messages_filled", "samples", "all_filled", "no message is blank"),
    _filled("license_filled", "samples", "license", "every row has a licence"),
    Check("sources_known", "samples", "every row names the sources it rests on, and the ledger knows them",
          "ExpectColumnValuesToMatchRegex", {"column": "sources"}),
    _true("generator_known", "samples", "generator_known",
          "answers are by `template`, imported as they are, or by a named model with prompt and request key"),
    _filled("region_id_filled", "regions", "region_id", "every region has an id"),
    Check("region_id_unique", "regions", "no region stands twice in a row", "ExpectCompoundColumnsToBeUnique",
          {"column_list": ["row", "region_id"]}),
    _true("region_source_listed", "regions", "source_listed", "the mask's data set is among the row's sources"),
    _true("category_filled", "regions", "category_filled",
          "every region has a category, but for those of data sets that may give none (vg, sa1b, own, osprey-724k)"),
    _true("mask_readable", "regions", "mask_readable", "the run lengths can be read and fill the mask's size"),
    _true("mask_size", "regions", "mask_fits", "the mask has the size of the image"),
    _between("area_positive", "regions", "area", "at least one pixel is set", min_value=1),
    Check("area_equals_mask", "regions", "the area is the number of pixels set", "ExpectColumnPairValuesToBeEqual",
          {"column_A": "area", "column_B": "mask_area"}),
    _true("box_inside_image", "regions", "box_inside", "the box lies in the image"),
    _between("box_equals_mask", "regions", "box_error", "the box is the mask's own", min_value=0, max_value=0),
)  # fmt: skip
"""The suite, in the order of the report."""


class Verdict(NamedTuple):
    """What the suite says of one table."""

    failures: list[Failure]
    evidence: list[dict[str, Any]]
    """Great Expectations' result of each failed expectation."""
    tallies: Sequence[Tally] = ()
    """How many elements were held against each expectation, whether it failed or not."""


class ShardValidator:
    """The suite, ready to run; make one a process (in a Beam `setup`), because loading the library takes seconds.

    `sources` are the data sets that rows may rest on; None admits any name.
    """

    def __init__(self, sources: Collection[str] | None = None) -> None:
        self._gx = library()
        self._sources = sources
        self._batches = _batch_definitions(self._gx)
        self._suites: dict[tuple[str, str, str], Any] = {}

    def validate(self, table: pa.Table, kind: str, *, file: str = "", split: str = "",
                 schema: pa.Schema | None = None) -> Verdict:  # fmt: skip
        """Hold a table against the suite.

        `schema` is that of the file where the table has only some of its columns (`image.bytes` is not needed);
        `split` is that of the file's name, where known.
        """
        verdict = self._run("schema", schema_frame(table.schema if schema is None else schema), kind, file, split)
        if verdict.failures:
            return verdict
        samples, regions = shard_frame(table)
        first, second = (
            self._run(name, frame, kind, file, split) for name, frame in (("samples", samples), ("regions", regions))
        )
        return Verdict(
            first.failures + second.failures, first.evidence + second.evidence,
            [*verdict.tallies, *first.tallies, *second.tallies],
        )  # fmt: skip

    def _run(self, name: str, frame: pd.DataFrame, kind: str, file: str, split: str) -> Verdict:
        if frame.empty:
            return Verdict([], [])
        batch = self._batches[name].get_batch(batch_parameters={"dataframe": frame})
        result = batch.validate(self._suite(name, kind, split), result_format=_result_format(name))
        broken = [one for one in result.results if not one.success]
        failures = [_failure(one, kind, file) for one in broken]
        return Verdict(failures, [plain_json(one) for one in broken], [tally_of(one) for one in result.results])

    def _suite(self, frame: str, kind: str, split: str) -> Any:
        key = (frame, kind, split)
        if key not in self._suites:
            self._suites[key] = self._gx.ExpectationSuite(
                name="-".join(filter(None, key)),
                expectations=[self._expectation(check, kind, split) for check in CHECKS if check.frame == frame],
            )
        return self._suites[key]

    def _expectation(self, check: Check, kind: str, split: str) -> Any:
        return expectation(self._gx, check, arguments(check, kind, split, self._sources))


def expectation(gx: Any, check: Check, chosen: dict[str, Any], description: str = "") -> Any:
    """A check as the library's own object; without a `description`, what it means."""
    made = getattr(gx.expectations, check.expectation)
    return made(**chosen, meta={"name": check.name}, description=description or check.means)


def arguments(check: Check, kind: str, split: str, sources: Collection[str] | None) -> dict[str, Any]:
    """What the expectation is told: some of it depends on the shard. A `split` that is none stands for all of them."""
    chosen: dict[str, dict[str, Any]] = {
        "kind_known": {"value_set": sorted({kind} & KINDS)},
        "split_known": {"value_set": [split] if split in SPLITS else list(SPLITS)},
        "has_regions": {"min_value": 0 if kind == "image_text" else 1},
        "sources_known": {"regex": _source_pattern(sources)},
    }
    return check.arguments | chosen.get(check.name, {})


def library() -> Any:
    """Great Expectations, imported late (it takes seconds), told to be quiet and not to report its use."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    import great_expectations
    import great_expectations.expectations

    return great_expectations


def _batch_definitions(gx: Any) -> dict[str, Any]:
    """One data source in memory, an asset a frame; nothing is written, and no progress bar is drawn."""
    from great_expectations.data_context.types import base

    config = base.DataContextConfig(
        store_backend_defaults=base.InMemoryStoreBackendDefaults(),
        progress_bars=base.ProgressBarsConfig(globally=False, metric_calculations=False),
    )
    context = gx.get_context(mode="ephemeral", project_config=config)
    source = context.data_sources.add_pandas("shards")
    return {
        name: source.add_dataframe_asset(name).add_batch_definition_whole_dataframe("whole")
        for name in ("schema", "samples", "regions")
    }


def _result_format(frame: str) -> dict[str, Any]:
    index = {"schema": ["name"], "samples": ["sample_id"], "regions": ["sample_id", "region_id"]}[frame]
    return {"result_format": "SUMMARY", "partial_unexpected_count": 20, "unexpected_index_column_names": index}


def _source_pattern(sources: Collection[str] | None) -> str:
    """One or more names, with commas between."""
    name = "[^,]+" if sources is None else "|".join(map(re.escape, sorted(sources))) or "(?!)"
    return f"^(?:{name})(?:,(?:{name}))*$"


def _failure(result: Any, kind: str, file: str) -> Failure:
    raised = result.exception_info.get("exception_message") if isinstance(result.exception_info, dict) else None
    name = result.expectation_config.meta["name"]
    assert not raised, f"expectation {name} could not be judged: {raised}"
    found = result.result
    ids = (row.get("sample_id", row.get("name")) for row in found["partial_unexpected_index_list"])
    examples = dict.fromkeys(one if isinstance(one, str) else "(no id)" for one in ids)
    return Failure(
        expectation=name, kind=kind, file=file, count=int(found["unexpected_count"]),
        examples=tuple(examples)[:EXAMPLES],
    )  # fmt: skip


def merge(failures: Iterable[Failure]) -> list[Failure]:
    """Failures of one expectation in one file (read in several pieces) as one."""
    merged: dict[tuple[str, str], Failure] = {}
    for one in failures:
        before = merged.get((one.expectation, one.file))
        examples = dict.fromkeys((*(before.examples if before else ()), *one.examples))
        count = one.count + (before.count if before else 0)
        merged[one.expectation, one.file] = Failure(
            expectation=one.expectation, kind=one.kind, file=one.file, count=count,
            examples=tuple(examples)[:EXAMPLES], detail=one.detail,
        )  # fmt: skip
    return list(merged.values())
