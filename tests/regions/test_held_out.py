"""The lists of evaluation images and of other names hold every image once, by picture and by region."""

from pipelines.regions.held_out import HeldOut, OtherName, held_out, other_names
from pipelines.regions.join import SourceRows
from schemas.records import Image
from tests import factories


def image(source: str, image_id: str, path: str, split: str = "train", same_as: str = "") -> Image:
    """An image as a source knows it."""
    return Image(image_id=image_id, source=source, paths=(path,), width=8, height=8, split=split, same_as=same_as)


def rows(*images: Image, regions: tuple[tuple[str, str], ...] = ()) -> SourceRows:
    """A source with these images and regions, as (image id, split)."""
    found = [factories.region(n, image_id=name, split=split) for n, (name, split) in enumerate(regions)]
    return SourceRows(images[0].source, images, (), found)


def test_an_image_is_in_a_set_by_itself_or_by_one_of_its_regions() -> None:
    coco = rows(image("coco", "coco/1", "a/1.jpg"), image("coco", "coco/2", "a/2.jpg", "coco_val2017"))
    refer = rows(image("refcoco", "coco/1", "b/1.jpg"), regions=(("coco/1", "refcoco_val"), ("coco/1", "train")))
    assert held_out([coco, refer]) == [
        HeldOut(evaluation_set="coco_val2017", image_id="coco/2", same_as="", paths=("a/2.jpg",)),
        HeldOut(evaluation_set="refcoco_val", image_id="coco/1", same_as="", paths=("a/1.jpg", "b/1.jpg")),
    ]


def test_two_sources_that_agree_are_one_entry_and_an_image_may_be_in_several_sets() -> None:
    coco = rows(image("coco", "coco/1", "a/1.jpg", "lvis_val"), image("coco", "coco/2", "a/2.jpg"))
    lvis = rows(image("lvis", "coco/1", "a/1.jpg", "lvis_val"), image("lvis", "coco/1", "a/1.jpg", "paco_val"))
    assert [(one.evaluation_set, one.image_id, one.paths) for one in held_out([coco, lvis])] == [
        ("lvis_val", "coco/1", ("a/1.jpg",)), ("paco_val", "coco/1", ("a/1.jpg",)),
    ]  # fmt: skip


def test_training_images_are_in_no_list() -> None:
    assert held_out([rows(image("coco", "coco/1", "a/1.jpg"), regions=(("coco/1", "train"),))]) == []


def test_other_names_whatever_the_split() -> None:
    vg = rows(image("vg", "vg/7", "c/7.jpg", same_as="coco/1"), image("vg", "vg/8", "c/8.jpg"),
              image("vg", "vg/9", "c/9.jpg", "vg_test", same_as="coco/3"))  # fmt: skip
    assert other_names([vg, vg]) == [
        OtherName(image_id="vg/7", same_as="coco/1"), OtherName(image_id="vg/9", same_as="coco/3"),
    ]  # fmt: skip
    assert [one.same_as for one in held_out([vg])] == ["coco/3"]
