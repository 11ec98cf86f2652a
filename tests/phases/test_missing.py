"""Of a source that cannot be read, what is said to lack is what the user has still to fetch."""

import pathlib
import posixpath

import pytest

from pipelines.phases.sources import lacking
from pipelines.sources import SOURCES
from pipelines.sources.locate import Missing, locate


@pytest.mark.parametrize(
    ("source", "there", "lacks"),
    [
        ("vg", [], ["vg_train_with_mask.json"]),
        ("vg", ["visual_genome/region_descriptions.json"], ["image_data.json"]),
        ("refcoco", ["refer/refcoco/refs(unc).p"], ["instances.json"]),
    ],
)
def test_the_layout_that_is_there_in_part(
    source: str, there: list[str], lacks: list[str], tmp_path: pathlib.Path
) -> None:
    for name in there:
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        path.touch()
    missing = locate(SOURCES[source].spec, str(tmp_path), {})
    assert isinstance(missing, Missing)
    assert [posixpath.basename(file.path) for file in lacking(missing)] == lacks
