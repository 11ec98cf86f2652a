"""From Visual Genome's boxes to a file with masks, by the command line, with small models of random weights.

Random masks mean nothing: limits are set so that some pass and some do not.
"""

import json
import pathlib
import re
import statistics
from typing import Any

import msgspec
import PIL.Image
import pyarrow.parquet as pq
import pytest
from pycocotools.coco import COCO

from pipelines.phases import boxes_to_masks
from pipelines.segmentation import boxes
from pipelines.segmentation.coco_file import Account
from pipelines.segmentation.judge import Limits
from pipelines.segmentation.model import Segmenter
from pipelines.sources import vg
from pipelines.sources.ingest import ingest
from pipelines.sources.locate import Located, locate
from tests.command_line import Run

IMAGES = 7
SIZE = (96, 64)
COCO_IDS: dict[int, dict[str, int | None]] = {4: {"coco_id": 139}, 5: {"coco_id": None}}
"""Of some pictures; the others do not say."""
ANYTHING = ["--min-fill", 0, "--max-outside", 1, "--min-score", -10]


@pytest.fixture
def data(tmp_path: pathlib.Path) -> pathlib.Path:
    """Pictures in both folders, four boxes each; one picture is missing, one is none, one has another size."""
    root = tmp_path / "data" / "visual_genome"
    regions, images = [], []
    for number in range(1, IMAGES + 1):
        folder = "VG_100K" if number % 2 else "VG_100K_2"
        url = f"https://cs.stanford.edu/people/rak248/{folder}/{number}.jpg"
        images.append({"image_id": number, "url": url, "width": SIZE[0], "height": SIZE[1]} | COCO_IDS.get(number, {}))
        regions.append({"id": number, "regions": [_region(number, place) for place in range(4)]})
        picture = PIL.Image.radial_gradient("L").resize(SIZE if number != 3 else (90, 64))
        (root / folder).mkdir(parents=True, exist_ok=True)
        picture.convert("L" if number % 2 else "RGB").save(root / folder / f"{number}.jpg")
    (root / "VG_100K" / "1.jpg").unlink()
    (root / "VG_100K_2" / "2.jpg").write_bytes(b"no picture")
    (root / "region_descriptions.json").write_text(json.dumps(regions))
    (root / "image_data.json").write_text(json.dumps(images))
    return tmp_path / "data"


def _region(image: int, place: int) -> dict[str, Any]:
    """The last box of an image lies half outside of it."""
    box = {"x": 60 if place == 3 else 8 * place, "y": 6 * place, "width": 50, "height": 30}
    return {"region_id": 100 * image + place, "image_id": image, "phrase": f"thing {place} of {image}", **box}


def ledger(out: pathlib.Path) -> dict[tuple[str, str], dict[str, Any]]:
    lines = json.loads((out / "visual_genome" / "vg_train_with_mask.ledger.json").read_text())
    return {(line["stage"], line["unit"]): line for line in lines}


