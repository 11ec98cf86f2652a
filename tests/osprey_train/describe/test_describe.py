"""`osprey-describe` and the Python API, with a real model in a folder."""

import json
import pathlib
import subprocess
import sys
from typing import Any

import numpy as np
import PIL.Image
import pytest

from osprey_train import Describer
from osprey_train.describer import ASK, ASK_PICTURE, questions, read_mask
from osprey_train.masks import as_mask
from schemas import rle
from schemas.errors import InputError, ModelError
from tests.osprey_train.describe.conftest import Run


@pytest.fixture(scope="module")
def osprey(model_folder: pathlib.Path) -> Describer:
    return Describer(model_folder, device="cpu")


def test_three_lines_of_python(osprey: Describer, scene: pathlib.Path) -> None:
    """A file, an array and a box of the same region get the same answer, the other region another."""
    asked: dict[str, Any] = {"ask": "What is <region1>?", "max_tokens": 12}
    pixels = np.asarray(PIL.Image.open(scene / "left.png"))
    answers = {
        osprey(scene / "picture.png", mask=scene / "left.png", **asked),
        osprey(str(scene / "picture.png"), mask=pixels, **asked),
        osprey(PIL.Image.open(scene / "picture.png"), box=(5, 10, 20, 20), **asked),
    }
    assert len(answers) == 1
    assert answers != {osprey(scene / "picture.png", mask=scene / "right.png", **asked)}
    assert answers != {""}


def test_temperature_draws_by_the_seed(osprey: Describer, scene: pathlib.Path) -> None:
    def drawn(seed: int) -> str:
        return osprey(scene / "picture.png", mask=scene / "left.png", temperature=2.0, seed=seed, max_tokens=12)

    assert drawn(1) == drawn(1)
    assert len({drawn(seed) for seed in range(4)}) > 1


@pytest.mark.parametrize(
    ("asks", "regions", "expected"),
    [
        ([], 2, ([ASK], False)),
        ([], 0, ([ASK_PICTURE], True)),
        (["What?"], 0, (["What?"], True)),
        (["What colour?", "Why?"], 2, (["<region1> What colour?", "Why?"], False)),
        (["Is <region2> on <region1>?", "Why?"], 2, (["Is <region2> on <region1>?", "Why?"], True)),
        (["What is here?", "And <region1>?"], 1, (["What is here?", "And <region1>?"], True)),
    ],
)
def test_who_is_asked_what(asks: list[str], regions: int, expected: tuple[list[str], bool]) -> None:
    assert questions(asks, regions) == expected


def test_a_region_that_no_question_names() -> None:
    with pytest.raises(InputError, match="no question names <region2>"):
        questions(["What is <region1>?"], 2)


def shown(scene: pathlib.Path, model: pathlib.Path) -> list[object]:
    return ["--model", model, "--image", scene / "picture.png", "--max-tokens", 8]


def test_every_region_by_itself(osprey_describe: Run, scene: pathlib.Path, model_folder: pathlib.Path) -> None:
    regions = ["--mask", scene / "left.png", "--rle", scene / "right.json", "--box", "5,10,20,20"]
    ran = osprey_describe(*shown(scene, model_folder), *regions, "--json")
    assert ran.code == 0
    assert "without --sam a box is taken as it is" in ran.err
    said = json.loads(ran.out)
    assert [answer["regions"] for answer in said["answers"]] == [[1], [2], [3]]
    assert {answer["ask"] for answer in said["answers"]} == {ASK}
    texts = [answer["text"] for answer in said["answers"]]
    assert texts[0] == texts[2] != texts[1]
    assert [region["given"] for region in said["regions"]] == [
        str(scene / "left.png"), str(scene / "right.json"), "box 5,10,20,20",
    ]  # fmt: skip
    assert said["regions"][0]["counts"] == said["regions"][2]["counts"]


def test_all_regions_together_and_a_question_that_follows(
    osprey_describe: Run, scene: pathlib.Path, model_folder: pathlib.Path
) -> None:
    regions = ["--mask", scene / "left.png", "--mask", scene / "right.png"]
    asked = ["--ask", "What is here?", "--ask", "Is <region1> like <region2>?"]
    ran = osprey_describe(*shown(scene, model_folder), *regions, *asked)
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert [line for line in lines if line.startswith("> ")] == ["> What is here?", "> Is <region1> like <region2>?"]
    named = f"region 1 ({scene / 'left.png'}), region 2 ({scene / 'right.png'}): "
    assert sum(line.startswith(named) for line in lines) == 2


