"""Records of Osprey's files, one by one: nothing is lost that can be kept, and what cannot has its reason."""

from typing import Any

import msgspec
import pytest

from pipelines.exchange.osprey_import import BadRecord, Converted, Splitting, convert, picture
from pipelines.exchange.osprey_json import decoder, form_of, part_kind, told_by_loader
from schemas.errors import SourceError
from schemas.records import IMPORTED
from tests.exchange.released import (
    CONVERSATIONS,
    DESCRIPTIONS,
    NAMES,
    PARTS,
    POSITIVE_NEGATIVE,
    A,
    B,
    C,
    annotation,
    record,
    square,
)
from tests.factories import pairs

BAD = {"bbox": [0, 0, 1, 1], "segmentation": []}


def made(form: str, given: dict[str, Any], found: bool = True) -> Converted:
    (entry,) = decoder(form).decode(msgspec.json.encode([given]))
    place = (lambda paths, _width, _height: paths[0]) if found else (lambda *_: ("image_missing", ""))
    return convert(entry, form, place, Splitting())


def reason(form: str, given: dict[str, Any], **more: Any) -> str:
    with pytest.raises(BadRecord) as error:
        made(form, given, **more)
    return error.value.reason


def answers(converted: Converted) -> list[str]:
    return [answer for _, answer in pairs(converted.sample)]


def test_a_conversation_keeps_its_words_and_masks() -> None:
    sample = made("conversation", CONVERSATIONS[0]).sample
    assert pairs(sample) == [("What is <region1>?", "A cup."), ("And <region2>?", "It is under <region1>.")]
    assert [region.bbox for region in sample.regions] == [(2, 2, 8, 8), (20, 4, 8, 8)]
    assert (sample.image_id, sample.path) == ("coco/000000000009", "coco/train2017/000000000009.jpg")
    assert (sample.width, sample.height) == (60, 40)
    assert sample.generator.name == IMPORTED
    assert sample.license == "CC-BY-NC-4.0"


def test_the_three_forms_of_masks_are_one() -> None:
    forms = [annotation(20, 4, form=form) for form in ("compressed", "runs", "polygon")]
    masks = {made("short_form", record(each, talk=["<region1>?", "x"])).sample.regions[0].mask for each in forms}
    assert len(masks) == 1


def test_regions_that_no_text_names_are_left_out_and_the_others_numbered_anew() -> None:
    found = made("conversation", CONVERSATIONS[1])
    assert pairs(found.sample) == [("What is beside <region2>?", "<region1>.")]
    assert [region.bbox[0] for region in found.sample.regions] == [2, 40]
    assert found.faults == {1: ("unnamed_region", "")}


def test_descriptions_without_a_name_or_on_several_lines_are_not_lost() -> None:
    first, second = (made("description", each) for each in DESCRIPTIONS)
    assert answers(first) == ["A white cup.\n\nIt stands beside <region2>.", "A saucer without a name."]
    assert answers(second) == ["Seen from above."]
    assert [question.count(f"<region{n}>") for n, (question, _) in enumerate(pairs(first.sample), 1)] == [1, 1]


def test_a_description_that_lacks_something_takes_no_other_with_it() -> None:
    given = record(
        BAD, A, B, description=["<region1>: Gone.", "<region2>: Here.", "<region3>: Beside <region1>.", "Extra."]
    )
    found = made("description", given)
    assert answers(found) == ["Here."]
    assert {place: fault[0] for place, fault in found.faults.items()} == {
        0: "empty_mask", 2: "unknown_region", 3: "unknown_region"
    }  # fmt: skip
    short = made("description", record(A, B, description=["<region1>: Here."]))
    assert short.faults == {1: ("empty_text", "no description")}
    assert reason("description", record(BAD, description=["<region1>: Gone."])) == "no_regions"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (record(A, talk=["What is <region2>?", "x"]), "unknown_region"),
        (record(A, talk=["What is <region0>?", "x"]), "unknown_region"),
        (record(A, talk=["What is <region>?", "<region1>"]), "unknown_region"),
        (record(A, talk=["What is this?", "A cup."]), "no_regions"),
        (record(A, talk=["What is <region1>?", " \n"]), "empty_text"),
        (record(A, talk=["What is <region1>?"]), "malformed_record"),
        (record(A, talk=[]), "malformed_record"),
        (record(BAD, A, talk=["<region1>?", "x"]), "empty_mask"),
        (record({"segmentation": square(2, 2) | {"size": [60, 40]}}, talk=["<region1>?", "x"]), "size_mismatch"),
        (record(A, talk=["<region1>?", "x"], name="../../etc/passwd"), "unsafe_path"),
    ],
)
def test_records_that_give_no_row(given: dict[str, Any], expected: str) -> None:
    assert reason("conversation", given) == expected


