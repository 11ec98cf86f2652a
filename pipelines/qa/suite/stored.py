"""OUT/qa/suite.json: what the suite said of each shard, so that a later look does not ask again of unchanged ones."""

import hashlib
import pathlib
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from typing import Any

import msgspec

from pipelines import storage
from pipelines.qa import masks
from pipelines.qa.suite import expectations, frame, tally
from pipelines.qa.suite.expectations import Failure, Verdict
from pipelines.qa.suite.tally import Tally
from pipelines.shards.manifest import Manifest
from schemas import columns, records
from schemas.records import Record

SUITE = "qa/suite.json"


class JudgedShard(Record, frozen=True, kw_only=True):
    """A shard and what the suite said of it."""

    kind: str
    sha256: str
    tallies: tuple[Tally, ...] = ()
    failures: tuple[Failure, ...] = ()
    evidence: tuple[dict[str, Any], ...] = ()


class Judged(Record, frozen=True, kw_only=True):
    """The file. No clock time: the same build gives the same bytes."""

    suite_sha256: str
    """Of the code that judges: another suite may say otherwise, so what this one said is then forgotten."""
    sources: tuple[str, ...] = ()
    """The data sets that rows may rest on."""
    shards: dict[str, JudgedShard] = {}
    """By path relative to OUT."""


def write_judged(out: str, manifest: Manifest, verdicts: Mapping[str, Verdict]) -> None:
    """Keep what the suite said of shards (by path relative to OUT) that are as the manifest says."""
    shards = {
        path: JudgedShard(
            kind=kind, sha256=sha256, tallies=tuple(verdicts[path].tallies), failures=tuple(verdicts[path].failures),
            evidence=tuple(verdicts[path].evidence),
        )
        for path, (kind, sha256) in sorted(_shards(manifest).items())
        if path in verdicts
    }  # fmt: skip
    judged = Judged(suite_sha256=suite_sha256(), sources=known_sources(manifest), shards=shards)
    content = msgspec.json.format(msgspec.json.encode(judged, order="deterministic"), indent=1)
    storage.write_bytes(storage.join(out, SUITE), content + b"\n")


def read_judged(out: str, manifest: Manifest) -> dict[str, Verdict]:
    """What this suite has said of shards with the sha256 that the manifest gives; empty where nothing is kept."""
    path = storage.join(out, SUITE)
    if not storage.exists(path):
        return {}
    try:
        judged = msgspec.json.decode(storage.read_bytes(path), type=Judged)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    if (judged.suite_sha256, judged.sources) != (suite_sha256(), known_sources(manifest)):
        return {}
    wanted = _shards(manifest)
    return {
        name: Verdict(list(one.failures), list(one.evidence), one.tallies)
        for name, one in judged.shards.items()
        if wanted.get(name) == (one.kind, one.sha256)
    }


def known_sources(manifest: Manifest) -> tuple[str, ...]:
    """The data sets that rows of the build may rest on."""
    return tuple(sorted({line.source for line in manifest.ledger}))


@cache
def suite_sha256() -> str:
    """Of the suite's code and of the library that runs it."""
    modules = (expectations, frame, tally, masks, columns, records)
    texts = [pathlib.Path(module.__file__ or "").read_bytes() for module in modules]
    return hashlib.sha256(b"\0".join([*texts, version("great-expectations").encode()])).hexdigest()


def _shards(manifest: Manifest) -> dict[str, tuple[str, str]]:
    return {file.path: (kind, file.sha256) for kind, entry in manifest.kinds.items() for file in entry.files}
