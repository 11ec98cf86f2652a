"""Keys are pinned: another hash would reshuffle every shard and buy every answer again."""

import collections

import pytest

from schemas import keys


def test_pinned_values() -> None:
    assert keys.digest("ab", "c") == "9617c506357d3d46bb660dbde5253de2da791e361df51c47ba4aaa18091bc693"
    assert keys.stable_int(0, "split", "coco/000000000009") == 7543254685217103653
    assert keys.stable_fraction(7, "x") == 0.36243616565342307
    assert [keys.slot(name) for name in ("coco/000000000009", "coco/000000581857", "vg/1")] == [186, 55, 139]
    assert keys.stable_choice("abcdef", 1, "kind") == "f"
    assert keys.stable_order(list("abcdef"), str, 3) == list("aecbdf")
    payload = {"model": "m", "messages": [{"role": "user", "content": "é"}], "temperature": 0.7}
    assert keys.request_key(payload) == "dc0e16f012add93db171e62847cc6aaae2002887566463a5fab8269fe671f9bd"


def test_parts_are_told_apart() -> None:
    assert keys.digest("ab", "c") != keys.digest("a", "bc")
    assert keys.stable_int("ab", "c") != keys.stable_int("a", "bc")


def test_canonical_json_sorts_keys_at_every_depth() -> None:
    value = {"b": [{"d": 1, "c": "é"}], "a": None}
    assert keys.canonical_json(value) == '{"a":null,"b":[{"c":"é","d":1}]}'.encode()
    assert keys.request_key({"b": 1, "a": {"d": 1, "c": 2}}) == keys.request_key({"a": {"c": 2, "d": 1}, "b": 1})
    assert keys.request_key({"seed": None}) != keys.request_key({})


def test_images_spread_over_all_slots() -> None:
    counts = collections.Counter(keys.slot(f"coco/{number:012d}") for number in range(256 * 100))
    assert set(counts) == set(range(keys.SLOTS))
    assert min(counts.values()) > 50
    assert max(counts.values()) < 150


def test_choice_spreads_over_the_options() -> None:
    counts = collections.Counter(keys.stable_choice("abcd", 0, number) for number in range(4000))
    assert min(counts.values()) > 900


def test_fractions_lie_below_one_and_spread() -> None:
    found = [keys.stable_fraction(0, "split", number) for number in range(2000)]
    assert 0 <= min(found) < 0.01
    assert 0.99 < max(found) < 1
    assert sum(found) / len(found) == pytest.approx(0.5, abs=0.02)


def test_order_depends_on_the_items_not_on_their_order() -> None:
    items = [f"region-{number}" for number in range(20)]
    ordered = keys.stable_order(items, str, 0)
    assert ordered == keys.stable_order(items[::-1], str, 0)
    assert sorted(ordered) == sorted(items)
    assert ordered != items
    assert ordered != keys.stable_order(items, str, 1)