def test_a_picture_that_is_not_there() -> None:
    assert reason("conversation", CONVERSATIONS[0], found=False) == "image_missing"


def test_positive_negative_by_order_of_appearance() -> None:
    """As many names as masks: the loader gives each name the next mask, whatever its number."""
    swapped = made("positive_negative", POSITIVE_NEGATIVE[1]).sample
    assert pairs(swapped) == [("Is <region1> a cup?", "No"), ("Is <region2> a cup?", "Yes")]
    assert [region.bbox[0] for region in swapped.regions] == [2, 20]


def test_positive_negative_a_mask_that_repeats_is_one_region() -> None:
    found = made("positive_negative", POSITIVE_NEGATIVE[0])
    assert pairs(found.sample) == [
        ("Is <region1> a cup?", "Yes"), ("Is <region2> a cup?", "No"), ("Is <region1> a dog?", "No")
    ]  # fmt: skip
    assert len(found.sample.regions) == 2
    assert not found.faults


def test_positive_negative_by_number_where_there_are_fewer_masks_than_names() -> None:
    given = record(A, B, talk=["Is <region2> a?", "Yes", "Is <region1> a?", "No", "Is <region2> b?", "No"])
    sample = made("positive_negative", given).sample
    assert [question for question, _ in pairs(sample)] == ["Is <region1> a?", "Is <region2> a?", "Is <region1> b?"]
    assert [region.bbox[0] for region in sample.regions] == [20, 2]


def test_part_level_holds_two_kinds() -> None:
    assert [made("part_level", each).sample.kind for each in PARTS] == ["part_category", "part_attribute"]
    assert part_kind(["What is <region1> made of?"]) == "part_attribute"
    assert part_kind(["Is <region1> opaque?"]) == "part_attribute"
    assert part_kind(["Which part of which object is <region1>?", "Name <region2>."]) == "part_category"


def test_ids_repeat_and_may_lack_but_rows_are_told_apart() -> None:
    ids = {made("part_level", each).sample.sample_id for each in PARTS}
    assert len(ids) == 2
    assert made("description", DESCRIPTIONS[1]).sample.sample_id.startswith("description-")
    ours = "part_category-0123456789abcdef0123"
    assert made("part_level", PARTS[1] | {"id": ours}).sample.sample_id == ours
    assert made("part_level", PARTS[1] | {"id": ours}).sample.kind == "part_category"


def test_the_same_mask_twice_in_a_row_has_two_ids() -> None:
    regions = made("conversation", record(C, C, talk=["<region1> or <region2>?", "x"])).sample.regions
    assert regions[0].mask == regions[1].mask
    assert regions[0].region_id != regions[1].region_id


@pytest.mark.parametrize(
    ("name", "image", "path"),
    [
        (NAMES[0], "coco/000000000009", "coco/train2017/000000000009.jpg"),
        (NAMES[1], "coco/000000000025", "coco/train2017/000000000025.jpg"),
        ("val2017/000000000030.jpg", "coco/000000000030", "coco/val2017/000000000030.jpg"),
        ("VG_100K/12.jpg", "osprey-724k/VG_100K/12", "VG_100K/12.jpg"),
    ],
)
def test_pictures(name: str, image: str, path: str) -> None:
    found = picture(name)
    assert (found[0], found[1][0]) == (image, path)


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("osprey_short_form.json", "short_form"),
        ("osprey_conversation.json", "conversation"),
        ("osprey_conversations.json", "conversation"),
        ("osprey_detail_description.json", "description"),
        ("x/osprey_detailed_description.json", "description"),
        ("osprey_part_level.json", "part_level"),
        ("osprey_lvis_positive_negative.json", "positive_negative"),
    ],
)
def test_forms_by_file_name(name: str, form: str) -> None:
    assert form_of(name) == form


def test_a_name_that_tells_nothing() -> None:
    with pytest.raises(SourceError, match="does not tell") as error:
        form_of("data.json")
    assert "--kind" in error.value.hint


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("<region1>: A cup.", "A cup."),
        ("<region1>: A cup.\nIt is white.", "A cup."),
        ("<region1>: A <b>: cup.", "cup."),
        ("A cup.", None),
        ("<region1>:A cup.", None),
    ],
)
def test_what_ospreys_loader_takes_from_a_description(line: str, told: str | None) -> None:
    import re

    assert told_by_loader(line) == told
    found = re.findall(r"<.*>:\ (.*)", line)
    assert (found[0] if found else None) == told
