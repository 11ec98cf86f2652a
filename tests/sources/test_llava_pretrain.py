"""LLaVA's image-text pairs: what a record becomes."""

import json
import pathlib

from pipelines.sources import SOURCES
from tests.sources.contract import CASES

BLIP, CC3M = (next(case for case in CASES if case.folder.name == f"llava_pretrain{end}") for end in ("", ".cc3m"))


def test_turns_lack_the_image_s_mark() -> None:
    texts = BLIP.source.read(BLIP.located().files).texts
    assert [(text.image_id, text.turns, text.ordinal) for text in texts] == [
        (
            "llava_pretrain/00453/004539375",
            (
                "Render a clear and concise summary of the photo.",
                "select luxury furniture 3 - inch gel memory foam mattress topper",
            ),
            0,
        ),
        (
            "llava_pretrain/00223/002239345",
            ("Write a terse but informative summary of the picture.", "a grey watch with an army style strap"),
            1,
        ),
        ("llava_pretrain/00223/002239345", ("What is this?", "a second caption of the same picture"), 2),
        ("llava_pretrain/00001/14", ("What?", "A café.", "And?", "A table."), 14),
        ("llava_pretrain/00001/15", ("No mark?", "It does not matter."), 15),
    ]
    assert {text.role for text in texts} == {"image_text"}


def test_images_have_no_size() -> None:
    images = CC3M.source.read(CC3M.located().files).images
    assert [(image.image_id, image.width, image.height, image.paths) for image in images] == [
        (f"llava_pretrain/{name}", 0, 0, (f"llava/images/{name}.jpg", f"llava/{name}.jpg"))
        for name in ("GCC_train_002582585", "GCC_train_001")
    ]


def test_rejects_say_what_is_wrong() -> None:
    details = {reject.key: reject.detail for reject in BLIP.source.read(BLIP.located().files).rejects}
    assert details["records[4] id a_b"] == "1 images, 2 <image> marks"
    assert details["records[5] id 5"] == "2 images, 1 <image> marks"
    assert details["records[6] id 6"] == "no `image`"
    assert details["records[12] id 12"] == "<image> in an answer"


def test_a_picture_of_another_form_is_another_picture(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "chat.json"
    turns = [{"from": "human", "value": "<image> What is it?"}, {"from": "gpt", "value": "A cup."}]
    path.write_text(json.dumps([{"image": f"a.{form}", "conversations": turns} for form in ("jpg", "png")]))
    found = SOURCES["llava_pretrain"].read({"cc3m": str(path)})
    assert [image.paths[0] for image in found.images] == ["llava/images/a.jpg"]
    assert [(reject.key, reject.reason) for reject in found.rejects] == [("records[1]", "duplicate_id")]
