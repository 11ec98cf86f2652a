"""The page: what it shows, that texts stay texts, that it stands by itself and is the same every time."""

import base64
import hashlib
import io
import pathlib
import re

import msgspec
import PIL.Image
import pytest

from pipelines.qa.card import write_card
from pipelines.qa.figures.shown import ROWS
from pipelines.qa.kinds import MEANS
from pipelines.qa.page.gallery import card, spans
from pipelines.qa.page.overview import kind_lines, totals
from pipelines.qa.page.pictures import stays_below
from pipelines.qa.page.report import write_report
from pipelines.qa.page.wording import BLANK, percent
from pipelines.qa.reading import rows_at
from pipelines.qa.suite.expectations import KINDS
from pipelines.shards.manifest import NOTHING_ASKED
from schemas.errors import BuildError
from schemas.ledger import LedgerLine
from tests.qa import builds
from tests.qa import rows as drawn
from tests.qa.pages import Page, page, report_of, written

HOSTILE = '"><img src=x onerror="alert(1)"><script>alert(2)</script>'


def test_a_whole_build(tmp_path: pathlib.Path) -> None:
    builds.write(tmp_path)
    found = page(tmp_path)
    text = found.text
    assert re.search(r"Pass All \d+ checks hold for all 10 rows in 4 shards(; \d+ had nothing to judge)?\.", text)
    for expected in (f"conversation {MEANS['conversation']} 8 16 16 127,000", "2 2 4 not in it", "train 6, val 2"):
        assert expected in text
    assert "crowd examples a crowd region covers many objects 2 ingest coco" in text
    assert "ingest coco annotations 20 18 2 crowd 2" in text
    assert "12,000 prompt tokens" in text or "prompt tokens 12,000" in text
    assert "requests 9 calls 6 repeats of another request 2 failed 1" in text
    assert found.attributes["class"].count("view") == 8
    assert text.count("No picture:") == 3


def test_it_needs_nothing_from_elsewhere(tmp_path: pathlib.Path) -> None:
    builds.write(tmp_path)
    found = page(tmp_path)
    assert not {"link", "iframe", "object", "base"} & set(found.tags)
    policy = next(one for one in found.attributes["content"] if "default-src" in one)
    digest = base64.b64encode(hashlib.sha256(found.scripts[0].encode()).digest()).decode()
    assert len(found.scripts) == 1
    assert f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}';" in policy
    assert all(src.startswith("data:") for src in found.attributes.get("src", []))
    assert {href for href in found.attributes["href"] if not href.startswith("#")} <= {"data_docs/index.html"}


def test_hostile_texts_are_shown_and_not_run(tmp_path: pathlib.Path) -> None:
    content = builds.shards()
    row = content["mask_text", "train"][0][0]
    row["messages"][1]["content"] = HOSTILE + " <region1>"
    row["sample_id"] = row["license"] = row["image_id"] = HOSTILE
    row["image"]["path"] = HOSTILE
    row["sources"] = ["coco", HOSTILE]
    row["regions"][0] |= {"category": HOSTILE, "part_of": HOSTILE, "region_id": HOSTILE}
    row["generator"]["name"] = HOSTILE
    lines = (LedgerLine(stage=HOSTILE, source=HOSTILE, unit=HOSTILE, read=1, kept=0, rejected={HOSTILE: 1}),)
    builds.write(
        tmp_path, content, recipe={"name": HOSTILE, HOSTILE: HOSTILE}, versions={HOSTILE: HOSTILE}, ledger=lines
    )  # fmt: skip
    found = page(tmp_path, str(tmp_path))
    assert found.text.count(HOSTILE) >= 12
    assert found.tags.count("script") == 1
    assert not [name for name in found.attributes if name.startswith("on")]
    assert all(src.startswith("data:") for src in found.attributes.get("src", []))


def test_a_failed_build_says_what_failed(tmp_path: pathlib.Path) -> None:
    content = builds.shards()
    content["mask_text", "train"][0][0]["regions"][0]["area"] = 3
    content["mask_text", "train"][0][1]["regions"][0]["mask"]["counts"] = "oops"
    content["conversation", "train"][0][0]["license"] = None
    builds.write(tmp_path, content)
    text = page(tmp_path, suite=True).text
    assert re.search(
        r"Fail 3 of \d+ checks find something: no_missing_values, mask_readable, area_equals_mask ?[.;]", text
    )
    assert "1, such as mask_text/1 data/mask_text/train-00000-of-00001.parquet" in text
    assert "a mask cannot be read" in text


