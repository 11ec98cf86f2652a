"""The command `osprey-describe`: ask a trained model about regions of a picture."""

import json
import os
from typing import TYPE_CHECKING, Annotated

import typer

from osprey_train import console
from schemas.errors import InputError

if TYPE_CHECKING:
    from osprey_train.describer import Answer, Region

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich")


@app.command(no_args_is_help=True)
def describe(
    model: Annotated[str, typer.Option(help="Folder of a model that osprey-train made.")],
    image: Annotated[str, typer.Option(help="The picture.")],
    mask: Annotated[
        list[str] | None, typer.Option(help="Picture of the same size in which all that is not black is inside.")
    ] = None,
    rle: Annotated[
        list[str] | None, typer.Option(help="COCO RLE or polygons as JSON, the counts alone, or a file of it.")
    ] = None,
    box: Annotated[
        list[str] | None, typer.Option(help="x,y,width,height in pixels: the object in it with --sam.")
    ] = None,
    point: Annotated[list[str] | None, typer.Option(help="x,y in pixels; needs --sam.")] = None,
    ask: Annotated[list[str] | None, typer.Option(help="A question. More than one make a conversation.")] = None,
    sam: Annotated[str, typer.Option(help="SAM or HQ-SAM weights: a folder, or a name of the hub.")] = "",
    temperature: Annotated[float, typer.Option(min=0, help="Above 0, words are drawn.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Of the words drawn.")] = 0,
    max_tokens: Annotated[int, typer.Option(min=1, help="Longest answer.")] = 256,
    save: Annotated[str, typer.Option(help="Draw regions and answers into this file.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = "auto",
) -> None:
    """Answer questions about regions of a picture.

    Regions are numbered in the order masks, RLEs, boxes, points. Questions that name <region1>, <region2>, ... are
    asked once, about all of them; other questions are asked of every region by itself.

    Try it: osprey-describe --model runs/x --image picture.jpg --box 40,30,200,120 --ask "What is <region1>?"
    """
    from osprey_train.masks import numbers

    boxes = [numbers("box", text) for text in box or ()]
    points = [numbers("point", text) for text in point or ()]
    _check(save, bool(points), sam, bool(mask or rle or box or point or ask))
    from transformers.utils import logging

    from osprey_train.describer import Describer, open_picture

    logging.disable_progress_bar()
    picture = open_picture(image)
    describer = Describer(model, device, sam)
    regions = [describer.region(picture, mask=one) for one in mask or ()]
    regions += [describer.region(picture, rle=one) for one in rle or ()]
    regions += [describer.region(picture, box=one) for one in boxes]
    regions += [describer.region(picture, point=one) for one in points]
    if boxes and not sam:
        console.warn("without --sam a box is taken as it is, as a rectangle")
    answers = describer.answers(picture, regions, ask or (), temperature=temperature, seed=seed, max_tokens=max_tokens)
    _show(answers, regions, as_json, len(ask or ()) > 1)
    if save:
        from osprey_train.drawing import drawn

        drawn(picture, regions, answers).save(save)


def _check(save: str, points: bool, sam: str, anything: bool) -> None:
    """What can be told before the model is loaded."""
    if not anything:
        raise InputError(
            "no region and no question", hint="Give --mask, --rle, --box or --point, or --ask for the picture."
        )
    if points and not sam:
        raise InputError(
            "--point needs --sam", hint="A point becomes a region by SAM weights; or give --box or --mask."
        )
    if save:
        import PIL.Image

        PIL.Image.init()
        if os.path.splitext(save)[1].lower() not in PIL.Image.EXTENSION:
            raise InputError(f"--save {save}: no kind of picture has this ending", hint="Take .png or .jpg.")
        if not os.path.isdir(os.path.dirname(save) or "."):
            raise InputError(f"--save {save}: its folder does not exist", hint="Make it first (mkdir -p).")


def _show(answers: "list[Answer]", regions: "list[Region]", as_json: bool, conversation: bool) -> None:
    if as_json:
        areas = [{"given": one.given, "size": one.mask.size, "counts": one.mask.counts} for one in regions]
        print(json.dumps({"regions": areas, "answers": [one._asdict() for one in answers]}, ensure_ascii=False))
        return
    for answer in answers:
        about = ", ".join(f"region {number} ({regions[number - 1].given})" for number in answer.regions)
        if conversation:
            console.out.print(f"> {answer.ask}", markup=False)
        console.out.print(f"{about}: {answer.text}" if about else answer.text, markup=False)


def main() -> None:
    """Entry point."""
    console.run(app)


if __name__ == "__main__":
    main()
