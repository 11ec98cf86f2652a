"""Segmentations of every form and fault to masks."""

import json
import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pipelines.regions import clean
from pipelines.regions.clean import BadMask
from schemas import rle
from schemas.columns import ANNOTATION, to_records
from schemas.records import Mask, Region
from tests.factories import IMAGE_ID, reasons
from tests.properties import quick

HEIGHT, WIDTH = SIZE = (20, 30)
SQUARE = [4, 5, 10, 5, 10, 9, 4, 9]


def annotation(number: int, segmentation: Any, expressions: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "slot": 0, "region_id": f"coco/{number}", "image_id": IMAGE_ID, "source": "refcoco" if expressions else "coco",
        "ordinal": number, "category": "dog", "category_raw": "dog", "source_box": [1.0, 2.0, 3.0, 4.0],
        "split": "train", "part_of": "", "part": "", "whole": "", "attributes": [], "width": WIDTH, "height": HEIGHT,
        "segmentation": segmentation if isinstance(segmentation, str) else json.dumps(segmentation),
        "expressions": [{"source": "refcoco", "text": text, "ordinal": i} for i, text in enumerate(expressions)],
    }  # fmt: skip


def cleaned(*rows: dict[str, Any]) -> tuple[list[Region], clean.Cleaned]:
    made = clean.clean(pa.Table.from_pylist(list(rows), schema=ANNOTATION))
    return to_records(made.regions, Region), made


def mask_of(segmentation: Any) -> Mask:
    found = clean.to_rle(json.dumps(segmentation), SIZE)
    return Mask(size=tuple(found["size"]), counts=found["counts"].decode())


def test_every_outcome_is_counted() -> None:
    rows = [
        [SQUARE],
        [SQUARE, [1, 1, 2, 2]],
        {"size": [HEIGHT, WIDTH], "counts": [10, 5, 585]},
        [],
        None,
        [[3.2, 3.2, 3.4, 3.2, 3.4, 3.4]],
        {"size": [HEIGHT, WIDTH], "counts": [600]},
        [[1, 1, 2, 2]],
        [[1, 1, 2, 2, 3]],
        [[1, 1, 2, 2, 3, 3, 4]],
        [[]],
        [[40, 5, 50, 5, 50, 9]],
        [[-9, 5, -2, 5, -2, 9]],
        [[1e300, 1, 2, 2, 3, 3]],
        {"size": [WIDTH, HEIGHT], "counts": [10, 5, 585]},
        {"size": [HEIGHT, WIDTH], "counts": [10, 5, 584]},
        {"size": [HEIGHT, WIDTH], "counts": [10, -5, 595]},
        {"size": [HEIGHT, WIDTH], "counts": [2**63]},
        {"size": [HEIGHT, WIDTH], "counts": "no code"},
        {"size": [HEIGHT, WIDTH]},
        "[[1, 2, NaN, 4, 5, 6]]",
        "[[1, 2",
        [["1", 2, 3, 4, 5, 6]],
        7,
    ]
    regions, made = cleaned(*(annotation(number, row) for number, row in enumerate(rows)))
    assert {"kept": len(regions), **reasons(made.rejects)} == {
        "kept": 3, "empty_mask": 4, "degenerate_polygon": 4, "outside_image": 3, "size_mismatch": 1, "invalid_rle": 4,
        "malformed_record": 5,
    }  # fmt: skip
    assert {(reject.stage, reject.source, reject.unit) for reject in made.rejects} == {
        ("regions", "coco", "annotations")
    }
    kept = {region.region_id for region in regions}
    assert kept | {reject.key for reject in made.rejects} == {f"coco/{number}" for number in range(len(rows))}


@pytest.mark.parametrize(
    ("segmentation", "reason", "detail"),
    [
        ([[1, 1, 2, 2]], "degenerate_polygon", "1 polygons, none of three points"),
        ({"size": [30, 20], "counts": [600]}, "size_mismatch", "mask [30, 20], image [20, 30] (height, width)"),
        ({"size": [20, 30], "counts": [1]}, "invalid_rle", "runs add up to 1 pixels, the image has 600"),
        ({"size": [20, 30], "counts": "0o"}, "invalid_rle", "compressed RLE ends within a number"),
        ([["x"]], "malformed_record", "segmentation: Expected `float`, got `str` - at `$[0][0]`"),
    ],
)
def test_the_detail_names_the_fault(segmentation: Any, reason: str, detail: str) -> None:
    with pytest.raises(BadMask) as raised:
        mask_of(segmentation)
    assert (raised.value.reason, raised.value.detail) == (reason, detail)


def test_what_is_kept_of_a_row() -> None:
    (region,), _ = cleaned(annotation(7, [SQUARE]))
    mask = region.mask
    assert region == Region(
        region_id="coco/7", image_id=IMAGE_ID, source="coco", ordinal=7, category="dog", category_raw="dog",
        source_box=(1.0, 2.0, 3.0, 4.0), bbox=(4.0, 5.0, 6.0, 4.0), area=24, mask=mask,
    )  # fmt: skip
    expected = np.zeros(SIZE, bool)
    expected[5:9, 4:10] = True
    np.testing.assert_array_equal(rle.decode(mask), expected)