def test_rows_without_regions_and_regions_without_a_category(tmp_path: pathlib.Path) -> None:
    caption = drawn.rows(1, "region_caption", regions=1)
    caption[0]["regions"][0] |= {"category": "", "source": "vg", "part_of": "vg/7"}
    caption[0]["sources"] = ["vg"]
    whole = drawn.rows(2, "image_text", regions=0)
    content = {("image_text", "train"): [whole], ("region_caption", "train"): [caption]}
    builds.write(tmp_path, content, ledger=(), generation=NOTHING_ASKED)
    builds.write_rejects(tmp_path, ())
    assert report_of(tmp_path).passed
    found = page(tmp_path)
    assert "(no category), part of vg/7" in found.text
    assert sorted(label for label in found.attributes["aria-label"] if label.startswith("coco")) == [
        "coco/000000000001 with 1 numbered regions", "coco/000000000001 without regions",
        "coco/000000000002 without regions",
    ]  # fmt: skip


def test_every_kind_is_on_the_page(tmp_path: pathlib.Path) -> None:
    assert set(MEANS) == KINDS
    content = {
        (kind, "train"): [drawn.rows(1, kind, regions=0 if kind == "image_text" else 2)] for kind in sorted(KINDS)
    }
    content = {
        key: [[row | {"sample_id": f"{key[0]}/1"} for row in rows] for rows in parts] for key, parts in content.items()
    }
    builds.write(tmp_path, content, ledger=(), generation=NOTHING_ASKED)
    builds.write_rejects(tmp_path, ())
    assert report_of(tmp_path).passed
    text = page(tmp_path).text
    assert all(f"{kind} {means}" in text for kind, means in MEANS.items())


def test_the_same_page_every_time(tmp_path: pathlib.Path) -> None:
    builds.write(tmp_path)
    first = written(tmp_path)
    assert written(tmp_path) == first


def test_pictures_come_from_data(tmp_path: pathlib.Path) -> None:
    out, data = tmp_path / "out", tmp_path / "data"
    builds.write(out)
    picture = data / "coco/train2017/000000000001.jpg"
    picture.parent.mkdir(parents=True)
    PIL.Image.new("RGB", (drawn.WIDTH, drawn.HEIGHT), "red").save(picture)
    (data / "coco/train2017/000000000002.jpg").write_bytes(b"no picture")
    text = page(out, str(data)).text
    assert "coco/train2017/000000000002.jpg cannot be read (UnidentifiedImageError)" in text
    assert "coco/train2017/000000000003.jpg is not under DATA" in text
    assert "coco/train2017/000000000001.jpg" not in text
    assert "no DATA was given" in page(out).text


def test_no_rows_at_all(tmp_path: pathlib.Path) -> None:
    builds.write(tmp_path, {("mask_text", "train"): [[]]}, ledger=(), generation=NOTHING_ASKED)
    builds.write_rejects(tmp_path, ())
    text = page(tmp_path).text
    for words in ("There are no rows to show", "Nothing was rejected", "No model was asked"):
        assert words in text


def test_an_unfinished_build(tmp_path: pathlib.Path) -> None:
    with pytest.raises(BuildError, match="no build has finished"):
        page(tmp_path)


def test_the_gallery_does_not_depend_on_the_number_of_shards(
    tmp_path: pathlib.Path,
) -> None:
    values = drawn.rows(40)
    shown = []
    for name, parts in (("one", [values]), ("many", [values[i : i + 7] for i in range(0, 40, 7)])):
        builds.write(tmp_path / name, {("conversation", "train"): parts})
        places = report_of(tmp_path / name).figures.shown["conversation"]
        shown.append([row["sample_id"] for row in rows_at(str(tmp_path / name), [(p.file, p.row) for p in places])])
        assert shown[-1] == [place.sample_id for place in places]
    assert shown[0] == shown[1]
    assert len(set(shown[0])) == ROWS


