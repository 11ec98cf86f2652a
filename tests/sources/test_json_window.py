"""Windows over long JSON lists: the same records whatever the window, and errors that say where."""

import io
import json
import pathlib
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.sources.json_stream import JsonText, read_list, read_lists
from pipelines.sources.json_window import Window, positions
from schemas.errors import SourceError


class Point(msgspec.Struct):
    """A record of the tests."""

    id: int
    x: float
    shape: msgspec.Raw = msgspec.Raw(b"null")


ANY = msgspec.json.Decoder(list[Any])
POINTS = msgspec.json.Decoder(list[Point])

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text()
    | st.sampled_from(['}, {"id"', "}\n,\n{", '\\"}', "NaN"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)
records = st.lists(st.dictionaries(st.sampled_from(["id", "a", "b"]), values, max_size=3) | values, max_size=12)
layouts = st.sampled_from([{}, {"indent": 1}, {"separators": (",", ":")}, {"ensure_ascii": False}])


def windows_of(text: bytes, decoder: msgspec.json.Decoder[Any], window: int) -> list[Window]:
    """The list in `text`, in windows of that many bytes."""
    stream = JsonText(io.BytesIO(text), "some.json", window)
    found = list(stream.records("records", decoder))
    stream.finish()
    return found


@settings(max_examples=150)
@given(records, layouts, st.integers(1, 200))
def test_any_list_in_any_window(given_records: list[Any], layout: dict[str, Any], window: int) -> None:
    text = json.dumps(given_records, **layout).encode()
    found = windows_of(text, ANY, window)
    assert [record for each in found for record in each.records] == given_records
    assert [index for each in found for index in each.indices] == list(range(len(given_records)))


@settings(max_examples=100)
@given(records, st.data())
def test_a_list_cut_anywhere_is_an_error_at_its_end(given_records: list[Any], data: st.DataObject) -> None:
    text = json.dumps(given_records).encode()
    size = data.draw(st.integers(0, len(text) - 1))
    with pytest.raises(SourceError, match=rf"byte {size}\b"):
        windows_of(text[:size], ANY, data.draw(st.integers(1, 100)))


@settings(max_examples=60)
@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32), min_size=1, max_size=30), st.integers(1, 300)
)
def test_raw_fields_are_found_again_in_the_file(numbers: list[float], window: int) -> None:
    shapes = [[number, [number]] for number in numbers]
    text = b" " + json.dumps([{"id": i, "shape": each, "x": 1} for i, each in enumerate(shapes)], indent=1).encode()
    found = []
    for each in windows_of(text, POINTS, window):
        starts, lengths = positions(each, [record.shape for record in each.records])
        found += [json.loads(text[start:][:length]) for start, length in zip(starts, lengths, strict=True)]
    assert found == shapes


@pytest.mark.parametrize("window", [1, 16, 64, 1 << 20])
def test_broken_records_spoil_no_other(window: int) -> None:
    text = b"""[{"id": 1, "x": 1.5}, {"id": 2, "x": NaN}, {"id": 3}, {"id": 4, "x": "4"}, 5, {"id": 6, "x": 1e999},
        {"id": 7, "x": 1, "shape": [-Infinity, 2]}, {"x": 8}, {"id": 9, "x": 9, "other": "NaN, Infinity"}, null]"""
    found = windows_of(text, POINTS, window)
    assert [record.id for each in found for record in each.records] == [1, 9]
    broken = {each.key("points"): each.detail for one in found for each in one.broken}
    assert broken == {
        "points[1] id 2": "NaN or Infinity is no number - at `$.x`",
        "points[2] id 3": "Object missing required field `x`",
        "points[3] id 4": "Expected `float`, got `str` - at `$.x`",
        "points[4]": "Expected `object`, got `int`",
        "points[5] id 6": "Number out of range - at `$.x`",
        "points[6] id 7": "NaN or Infinity is no number - at `$.shape`",
        "points[7]": "Object missing required field `id`",
        "points[9]": "Expected `object`, got `null`",
    }


@pytest.mark.parametrize(
    ("text", "byte"),
    [
        (b'[{"id": 1 "x": 2}]', 10),
        (b'[{"id": 1, "x": 2}, ]', 20),
        (b'[{"id": 1, "x": 2} {"id": 2, "x": 2}]', 19),
        (b'[{"id": 1, "x": 2}] []', 20),
        (b'[{"id": 1, "x": nan}]', 17),
        (b'[{"id": 1, "x": 2}, {"id": 2, "x": 2, "y": "\xff"}]', 44),
        (b"{}", 0),
    ],
)
@pytest.mark.parametrize("window", [4, 1 << 20])
def test_what_is_no_json_is_an_error_with_its_byte(text: bytes, byte: int, window: int) -> None:
    with pytest.raises(SourceError, match=rf"some\.json: not valid JSON at byte {byte}: ") as caught:
        windows_of(text, POINTS, window)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", r"empty \(byte 0\)"),
        (b"[1]", "starts with '\\['"),
        (b'{"annotations": []}', "has no `images`"),
        (b"{}", "has no `annotations`, `images`"),
        (b'{"images": {"id": 1}, "annotations": []}', "at byte 11: `images` is not a list"),
        (b'{"images": null}', "at byte 11: `images` is not a list"),
        (b'{"images": [], "annotations": []', "ends at byte 32"),
        (b'{"images": [], "annotations": [],}', "at byte 33"),
        (b'{"images": [], 5: []}', "at byte 15"),
        (b'{"images" []}', "at byte 10"),
        (b'{"images": []} more', "at byte 15"),
        (b'{"info": {"a": tru}, "images": []}', "at byte 16"),
    ],
)
def test_a_file_of_another_kind(tmp_path: pathlib.Path, text: bytes, message: str) -> None:
    path = tmp_path / "other.json"
    path.write_bytes(text)
    with pytest.raises(SourceError, match=message) as caught:
        list(read_lists(str(path), {"images": ANY, "annotations": ANY}))
    assert str(path) in caught.value.message
    assert caught.value.hint


def test_members_in_any_order_and_others_passed_over(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "some.json"
    path.write_text(
        '\n{"b": [3], "info": {"x": [1, {"y": "}"}]}, "n": 12, "skip": [{"a": [1]}, {"a": 2}], "a": [1, 2], "c": []}\n'
    )
    found = [
        (window.array, window.records) for window in read_lists(str(path), {"a": ANY, "b": ANY, "c": ANY}, window=7)
    ]
    assert [name for name, _ in found] == ["b", "a"]
    assert [record for _, each in found for record in each] == [3, 1, 2]


def test_only_what_is_asked_for_is_read(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "some.json"
    path.write_text('{"images": [1, 2], "annotations": [broken')
    assert [window.records for window in read_lists(str(path), {"images": ANY}, only=True)] == [[1, 2]]


def test_a_list_file_of_another_kind(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "some.json"
    path.write_text('{"id": 1}')
    with pytest.raises(SourceError, match="expected a JSON list"):
        list(read_list(str(path), ANY))


def test_other_members_named_like_the_list_do_no_harm() -> None:
    """Lists of objects within records: the usual cut is wrong there, and has to be found out as such."""
    turns = [{"id": i, "turns": [{"id": j, "value": "}, {"} for j in range(i % 5)]} for i in range(40)]
    text = json.dumps(turns).encode()
    for window in range(1, 400, 13):
        assert [record for each in windows_of(text, ANY, window) for record in each.records] == turns
