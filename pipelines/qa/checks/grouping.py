"""Items joined into groups, pair by pair."""

import numpy as np
import numpy.typing as npt
from scipy import sparse

Numbers = npt.NDArray[np.int64]


class Groups:
    """Items 0 to `count` - 1; two that are joined, directly or through others, have the same label."""

    def __init__(self, count: int) -> None:
        self.labels = np.arange(count, dtype=np.int64)
        self.partners = np.full(count, -1, np.int64)
        """(count,): for each item the first one that it was joined to directly; -1 for none."""

    def join(self, left: Numbers, right: Numbers) -> None:
        """Join many pairs at once; time and memory grow with their number and with `count`."""
        if not len(left):
            return
        for one, other in ((left, right), (right, left)):
            new = np.flatnonzero(self.partners[one] < 0)[::-1]
            self.partners[one[new]] = other[new]
        count = len(self.labels)
        edges = sparse.coo_array((np.ones(len(left), bool), (self.labels[left], self.labels[right])), (count, count))
        _, merged = sparse.csgraph.connected_components(edges, directed=False)
        self.labels = merged.astype(np.int64)[self.labels]

    def sizes(self, weights: Numbers | None = None) -> Numbers:
        """(count,): how many items, or how much weight, each item's group has."""
        totals = np.bincount(self.labels, weights=weights, minlength=len(self.labels))
        return totals.astype(np.int64)[self.labels]
