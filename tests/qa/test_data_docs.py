"""Great Expectations' pages: counts of all shards added up, nothing from other servers, nothing that runs."""

import html
import json
import pathlib
import re
from html.parser import HTMLParser
from typing import Any

import msgspec
import pytest

from pipelines.qa.audit import audit
from pipelines.qa.suite import stored
from pipelines.qa.suite.data_docs import results, write_data_docs
from pipelines.qa.suite.expectations import CHECKS, Verdict
from pipelines.qa.suite.stored import read_judged
from pipelines.qa.suite.tally import LONGEST, PARTIAL, Tally, add_up
from pipelines.shards.manifest import read_manifest
from tests.qa import builds
from tests.qa import rows as drawn

HOSTILE = '"><img src=x onerror=alert(1)><script>alert(2)</script> ${means} $words'


class Seen(HTMLParser):
    """Tags, attributes and text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def pages(out: pathlib.Path) -> dict[str, str]:
    folder = pathlib.Path(write_data_docs(str(out))).parent
    return {page.stem: page.read_text() for page in folder.iterdir()}


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Conversations at fault in all of their shards; mask_text is as it should be."""
    out = tmp_path_factory.mktemp("broken")
    content = builds.shards()
    content["conversation", "train"][0][0]["sources"] = [HOSTILE]
    content["conversation", "train"][0][1]["sample_id"] = HOSTILE
    for shard in (*content["conversation", "train"], *content["conversation", "val"]):
        shard[1]["license"] = " "
    content["conversation", "train"][1][0]["regions"][1]["area"] = 99
    builds.write(out, content)
    audit(str(out))
    return out


def test_a_page_a_kind_with_every_expectation(broken: pathlib.Path) -> None:
    found = pages(broken)
    assert set(found) == {"index", "conversation", "mask_text"}
    for check in CHECKS:
        assert f">{check.name}<" in found["mask_text"]
        assert html.escape(check.means, quote=False) in found["mask_text"]
    assert "All 25 expectations hold." in found["mask_text"]
    assert "25 of 25" in found["index"]
    assert "21 of 25" in found["index"]


def test_counts_of_all_shards_are_added_up(broken: pathlib.Path) -> None:
    manifest = read_manifest(str(broken))
    by_kind = {one.kind: one for one in results(manifest, read_judged(str(broken), manifest))}
    found = by_kind["conversation"]
    assert set(found.broken) == {"license_filled", "sources_known", "region_source_listed", "area_equals_mask"}
    assert (found.tallies["license_filled"].elements, found.tallies["license_filled"].unexpected) == (8, 3)
    assert found.tallies["area_equals_mask"].elements == 16
    assert found.tallies["area_equals_mask"].values == ([99, 24],)
    assert found.tallies["mask_size"] == Tally(expectation="mask_size", elements=16)
    assert (found.shards, found.unjudged) == (3, ())
    text = Seen(pages(broken)["conversation"]).text
    assert "3 unexpected values found. 37.5% of 8 total rows." in text
    assert "[99, 24] (sample_id conversation/4, region_id coco/401)" in text


def test_nothing_is_loaded_and_nothing_runs(broken: pathlib.Path) -> None:
    for name, page in pages(broken).items():
        seen = Seen(page)
        assert not seen.tags & {"script", "img", "link", "iframe", "object", "embed", "form", "base"}, name
        assert not [one for one in seen.attributes if one[0].startswith("on") or "//" in one[1]], name
        assert not re.search(r"https?:|@import|url\(", page), name
        assert ("http-equiv", "Content-Security-Policy") in seen.attributes


def test_hostile_values_are_shown_as_they_are(broken: pathlib.Path) -> None:
    seen = Seen(pages(broken)["conversation"])
    assert repr(HOSTILE) in seen.text
    assert f"(sample_id {HOSTILE})" in seen.text


def test_the_same_build_gives_the_same_bytes(broken: pathlib.Path) -> None:
    first = (broken / "qa/suite.json").read_bytes(), pages(broken)
    audit(str(broken))
    assert ((broken / "qa/suite.json").read_bytes(), pages(broken)) == first
    assert not re.search(r"20\d\d-\d\d", "".join(first[1].values()))


def test_kinds_without_regions_and_without_rows(tmp_path: pathlib.Path) -> None:
    whole = drawn.rows(2, "image_text", regions=0)
    builds.write(tmp_path, {("image_text", "train"): [whole], ("mask_text", "train"): [[]]})
    audit(str(tmp_path))
    found = pages(tmp_path)
    assert "All 15 expectations hold." in found["image_text"]
    assert re.search(r"With nothing to judge:\s+region_id_filled,", Seen(found["image_text"]).text)
    assert "The one expectation holds." in found["mask_text"]


def test_a_shard_that_changed_is_named_and_not_counted(tmp_path: pathlib.Path) -> None:
    builds.write(tmp_path)
    shard = "data/mask_text/train-00000-of-00001.parquet"
    (tmp_path / shard).unlink()
    audit(str(tmp_path))
    found = pages(tmp_path)
    assert "Nothing was judged." in found["mask_text"]
    assert shard in found["mask_text"]
    assert "0 of 1" in found["index"]


def test_what_was_judged_is_read_again(broken: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, manifest = str(broken), read_manifest(str(broken))
    known = read_judged(out, manifest)
    assert set(known) == {file.path for entry in manifest.kinds.values() for file in entry.files}
    first, suite = audit(out), (broken / "qa/suite.json").read_bytes()
    monkeypatch.setattr("pipelines.qa.looking.ShardValidator", None)
    assert audit(out, judged=known) == first
    assert (broken / "qa/suite.json").read_bytes() == suite
    assert (broken / "qa/evidence/conversation/train-00000-of-00002.json").exists()


def _other_sha256(value: dict[str, Any]) -> None:
    value["shards"]["data/mask_text/train-00000-of-00001.parquet"]["sha256"] = "0" * 64


def _other_suite(value: dict[str, Any]) -> None:
    value["suite_sha256"] = "0" * 64


def _other_sources(value: dict[str, Any]) -> None:
    value["sources"] = ["coco", "elsewhere"]


@pytest.mark.parametrize(("change", "left"), [(_other_sha256, 3), (_other_suite, 0), (_other_sources, 0)])
def test_what_was_said_of_other_shards_or_by_another_suite_is_forgotten(
    tmp_path: pathlib.Path, change: Any, left: int
) -> None:
    manifest = builds.write(tmp_path)
    audit(str(tmp_path))
    path = tmp_path / stored.SUITE
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value))
    assert len(read_judged(str(tmp_path), manifest)) == left
    path.write_text("{")
    assert read_judged(str(tmp_path), manifest) == {}


def test_tallies_are_bounded_and_add_up() -> None:
    many = [Tally(expectation="a", elements=9, unexpected=5, values=(1,) * 5, places=({},) * 5)] * 7
    [one] = add_up(many)
    assert (one.elements, one.unexpected, len(one.values), len(one.places)) == (63, 35, PARTIAL, PARTIAL)
    content = msgspec.json.encode(Verdict([], [], many))
    assert msgspec.json.decode(content, type=Verdict).tallies == many


def test_a_long_text_at_fault_is_cut(tmp_path: pathlib.Path) -> None:
    values = drawn.rows(1)
    values[0]["split"] = "x" * 10_000
    manifest = builds.write(tmp_path, {("conversation", "train"): [values]})
    audit(str(tmp_path))
    [verdict] = read_judged(str(tmp_path), manifest).values()
    [tally] = [one for one in verdict.tallies if one.unexpected]
    assert len(tally.values[0]) < LONGEST + 10
