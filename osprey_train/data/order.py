"""In which order rows are seen: a pure function of the shards' row groups, the weights of the kinds and a seed.

The samples of a run are one endless sequence, epoch after epoch. Neither the number of processes or workers nor any
stop changes it, so that the number of steps done is all that must be known to go on.

Each kind is read pass by pass: a pass permutes the kind's row groups, and the rows of each group. An epoch takes the
next `weight` passes of every kind; with a weight of 0.5 two epochs share a pass. The epoch is cut into windows; each
takes its share of every kind and is shuffled as a whole. So a window needs few row groups, yet kinds are mixed evenly,
and a data set of a single row group is shuffled as if it were a list.
"""

import bisect
import functools
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from schemas.keys import stable_int

Integers = npt.NDArray[np.int64]

VERSION = 1
"""To be raised when the sequence of samples changes: runs of another version are not resumed."""


class Place(NamedTuple):
    """Where a row is: `group` counts the row groups of the kind, over all its files."""

    kind: str
    group: int
    row: int


def permutation(count: int, *parts: object) -> Integers:
    """The numbers below `count` in an order that depends on the parts only, on every machine and numpy's every version
    (of which only the raw bits are promised)."""
    bits = np.random.Philox(key=stable_int(*parts)).random_raw(count)
    return np.argsort(bits, kind="stable")


class Order:
    """The endless sequence of places.

    `group_rows` are the rows of each kind's row groups; `weights` say how often an epoch shows each row of a kind (1
    where a kind is not named, 0 leaves it out); `window_groups` is about how many row groups are mixed at a time.
    """

    def __init__(
        self,
        group_rows: Mapping[str, Sequence[int]],
        weights: Mapping[str, float] | None = None,
        seed: int = 0,
        window_groups: int = 8,
    ) -> None:
        weights = weights or {}
        if not all(0 <= weight < float("inf") for weight in weights.values()):
            raise ValueError(f"weights of kinds must not be negative, and finite: {dict(weights)}")
        self.seed = seed
        self.groups = {kind: np.array(rows, np.int64) for kind, rows in sorted(group_rows.items()) if sum(rows)}
        self.shares = {kind: _share(int(rows.sum()), weights.get(kind, 1.0)) for kind, rows in self.groups.items()}
        shown = sum(self.shares[kind] / rows.sum() * len(rows) for kind, rows in self.groups.items())
        self.windows = max(1, round(shown / window_groups))
        self._pass = functools.lru_cache(maxsize=4 * len(self.groups) or 1)(self._pass_of_groups)

    @property
    def epoch_rows(self) -> int:
        """Samples of an epoch."""
        return sum(self.shares.values())

    def sequence(self, start: int = 0) -> Iterator[Place]:
        """The places from `start` on, without end; nothing before the window of `start` is looked at."""
        if not self.epoch_rows:
            raise ValueError("there is no row to show: every kind is empty or has a weight of 0")
        epoch, offset = divmod(start, self.epoch_rows)
        window = bisect.bisect_right(range(self.windows), offset, key=self._window_start) - 1
        skipped = offset - self._window_start(window)
        for number in itertools.count(epoch * self.windows + window):
            places = self._window(*divmod(number, self.windows))
            yield from itertools.islice(places, skipped, None)
            skipped = 0

    def _window_start(self, window: int) -> int:
        """Where in its epoch a window starts."""
        return sum(self._shown(kind, window) for kind in self.shares)

    def _shown(self, kind: str, window: int) -> int:
        """Rows of a kind that an epoch shows before a window; the rounding differs, lest rare kinds meet."""
        return (window * self.shares[kind] + stable_int(kind) % self.windows) // self.windows

    def _window(self, epoch: int, window: int) -> Iterator[Place]:
        """The places of one window, shuffled."""
        none = np.zeros(0, np.int64)
        kinds, groups, rows = [none], [none], [none]
        for number, (kind, share) in enumerate(self.shares.items()):
            first, last = (epoch * share + self._shown(kind, edge) for edge in (window, window + 1))
            for group, row in self._places(kind, first, last):
                groups.append(group)
                rows.append(row)
                kinds.append(np.full(len(row), number))
        shuffled = permutation(sum(map(len, rows)), "window", self.seed, epoch, window)
        names = list(self.shares)
        found = (np.concatenate(column)[shuffled].tolist() for column in (kinds, groups, rows))
        return (Place(names[kind], group, row) for kind, group, row in zip(*found, strict=True))

    def _places(self, kind: str, first: int, last: int) -> Iterator[tuple[Integers, Integers]]:
        """Groups and rows of a stretch of a kind's passes, one group at a time."""
        total = int(self.groups[kind].sum())
        while first < last:
            number, offset = divmod(first, total)
            order, ends = self._pass(kind, number)
            at = int(np.searchsorted(ends, offset, side="right"))
            group, count = int(order[at]), int(self.groups[kind][order[at]])
            skipped = offset - (int(ends[at]) - count)
            taken = min(count - skipped, last - first)
            rows = permutation(count, "rows", self.seed, kind, number, group)[skipped : skipped + taken]
            yield np.full(taken, group), rows
            first += taken

    def _pass_of_groups(self, kind: str, number: int) -> tuple[Integers, Integers]:
        """The row groups of a pass in their order, and the rows up to the end of each."""
        order = permutation(len(self.groups[kind]), "groups", self.seed, kind, number)
        return order, np.cumsum(self.groups[kind][order])


def _share(rows: int, weight: float) -> int:
    """Rows of a kind that an epoch shows: at least one, unless the weight is 0."""
    return max(1, round(rows * weight)) if weight else 0


class GlobalBatches:
    """A batch sampler whose global batches do not depend on the number of processes.

    The global batch of step s is `sequence[s * batch : (s + 1) * batch]`; micro-batch a of process r is its slice
    `[(a * world + r) * per_device:][:per_device]`. Steps `start` to `steps` are given, each as `accumulation`
    micro-batches.
    """

    drop_last = True

    def __init__(
        self, order: Order, batch: int, per_device: int, rank: int = 0, world: int = 1, steps: int = 1, start: int = 0
    ) -> None:
        if batch % (per_device * world):
            raise ValueError(
                f"a global batch of {batch} cannot be split into micro-batches of {per_device} on {world} processes: "
                f"{batch} is no multiple of {per_device * world}"
            )
        self.order, self.batch, self.batch_size = order, batch, per_device
        self.rank, self.world, self.steps, self.start = rank, world, steps, start
        self.accumulation = batch // (per_device * world)

    def __len__(self) -> int:
        return (self.steps - self.start) * self.accumulation

    def __iter__(self) -> Iterator[list[Place]]:
        places = self.order.sequence(self.start * self.batch)
        for _ in range(self.start, self.steps):
            whole = list(itertools.islice(places, self.batch))
            for turn in range(self.accumulation):
                first = (turn * self.world + self.rank) * self.batch_size
                yield whole[first : first + self.batch_size]
