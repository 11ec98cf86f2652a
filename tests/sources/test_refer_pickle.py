"""Pickles: what REFER's release holds is read, what could run code is not."""

import os
import pathlib
import pickle
from typing import Any

import pytest

from pipelines.sources.refer_pickle import load
from schemas.errors import SourceError


class Evil:
    """A pickle of this writes a file where it is loaded."""

    def __init__(self, target: pathlib.Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return (pathlib.Path.write_text, (self.target, "owned"))


def dumped(tmp_path: pathlib.Path, content: bytes) -> str:
    """A file of that content."""
    path = tmp_path / "refs(unc).p"
    path.write_bytes(content)
    return str(path)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_data_of_any_protocol(tmp_path: pathlib.Path, protocol: int) -> None:
    refs = [{"ref_id": 1, "sentences": [{"sent": "ü", "tokens": ("a", 1.5, None, True)}], "big": 2**70}]
    assert load(dumped(tmp_path, pickle.dumps(refs, protocol))) == refs


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_that_wants_to_run_code_is_refused(tmp_path: pathlib.Path, protocol: int) -> None:
    target = tmp_path / "owned.txt"
    content = pickle.dumps([{"ref_id": Evil(target)}], protocol)
    path = dumped(tmp_path, content)
    with pytest.raises(SourceError, match=r"byte \d+: the pickle asks for ") as caught:
        load(path)
    assert path in caught.value.message
    assert "not read" in caught.value.hint
    assert not target.exists()
    pickle.loads(content)
    assert target.exists(), "the pickle of this test does no harm: it proves nothing"


@pytest.mark.parametrize(
    "content", [b"cos\nsystem\n(S'true'\ntR.", b"(S'true'\nios\nsystem\n.", b"Pid\n.", pickle.dumps([os.getcwd])]
)
def test_other_ways_to_import(tmp_path: pathlib.Path, content: bytes) -> None:
    with pytest.raises(SourceError, match="the pickle asks for"):
        load(dumped(tmp_path, content))


@pytest.mark.parametrize("content", [b"[]", b"PK\x03\x04", b'{"a": 1}', b"\x80\x02X\x02\x00\x00\x00\xff\xfe.", b"0."])
def test_what_is_no_pickle(tmp_path: pathlib.Path, content: bytes) -> None:
    with pytest.raises(SourceError, match=r"byte \d+"):
        load(dumped(tmp_path, content))


def test_every_cut_is_an_error_at_the_end(tmp_path: pathlib.Path) -> None:
    content = pickle.dumps([{"ref_id": 1, "split": "train"}], 2)
    for size in range(len(content)):
        with pytest.raises(SourceError, match=rf"byte {size}\b"):
            load(dumped(tmp_path, content[:size]))


def test_something_else_than_a_list(tmp_path: pathlib.Path) -> None:
    with pytest.raises(SourceError, match="holds a dict"):
        load(dumped(tmp_path, pickle.dumps({"a": 1})))
