"""`osprey-data report --fiftyone`: the file as pycocotools reads it, and what FiftyOne's importer asks of it."""

import io
import json
import os
import pathlib
from typing import Any

import numpy as np
import PIL.Image
import pyarrow.parquet as pq
from pycocotools.coco import COCO

from schemas import rle
from schemas.records import Mask
from tests.command_line import Run
from tests.qa import builds
from tests.qa import rows as drawn


def exported(osprey_data: Run, out: pathlib.Path, *more: object) -> pathlib.Path:
    ran = osprey_data("report", out, "--fiftyone", out.parent / "coco", *more)
    assert ran.code == 0, ran.err
    return out.parent / "coco"


def loaded(folder: pathlib.Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "labels.json").read_text())
    return found


def regions(out: pathlib.Path) -> dict[str, tuple[dict[str, Any], list[str]]]:
    """Of the shards, each distinct region with its samples."""
    found: dict[str, tuple[dict[str, Any], list[str]]] = {}
    for path in sorted(out.glob("data/*/*.parquet")):
        for row in pq.read_table(path).to_pylist():
            for region in row["regions"]:
                found.setdefault(region["region_id"], (region, []))[1].append(row["sample_id"])
    return found


def test_every_mask_is_that_of_the_shard(out: pathlib.Path, data: pathlib.Path, osprey_data: Run) -> None:
    folder = exported(osprey_data, out, "--data", data)
    read = COCO(str(folder / "labels.json"))
    expected = regions(out)
    assert {one["region_id"] for one in read.anns.values()} == set(expected)
    assert len(read.anns) == len(expected), "each region once, though several samples are about it"
    for one in read.anns.values():
        region, samples = expected[one["region_id"]]
        mask = Mask(size=tuple(region["mask"]["size"]), counts=region["mask"]["counts"])
        assert np.array_equal(read.annToMask(one).astype(bool), rle.decode(mask))
        assert (one["area"], one["bbox"]) == (region["area"], list(region["bbox"]))
        assert sorted(one["sample_ids"]) == sorted(samples)
        assert read.cats[one["category_id"]]["name"] == "teddy bear"
        assert one["image_id"] in read.imgs


def test_the_list_of_pictures_leads_to_them(out: pathlib.Path, data: pathlib.Path, osprey_data: Run) -> None:
    """FiftyOne looks up each file name in this list, and takes paths as relative to it."""
    folder = exported(osprey_data, out, "--data", data)
    listed = json.loads((folder / "data.json").read_text())
    assert {image["file_name"] for image in loaded(folder)["images"]} == set(listed)
    for name, path in listed.items():
        assert not os.path.isabs(path)
        assert (folder / path).samefile(data / name)
    assert not list(folder.glob("*.jpg"))
    assert sorted(path.name for path in folder.iterdir()) == ["data.json", "labels.json", "open_in_fiftyone.py"]


def test_the_lines_that_open_it_are_told_and_stored(out: pathlib.Path, data: pathlib.Path, osprey_data: Run) -> None:
    ran = osprey_data("report", out, "--data", data, "--fiftyone", out.parent / "coco")
    lines = ran.out.strip().splitlines()[-3:]
    compile("\n".join(lines), "told", "exec")
    assert f"from_dir('{out.parent}/coco', fo.types.COCODetectionDataset" in lines[1]
    script = (out.parent / "coco/open_in_fiftyone.py").read_text()
    compile(script, "script", "exec")
    assert len(script.splitlines()) == 3
    assert str(out.parent) not in script, "the folders may be moved together"


def test_what_samples_say_of_a_region(tmp_path: pathlib.Path, data: pathlib.Path, osprey_data: Run) -> None:
    [row] = drawn.rows(1)
    row["messages"] = [
        {"role": "user", "content": "What is <region2>?"}, {"role": "assistant", "content": "A bear."},
        {"role": "user", "content": "And <region1>?"}, {"role": "assistant", "content": "Like <region2>."},
    ]  # fmt: skip
    builds.write(tmp_path / "out", {("conversation", "train"): [[row]]})
    found = loaded(exported(osprey_data, tmp_path / "out", "--data", data))["annotations"]
    assert [one["text"] for one in found] == [
        "And <region1>? Like <region2>.", "What is <region2>? A bear.\nAnd <region1>? Like <region2>.",
    ]  # fmt: skip
    assert [one["split"] for one in found] == ["train", "train"]


def test_a_long_text_is_cut(tmp_path: pathlib.Path, data: pathlib.Path, osprey_data: Run) -> None:
    [row] = drawn.rows(1, text="word " * 10_000)
    builds.write(tmp_path / "out", {("conversation", "train"): [[row]]})
    found = loaded(exported(osprey_data, tmp_path / "out", "--data", data))["annotations"]
    assert all(len(one["text"]) < 500 for one in found)


def test_pictures_that_are_not_there_are_left_out_and_counted(
    out: pathlib.Path, data: pathlib.Path, osprey_data: Run
) -> None:
    (data / "coco/train2017/000000000003.jpg").unlink()
    ran = osprey_data("report", out, "--data", data, "--fiftyone", out.parent / "coco")
    assert "2 regions on a picture that is not there: left out" in ran.out
    assert len(loaded(out.parent / "coco")["images"]) == 7


