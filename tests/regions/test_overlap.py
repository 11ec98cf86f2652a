"""Training records in evaluation sets: by picture, under whichever name, and by annotation id."""

from pipelines.regions.overlap import Listing, Overlap, merge, overlap

TRAIN = "train"


def counted(*listings: Listing) -> dict[tuple[str, str], tuple[int, int]]:
    return {(one.source, one.evaluation_set): (one.images, one.annotations) for one in overlap(listings)}


def test_by_picture_and_by_annotation() -> None:
    """RefCOCO refers to one of COCO's two objects on an image of its test set."""
    coco = Listing("coco", [("coco/1", TRAIN, ""), ("coco/2", TRAIN, "")], [], [
        ("coco/1", TRAIN, "coco/11"), ("coco/1", TRAIN, "coco/12"), ("coco/2", TRAIN, "coco/21"),
    ])  # fmt: skip
    refcoco = Listing(
        "refcoco",
        [("coco/1", "refcoco_testA", ""), ("coco/2", TRAIN, "")],
        [],
        [("coco/1", "refcoco_testA", "coco/11"), ("coco/2", TRAIN, "coco/21")],
    )
    assert counted(coco, refcoco) == {("coco", "refcoco_testA"): (1, 1), ("refcoco", "refcoco_testA"): (0, 0)}


def test_a_picture_under_another_name() -> None:
    vg = Listing("vg", [("vg/7", TRAIN, "coco/1"), ("vg/8", TRAIN, "")], [], [
        ("vg/7", TRAIN, "vg/70"), ("vg/7", TRAIN, "vg/71"), ("vg/8", TRAIN, "vg/80"),
    ])  # fmt: skip
    coco = Listing("coco", [("coco/1", "coco_val2017", "")], [], [])
    assert counted(vg, coco)["vg", "coco_val2017"] == (1, 0)


def test_texts_make_a_training_image_and_lists_do_not() -> None:
    llava = Listing("llava", [], ["coco/1", "coco/1", "coco/3"], [])
    lvis = Listing("lvis", [("coco/1", "lvis_val", ""), ("coco/2", TRAIN, "")], [], [("coco/2", TRAIN, "lvis/2")])
    assert counted(llava, lvis) == {("llava", "lvis_val"): (1, 0), ("lvis", "lvis_val"): (0, 0)}


def test_a_source_may_meet_its_own_evaluation_set() -> None:
    """Google's split of RefCOCO parts the objects of one image."""
    rows = Listing("refcoco", [("coco/1", TRAIN, "")], [], [
        ("coco/1", TRAIN, "coco/11"), ("coco/1", "refcoco_test", "coco/12"),
    ])  # fmt: skip
    assert counted(rows) == {("refcoco", "refcoco_test"): (1, 0)}


def test_nothing_is_known_of_a_set_without_images() -> None:
    assert counted(Listing("coco", [("coco/1", TRAIN, "")], ["coco/1"], [("coco/1", TRAIN, "coco/11")])) == {}


def test_slot_ranges_add_up_in_the_order_of_the_sources() -> None:
    def line(source: str, name: str, images: int) -> Overlap:
        return Overlap(source=source, evaluation_set=name, images=images, annotations=2 * images)

    assert merge([line("lvis", "b", 1), line("coco", "b", 2), line("lvis", "a", 3), line("coco", "b", 4)]) == [
        line("lvis", "a", 3), line("lvis", "b", 1), line("coco", "b", 6),
    ]  # fmt: skip