def test_rows_of_later_row_groups_are_found(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.shards.writing.GROUP_ROWS", 10)
    values = drawn.rows(35)
    manifest = builds.write(tmp_path, {("conversation", "train"): [values]})
    file = manifest.kinds["conversation"].files[0].path
    found = rows_at(str(tmp_path), [(file, row) for row in (0, 10, 34)])
    assert [row["sample_id"] for row in found] == [values[row]["sample_id"] for row in (0, 10, 34)]


def test_embedded_pictures_and_long_texts_in_other_scripts() -> None:
    row = drawn.rows(1)[0]
    stream = io.BytesIO()
    PIL.Image.new("RGB", (drawn.WIDTH, drawn.HEIGHT), "blue").save(stream, "PNG")
    row["image"]["bytes"] = stream.getvalue()
    row["messages"][1]["content"] = "מה זה? " + "word " * 10_000
    made = card(row, None)
    assert made.picture.note == ""
    assert made.picture.uri.startswith("data:image/webp;base64,")
    assert made.turns[1].spans[0].text.startswith("מה זה?")
    assert made.turns[1].words == 10_002
    assert made.turns[1].head[0].text.startswith("מה זה? word")
    assert made.turns[1].head[0].text.count("word") < 50
    assert not made.turns[0].head


def test_spans_colour_the_names_of_regions() -> None:
    assert [(one.text, bool(one.colour)) for one in spans("Is <region2> left of <region13>?")] == [
        ("Is ", False), ("<region2>", True), (" left of ", False), ("<region13>", True), ("?", False),
    ]  # fmt: skip
    assert "".join(one.text for one in spans("<region0> <region> <region 1>")) == "<region0> <region> <region 1>"


@pytest.mark.parametrize(
    ("path", "fine"),
    [
        ("coco/a.jpg", True), ("a..b/c.jpg", True), ("", False), ("/etc/passwd", False), ("../a", False),
        ("a/../../b", False), ("a\\..\\..\\b", False), ("C:/a", False), ("https://host/a", False),
    ],
)  # fmt: skip
def test_paths_stay_below_data(path: str, fine: bool) -> None:
    assert stays_below(path) == fine


def test_percent() -> None:
    shares = (0, 0.0001, 0.0123, 0.5, 0.9999, 1, 1.5)
    shown = [percent(share) for share in shares]
    assert [text.replace(BLANK, " ") for text in shown] == [
        "0 %", "< 0.1 %", "1.2 %", "50 %", "> 99.9 %", "100 %", "150 %",
    ]  # fmt: skip
    assert not any(" " in text for text in shown), "none of them breaks between number and sign"


def test_a_share_stays_on_the_line_of_its_bar_and_of_its_writer(tmp_path: pathlib.Path) -> None:
    builds.write(tmp_path)
    found = written(tmp_path).partition('id="kinds"')[2].partition('id="sources"')[0]
    shares = re.findall(rf"[\d.]+{BLANK}%", found)
    whole = re.findall(rf'<(td|span) class="whole">(?:(?!</\1>).|</span>(?= ))*?[\d.]+{BLANK}%', found)
    assert shares
    assert len(whole) == len(shares)


def test_no_path_of_this_machine_is_on_the_page(tmp_path: pathlib.Path) -> None:
    manifest = builds.write(tmp_path)
    assert manifest == msgspec.json.decode((tmp_path / "manifest.json").read_bytes(), type=type(manifest))
    assert not re.search(re.escape(str(tmp_path)), written(tmp_path))


def test_a_shard_that_is_missing_and_one_that_is_none(tmp_path: pathlib.Path) -> None:
    builds.write(tmp_path)
    (tmp_path / "data/mask_text/train-00000-of-00001.parquet").unlink()
    (tmp_path / "data/conversation/val-00000-of-00001.parquet").write_bytes(b"no table")
    text = page(tmp_path).text
    assert "Fail" in text
    assert "data/mask_text/train-00000-of-00001.parquet: missing" in text
    assert "4 rows of the manifest are not there or cannot be read" in text
    assert "data/conversation/val-00000-of-00001.parquet: changed" in text
    assert "No row of this kind can be shown." in text


def test_what_is_missing_is_counted_nowhere(tmp_path: pathlib.Path) -> None:
    manifest = builds.write(tmp_path)
    (tmp_path / "data/mask_text/train-00000-of-00001.parquet").unlink()
    report = report_of(tmp_path)
    lines = {line.name: line.entry.rows for line in kind_lines(manifest, report.figures)}
    assert lines == {"conversation": 8, "mask_text": 0}
    assert totals(manifest, report.figures)["uncounted"] == 2


def test_what_a_check_finds_and_allows_is_told(tmp_path: pathlib.Path) -> None:
    content = builds.shards()
    twice = [row | {"sample_id": f"again/{number}"} for number, row in enumerate(drawn.rows(1))]
    content["conversation", "train"].append(twice)
    builds.write(tmp_path, content, recipe={"name": "x", "checks": {"no_repeated_pairs": {"threshold": 0.9}}})
    assert re.search(
        r"within what is allowed: no_repeated_pairs [1-9]\d* of \d+ question-answer pairs", page(tmp_path).text
    )
    write_card(str(tmp_path), report_of(tmp_path))
    assert "Found, and within what is allowed: no_repeated_pairs 2 of 22" in (tmp_path / "README.md").read_text()


def test_a_shard_that_went_away_after_the_pass_shows_no_rows(tmp_path: pathlib.Path) -> None:
    builds.write(tmp_path)
    report = report_of(tmp_path)
    (tmp_path / "data/mask_text/train-00000-of-00001.parquet").unlink()
    text = Page(pathlib.Path(write_report(str(tmp_path), report)).read_text()).text
    assert "conversation/1" in text
    assert "No row of this kind can be shown." in text
