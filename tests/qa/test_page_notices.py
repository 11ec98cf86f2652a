"""What stands at the top of the page before all else: drawn pictures, kinds without rows; checks that are off."""

import pathlib
import re
from typing import Any

import pytest

from pipelines.qa.page.overview import groups
from pipelines.shards.manifest import NOTHING_ASKED
from schemas.ledger import LedgerLine
from tests.qa import builds
from tests.qa.pages import Page, page, report_of, written


def top(found: Page) -> str:
    """The words above the first section."""
    return found.text.partition("Kinds, sources, gallery")[0]


def test_a_build_of_photographs_with_rows_of_every_kind_needs_no_notice(tmp_path: pathlib.Path) -> None:
    builds.write(tmp_path)
    assert 'class="notice' not in written(tmp_path)


@pytest.mark.parametrize(
    ("sources", "words"),
    [(("coco",), "All rows rest on scenes that"), (("coco", "vg"), r"\(coco and vg\)"), (("vg",), "0 of 10 rows rest")],
)
def test_drawn_pictures_are_told_first(tmp_path: pathlib.Path, sources: tuple[str, ...], words: str) -> None:
    builds.write(tmp_path, sample_scenes=sources)
    found = page(tmp_path)
    assert "Drawn sample scenes, no photographs" in top(found)
    assert re.search(words, top(found))
    assert found.text.index("Drawn sample scenes") < found.text.index("checks hold")


def lacking(out: pathlib.Path, kind: str, **changes: Any) -> str:
    """The top of the page of a build in which a kind has no rows."""
    builds.write(out, builds.shards() | {(kind, "train"): [[]]}, **changes)
    builds.write_rejects(out, ())
    return top(page(out))


def test_kinds_without_rows_are_told_with_what_became_of_them(tmp_path: pathlib.Path) -> None:
    line = LedgerLine(
        stage="build:part_category", source="paco", unit="regions", read=5, kept=0,
        rejected={"region_cap": 2, "not_a_part": 3},
    )  # fmt: skip
    text = lacking(tmp_path / "a", "part_category", ledger=(line,))
    assert "1 of 3 kinds has no rows" in text
    assert re.search(r"part_category: no row; .*not_a_part 3 .*region_cap 2", text)
    off = {"checks": {"kinds_have_rows": {"severity": "off"}}}
    assert "1 of 3 kinds has no rows" in lacking(tmp_path / "b", "commonsense", ledger=(), recipe=off)


def test_shards_that_are_not_there_are_no_want_of_records(tmp_path: pathlib.Path) -> None:
    builds.write(tmp_path)
    (tmp_path / "data/mask_text/train-00000-of-00001.parquet").unlink()
    text = top(page(tmp_path))
    assert re.search("mask_text: no row; the manifest counts 2, and none", text)


def test_a_build_without_rows_does_not_look_like_a_pass(tmp_path: pathlib.Path) -> None:
    off = {"has_rows": {"severity": "off"}, "kinds_have_rows": {"severity": "off"}}
    content = {("mask_text", "train"): [[]]}
    builds.write(tmp_path, content, ledger=(), generation=NOTHING_ASKED, recipe={"checks": off})
    builds.write_rejects(tmp_path, ())
    text = written(tmp_path)
    assert "This build has no rows" in top(Page(text))
    assert "checks hold for all 0 rows" not in Page(text).text
    assert 'class="verdict pass"' not in text


def test_what_the_recipe_turns_off_is_off_and_not_unjudged(tmp_path: pathlib.Path) -> None:
    off = {"english": {"severity": "off"}, "no_slurs": {"severity": "off"}}
    builds.write(tmp_path, recipe={"name": "quick", "checks": off})
    found = page(tmp_path)
    assert "; 2 are off." in top(found)
    assert re.search(r"english off answers are in English turned off by the recipe quick: nobody asked", found.text)
    [group] = [one for one in groups(report_of(tmp_path)) if one.name == "language"]
    assert group.outcomes["off"] == 2
    assert not [line for line in group.checks if line.state == "not judged" and line.result.name in off]
    unjudged = [line.result for group in groups(report_of(tmp_path)) for line in group.checks]
    assert all(one.note for one in unjudged if one.outcome == "not judged")
