"""The cases of the contract test: every folder of tests/fixtures with an `expected.json`.

`expected.json` names the source and counts every outcome by unit. A folder is named after its source; a second layout
of the same source has a folder of its own, such as `refcocog.mdetr`.
"""

import json
import pathlib
from typing import NamedTuple

from pipelines.sources import SOURCES
from pipelines.sources.locate import Located, locate
from pipelines.sources.spec import Source

FIXTURES = pathlib.Path(__file__).parents[1] / "fixtures"


class Case(NamedTuple):
    """A fixture folder with what reading it must count."""

    folder: pathlib.Path
    name: str
    counts: dict[str, dict[str, int]]

    @property
    def source(self) -> Source:
        """The source that the folder is for."""
        return SOURCES[self.name]

    def located(self, data: pathlib.Path | None = None) -> Located:
        """Its files, here or in a copy."""
        found = locate(self.source.spec, str(data or self.folder), {})
        assert isinstance(found, Located), found.message()
        return found


def _case(path: pathlib.Path) -> Case:
    expected = json.loads(path.read_text())
    return Case(path.parent, expected["source"], expected["counts"])


CASES = [_case(path) for path in sorted(FIXTURES.glob("*/expected.json"))]
IDS = [case.folder.name for case in CASES]