def test_a_question_about_the_picture(osprey_describe: Run, scene: pathlib.Path, model_folder: pathlib.Path) -> None:
    ran = osprey_describe(*shown(scene, model_folder), "--ask", "What is here?")
    assert (ran.code, ran.err) == (0, "")


def test_rle_given_as_text(osprey_describe: Run, scene: pathlib.Path, model_folder: pathlib.Path) -> None:
    text = (scene / "left.json").read_text()
    given = [text, json.loads(text)["counts"], json.dumps({"segmentation": [[5, 10, 25, 10, 25, 30, 5, 30]]})]
    ran = osprey_describe(*shown(scene, model_folder), *(word for one in given for word in ("--rle", one)), "--json")
    assert len({region["counts"] for region in json.loads(ran.out)["regions"]}) == 1


def test_the_picture_that_is_saved(
    osprey_describe: Run, scene: pathlib.Path, model_folder: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    regions = ["--mask", scene / "left.png", "--box", "63,47,1,1"]
    ran = osprey_describe(*shown(scene, model_folder), *regions, "--save", tmp_path / "out.png")
    assert ran.code == 0
    page = PIL.Image.open(tmp_path / "out.png")
    assert page.width == 768
    assert page.height > 576, "the answers stand below the picture"
    colours = [page.getpixel(place) for place in ((5 * 12 + 1, 240), (150, 240), (5 * 12 - 2, 240), (767, 575))]
    assert colours == [(230, 25, 75), (220, 30, 30), (255, 255, 255), (60, 180, 75)]


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["--mask", "other.png"], "other.png: the mask is 30 x 30 (width x height), the picture 64 x 48", "nearest"),
        (["--mask", "empty.png"], "empty.png: the mask is empty", "nothing inside"),
        (["--mask", "text.png"], "text.png: not a picture, or a broken one", "JPEG or PNG"),
        (["--mask", "absent.png"], "absent.png: No such file", "JPEG or PNG"),
        (["--rle", "empty.json"], "empty.json: the mask is empty", "nothing inside"),
        (["--rle", "nonsense of a text"], "rle: no COCO RLE: character 's'", "It looks like"),
        (["--rle", "{broken"], "rle: no JSON", "looks like"),
        (["--rle", "absent.json"], "rle: no such file", "its counts"),
        (["--rle", '{"size": [48, 64]}'], "rle: no COCO RLE: it has no 'counts'", "It looks like"),
        (["--box", "70,0,5,5"], "box 70,0,5,5: the box 70,0,5,5 lies outside the picture of 64 x 48", "top left"),
        (["--box", "0,0,5"], "box 0,0,5: not of the form x,y,width,height", "pixels"),
        (["--box", "a,b,c,d"], "box a,b,c,d: not of the form", "pixels"),
        (["--point", "5,5"], "--point needs --sam", "--box or --mask"),
        ([], "no region and no question", "--mask"),
        (["--mask", "left.png", "--ask", "What is <region2>?"], "no question names <region1>", "by itself"),
        (["--mask", "left.png", "--ask", "<region1> <region2>?"], "names <region2>, but there is 1 region", ""),
        (["--mask", "left.png", "--max-tokens", "500"], "the model reads 512", "--max-tokens"),
        (["--mask", "left.png", "--device", "abacus"], "no device 'abacus'", "cpu"),
        (["--mask", "left.png", "--save", "out.psd2"], "no kind of picture has this ending", ".png"),
        (["--mask", "left.png", "--save", "absent/out.png"], "its folder does not exist", "mkdir"),
        (["--mask", "left.png", "--model", "."], "no config.json", ""),
        (["--mask", "left.png", "--model", "absent"], "absent: no such folder", ""),
        (["--mask", "left.png", "--image", "broken.png"], "broken.png: not a picture, or a broken one", "JPEG"),
        (["--mask", "left.png", "--image", "absent.png"], "absent.png: No such file", ""),
        (["--mask", "left.png", "--image", "."], ".: Is a directory", ""),
        (["--mask", "left.png", "--sam", "a/b/absent"], "a/b/absent: no SAM weights", "HF_HUB_OFFLINE=0"),
    ],
)
def test_mistakes(
    osprey_describe: Run, scene: pathlib.Path, model_folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch,
    arguments: list[str], message: str, hint: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(scene)
    ran = osprey_describe(*shown(scene, model_folder), *arguments)
    assert ran.code == 1
    assert ran.err.startswith("error: ")
    assert message in ran.err.splitlines()[0]
    assert hint in "\n".join(ran.err.splitlines()[1:])
    assert ran.out == ""


@pytest.mark.parametrize("far", [float("nan"), float("inf"), 1e30, -1e5])
def test_polygons_that_no_memory_is_enough_for(far: float) -> None:
    with pytest.raises(InputError, match="far outside"):
        as_mask([[far, 1, 50, 1, 50, 50]], (48, 64))


def test_what_is_transparent_is_outside(scene: pathlib.Path) -> None:
    inside = np.asarray(PIL.Image.open(scene / "left.png").convert("L")) > 0
    cut_out = np.dstack([np.full((*inside.shape, 3), 255, np.uint8), np.where(inside, 255, 0).astype(np.uint8)])
    assert as_mask(PIL.Image.fromarray(cut_out), inside.shape) == rle.encode(inside)


@pytest.mark.parametrize("colour", [(255, 255, 255), (128, 0, 0), (0, 0, 255)])
def test_masks_of_any_colour_in_a_jpeg(tmp_path: pathlib.Path, colour: tuple[int, int, int]) -> None:
    page = PIL.Image.new("RGB", (64, 48))
    page.paste(colour, (16, 16, 48, 32))
    page.save(tmp_path / "mask.jpg", quality=95, subsampling=0)
    assert rle.box(as_mask(read_mask(tmp_path / "mask.jpg"), (48, 64))) == (16, 16, 32, 16)


def test_another_model(osprey_describe: Run, scene: pathlib.Path, tmp_path: pathlib.Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    ran = osprey_describe(*shown(scene, tmp_path), "--ask", "What?")
    assert ran.code == 1
    assert "a model of type 'llama', not 'osprey'" in ran.err


def test_several_regions_in_python(osprey: Describer, scene: pathlib.Path) -> None:
    with pytest.raises(InputError, match="several regions"):
        osprey(scene / "picture.png", mask=scene / "left.png", box=(1, 2, 3, 4))
    with pytest.raises(InputError, match="no SAM weights"):
        osprey(scene / "picture.png", point=(3, 4))
    with pytest.raises(InputError, match=r"box \(1, 2, 3\): not of the form"):
        osprey(scene / "picture.png", box=(1, 2, 3))
    with pytest.raises(ModelError, match="no such folder"):
        Describer("absent")


def test_a_model_that_writes_of_regions_that_there_are_not(
    osprey: Describer, scene: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it says is shown as it is, and the next question can still be asked."""
    monkeypatch.setattr(osprey.processor, "answers", lambda written, inputs: ["Next to <region7> and <region1> </s>"])
    picture = PIL.Image.open(scene / "picture.png").convert("RGB")
    region = osprey.region(picture, mask=scene / "left.png")
    answers = osprey.answers(picture, [region], ["What is <region1>?", "Why?"], max_tokens=2)
    assert [answer.text for answer in answers] == ["Next to <region7> and <region1> </s>"] * 2


def test_a_picture_is_seen_as_viewers_show_it(osprey: Describer, scene: pathlib.Path, tmp_path: pathlib.Path) -> None:
    turned = PIL.Image.open(scene / "picture.png").transpose(PIL.Image.Transpose.ROTATE_90)
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    turned.save(tmp_path / "turned.png", exif=exif)
    both = {
        osprey(path, mask=scene / "left.png", max_tokens=8) for path in (tmp_path / "turned.png", scene / "picture.png")
    }
    assert len(both) == 1


def test_help_does_not_wait_for_torch() -> None:
    code = (
        "import sys\nfrom osprey_train import describe, train\n"
        "assert not {'torch', 'transformers', 'PIL'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
