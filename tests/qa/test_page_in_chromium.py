"""The page in a real browser: it runs, filters, draws masks, shows hostile texts, and asks nobody for anything."""

import io
import pathlib
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import PIL.Image
import pytest

from schemas.ledger import LedgerLine
from tests.browser import chromium
from tests.qa import builds
from tests.qa import rows as drawn
from tests.qa.pages import written

HOSTILE = '"><img src=x onerror="window.ran=1"><script>window.ran=2</script>{{7*7}}\'</details></p>'
HEBREW = "מה יש כאן ליד <region1>? " * 8


class Opened(NamedTuple):
    """A page in the browser."""

    page: Any
    told: list[str]
    """Errors and warnings of its console."""
    asked: list[str]
    """Addresses it requested."""

    def count(self) -> str:
        return str(self.page.locator("#count").inner_text())

    def shown(self) -> list[str]:
        """Ids and keys of the cards to be seen."""
        return list(self.page.locator("article:visible footer > code").all_inner_texts())


Open = Callable[..., Opened]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium.browser() as running:
        yield running


@pytest.fixture
def show(browser: Any) -> Iterator[Open]:
    """Open the page of a build in a context of its own."""
    contexts = []

    def opened(path: pathlib.Path, address: str = "", width: int = 1280, **options: Any) -> Opened:
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        context.set_default_timeout(10_000)
        contexts.append(context)
        made = Opened(context.new_page(), [], [])
        made.page.on("console", lambda message: made.told.append(message.text))
        made.page.on("pageerror", lambda error: made.told.append(str(error)))
        made.page.on("request", lambda request: made.asked.append(request.url))
        made.page.goto(path.as_uri() + address)
        return made

    yield opened
    for context in contexts:
        context.close()


