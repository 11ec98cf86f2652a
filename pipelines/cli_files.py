"""Commands that make or convert files beside a build: `masks`, `import`, `export`."""

import os
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines import console, storage
from pipelines.options import check_folders
from schemas.errors import RecipeError

if TYPE_CHECKING:
    from pipelines.phases.boxes_to_masks import Made

BEAM = {"allow_extra_args": True, "ignore_unknown_options": True}


def add_to(app: typer.Typer) -> None:
    """Make the commands part of the command line."""
    app.command(context_settings=BEAM)(masks)
    app.command("import", context_settings=BEAM)(import_files)
    app.command()(export)


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
    limit: Annotated[
        int | None, typer.Option(min=1, help="Only so many pictures, into a file `.first<N>.json`.")
    ] = None,
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
    _tell_masks(made, data.rstrip("/"), out.rstrip("/"), limited=limit is not None)


def _tell_masks(made: "Made", data: str, out: str, *, limited: bool) -> None:
    account = made.account
    reasons = "".join(f", {reason} {count:,}" for reason, count in account.rejected.items())
    console.out.print(f"{account.read:,} boxes: {account.kept:,} masks on {account.images:,} pictures{reasons}")
    console.out.print(f"{made.path}; rejects: {made.rejects}", markup=False)
    if limited:
        path = made.path.removeprefix(f"{data}/") if out == data or "://" in out else os.path.abspath(made.path)
        console.out.print("a build reads it where the recipe names it:", markup=False)
        console.out.print(f"sources: {{vg: {{files: {{masks: {path}}}}}}}", markup=False)
    elif out != data:
        console.out.print(f"a build reads it from {storage.join(data, 'visual_genome')}: move it there", markup=False)


def import_files(
    context: typer.Context,
    files: Annotated[list[str], typer.Argument(help="Files of Osprey-724K, or folders that hold them.")],
    data: Annotated[str, typer.Option(help="Folder with the pictures, as for build: coco/train2017/ ...")],
    out: Annotated[str, typer.Option(help="Folder for the shards, the manifest and the report.")],
    kind: Annotated[
        str,
        typer.Option(
            help="What the files are, where their names do not tell: description, conversation, short_form, "
            "part_level or positive_negative."
        ),
    ] = "",
    val_fraction: Annotated[float, typer.Option(min=0, max=1, help="Share of pictures whose rows go to val.")] = 0.02,
    seed: Annotated[int, typer.Option(help="Decides which pictures.")] = 0,
    check_pictures: Annotated[bool, typer.Option(help="Reject records whose picture is not under DATA.")] = True,
    workers: Annotated[int, typer.Option(min=1, help="Processes that write shards.")] = 1,
) -> None:
    """Make Osprey's released files into shards like those of a build, checked by the same suite.

    Records keep their texts. Regions have masks and no category. What cannot be used is in rejects/ with its reason.
    Flags that are not listed here go to Beam.
    """
    from pipelines.exchange.osprey_json import FORMS

    if kind and kind not in FORMS:
        raise RecipeError(f"no kind {kind!r} of file", hint=f"Known: {', '.join(FORMS)}.")
    hint = "Give the folder that holds coco/train2017/, or --no-check-pictures."
    check_folders(data, out, hint if check_pictures else "")
    from pipelines import commands
    from pipelines.exchange.osprey_import import Splitting
    from pipelines.phases import importing
    from pipelines.phases.layout import Layout
    from pipelines.phases.running import Running, check_flags

    check_flags(context.args)
    layout = Layout(out.rstrip("/"))
    storage.make_folder(layout.out)
    job = importing.Job(
        importing.osprey_files(files), data.rstrip("/"), layout, kind, Splitting(seed, val_fraction), check_pictures
    )
    with console.bars() as progress:
        plan = importing.make_plan(job, progress)
    for note in (*importing.not_read(files), *plan.notes):
        console.out.print(note, markup=False)
    commands.assemble(layout, commands.Asking(), Running(workers, tuple(context.args)))


def export(
    out: Annotated[str, typer.Argument(help="Folder of a finished build.")],
    to: Annotated[str, typer.Option(help="Folder for the files; rows of the val split go to val/ in it.")],
    format: Annotated[str, typer.Option(help="osprey-json (for Osprey's own loaders) or llava.")] = "osprey-json",
    kinds: Annotated[str, typer.Option(help="Only these kinds, with commas between.")] = "",
) -> None:
    """Write the shards as the JSON files that other trainers read; what a format has no place for is told."""
    from pipelines.exchange.export import FORMATS, write
    from pipelines.phases.layout import Layout
    from pipelines.phases.unfinished import require_finished

    if format not in FORMATS:
        raise RecipeError(f"no format {format!r}", hint=f"Known: {', '.join(FORMATS)}.")
    require_finished(Layout(out.rstrip("/")))
    wanted = [kind.strip() for kind in kinds.split(",") if kind.strip()]
    with console.bars() as progress:
        written = write(out.rstrip("/"), to.rstrip("/"), format, wanted, progress)
    for line in written.told():
        console.out.print(line, markup=False)