def made(out: pathlib.Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((out / "visual_genome" / "vg_train_with_mask.json").read_text())
    return content


@pytest.mark.parametrize("model", ["sam_hq", "sam"])
def test_every_box_is_accounted_for(
    model: str, request: pytest.FixtureRequest, data: pathlib.Path, tmp_path: pathlib.Path, osprey_data: Run
) -> None:
    out, weights = tmp_path / "out", request.getfixturevalue(model)
    command = ["masks", "--data", data, "--weights", weights, "--out", out, "--batch", 3]
    assert osprey_data(*command, *ANYTHING).code == 0
    middle = statistics.median(one["score"] for one in made(out)["annotations"])
    ran = osprey_data(*command, "--min-fill", 0, "--max-outside", 1, "--min-score", middle)
    assert ran.code == 0, ran.said
    line = ledger(out)["masks", "expressions"]
    assert line["read"] == ledger(out)["ingest", "expressions"]["kept"] == 4 * IMAGES
    assert line["read"] == line["kept"] + sum(line["rejected"].values())
    assert line["rejected"]["image_missing"] == 4
    assert line["rejected"]["image_unreadable"] == 8
    assert line["kept"] > 0 < line["rejected"]["mask_misses_box"]
    file = made(out)
    assert len(file["annotations"]) == line["kept"]
    rejects = pq.read_table(out / "visual_genome" / "vg_train_with_mask.rejects.parquet").to_pylist()
    assert len(rejects) == line["read"] - line["kept"]
    keys = {row["key"] for row in rejects} | {f"vg/{one['id']}" for one in file["annotations"]}
    assert len(keys) == line["read"]
    assert f"{line['kept']} masks" in ran.out


def test_the_file_is_one_that_pycocotools_and_our_own_reader_read(
    sam_hq: pathlib.Path, data: pathlib.Path, tmp_path: pathlib.Path, osprey_data: Run
) -> None:
    ran = osprey_data("masks", "--data", data, "--weights", sam_hq, "--out", data, *ANYTHING)
    assert ran.code == 0, ran.said
    coco = COCO(data / "visual_genome" / "vg_train_with_mask.json")
    assert {one["file_name"] for one in coco.dataset["images"]} == {
        "VG_100K_2/4.jpg", "VG_100K/5.jpg", "VG_100K_2/6.jpg", "VG_100K/7.jpg"
    }  # fmt: skip
    for annotation in coco.dataset["annotations"]:
        mask = coco.annToMask(annotation)
        assert mask.shape == (SIZE[1], SIZE[0])
        assert mask.sum() == annotation["area"]
        assert annotation["caption"] == f"thing {annotation['id'] % 100} of {annotation['image_id']}"
    (data / "visual_genome" / "image_data.json").unlink()
    located = locate(vg.SPEC, str(data), {})
    assert isinstance(located, Located)
    assert list(located.files) == ["masks"]
    cache = ingest(vg.SOURCE, located, str(tmp_path / "work"))
    assert cache.annotations().num_rows == len(coco.dataset["annotations"])
    assert {image.image_id: image.same_as for image in cache.images() if image.same_as} == {"vg/4": "coco/000000000139"}
    assert {image.paths[0] for image in cache.images()} <= {f"visual_genome/VG_100K/{n}.jpg" for n in range(9)}
    assert not [line for line in cache.ledger() if line.rejected]


def test_a_second_run_makes_nothing_and_other_limits_need_no_model(
    sam_hq: pathlib.Path, data: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    anything = Limits(min_fill=0, max_outside=1, min_score=-9)
    first = boxes_to_masks.make_masks(str(data), str(tmp_path), str(sam_hq), limits=anything)
    content = pathlib.Path(first.path).read_bytes()
    monkeypatch.setattr(Segmenter, "masks", None)
    again = boxes_to_masks.make_masks(str(data), str(tmp_path), str(sam_hq), limits=anything)
    assert pathlib.Path(again.path).read_bytes() == content
    strict = Limits(min_fill=0, max_outside=1, min_score=statistics.median(scores(first.path)))
    last = boxes_to_masks.make_masks(str(data), str(tmp_path), str(sam_hq), limits=strict)
    assert 0 < last.account.kept < first.account.kept
    assert last.account.read == first.account.read


def scores(path: str) -> list[float]:
    return [float(one["score"]) for one in json.loads(pathlib.Path(path).read_text())["annotations"]]


def test_without_one_mask_nothing_is_written(
    sam_hq: pathlib.Path, data: pathlib.Path, tmp_path: pathlib.Path, osprey_data: Run
) -> None:
    ran = osprey_data("masks", "--data", data, "--weights", sam_hq, "--out", data, "--min-fill", 1.01)
    assert ran.code == 1
    assert "none of 28 boxes" in ran.err
    assert "--min-fill" in ran.err
    assert not list((data / "visual_genome").glob("*with_mask*"))


def test_a_run_that_was_stopped_goes_on(
    sam_hq: pathlib.Path, data: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boxes, "PIECE_IMAGES", 2)
    limits = Limits(min_fill=0, max_outside=1, min_score=-9)
    whole = boxes_to_masks.make_masks(str(data), str(tmp_path / "whole"), str(sam_hq), limits=limits)
    real, asked = Segmenter.masks, []

    def stops(self: Segmenter, picture: PIL.Image.Image, found: Any) -> Any:
        asked.append(picture)
        if len(asked) == 4:
            raise KeyboardInterrupt
        return real(self, picture, found)

    out = tmp_path / "stopped"
    monkeypatch.setattr(Segmenter, "masks", stops)
    with pytest.raises(BaseException):  # noqa: B017, PT011 - Beam may wrap it
        boxes_to_masks.make_masks(str(data), str(out), str(sam_hq), limits=limits)
    assert not (out / "visual_genome").exists()
    done = {path: path.stat().st_mtime_ns for path in out.glob("work/masks-*/*.parquet")}
    assert done
    monkeypatch.setattr(Segmenter, "masks", real)
    made_now = boxes_to_masks.make_masks(str(data), str(out), str(sam_hq), limits=limits)
    assert {path: path.stat().st_mtime_ns for path in done} == done, "what was made is not made again"
    assert pathlib.Path(made_now.path).read_bytes() == pathlib.Path(whole.path).read_bytes()


def test_limit(sam_hq: pathlib.Path, data: pathlib.Path, osprey_data: Run) -> None:
    """Some pictures are not taken for all, unless a recipe says so."""
    folder = data / "visual_genome"
    ran = osprey_data("masks", "--data", data, "--weights", sam_hq, "--out", data, "--limit", 5, *ANYTHING)
    assert ran.code == 0, ran.said
    lines = json.loads((folder / "vg_train_with_mask.first5.ledger.json").read_text())
    assert {line["read"] for line in lines if line["stage"] == "masks"} == {20}
    assert "sources: {vg: {files: {masks: visual_genome/vg_train_with_mask.first5.json}}}" in ran.out
    located = locate(vg.SPEC, str(data), {})
    assert isinstance(located, Located)
    assert "masks" not in located.files
    named = locate(vg.SPEC, str(data), {"masks": "visual_genome/vg_train_with_mask.first5.json"})
    assert isinstance(named, Located)
    assert named.files["masks"] == str(folder / "vg_train_with_mask.first5.json")


def test_boxes_off_the_picture_are_rejected_and_those_that_exceed_it_clipped(
    sam_hq: pathlib.Path, data: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    path = data / "visual_genome" / "region_descriptions.json"
    groups = json.loads(path.read_text())
    groups[4]["regions"][0] |= {"x": 95.5, "width": 40}
    path.write_text(json.dumps(groups))
    limits = Limits(min_fill=0, max_outside=1, min_score=-9)
    found = boxes_to_masks.make_masks(str(data), str(tmp_path), str(sam_hq), limits=limits)
    assert found.account.rejected["outside_image"] == 1


@pytest.mark.slow
def test_two_workers_write_the_same_bytes(
    sam_hq: pathlib.Path, data: pathlib.Path, tmp_path: pathlib.Path, osprey_data: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boxes, "PIECE_IMAGES", 2)
    for workers in (1, 2):
        flags = ["--weights", sam_hq, "--out", tmp_path / str(workers), "--workers", workers, *ANYTHING]
        assert osprey_data("masks", "--data", data, *flags).code == 0
    one, two = (tmp_path / str(n) / "visual_genome" / "vg_train_with_mask.json" for n in (1, 2))
    assert one.read_bytes() == two.read_bytes()


@pytest.mark.parametrize(
    ("weights", "says"), [("nowhere/at-all", "no folder of that name"), ("EMPTY", "lacks config.json")]
)
def test_no_weights(weights: str, says: str, data: pathlib.Path, tmp_path: pathlib.Path, osprey_data: Run) -> None:
    name = tmp_path / "empty" if weights == "EMPTY" else weights
    (tmp_path / "empty").mkdir()
    ran = osprey_data("masks", "--data", data, "--weights", name, "--out", tmp_path / "o")
    assert ran.code == 1
    assert says in re.sub(r"\s+", " ", ran.err)
    assert "Traceback" not in ran.err


def test_no_boxes(sam_hq: pathlib.Path, tmp_path: pathlib.Path, osprey_data: Run) -> None:
    (tmp_path / "data").mkdir()
    ran = osprey_data("masks", "--data", tmp_path / "data", "--weights", sam_hq, "--out", tmp_path / "o")
    assert ran.code == 1
    assert "region_descriptions.json" in ran.err


def test_the_account_is_what_the_ledger_line_says() -> None:
    account = Account(images=1, read=3, kept=2, rejected={"empty_mask": 1})
    assert msgspec.to_builtins(boxes_to_masks._line(account))["read"] == 3
