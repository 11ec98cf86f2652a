"""A recipe's YAML: a key that stands twice is an error that says where; all else is read as YAML reads it."""

import pathlib
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pipelines import recipes
from pipelines.recipes.reading import parse
from schemas.errors import RecipeError

CHECKS_TWICE = """\
name: mine
checks:
  english: {severity: fail}
sources: {coco: {}}
kinds: {mask_text: {sources: [coco]}}
checks:
  no_slurs: {severity: off}
"""


def test_checks_written_twice(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(CHECKS_TWICE)
    with pytest.raises(RecipeError) as raised:
        recipes.load(
            str(path), sources=["coco"], kinds=["mask_text"], evaluation_sets=[], checks=["english", "no_slurs"]
        )
    assert raised.value.message == f"recipe {path}, line 6: the key checks stands there a second time, after line 2"


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("a: {b: 1, b: 2}", "line 1: the key a.b stands"),
        ("a:\n  b:\n    c: 1\n    d: 2\n    c: 1\n", "line 5: the key a.b.c stands there a second time, after line 3"),
        ("a:\n- b: 1\n  b: 2\n", "line 3: the key a.b stands"),
        ('a: 1\n"a": 2\n', "line 2: the key a stands"),
        ("a: 1\nb: 2\nb: 2\na: 3\n", "line 3: the key b stands"),
        ("x: &x {a: 1}\ny: {<<: *x, b: 1, b: 2}\n", "line 2: the key y.b stands"),
    ],
)
def test_where_it_stands(content: str, named: str) -> None:
    with pytest.raises(RecipeError, match=f"recipe r, {named}"):
        parse(content.encode(), "r")


@pytest.mark.parametrize(
    ("content", "value"),
    [
        ("x: &x {a: 1, b: 2}\ny: {<<: *x, a: 3}\n", {"x": {"a": 1, "b": 2}, "y": {"a": 3, "b": 2}}),
        ("a: &x {b: 1}\nc: *x\n", {"a": {"b": 1}, "c": {"b": 1}}),
        ("a: {b: 1}\nc: {b: 1}\n", {"a": {"b": 1}, "c": {"b": 1}}),
        ('1: a\n"1": b\n', {1: "a", "1": "b"}),
        ("", None),
    ],
)
def test_what_is_no_repetition(content: str, value: object) -> None:
    assert parse(content.encode(), "r") == value


def test_what_holds_itself_ends() -> None:
    found: Any = parse(b"a: &x {b: *x}", "r")
    assert found["a"]["b"] is found["a"]


@pytest.mark.parametrize(
    "content", [b"a: [", b"a: \x00", b"\xff\xfe\xff", b"? [a]\n: b\n", b"a: !!python/name:os 1", b"a: 2026-13-01"]
)
def test_what_is_no_yaml(content: bytes) -> None:
    with pytest.raises(RecipeError, match="recipe r: not valid YAML"):
        parse(content, "r")


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


@given(plain)
def test_reads_what_yaml_reads(value: Any) -> None:
    assert parse(yaml.safe_dump(value).encode(), "r") == value


@given(st.dictionaries(st.from_regex("[a-z]{1,4}", fullmatch=True), st.integers(), min_size=1, max_size=5), st.data())
def test_any_repetition_is_found(entries: dict[str, int], data: st.DataObject) -> None:
    lines = [f"{key!r}: {value}" for key, value in entries.items()]
    lines.insert(data.draw(st.integers(0, len(lines))), f"{data.draw(st.sampled_from(sorted(entries)))!r}: 7")
    with pytest.raises(RecipeError, match="stands there a second time"):
        parse("\n".join(lines).encode(), "r")
