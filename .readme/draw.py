"""Draws the picture of README from the sample scenes' build: `python .readme/draw.py out/scenes out/dataset`."""

import pathlib
import sys
import textwrap

import pyarrow.dataset as ds
from PIL import Image, ImageDraw, ImageFont

from pipelines.qa.page.drawing import draw_regions
from schemas.records import Mask

KIND, WIDTH, MARGIN, LINE = "conversation", 1280, 24, 25


def main(data: str, out: str) -> None:
    """Picture on the left, the conversation about it on the right."""
    rows = ds.dataset(f"{out}/data/{KIND}").to_table().to_pylist()
    fitting = (row for row in rows if 3 <= len(row["regions"]) <= 5 and row["width"] >= 560)
    row = min(fitting, key=lambda row: row["sample_id"])
    masks = [Mask(size=tuple(region["mask"]["size"]), counts=region["mask"]["counts"]) for region in row["regions"]]
    with Image.open(pathlib.Path(data, row["image"]["path"])) as picture:
        drawn = draw_regions(picture, masks)
    page = Image.new("RGB", (WIDTH, drawn.height + 2 * MARGIN), "white")
    page.paste(drawn, (MARGIN, MARGIN))
    write(ImageDraw.Draw(page), row["messages"], drawn.width + 2 * MARGIN, page.height - MARGIN)
    page.quantize(128).save(pathlib.Path(__file__).with_name("region.png"), optimize=True)


def write(canvas: ImageDraw.ImageDraw, messages: list[dict[str, str]], left: int, bottom: int) -> None:
    """As many whole turns as there is room for."""
    font = ImageFont.load_default(19)
    top = MARGIN
    for question, answer in zip(messages[::2], messages[1::2], strict=True):
        asked, said = (textwrap.wrap(message["content"], 58) for message in (question, answer))
        if top + LINE * len(asked + said) > bottom:
            return
        for line, colour in [*((line, "#5a5a5a") for line in asked), *((line, "#101010") for line in said)]:
            canvas.text((left, top), line, fill=colour, font=font)
            top += LINE
        top += LINE // 2


if __name__ == "__main__":
    main(*sys.argv[1:])
