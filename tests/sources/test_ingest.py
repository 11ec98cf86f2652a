"""Finding files, remembering checksums, and sources that are elsewhere or empty."""

import errno
import pathlib
import re
import shutil
from typing import Any

import fsspec
import numpy as np
import pytest

from pipelines import storage
from pipelines.sources import SOURCES
from pipelines.sources.checks import lookup
from pipelines.sources.ingest import ingest, part_count
from pipelines.sources.locate import Located, Missing, cache_key, locate
from schemas.errors import RecipeError, SourceError
from tests.sources.contract import FIXTURES

REFCOCOG = SOURCES["refcocog"].spec


def both_layouts(folder: pathlib.Path) -> pathlib.Path:
    """A data folder with REFER's layout and Osprey's."""
    shutil.copytree(FIXTURES / "refcocog" / "refer", folder / "refer")
    shutil.copytree(FIXTURES / "refcocog.mdetr" / "refcocos", folder / "refcocos")
    return folder


def test_refer_wins_over_osprey_and_the_other_is_said_to_be_unread(tmp_path: pathlib.Path) -> None:
    found = locate(REFCOCOG, str(both_layouts(tmp_path)), {})
    assert isinstance(found, Located)
    assert set(found.files) == {"refs", "instances"}
    assert [note for note in found.notes if "train_with_mask.json" in note and "not read" in note]


def test_half_a_layout_does_not_win(tmp_path: pathlib.Path) -> None:
    (both_layouts(tmp_path) / "refer" / "refcocog" / "instances.json").unlink()
    found = locate(REFCOCOG, str(tmp_path), {})
    assert isinstance(found, Located)
    assert set(found.files) == {"mdetr", "mdetr_val"}
    assert [note for note in found.notes if "refs(umd).p" in note]


def test_files_elsewhere_by_the_recipe(tmp_path: pathlib.Path) -> None:
    shutil.copytree(FIXTURES / "refcocog.mdetr" / "refcocos", tmp_path / "mine")
    name = "mine/finetune_refcocog_train_with_mask.json"
    for given in (name, str(tmp_path / name)):
        found = locate(REFCOCOG, str(tmp_path), {"mdetr": given})
        assert isinstance(found, Located)
        assert found.files == {"mdetr": str(tmp_path / name)}
    lost = locate(REFCOCOG, str(tmp_path), {"mdetr": "mine/other.json"})
    assert isinstance(lost, Missing)
    assert str(tmp_path / "mine" / "other.json") in lost.message()


def test_an_unknown_file_of_a_source(tmp_path: pathlib.Path) -> None:
    with pytest.raises(RecipeError, match="no file 'masks'") as caught:
        locate(REFCOCOG, str(tmp_path), {"masks": "x.json"})
    assert "instances, mdetr, mdetr_val, refs, refs_google" in caught.value.hint


INSTANCES = "coco/annotations/instances_train2017.json"


def test_a_folder_where_the_file_should_be(tmp_path: pathlib.Path) -> None:
    shutil.copytree(FIXTURES / "coco", tmp_path, dirs_exist_ok=True)
    (tmp_path / INSTANCES).unlink()
    (tmp_path / INSTANCES).mkdir()
    found = locate(SOURCES["coco"].spec, str(tmp_path), {})
    assert isinstance(found, Located)
    assert found.only_evaluation
    assert f"coco: {tmp_path / INSTANCES} is a folder, not the file" in found.notes[0]
    (tmp_path / "coco/annotations/instances_val2017.json").unlink()
    found = locate(SOURCES["coco"].spec, str(tmp_path), {})
    assert isinstance(found, Missing)
    assert f"({tmp_path / INSTANCES} is a folder, not the file)" in found.message()


def test_a_folder_does_not_make_a_layout_complete(tmp_path: pathlib.Path) -> None:
    (both_layouts(tmp_path) / "refer" / "refcocog" / "instances.json").unlink()
    (tmp_path / "refer" / "refcocog" / "instances.json").mkdir()
    found = locate(REFCOCOG, str(tmp_path), {})
    assert isinstance(found, Located)
    assert set(found.files) == {"mdetr", "mdetr_val"}


