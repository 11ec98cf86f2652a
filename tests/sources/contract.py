"""The cases of the contract test: every folder of tests/fixtures with an `expected.json`.

`expected.json` names the source and counts every outcome by unit. A folder is named after its source; a second layout
of the same source has a folder of its own, such as `refcocog.mdetr`.
"""

import json
import pathlib
from typing import NamedTuple

from pipelines.sources import SOURCES
from pipelines.sources.locate import Located, files_below, locate
from pipelines.sources.spec import Source

FIXTURES = pathlib.Path(__file__).parents[1] / "fixtures"


class Names(NamedTuple):
    """What ids and paths of a source look like: regular expressions."""

    images: str
    regions: str
    paths: str


COCO = Names(r"coco/\d{12}", r"coco/\d+", r"coco/(train|val)2017/[^/]+")
NAMES = {
    "lvis": COCO._replace(regions=r"lvis/\d+"),
    "paco": COCO._replace(regions=r"paco/\d+"),
    "part_imagenet": Names(r"part_imagenet/n\d+_\d+", r"part_imagenet/\d+", r"part_imagenet/.+"),
    "pascal_part": Names(r"pascal_part/\d{4}_\d{6}", r"pascal_part/(\d+|\d{4}_\d{6}#\d+(\.\d+)?)", r"pascal_part/.+"),
    "vg": Names(r"vg/\d+", r"vg/\d+", r"visual_genome/.+"),
    "vcr": Names(r"vcr/.+@\d+", r"vcr/.+@\d+#\d+", r"vcr/vcr1images/.+"),
    "llava_pretrain": Names(r"llava_pretrain/.+", "none", r"llava/.+"),
    "sa1b": Names(r"sa1b/sa_\d+", r"sa1b/\d+", r"sa1b/.+"),
    "own": Names(r"own/\d+", r"own/\d+", r"own/.+"),
}
"""Of the sources that are not about COCO's images and objects."""

LISTS_OF_IMAGES = ("val", "test", "val_instances", "mdetr_val")
"""Roles of evaluation files: only their images are read, the rest of the file is not looked at."""


class Case(NamedTuple):
    """A fixture folder with what reading it must count."""

    folder: pathlib.Path
    name: str
    counts: dict[str, dict[str, int]]

    @property
    def source(self) -> Source:
        """The source that the folder is for."""
        return SOURCES[self.name]

    @property
    def expected_names(self) -> Names:
        """What its ids and paths look like."""
        return NAMES.get(self.name, COCO)

    def folders(self) -> dict[str, str]:
        """Suffix of the files by role, of the roles that are folders."""
        return {role: file.suffix for role, file in self.source.spec.roles().items() if file.suffix}

    def raw_files(self, data: pathlib.Path | None = None) -> dict[str, list[pathlib.Path]]:
        """Its files by role, those of a folder one by one."""
        found = {}
        for role, path in self.located(data).files.items():
            suffix = self.folders().get(role)
            found[role] = (
                [pathlib.Path(path, name) for name in files_below(path, suffix)] if suffix else [pathlib.Path(path)]
            )
        return found

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
