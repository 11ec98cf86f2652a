"""What a build leaves, for comparing."""

import hashlib
import json
import pathlib
from typing import Any

import pyarrow.dataset as ds


def fingerprint(out: str) -> dict[str, str]:
    """SHA-256 of every shard, of the rejects, of the manifest and of the lists beside it."""
    root = pathlib.Path(out)
    files = [root / "manifest.json", *root.glob("data/**/*.parquet"), *root.glob("rejects/*.parquet"),
             *root.glob("qa/*.parquet")]  # fmt: skip
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def manifest(out: str) -> dict[str, Any]:
    return json.loads((pathlib.Path(out) / "manifest.json").read_text())


def rows(out: str, kind: str) -> list[dict[str, Any]]:
    """All rows of a kind."""
    folder = pathlib.Path(out) / "data" / kind
    return ds.dataset(folder).to_table().to_pylist() if folder.exists() else []


def ledger(out: str) -> dict[tuple[str, str, str], dict[str, Any]]:
    """Lines by stage, source and unit."""
    return {(line["stage"], line["source"], line["unit"]): line for line in manifest(out)["ledger"]}


def rejects(out: str, stage: str) -> list[dict[str, str]]:
    return ds.dataset(pathlib.Path(out) / "rejects" / f"{stage}.parquet").to_table().to_pylist()