def test_a_file_that_may_not_be_read(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For the superuser there is no such file, so that the system's answer is made up."""
    shutil.copytree(FIXTURES / "coco", tmp_path / "data")
    path = str(tmp_path / "data" / INSTANCES)
    located = locate(SOURCES["coco"].spec, str(tmp_path / "data"), {})
    assert isinstance(located, Located)

    opened = fsspec.open

    def refused(given: str, *rest: Any, **named: Any) -> Any:
        if given == path:
            raise PermissionError(errno.EACCES, "Permission denied", given)
        return opened(given, *rest, **named)

    for _ in ("while its checksum is taken", "while it is read"):
        with monkeypatch.context() as patch:
            patch.setattr(fsspec, "open", refused)
            with pytest.raises(SourceError, match=f"^{re.escape(path)}: cannot be read: Permission denied") as caught:
                ingest(SOURCES["coco"], located, str(tmp_path / "work"))
            assert "name another one" in caught.value.hint
        cache_key("coco", located.files, str(tmp_path / "work"))


def test_lists_in_lists_without_end(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "instances.json"
    path.write_text('{"images": ' + "[" * 5000 + "]" * 5000 + "}")
    located = Located(name="coco", files={"instances": str(path)})
    with pytest.raises(SourceError, match=rf"^{re.escape(str(path))}: lists or objects lie in one another too deeply"):
        ingest(SOURCES["coco"], located, str(tmp_path / "work"))


@pytest.mark.parametrize("kind", ["folder", "nothing"])
def test_a_file_that_went_away_after_it_was_found(kind: str, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "instances.json"
    if kind == "folder":
        path.mkdir()
    located = Located(name="coco", files={"instances": str(path)})
    with pytest.raises(SourceError, match=rf"^{re.escape(str(path))}: cannot be read: (Is a directory|No such file)"):
        ingest(SOURCES["coco"], located, str(tmp_path / "work"))


def test_checksums_are_remembered(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.json"
    path.write_text("{}")
    first = cache_key("coco", {"instances": str(path)}, str(tmp_path / "work"))
    monkeypatch.setattr("pipelines.sources.locate.sha256_of", lambda path: pytest.fail(f"{path} was read again"))
    assert cache_key("coco", {"instances": str(path)}, str(tmp_path / "work")) == first
    assert cache_key("lvis", {"instances": str(path)}, str(tmp_path / "work")) != first
    assert cache_key("coco", {"captions": str(path)}, str(tmp_path / "work")) != first


def test_data_and_work_on_another_file_system() -> None:
    fs = fsspec.filesystem("memory")
    fs.put(str(FIXTURES / "coco") + "/", "/ingest-test/data", recursive=True)
    found = locate(SOURCES["coco"].spec, "memory://ingest-test/data", {})
    assert isinstance(found, Located)
    cache = ingest(SOURCES["coco"], found, "memory://ingest-test/work")
    assert cache.annotations().num_rows == 3
    assert storage.exists(cache.path("_done.json"))
    fs.rm("/ingest-test", recursive=True)


def test_an_empty_source_is_said_to_be_empty(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "detail.json"
    path.write_text("[]")
    cache = ingest(SOURCES["llava"], Located(name="llava", files={"detail": str(path)}), str(tmp_path / "work"))
    assert cache.notes == (f"llava: no records in {path}: nothing can be built from it",)
    assert (cache.parts, cache.texts(), cache.read()) == (0, [], {"records": 0})


def test_an_empty_instances_file(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "instances.json"
    path.write_text('{"categories": [], "annotations": [], "images": []}')
    cache = ingest(SOURCES["coco"], Located(name="coco", files={"instances": str(path)}), str(tmp_path / "work"))
    assert (cache.parts, cache.annotations().num_rows, cache.images()) == (1, 0, [])
    assert len(cache.notes) == 1


@pytest.mark.parametrize(("rows", "parts"), [(0, 1), (8192, 1), (8193, 2), (860_001, 128), (10**8, 256)])
def test_parts_are_powers_of_two(rows: int, parts: int) -> None:
    assert part_count(rows) == parts


@pytest.mark.parametrize("scale", [1, 10**9])
def test_lookup(scale: int) -> None:
    keys = np.array([7, 3, 5]) * scale
    assert lookup(np.array([5, 3, 4, 0, 99, 7, 2**40]) * scale, keys).tolist() == [2, 1, -1, -1, -1, 0, -1]
    assert lookup(np.array([1]), np.zeros(0, np.int64)).tolist() == [-1]
