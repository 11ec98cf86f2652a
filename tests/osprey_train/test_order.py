"""The order of samples: complete, mixed, and the same however often a run stops."""

import itertools
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osprey_train.data.order import GlobalBatches, Order, Place, permutation
from tests.properties import quick

groups = st.dictionaries(
    st.sampled_from(["mask_text", "conversation", "short_form"]),
    st.lists(st.integers(0, 12), min_size=1, max_size=6).filter(any),
    min_size=1,
)
weights = st.dictionaries(
    st.sampled_from(["mask_text", "conversation"]), st.sampled_from([0.25, 0.5, 1.0, 1.5, 2.0, 3.0])
)
orders = st.builds(Order, groups, weights, st.integers(0, 3), st.integers(1, 5))


def taken(order: Order, start: int, count: int) -> list[Place]:
    return list(itertools.islice(order.sequence(start), count))


def places(group_rows: Mapping[str, Sequence[int]]) -> Iterator[Place]:
    """Every row there is."""
    for kind, rows in group_rows.items():
        for group, count in enumerate(rows):
            yield from (Place(kind, group, row) for row in range(count))


@quick
@given(
    groups, st.dictionaries(st.just("mask_text"), st.sampled_from([0, 1, 2, 3])), st.integers(1, 5), st.integers(0, 4)
)
def test_an_epoch_holds_every_row_weight_times(
    group_rows: dict[str, list[int]], whole: dict[str, int], window: int, epoch: int
) -> None:
    order = Order(group_rows, whole, 7, window)
    expected = Counter({place: whole.get(place.kind, 1) for place in places(group_rows)})
    assert order.epoch_rows == expected.total()
    if order.epoch_rows:
        assert Counter(taken(order, epoch * order.epoch_rows, order.epoch_rows)) == +expected


@quick
@given(groups, st.integers(1, 5), st.sampled_from([0.25, 0.5, 0.2]))
def test_a_fraction_shows_each_row_once_in_several_epochs(
    group_rows: dict[str, list[int]], window: int, weight: float
) -> None:
    """Where it divides the rows; otherwise the shares are rounded and no row is shown twice before all were once."""
    order = Order(group_rows, dict.fromkeys(group_rows, weight), 0, window)
    for kind, rows in group_rows.items():
        share = order.shares[kind]
        assert share == max(1, round(sum(rows) * weight))
        shown = Counter(place for place in taken(order, 0, order.epoch_rows * 4) if place.kind == kind)
        assert shown.total() == 4 * share
        assert max(shown.values()) - min(shown.values()) <= 1
        assert max(shown.values()) == math.ceil(4 * share / sum(rows))


@quick
@given(orders, st.integers(0, 300), st.integers(0, 60))
def test_any_position_is_reached_at_once(order: Order, start: int, count: int) -> None:
    assert taken(order, start, count) == taken(order, 0, start + count)[start:]


@quick
@given(groups, weights, st.integers(0, 3), st.integers(0, 200))
def test_the_same_seed_gives_the_same_order(
    group_rows: dict[str, list[int]], weights: dict[str, float], seed: int, start: int
) -> None:
    """Kinds may be named in any order, too."""
    turned = dict(reversed(group_rows.items()))
    assert taken(Order(group_rows, weights, seed), start, 20) == taken(Order(turned, weights, seed), start, 20)


def test_epochs_and_seeds_differ() -> None:
    found = [tuple(taken(Order({"mask_text": [40]}, {}, seed), epoch * 40, 40)) for seed in (0, 1) for epoch in (0, 1)]
    assert len(set(found)) == 4


def test_known_permutation() -> None:
    """Raw bits and a stable sort: no later version may give another order, or runs could not go on."""
    assert permutation(8, "rows", 0).tolist() == [3, 6, 2, 5, 1, 7, 4, 0]


def test_a_single_row_group_is_shuffled_as_a_whole() -> None:
    """Positions of rows after the shuffle do not follow the file: neighbours are as far apart as in a list."""
    order = [place.row for place in taken(Order({"mask_text": [2000]}, {}, 3), 0, 2000)]
    distance = sum(abs(a - b) for a, b in itertools.pairwise(order)) / 1999
    assert 600 < distance < 733
    """A third of the length for a random order; 1 for the file's."""


def test_kinds_are_mixed_evenly() -> None:
    """Also a kind of one row group beside one of many."""
    group_rows = {"mask_text": [100] * 60, "conversation": [600], "short_form": [20] * 3}
    order = Order(group_rows, {"conversation": 2}, 1, window_groups=8)
    assert order.windows > 5
    for first in range(0, order.epoch_rows - 600, 600):
        part = Counter(place.kind for place in taken(order, first, 600))
        assert 60 < part["conversation"] < 140
        assert 440 < part["mask_text"] < 540


def test_a_window_needs_few_row_groups() -> None:
    order = Order({"mask_text": [100] * 60, "conversation": [100] * 20}, {}, 1, window_groups=8)
    for first in range(0, 8000, 800):
        assert len({place[:2] for place in taken(order, first, 800)}) <= 8 + 2 * 2


@pytest.mark.parametrize("rows", [{}, {"mask_text": []}, {"mask_text": [0, 0]}])
def test_nothing_to_show(rows: dict[str, list[int]]) -> None:
    assert Order(rows).epoch_rows == 0
    with pytest.raises(ValueError, match="no row to show"):
        next(Order(rows).sequence())


def test_weights_below_zero_are_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        Order({"mask_text": [3]}, {"mask_text": -1})


SPLITS = [
    (per_device, world)
    for per_device in (1, 2, 3, 4, 6, 12)
    for world in (1, 2, 3, 4, 6)
    if 12 % (per_device * world) == 0
]


def run(order: Order, start: int, stop: int, per_device: int, world: int) -> list[list[Place]]:
    """The global batches of steps start to stop, put together from what each process reads."""
    ranks = [GlobalBatches(order, 12, per_device, rank, world, stop, start) for rank in range(world)]
    read = [list(rank) for rank in ranks]
    accumulation = 12 // (per_device * world)
    assert (
        [len(rank) for rank in ranks] == [len(batches) for batches in read] == [(stop - start) * accumulation] * world
    )
    micro = [place for batches in zip(*read, strict=True) for batch in batches for place in batch]
    return [micro[first : first + 12] for first in range(0, len(micro), 12)]


@quick
@given(orders, st.lists(st.tuples(st.integers(0, 4), st.sampled_from(SPLITS)), max_size=5))
def test_stops_and_another_world_size_change_nothing(order: Order, legs: list[tuple[int, tuple[int, int]]]) -> None:
    undisturbed = taken(order, 0, 12 * sum(steps for steps, _ in legs))
    found: list[list[Place]] = []
    for steps, (per_device, world) in legs:
        found += run(order, len(found), len(found) + steps, per_device, world)
    assert [place for batch in found for place in batch] == undisturbed


def test_a_batch_that_cannot_be_split_is_refused() -> None:
    with pytest.raises(ValueError, match="12 is no multiple of 8"):
        GlobalBatches(Order({"mask_text": [5]}), batch=12, per_device=4, world=2)
