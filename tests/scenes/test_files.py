"""Large files, record by record."""

import json
import pickle
from pathlib import Path

from pipelines.scenes.files import JsonFile, PickleFile
from pipelines.scenes.refer import pickle_body


def test_json_object_with_two_arrays(tmp_path: Path) -> None:
    file = JsonFile(str(tmp_path / "a.json"), {"info": {"year": 2017}}, ("images", "annotations"), lambda: {"end": [1]})
    file.add("annotations", b'{"id":1},{"id":2}')
    file.add("images", b'{"id":9}')
    file.add("annotations", b'{"id":3}')
    file.close()
    text = (tmp_path / "a.json").read_text()
    found = json.loads(text)
    assert found == {
        "info": {"year": 2017},
        "images": [{"id": 9}],
        "annotations": [{"id": 1}, {"id": 2}, {"id": 3}],
        "end": [1],
    }
    assert list(found) == ["info", "images", "annotations", "end"]


def test_empty_arrays_are_written(tmp_path: Path) -> None:
    for name, arrays, expected in (("a", ("images",), {"images": []}), ("b", ("",), [])):
        JsonFile(str(tmp_path / name), {}, arrays, dict).close()
        assert json.loads((tmp_path / name).read_text()) == expected


def test_bare_list(tmp_path: Path) -> None:
    file = JsonFile(str(tmp_path / "a.json"), {"ignored": 1}, ("",), dict)
    file.add("", b"1,2")
    file.add("", b"3")
    file.close()
    assert json.loads((tmp_path / "a.json").read_text()) == [1, 2, 3]


def test_pickle_of_one_list(tmp_path: Path) -> None:
    records = [{"ref_id": number, "sent_ids": [number, number + 1], "split": "train"} for number in range(5)]
    file = PickleFile(str(tmp_path / "refs.p"))
    file.add("refs", b"".join(map(pickle_body, records[:3])))
    file.add("refs", b"".join(map(pickle_body, records[3:])))
    file.close()
    content = (tmp_path / "refs.p").read_bytes()
    assert content[:2] == b"\x80\x02"
    assert pickle.loads(content) == records


def test_nothing_appears_before_the_file_is_closed(tmp_path: Path) -> None:
    file = JsonFile(str(tmp_path / "a.json"), {}, ("",), dict)
    file.add("", b"1")
    file.discard()
    assert list(tmp_path.iterdir()) == []