def wait_for_count(page: Any, text: str) -> None:
    """Until the filters say so; Playwright's `wait_for_function` would need what the page's policy forbids."""
    from playwright.sync_api import expect

    expect(page.locator("#count")).to_have_text(text, timeout=60_000)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A build with pictures, and its page."""
    out, data = tmp_path_factory.mktemp("out"), tmp_path_factory.mktemp("data")
    content = builds.shards()
    content["conversation", "train"][0][0]["messages"][1]["content"] = "The bounding box of <region1> holds a bear."
    content["mask_text", "train"][0][0]["generator"]["name"] = "some-model"
    builds.write(out, content)
    builds.write_rejects(out, [*builds.REJECTS, ("join", "coco", "regions", "coco/100#x:1", "evaluation_split", "")])
    for number in range(1, 9):
        path = data / f"coco/train2017/{number:012d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        PIL.Image.new("RGB", (drawn.WIDTH, drawn.HEIGHT), (90, 140, 90)).save(path)
    written(out, str(data))
    return out / "qa" / "index.html"


def test_it_runs_and_asks_for_nothing(sound: pathlib.Path, show: Open) -> None:
    for scheme in ("light", "dark"):
        opened = show(sound, color_scheme=scheme)
        assert opened.told == []
        assert {url.split(":")[0] for url in opened.asked} <= {"file", "data"}
        assert [url for url in opened.asked if url.startswith("file:")] == [sound.as_uri()]
        assert opened.count() == "12 of 12 shown"
        decoded = "all => Promise.all(all.map(one => { one.loading = 'eager'; return one.decode(); }))"
        assert len(opened.page.locator(".view img").evaluate_all(decoded)) == 9


def test_filters_and_the_address_that_keeps_them(sound: pathlib.Path, show: Open) -> None:
    opened = show(sound)
    page = opened.page
    page.select_option("select[name=kind]", "mask_text")
    assert opened.count() == "2 of 12 shown"
    assert opened.shown() == ["mask_text/1", "mask_text/2"]
    page.select_option("select[name=generator]", "some-model")
    assert opened.shown() == ["mask_text/1"]
    assert page.url.endswith("#gallery?kind=mask_text&generator=some-model")
    assert show(sound, "#gallery?kind=mask_text&generator=some-model").shown() == ["mask_text/1"]
    page.click("button[type=reset]")
    wait_for_count(page, "12 of 12 shown")
    assert page.url.endswith("#gallery")
    page.select_option("select[name=source]", "coco")
    page.select_option("select[name=reason]", "crowd")
    assert opened.count() == "2 of 12 shown"
    page.select_option("select[name=kind]", "mask_text")
    assert opened.count() == "0 of 12 shown"
    assert page.locator("#nothing").is_visible()
    assert opened.told == []


def test_a_check_that_finds_something_leads_to_its_rows(sound: pathlib.Path, show: Open) -> None:
    opened = show(sound)
    opened.page.locator("#check-no_coordinates a[data-filter]").click()
    wait_for_count(opened.page, "1 of 12 shown")
    assert opened.shown() == ["conversation/1"]
    assert "no_coordinates" in opened.page.locator("article:visible").inner_text()
    assert opened.page.locator("#filters").is_visible()


def test_search_and_keys(sound: pathlib.Path, show: Open) -> None:
    opened = show(sound)
    page = opened.page
    page.keyboard.press("/")
    page.keyboard.type("bear jmk BOX")
    assert opened.count() == "0 of 12 shown", "keys of a field are its own"
    page.fill("input[name=q]", "BEAR bounding")
    assert opened.shown() == ["conversation/1"]
    page.fill("input[name=q]", "")
    page.locator("#count").evaluate("() => document.activeElement.blur()")
    focused = "() => document.activeElement.querySelector('footer > code')?.textContent"
    page.keyboard.press("j")
    first = page.evaluate(focused)
    page.keyboard.press("j")
    assert page.evaluate(focused) != first
    page.keyboard.press("k")
    assert page.evaluate(focused) == first == opened.shown()[0]


def pixels(opened: Opened) -> np.ndarray:
    """(height, width, 3) of the picture of the first card."""
    found = opened.page.locator("article:visible .view").first.screenshot()
    return np.asarray(PIL.Image.open(io.BytesIO(found)).convert("RGB")).astype(int)


def test_a_mask_is_drawn_where_it_is_and_nowhere_else(sound: pathlib.Path, show: Open) -> None:
    opened = show(sound, "#gallery?kind=mask_text")
    with_masks = pixels(opened)
    opened.page.keyboard.press("m")
    without = pixels(opened)
    changed = np.abs(with_masks - without).max(axis=2) > 8
    height, width = changed.shape
    region = drawn.region(0, "")
    left, top, wide, high = (
        round(side * scale / whole)
        for side, scale, whole in zip(region.bbox, (width, height) * 2, (drawn.WIDTH, drawn.HEIGHT) * 2, strict=True)
    )
    assert changed[top + high // 3 : top + high - 3, left + 3 : left + wide - 3].mean() > 0.95
    assert not changed[:, width * 2 // 3 :].any()
    assert not changed[height * 2 // 3 :].any()
    assert np.ptp(without[height * 2 // 3 : -10, 10:-10], axis=(0, 1)).max() <= 12, "the picture itself has one colour"


def test_pointing_at_a_name_shows_its_region_alone(sound: pathlib.Path, show: Open) -> None:
    opened = show(sound, "#gallery?kind=conversation")
    card = opened.page.locator("article:visible").first
    opacity = "all => all.map(one => getComputedStyle(one).opacity)"
    assert set(card.locator(".over g").evaluate_all(opacity)) == {"1"}
    card.locator("mark[data-r='2']").first.hover()
    opened.page.wait_for_timeout(300)
    assert card.locator(".over g[data-r='2']").evaluate_all(opacity)[0] == "1"
    assert float(card.locator(".over g[data-r='1']").evaluate_all(opacity)[0]) < 0.5


def hostile(out: pathlib.Path) -> pathlib.Path:
    """A page with a hostile text wherever a text can stand."""
    content = builds.shards()
    for part in content.values():
        for row in (row for rows in part for row in rows):
            row["messages"] = [message | {"content": HOSTILE + " <region1>"} for message in row["messages"]]
            row |= {"sample_id": HOSTILE + row["sample_id"], "license": HOSTILE, "sources": ["coco", HOSTILE]}
            row["image_id"] = HOSTILE + row["image_id"]
            row["image"]["path"] = row["generator"]["name"] = HOSTILE
            for region in row["regions"]:
                region |= {"category": HOSTILE, "part_of": HOSTILE, "region_id": HOSTILE, "source": HOSTILE}
    lines = (LedgerLine(stage=HOSTILE, source=HOSTILE, unit=HOSTILE, read=1, kept=0, rejected={HOSTILE: 1}),)
    recipe = {"name": HOSTILE, HOSTILE: HOSTILE}
    builds.write(out, content, recipe=recipe, versions={HOSTILE: HOSTILE}, ledger=lines)
    builds.write_rejects(out, [(HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE)])
    written(out, str(out))
    return out / "qa" / "index.html"


def test_hostile_texts_are_shown_and_not_run(tmp_path: pathlib.Path, show: Open) -> None:
    path = hostile(tmp_path)
    for bypass in (False, True):
        opened = show(path, bypass_csp=bypass)
        page = opened.page
        assert page.evaluate("window.ran") is None
        assert page.locator("script").count() == 1
        assert page.locator("img[src=x], [onerror]").count() == 0
        assert opened.told == []
        assert page.inner_text("body").count(HOSTILE) > 40
        page.select_option("select[name=generator]", HOSTILE)
        assert len(opened.shown()) == 8
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_policy_forbids_what_is_not_the_page_s_own(sound: pathlib.Path, show: Open) -> None:
    opened = show(sound)
    script = "const s = document.createElement('script'); s.textContent = 'window.ran = 1'; document.body.append(s)"
    opened.page.evaluate(script)
    opened.page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=http://127.0.0.1:9/x.png>')")
    opened.page.wait_for_timeout(50)
    assert opened.page.evaluate("window.ran") is None
    assert len(opened.told) == 2
    assert all("Content Security Policy" in one for one in opened.told)


def test_long_texts_and_other_scripts_stay_within_the_page(tmp_path: pathlib.Path, show: Open) -> None:
    row, long, wide = drawn.rows(3)
    row["messages"][0]["content"] = row["messages"][1]["content"] = HEBREW
    row["regions"][0] |= {"category": "דוב " * 9, "region_id": "vcr/" + "0001_Film_00.01" * 12}
    long["messages"][1]["content"] = "many words " * 5_000
    wide["messages"][1]["content"] = "字" * 3_000 + "w" * 5_000
    builds.write(tmp_path, {("conversation", "train"): [[row, long, wide]]}, ledger=())
    builds.write_rejects(tmp_path, ())
    written(tmp_path)
    for width in (1280, 420):
        opened = show(tmp_path / "qa" / "index.html", width=width)
        page = opened.page
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        inner = page.locator("article *, article").evaluate_all(
            "all => all.filter(one => one.getBoundingClientRect().right > innerWidth + 1).length"
        )
        assert inner == 0
        assert page.locator("article").evaluate_all("all => Math.max(...all.map(one => one.offsetHeight))") < 1400
        text = page.locator(".talk > div").first
        assert text.evaluate("one => getComputedStyle(one).direction") == "rtl"
        folded = page.locator("details", has_text="10,000 words")
        assert folded.evaluate("one => one.innerText.length") < 1000
        folded.locator("summary").click()
        assert folded.evaluate("one => one.innerText.length") > 50_000
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_first_column_of_a_table_stays_in_sight_and_its_names_in_one_piece(
    tmp_path: pathlib.Path, show: Open
) -> None:
    content = builds.shards()
    content["mask_text", "train"][0][0]["sources"] = ["coco", "part_of_a_set"]
    builds.write(tmp_path, content)
    builds.write_rejects(tmp_path, builds.REJECTS)
    written(tmp_path)
    page = show(tmp_path / "qa" / "index.html", width=420).page
    table = page.locator("#sources + .wide")
    names = table.locator("tbody td:first-child")
    assert "part_of_a_set" in names.all_inner_texts()
    lines = "all => all.map(one => Math.floor(one.clientHeight / parseFloat(getComputedStyle(one).lineHeight)))"
    assert set(names.evaluate_all(lines)) == {1}
    assert table.evaluate("one => { one.scrollLeft = 200; return one.scrollLeft; }") > 50
    assert names.first.bounding_box()["x"] == pytest.approx(table.bounding_box()["x"], abs=2)


def test_without_a_script_everything_is_there(sound: pathlib.Path, show: Open) -> None:
    opened = show(sound, java_script_enabled=False)
    assert opened.page.locator("article:visible").count() == 12
    assert not opened.page.locator("#filters select").first.is_visible()
    before = pixels(opened)
    opened.page.locator("#masks").click()
    assert (pixels(opened) != before).any(), "masks are switched by style alone"


def crowded(out: pathlib.Path) -> pathlib.Path:
    """A page with a row of forty messages about twelve regions, and a row of two messages."""
    long, short = drawn.rows(2)
    long |= {"messages": long["messages"] * 20, "regions": long["regions"] * 6}
    builds.write(out, {("conversation", "train"): [[long, short]]}, ledger=())
    builds.write_rejects(out, ())
    written(out)
    return out / "qa" / "index.html"


def test_what_is_cut_says_how_much_and_unfolds_by_keyboard(tmp_path: pathlib.Path, show: Open) -> None:
    from playwright.sync_api import expect

    path = crowded(tmp_path)
    for width in (1280, 420):
        opened = show(path, width=width)
        card = opened.page.locator("article", has_text="conversation/1")
        talk, more = card.locator(".clip:has(.talk)"), card.locator(".clip:has(.talk) .more")
        expect(more).to_have_text(re.compile(r"^\d+ more messages$"))
        told = int(more.inner_text().split()[0])
        below = (
            "one => { const end = one.getBoundingClientRect().bottom + 1; return [...one.children].filter("
            "each => each.getBoundingClientRect().bottom > end).length; }"
        )
        assert 20 < told == talk.locator(".talk").evaluate(below)
        assert "gradient" in talk.locator(".talk").evaluate("one => getComputedStyle(one).maskImage")
        more.focus()
        opened.page.keyboard.press("Enter")
        expect(more).to_have_attribute("aria-expanded", "true")
        expect(more).to_have_text("show less")
        last_is_within = "(card, last) => last.getBoundingClientRect().bottom <= card.getBoundingClientRect().bottom"
        assert card.evaluate(last_is_within, talk.locator(".talk > div").last.element_handle())
        assert talk.locator(".talk").evaluate(below) == 0
        opened.page.keyboard.press("Enter")
        expect(more).to_have_text(f"{told} more messages")
        expect(card.locator(".clip:has(.labels) .more")).to_have_text(re.compile(r"^\d+ more regions?$"))
        assert not opened.page.locator("article", has_text="conversation/2").locator(".more:visible").count()
        assert opened.told == []


def test_without_a_script_nothing_is_cut(tmp_path: pathlib.Path, show: Open) -> None:
    page = show(crowded(tmp_path), java_script_enabled=False).page
    for name in (".talk", ".labels"):
        assert page.locator(name).first.evaluate("one => one.scrollHeight <= one.clientHeight + 1")
    assert not page.locator(".more:visible").count()


def test_a_table_that_is_cut_says_how_many_columns_are_out_of_sight(sound: pathlib.Path, show: Open) -> None:
    from playwright.sync_api import expect

    narrow = show(sound, width=420).page.locator("#kinds .wide").first
    expect(narrow).to_have_class(re.compile(r"\bcut\b"))
    expect(narrow).to_have_attribute("data-hint", re.compile(r"^[1-9] more columns: scroll sideways"))
    assert "scroll sideways" in narrow.evaluate("one => one.dataset.hint")
    assert narrow.evaluate("one => getComputedStyle(one, '::after').display") == "block"
    narrow.evaluate("one => { one.scrollLeft = 10_000; }")
    expect(narrow).to_have_attribute("data-hint", re.compile("scroll back"))
    expect(show(sound).page.locator("#kinds .wide").first).not_to_have_class(re.compile(r"\bcut\b"))