def test_every_expression_of_a_row_is_a_record() -> None:
    rows = [annotation(1, [], ("left dog", "the dog")), annotation(2, [SQUARE], ("cat",)), annotation(3, None)]
    regions, made = cleaned(*rows)
    assert [(text.text, text.ordinal) for text in regions[0].expressions] == [("cat", 0)]
    assert [(reject.source, reject.unit, reject.key) for reject in made.rejects] == [
        ("refcoco", "expressions", "coco/1#refcoco:0"),
        ("refcoco", "expressions", "coco/1#refcoco:1"),
        ("coco", "annotations", "coco/3"),
    ]


@pytest.mark.parametrize("rows", [[], [annotation(1, [])]])
def test_a_part_without_a_usable_annotation(rows: list[dict[str, Any]]) -> None:
    regions, made = cleaned(*rows)
    assert regions == []
    assert len(made.rejects) == len(rows)


def test_regions_stay_in_order() -> None:
    regions, _ = cleaned(*(annotation(number, [] if number % 3 else [SQUARE]) for number in range(10)))
    assert [region.ordinal for region in regions] == [0, 3, 6, 9]


corners = st.tuples(st.integers(-25, 50), st.integers(-25, 50), st.integers(1, 40), st.integers(1, 40))


@quick
@given(corners)
def test_a_mask_is_clipped_to_the_image(corner: tuple[int, int, int, int]) -> None:
    left, top, width, height = corner
    right, bottom = left + width, top + height
    expected = np.zeros(SIZE, bool)
    expected[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)] = True
    polygon = [left, top, right, top, right, bottom, left, bottom]
    if expected.any():
        np.testing.assert_array_equal(rle.decode(mask_of([polygon])), expected)
    else:
        with pytest.raises(BadMask) as raised:
            mask_of([polygon])
        assert raised.value.reason in ("outside_image", "empty_mask")


@st.composite
def polygons(draw: st.DrawFn) -> list[float]:
    """A polygon that does not cross itself: points around a centre, in the order of their angles."""
    x, y = draw(st.floats(0, WIDTH)), draw(st.floats(0, HEIGHT))
    count = draw(st.integers(3, 9))
    radii = draw(st.lists(st.floats(1, 18), min_size=count, max_size=count))
    angles = [2 * math.pi * number / count for number in range(count)]
    points = zip(radii, angles, strict=True)
    return [round(value, 2) for r, a in points for value in (x + r * math.cos(a), y + r * math.sin(a))]


@quick
@given(st.lists(polygons(), min_size=1, max_size=3))
def test_polygon_and_both_encodings_give_one_region(given_polygons: list[list[float]]) -> None:
    try:
        mask = mask_of(given_polygons)
    except BadMask as bad:
        assume(bad.reason != "empty_mask")
        raise
    forms = [
        given_polygons,
        {"size": list(SIZE), "counts": rle.runs(mask.counts)},
        {"size": list(SIZE), "counts": mask.counts},
    ]
    regions, made = cleaned(*(annotation(1, form) for form in forms))
    assert made.rejects == []
    assert regions[0] == regions[1] == regions[2]
    pixels = rle.decode(regions[0].mask)
    rows, columns = np.nonzero(pixels)
    assert regions[0].area == len(rows)
    assert regions[0].bbox == (columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1)


@quick
@given(polygons(), polygons())
def test_several_polygons_are_united(one: list[float], other: list[float]) -> None:
    try:
        parts = [rle.decode(mask_of([polygon])) for polygon in (one, other)]
    except BadMask:
        assume(False)
    np.testing.assert_array_equal(rle.decode(mask_of([one, other])), parts[0] | parts[1])


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(st.sampled_from(["size", "counts"]), inner),
    max_leaves=20,
)


@quick
@given(json_values)
def test_any_json_gives_a_mask_or_a_reason(segmentation: Any) -> None:
    regions, made = cleaned(annotation(1, json.dumps(segmentation)))
    assert len(regions) + len(made.rejects) == 1


@quick
@given(st.lists(st.lists(st.floats(-200, 200), max_size=12), max_size=4))
def test_any_points_give_a_mask_or_a_reason(points: list[list[float]]) -> None:
    """Also polygons that cross themselves and reach out of the image."""
    regions, made = cleaned(annotation(1, points))
    assert len(regions) + len(made.rejects) == 1
    for region in regions:
        assert region.area == rle.decode(region.mask).sum() > 0


@pytest.mark.parametrize("size", [(2**31 - 1, 2**31 - 1), (65_536, 9), (9, 65_536), (65_535, 65_535), (0, 9), (9, -1)])
@pytest.mark.parametrize("form", [[SQUARE], {"size": [9, 9], "counts": [81]}])
def test_a_size_that_would_crash_pycocotools_is_rejected(size: tuple[int, int], form: Any) -> None:
    row = annotation(1, form) | {"height": size[0], "width": size[1]}
    regions, made = cleaned(row)
    assert (regions, reasons(made.rejects)) == ([], {"malformed_record": 1})
    assert made.rejects[0].detail == f"width {size[1]}, height {size[0]}: no size of an image"


def test_the_largest_image() -> None:
    (region,), _ = cleaned(annotation(1, [SQUARE]) | {"height": 65_535, "width": 32_768})
    assert (region.mask.size, region.area) == ((65_535, 32_768), 24)
