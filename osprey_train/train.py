"""The command line `osprey-train`."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from osprey_train import console
from osprey_train.stages import STAGES, Stage, stage_of
from schemas.errors import TrainingError

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich")

RUN, CHANGES, MODEL, MACHINE = "The run", "Instead of the table's", "A new model", "The machine"


def _shown(value: bool) -> None:
    if value:
        show_stages()
        raise typer.Exit


@app.command(no_args_is_help=True)
def train(
    stage: Annotated[int, typer.Option(help="1 image-text, 2 mask-text, 3 end to end.", rich_help_panel=RUN)],
    data: Annotated[str, typer.Option(help="OUT/data of a finished build.", rich_help_panel=RUN)],
    output: Annotated[Path, typer.Option(help="Folder for the model, its checkpoints and logs.", rich_help_panel=RUN)],
    images: Annotated[
        str, typer.Option(help="Raw data that the pictures lie in, unless the shards hold them.", rich_help_panel=RUN)
    ] = "",
    init: Annotated[
        str, typer.Option(help="A run or any Osprey model to start from: the stage before.", rich_help_panel=RUN)
    ] = "",
    preset: Annotated[
        str, typer.Option(help="tiny, smol or 7b; else that of --init, else tiny.", rich_help_panel=RUN)
    ] = "",
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the newest whole checkpoint.", rich_help_panel=RUN)
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only check all, and say what it would take.", rich_help_panel=RUN)
    ] = False,
    seed: Annotated[int, typer.Option(help="Of new weights and of the order.", rich_help_panel=RUN)] = 0,
    epochs: Annotated[float | None, typer.Option(min=0.0, rich_help_panel=CHANGES)] = None,
    max_steps: Annotated[int, typer.Option(min=0, help="Instead of epochs.", rich_help_panel=CHANGES)] = 0,
    batch: Annotated[
        int | None, typer.Option(min=1, help="Samples of a step, over all devices.", rich_help_panel=CHANGES)
    ] = None,
    learning_rate: Annotated[float | None, typer.Option(min=0.0, rich_help_panel=CHANGES)] = None,
    kinds: Annotated[str, typer.Option(help="Kinds of data, with commas between.", rich_help_panel=CHANGES)] = "",
    weights: Annotated[
        list[str] | None,
        typer.Option(help="KIND=NUMBER: how often an epoch shows each row of a kind.", rich_help_panel=CHANGES),
    ] = None,
    context: Annotated[int, typer.Option(min=0, help="Most tokens of a sample.", rich_help_panel=CHANGES)] = 0,
    language: Annotated[
        str, typer.Option(help="A causal language model: folder or name of a hub.", rich_help_panel=MODEL)
    ] = "",
    vision_weights: Annotated[
        str, typer.Option(help="A tag of open_clip, a file, or `none`.", rich_help_panel=MODEL)
    ] = "",
    image_size: Annotated[
        int, typer.Option(min=0, help="Pixels of a side, a multiple of 32.", rich_help_panel=MODEL)
    ] = 0,
    pooling: Annotated[
        Literal["area", "published"] | None, typer.Option(show_default=False, rich_help_panel=MODEL)
    ] = None,
    resize: Annotated[Literal["squash", "pad"] | None, typer.Option(show_default=False, rich_help_panel=MODEL)] = None,
    from_scratch: Annotated[
        bool,
        typer.Option("--from-scratch", help="Start untrained, or with random vision.", rich_help_panel=MODEL),
    ] = False,
    per_device: Annotated[
        int,
        typer.Option(min=0, help="Samples of a device at a time; the loss does not change.", rich_help_panel=MACHINE),
    ] = 0,
    workers: Annotated[int, typer.Option(min=0, help="Processes that load data.", rich_help_panel=MACHINE)] = 2,
    bf16: Annotated[
        bool | None, typer.Option(help="By default where a GPU can.", show_default=False, rich_help_panel=MACHINE)
    ] = None,
    gradient_checkpointing: Annotated[
        bool, typer.Option("--gradient-checkpointing", help="Less memory, a third slower.", rich_help_panel=MACHINE)
    ] = False,
    save_every: Annotated[int, typer.Option(min=1, help="Steps.", rich_help_panel=MACHINE)] = 500,
    keep: Annotated[int, typer.Option(min=1, help="Checkpoints.", rich_help_panel=MACHINE)] = 2,
    log_every: Annotated[int, typer.Option(min=1, help="Steps.", rich_help_panel=MACHINE)] = 10,
    log_samples: Annotated[
        bool, typer.Option("--log-samples", help="Write the samples of each step.", rich_help_panel=MACHINE)
    ] = False,
    deepspeed: Annotated[str, typer.Option(help="A DeepSpeed configuration.", rich_help_panel=MACHINE)] = "",
    fsdp: Annotated[str, typer.Option(help="`on`, or a JSON file of its settings.", rich_help_panel=MACHINE)] = "",
    show: Annotated[
        bool, typer.Option("--list", callback=_shown, is_eager=True, help="Show stages and presets.")
    ] = False,
) -> None:
    """Train a stage of the Osprey model on shards.

    Stage 1 teaches the picture's projector, stage 2 the mask extractor, stage 3 both and the language model; each
    starts from the one before. Ctrl-C saves; the same command with --resume goes on, sample for sample. On several
    GPUs: torchrun --nproc-per-node N -m osprey_train.train --stage ... with the same flags.

    Try it: osprey-train --stage 1 --preset tiny --data out/data --images scenes --output runs/stage1
    """
    chosen = stage_of(stage)
    check_files(init, deepspeed, fsdp)
    from osprey_train import running  # the libraries take seconds; what is misspelt is told before

    using = running.preset_of(preset, init)
    changes: dict[str, Any] = {"epochs": epochs, "batch": batch, "learning_rate": learning_rate}
    changes |= {"kinds": tuple(dict.fromkeys(kind.strip() for kind in kinds.split(",") if kind.strip())) or None}
    changes |= {"weights": weights_of(weights or []) or None}
    given = {name: value for name, value in changes.items() if value is not None}
    chosen = stage_of(stage, using.per_stage.get(stage, {}), given)
    shape = {"image_size": image_size, "pooling": pooling, "resize": resize}
    ended = running.run(
        running.Settings(
            stage=chosen, preset=using, data=data, output=output, images=images, init=init, resume=resume,
            from_scratch=from_scratch, per_device=per_device, max_steps=max_steps, context=context, workers=workers,
            seed=seed, language=language, vision_weights=vision_weights,
            model_settings={name: value for name, value in shape.items() if value},
            bf16=bf16, gradient_checkpointing=gradient_checkpointing, save_every=save_every, keep=keep,
            deepspeed=deepspeed, fsdp=fsdp, log_every=log_every, log_samples=log_samples, dry_run=dry_run,
        )
    )  # fmt: skip
    if ended:
        raise typer.Exit(128 + ended)


def weights_of(texts: list[str]) -> dict[str, float]:
    """Kind and weight of texts such as `mask_text=2.0`."""
    found: dict[str, float] = {}
    for text in ",".join(texts).split(","):
        kind, _, number = text.strip().partition("=")
        try:
            found |= {kind: float(number)} if text.strip() else {}
        except ValueError as error:
            raise TrainingError(f"--weights {text}: not KIND=NUMBER", hint="For example mask_text=2.0") from error
    return found


def check_files(init: str, *configurations: str) -> None:
    """Raises TrainingError for what is named and not there."""
    if init and not Path(init).is_dir():
        raise TrainingError(f"--init {init}: no such folder", hint="Give the folder of a run or of an Osprey model.")
    for path in configurations:
        if path and path != "on" and not Path(path).is_file():
            raise TrainingError(f"{path}: no such file", hint="Give a JSON file.")


def show_stages() -> None:
    """The table of stages, and where presets differ from it."""
    from osprey_train.presets import PRESETS

    console.table([_row(stage) for stage in STAGES.values()], "Stages (paper, section 3)")
    for preset in PRESETS.values():
        about = f"{preset.vision_model}, {preset.language or 'a small Llama made here'}, {preset.image_size} pixels"
        title = f"Preset {preset.name}: {about}, {preset.context:,} tokens"
        console.say("")
        rows = [_row(stage_of(number, fields)) for number, fields in preset.per_stage.items()]
        if rows:
            console.table(rows, title)
        else:
            console.say(f"{title}; stages as above")


def _row(stage: Stage) -> dict[str, object]:
    return {
        "stage": f"{stage.number} {stage.name}",
        "trains": ", ".join(stage.trains),
        "kinds": ", ".join(stage.kinds),
        "lr": f"{stage.learning_rate:g}",
        "batch": stage.batch,
        "epochs": f"{stage.epochs:g}",
    }


def main() -> None:
    """Entry point."""
    console.run(app)


if __name__ == "__main__":
    main()