def test_masks_that_cannot_be_read_are_left_out(tmp_path: pathlib.Path, data: pathlib.Path, osprey_data: Run) -> None:
    """pycocotools reads such masks beyond their end."""
    content = builds.shards()
    content["conversation", "train"][0][2]["regions"][0]["mask"]["counts"] = "oops"
    builds.write(tmp_path / "out", content)
    ran = osprey_data("report", tmp_path / "out", "--data", data, "--fiftyone", tmp_path / "coco")
    assert "1 regions with a mask that cannot be read: left out" in ran.out
    assert "coco/300" not in {one["region_id"] for one in loaded(tmp_path / "coco")["annotations"]}


def test_rows_in_which_something_is_missing(tmp_path: pathlib.Path, data: pathlib.Path, osprey_data: Run) -> None:
    content = builds.shards()
    content["conversation", "train"][0][0]["image"]["path"] = None
    content["conversation", "train"][0][1]["regions"][0]["mask"]["counts"] = None
    content["conversation", "train"][0][2]["messages"][0]["content"] = None
    builds.write(tmp_path / "out", content)
    ran = osprey_data("report", tmp_path / "out", "--data", data, "--fiftyone", tmp_path / "coco")
    assert ran.code == 0, ran.err
    assert "3 rows in which something is missing: left out" in ran.out


def test_a_path_that_leaves_the_folder(tmp_path: pathlib.Path, data: pathlib.Path, osprey_data: Run) -> None:
    content = builds.shards()
    for row in content["conversation", "train"][0]:
        row["image"]["path"] = "../secret.jpg"
    builds.write(tmp_path / "out", content)
    (tmp_path / "secret.jpg").write_bytes(b"")
    exported(osprey_data, tmp_path / "out", "--data", data)
    assert "secret" not in (tmp_path / "coco/data.json").read_text()


def test_no_pictures_at_all(out: pathlib.Path, osprey_data: Run) -> None:
    ran = osprey_data("report", out, "--fiftyone", out.parent / "coco")
    assert ran.code == 1
    assert "where the pictures lie is not known" in ran.err
    (out.parent / "empty").mkdir()
    ran = osprey_data("report", out, "--data", out.parent / "empty", "--fiftyone", out.parent / "coco")
    assert ran.code == 1
    assert "nothing to show: 16 regions on a picture that is not there" in ran.err
    assert not list((out.parent / "coco").iterdir())


def test_rows_without_regions(tmp_path: pathlib.Path, data: pathlib.Path, osprey_data: Run) -> None:
    builds.write(tmp_path / "out", {("image_text", "train"): [drawn.rows(2, "image_text", regions=0)]})
    ran = osprey_data("report", tmp_path / "out", "--data", data, "--fiftyone", tmp_path / "coco")
    assert ran.code == 1
    assert "nothing to show: no row has a region" in ran.err


def test_a_shard_without_a_column_is_named(out: pathlib.Path, data: pathlib.Path, osprey_data: Run) -> None:
    path = out / "data/mask_text/train-00000-of-00001.parquet"
    pq.write_table(pq.read_table(path).drop_columns(["messages"]), path)
    ran = osprey_data("report", out, "--data", data, "--fiftyone", out.parent / "coco")
    assert ran.code == 1
    assert "data/mask_text/train-00000-of-00001.parquet cannot be read" in ran.err


def test_a_missing_shard_is_named(out: pathlib.Path, data: pathlib.Path, osprey_data: Run) -> None:
    (out / "data/mask_text/train-00000-of-00001.parquet").unlink()
    ran = osprey_data("report", out, "--data", data, "--fiftyone", out.parent / "coco")
    assert ran.code == 1
    assert "data/mask_text/train-00000-of-00001.parquet cannot be read" in ran.err
    assert (out / "qa/index.html").exists()


def test_pictures_that_only_the_rows_carry_are_written(tmp_path: pathlib.Path, osprey_data: Run) -> None:
    stream = io.BytesIO()
    PIL.Image.new("RGB", (drawn.WIDTH, drawn.HEIGHT), "red").save(stream, "JPEG")
    rows = drawn.rows(3)
    for row in rows:
        row["image"]["bytes"] = stream.getvalue()
    rows[2]["image"]["path"] = "../../out.jpg"
    recipe = {"name": "object-level", "images": {"embed": True}}
    builds.write(tmp_path / "out", {("conversation", "train"): [rows]}, recipe=recipe)
    folder = exported(osprey_data, tmp_path / "out")
    listed = json.loads((folder / "data.json").read_text())
    assert len(listed) == 2
    assert all((folder / path).read_bytes() == stream.getvalue() for path in listed.values())
    assert [path.name for path in tmp_path.rglob("out.jpg")] == []


def test_regions_without_a_category(tmp_path: pathlib.Path, data: pathlib.Path, osprey_data: Run) -> None:
    rows = drawn.rows(1, "region_caption", regions=1)
    rows[0]["regions"][0]["category"] = ""
    builds.write(tmp_path / "out", {("region_caption", "train"): [rows]})
    assert loaded(exported(osprey_data, tmp_path / "out", "--data", data))["categories"] == [
        {"id": 1, "name": "(no category)"}
    ]


def test_the_same_bytes_every_time(out: pathlib.Path, data: pathlib.Path, osprey_data: Run) -> None:
    folder = exported(osprey_data, out, "--data", data)
    first = (folder / "labels.json").read_bytes()
    exported(osprey_data, out, "--data", data)
    assert (folder / "labels.json").read_bytes() == first
