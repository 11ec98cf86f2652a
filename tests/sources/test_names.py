"""Names and texts: properties that hold for any input, and the cases seen in real data."""

import json
import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.sources.names import category_text, coco_number, image_id, image_paths, is_safe, synonym_texts
from pipelines.sources.text import clean_line, clean_paragraphs
from tests.shared import SHARED, needs_shared


@given(st.text())
def test_a_clean_line_has_single_blanks_and_stays_clean(text: str) -> None:
    line = clean_line(text)
    assert line == " ".join(line.split())
    assert clean_line(line) == line
    assert not any(char in line for char in "\n\r\t\0\x85\u2028\u200b\ufeff")
    line.encode()


@given(st.text())
def test_words_survive_cleaning(text: str) -> None:
    kept = [char for char in text if char.isalnum()]
    assert [char for char in clean_line(text) if char.isalnum()] == kept
    assert [char for char in clean_paragraphs(text) if char.isalnum()] == kept


@given(st.text(alphabet=st.sampled_from("ab \n\r\t.")) | st.text())
def test_paragraphs_are_clean_lines_parted_by_one_empty_line(text: str) -> None:
    cleaned = clean_paragraphs(text)
    assert cleaned == "" or all(line and clean_line(line) == line for line in cleaned.split("\n\n"))
    assert clean_paragraphs(cleaned) == cleaned


@pytest.mark.parametrize(
    ("text", "line", "paragraphs"),
    [
        (" A dog \n sits. ", "A dog sits.", "A dog sits."),
        ("One.\n\nTwo.", "One. Two.", "One.\n\nTwo."),
        ("One.\r\n \r\n\r\nTwo\rthree.", "One. Two three.", "One.\n\nTwo three."),
        ("t\u200bie\ufeff", "tie", "tie"),
        ("a\x00b\tc", "a b c", "a b c"),
        ("\n\n", "", ""),
    ],
)
def test_cleaning(text: str, line: str, paragraphs: str) -> None:
    assert clean_line(text) == line
    assert clean_paragraphs(text) == paragraphs


@given(st.integers(0, 10**12 - 1))
def test_an_image_has_one_number_in_every_naming(number: int) -> None:
    for name in (f"{number:012d}.jpg", f"COCO_train2014_{number:012d}.jpg", f"coco/train2017/{number:012d}.jpg"):
        assert coco_number(name) == number
        base = posixpath.basename(name)
        paths = image_paths(number, base, "", "train2017")
        assert paths == (f"coco/train2017/{number:012d}.jpg", f"coco/val2017/{number:012d}.jpg")
    assert image_id(number) == f"coco/{number:012d}"


@pytest.mark.parametrize(
    "name", ["460986.jpg", "COCO_train2014_000000460986_3.jpg", "gqa/images/2354786.jpg", "", "a.jpg"]
)
def test_other_names_are_no_coco_pictures(name: str) -> None:
    assert coco_number(name) is None


@given(st.text(alphabet=st.sampled_from("./\\~:ab\0")) | st.text())
def test_a_safe_name_stays_in_its_folder(name: str) -> None:
    joined = posixpath.normpath(posixpath.join("/data/coco", name))
    if is_safe(name):
        assert joined.startswith("/data/coco")
        assert "\0" not in name


@pytest.mark.parametrize(
    "name", ["../a.jpg", "/etc/passwd", "a/../../b", "..", "C:\\a.jpg", "~/a.jpg", "s3://b/a.jpg", ""]
)
def test_names_that_leave_the_folder(name: str) -> None:
    assert not is_safe(name)


@pytest.mark.parametrize("name", ["a.jpg", "train2017/000000000009.jpg", "a..b.jpg", "n01440764/x y.JPEG", "ü.jpg"])
def test_names_that_stay(name: str) -> None:
    assert is_safe(name)


def test_the_folder_of_the_url_comes_first() -> None:
    url = "http://images.cocodataset.org/val2017/000000000025.jpg"
    assert image_paths(25, "COCO_train2014_000000000025.jpg", url, "train2017")[0] == "coco/val2017/000000000025.jpg"
    assert image_paths(25, "", url, "train2017")[0] == "coco/val2017/000000000025.jpg"
    assert image_paths(25, "", "http://x/../../etc/25.jpg", "train2017")[0] == "coco/train2017/000000000025.jpg"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("car_(automobile)", "car"),
        ("stop_sign", "stop sign"),
        ("monitor_(computer_equipment) computer_monitor", "monitor"),
        ("dining table", "dining table"),
        ("T-shirt", "T-shirt"),
        ("(toy)", "toy"),
        ("_", "_"),
    ],
)
def test_category_text(name: str, text: str) -> None:
    assert category_text(name) == text


@given(st.text(min_size=1).filter(lambda name: clean_line(name) != ""))
def test_a_category_always_has_a_text(name: str) -> None:
    assert category_text(name) == clean_line(category_text(name)) != ""


def test_synonyms_are_texts_without_the_name_itself() -> None:
    assert synonym_texts("car_(automobile)", ["car_(automobile)", "auto_(automobile)", "automobile", "auto"]) == (
        "auto",
        "automobile",
    )


@needs_shared
def test_lvis_categories_as_one_would_write_them() -> None:
    categories = json.loads((SHARED / "lvis" / "lvis_v1_train_cat_info.json").read_text())
    texts = [category_text(category["name"]) for category in categories]
    assert len(texts) == 1203
    assert not [text for text in texts if any(mark in text for mark in "_()")]
    assert len(set(texts)) == 1198  # bow, fish, octopus, pan and salmon each name two things
