"""The generate phase: the plan's requests -> the reply store. With nothing to ask it does nothing."""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from pipelines import storage
from pipelines.generation.engine import Outcome, Progress, generate
from pipelines.generation.prices import Estimate, estimate
from pipelines.generation.settings import Settings
from pipelines.generation.store import ReplyStore
from pipelines.phases.layout import Layout
from pipelines.phases.plan import Plan, requests_of
from pipelines.phases.tally import within


def answer(
    plan: Plan, layout: Layout, store: ReplyStore, settings: Settings, progress: Callable[[Progress], None]
) -> Outcome:
    """Ask for every reply that the store lacks.

    Raises:
        GenerationError: no budget, key or price, or the server refuses.
    """
    return generate(payloads(plan, layout), store, settings, progress)


def cost(plan: Plan, layout: Layout, settings: Settings) -> Estimate:
    """What the plan's requests will cost at most."""
    return estimate((payload for _, _, payload in payloads(plan, layout)), settings)


def payloads(plan: Plan, layout: Layout) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(request key, kind, payload) of every request within the recipe's caps, one file in memory at a time.

    Kinds take turns file by file, so that a run that ends early has some of each.
    """
    waiting = [iter(requests_of(plan, layout, kind)) for kind in plan.recipe.kinds]
    while waiting:
        files = [(paths, next(paths, None)) for paths in waiting]
        waiting = [paths for paths, path in files if path is not None]
        for _, path in files:
            if path is not None:
                yield from _of_file(plan, path)


def keys(plan: Plan, layout: Layout) -> Iterator[str]:
    """The request keys, with repeats."""
    for kind in plan.recipe.kinds:
        for path in requests_of(plan, layout, kind):
            yield from (row["key"] for row in _rows(plan, path, ["key"]))


def _of_file(plan: Plan, path: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for row in _rows(plan, path, ["key", "payload"]):
        yield row["key"], row["kind"], msgspec.json.decode(row["payload"])


def _rows(plan: Plan, path: str, columns: list[str]) -> Iterator[dict[str, Any]]:
    """The requests of a file that are not above the cap of their kind."""
    for row in storage.read_table(path, columns=["kind", "sample_id", *columns]).to_pylist():
        if within(plan.cuts, plan.recipe.seed, row["kind"])(row["sample_id"]):
            yield row
