"""Takes the picture of README from a report: `python .readme/shoot.py out/dataset`; needs Debian's chromium."""

import io
import pathlib
import sys

from PIL import Image
from playwright.sync_api import sync_playwright

WIDTH, BELOW = 1280, 640


def main(out: str) -> None:
    """The top of the page, and below it the first rows of the gallery."""
    with sync_playwright() as library:
        browser = library.chromium.launch(executable_path="/usr/bin/chromium")
        page = browser.new_page(viewport={"width": WIDTH, "height": 20_000})
        page.goto(pathlib.Path(out, "qa", "index.html").resolve().as_uri())
        card = page.locator("#gallery article:has(.labels li:nth-child(3)):has-text('conversation-')").first
        start = card.evaluate("one => one.getBoundingClientRect().top + scrollY")
        head = int(page.locator("header").first.evaluate("one => one.getBoundingClientRect().bottom")) + 16
        top, below = (
            page.screenshot(full_page=True, clip={"x": 0, "y": y, "width": WIDTH, "height": height})
            for y, height in ((0, head), (start - 44, BELOW))
        )
        browser.close()
    made = Image.new("RGB", (WIDTH, head + BELOW), "white")
    made.paste(Image.open(io.BytesIO(top)), (0, 0))
    made.paste(Image.open(io.BytesIO(below)), (0, head))
    made.quantize(256).save(pathlib.Path(__file__).with_name("report.png"), optimize=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
