"""Commands that make or convert files beside a build: `masks`, `import`, `export`."""

from typing import TYPE_CHECKING, Annotated

import typer

from pipelines import console, storage

if TYPE_CHECKING:
    from pipelines.phases.boxes_to_masks import Made

BEAM = {"allow_extra_args": True, "ignore_unknown_options": True}


def add_to(app: typer.Typer) -> None:
    """Make the commands part of the command line."""
    app.command(context_settings=BEAM)(masks)


def masks(
    context: typer.Context,
    data: Annotated[str, typer.Option(help="Folder with the raw data, which holds visual_genome/.")],
    weights: Annotated[
        str,
        typer.Option(
            help="HQ-SAM or SAM as transformers saves it: a folder, or a name on the Hugging Face Hub, such as "
            "syscv-community/sam-hq-vit-base (fetched only with HF_HUB_OFFLINE=0)."
        ),
    ],
    out: Annotated[
        str, typer.Option(help="Folder for visual_genome/vg_train_with_mask.json; may be that of the data.")
    ],
    batch: Annotated[int, typer.Option(min=1, help="Boxes decoded at a time.")] = 32,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 ...")] = "auto",
    limit: Annotated[int | None, typer.Option(min=1, help="Only so many pictures.")] = None,
    min_fill: Annotated[float, typer.Option(help="Least share of the box that its mask covers.")] = 0.05,
    max_outside: Annotated[float, typer.Option(help="Most of the mask, as a share, outside of the box.")] = 0.5,
    min_score: Annotated[float, typer.Option(help="Least overlap with the true mask, by the model's own guess.")] = 0.5,
    workers: Annotated[int, typer.Option(min=1, help="Processes, each with a model of its own.")] = 1,
) -> None:
    """Make masks for Visual Genome's regions, which come as boxes, with a Segment Anything model.

    A picture is embedded once, then its boxes are decoded. What was made is not made again: after an interruption the
    same command goes on, and other limits need no model. Flags that are not listed here go to Beam.
    """
    from pipelines.phases.boxes_to_masks import make_masks
    from pipelines.phases.running import Running, check_flags
    from pipelines.segmentation.judge import Limits

    check_flags(context.args)
    limits = Limits(min_fill=min_fill, max_outside=max_outside, min_score=min_score)
    with console.bars() as progress:
        made = make_masks(
            data, out.rstrip("/"), weights, limits=limits, device=device, batch=batch, limit=limit,
            running=Running(workers, tuple(context.args)), progress=progress,
        )  # fmt: skip
    _tell_masks(made, data.rstrip("/"), out.rstrip("/"))


def _tell_masks(made: "Made", data: str, out: str) -> None:
    account = made.account
    reasons = "".join(f", {reason} {count:,}" for reason, count in account.rejected.items())
    console.out.print(f"{account.read:,} boxes: {account.kept:,} masks on {account.images:,} pictures{reasons}")
    console.out.print(f"{made.path}; rejects: {made.rejects}", markup=False)
    if out != data:
        console.out.print(f"a build reads it from {storage.join(data, 'visual_genome')}: move it there", markup=False)
