"""A run from its settings to the finished model: `run`."""

import contextlib
import importlib.util
import json
import math
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from transformers.trainer_utils import set_seed
from transformers.utils.logging import disable_progress_bar

from osprey_train import card, checkpoints, console, preflight
from osprey_train.data.order import Order
from osprey_train.data.shards import Shards
from osprey_train.model import OspreyForConditionalGeneration, OspreyProcessor
from osprey_train.model.loading import load, read_json
from osprey_train.plan import Plan, arguments, identity_of
from osprey_train.presets import PRESETS, Preset, new_model, preset
from osprey_train.stages import Stage
from osprey_train.trainer import OspreyTrainer
from schemas.errors import ModelError, TrainingError

RECORD = "osprey_run.json"
"""In the folder of a finished run: what it was."""
NONE = "none"
"""As `--vision-weights`: a random encoder."""


@dataclass(frozen=True)
class Settings:
    """What the command line asked for."""

    stage: Stage
    preset: Preset
    data: str
    output: Path
    images: str = ""
    init: str = ""
    resume: bool = False
    from_scratch: bool = False
    per_device: int = 0
    max_steps: int = 0
    context: int = 0
    workers: int = 0
    seed: int = 0
    language: str = ""
    vision_weights: str = ""
    model_settings: Mapping[str, Any] = field(default_factory=dict)
    """Fields of `OspreyConfig` for a new model."""
    bf16: bool | None = None
    gradient_checkpointing: bool = False
    save_every: int = 500
    keep: int = 2
    deepspeed: str = ""
    fsdp: str = ""
    log_every: int = 10
    log_samples: bool = False
    dry_run: bool = False


def run(settings: Settings) -> int:
    """Train as the settings say; gives the signal that stopped the run, or 0."""
    preflight.check_output(settings.output, settings.resume)
    plan = make_plan(settings)
    identity = identity_of(plan)
    if (settings.output / RECORD).exists():
        finished = read_json(settings.output / RECORD)
        checkpoints.check_same_run(finished.get("identity") or {}, identity, settings.output)
        console.say(f"{settings.output} is finished already")
        return 0
    checkpoint = find_checkpoint(settings, identity) if settings.resume else None
    disable_progress_bar()  # of transformers, for its own files
    set_seed(plan.seed)
    model, processor = make_model(settings, plan, checkpoint)
    preflight.check_context(model, plan.context)
    trainer = make_trainer(settings, plan, model, processor, identity, checkpoint)
    try:
        with preflight.told_of_memory():
            look_ahead(settings, plan, trainer)
    finally:
        with contextlib.suppress(OSError):  # not empty: it goes on
            settings.output.rmdir()
    if settings.dry_run:
        console.say("nothing was trained or written: --dry-run")
        return 0
    began = time.monotonic()
    if trainer.start < plan.steps:
        with preflight.told_of_memory():
            trainer.run(checkpoint)
    if trainer.stop.signal:
        console.say(f"stopped after step {trainer.state.global_step:,} of {plan.steps:,}; to go on:")
        console.say(f"  {console.command('--resume')}")
        return trainer.stop.signal
    finish(settings, plan, trainer, time.monotonic() - began)
    return 0


def make_plan(settings: Settings) -> Plan:
    """Data, order and portions of a run; raises the errors of `Shards` and of the first checks."""
    stage, world = settings.stage, int(os.environ.get("WORLD_SIZE", 1))
    preflight.check_kinds(stage, settings.data)
    if settings.deepspeed and not importlib.util.find_spec("deepspeed"):
        raise TrainingError("--deepspeed needs DeepSpeed, which is not installed", hint="pip install deepspeed")
    if settings.fsdp:
        preflight.check_fsdp(settings.fsdp, settings.gradient_checkpointing)
    shards = Shards(settings.data, settings.images, stage.kinds)
    try:
        order = Order(shards.group_rows, stage.weights, settings.seed)
    except ValueError as error:
        raise TrainingError(str(error), hint="--weights KIND=NUMBER, from 0 on") from error
    if not (stage.learning_rate > 0 and math.isfinite(stage.learning_rate)):
        raise TrainingError(
            f"a learning rate of {stage.learning_rate:g} teaches nothing", hint="--learning-rate above 0; see --list."
        )
    if not math.isfinite(stage.epochs):
        raise TrainingError(f"{stage.epochs:g} epochs have no end", hint="--epochs N, or --max-steps N.")
    if not order.epoch_rows * stage.epochs:
        raise TrainingError("there is no row to train on", hint="No rows in the shards, or --epochs or --weights 0.")
    return Plan(
        stage=stage,
        shards=shards,
        order=order,
        steps=settings.max_steps or math.ceil(order.epoch_rows * stage.epochs / stage.batch),
        per_device=preflight.micro_batch(stage.batch, world, settings.per_device),
        context=settings.context or settings.preset.context,
        workers=settings.workers,
        seed=settings.seed,
        rank=console.rank(),
        world=world,
        sharded_by="FSDP" if settings.fsdp else f"DeepSpeed in {world} processes" if settings.deepspeed else "nothing",
    )


def find_checkpoint(settings: Settings, identity: Mapping[str, Any]) -> checkpoints.Checkpoint | None:
    """The newest whole checkpoint of the run, after a check that it is the same run."""
    if not console.rank():
        for name in checkpoints.remove_leftovers(settings.output):
            console.say(f"removed {settings.output / name}: a save that was cut off")
    found = checkpoints.newest(settings.output, console.warn)
    if found is None:
        console.warn(f"{settings.output} has no whole checkpoint: starting from the beginning")
        return None
    checkpoints.check_same_run(found.identity, identity, found.folder)
    console.say(f"going on from {found.folder}")
    return found


def make_model(
    settings: Settings, plan: Plan, checkpoint: checkpoints.Checkpoint | None
) -> tuple[OspreyForConditionalGeneration, OspreyProcessor]:
    """The model of the checkpoint, else of `--init`, else a new one."""
    chosen, given = settings.preset, dict(settings.model_settings)
    given |= {name: getattr(settings, name) for name in ("language", "vision_weights") if getattr(settings, name)}
    if settings.init and given:
        flags = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise TrainingError(f"{flags}: only for a new model, not beside --init", hint="Leave out one or the other.")
    if folder := checkpoint.folder if checkpoint else settings.init:
        return load(folder, dtype=torch.float32)
    if plan.stage.number > 1 and not settings.from_scratch:
        if chosen.vision_weights:
            raise TrainingError(
                f"stage {plan.stage.number} without --init would start from an untrained projector",
                hint="Train stage 1 first and give its folder as --init, or say --from-scratch.",
            )
        console.warn(f"stage {plan.stage.number} without --init: projector and extractor start untrained")
    if given.get("image_size", 0) % 32:
        raise TrainingError("--image-size is no multiple of 32", hint="256 and 512 are; see --list for the presets'.")
    weights = "" if settings.vision_weights == NONE else settings.vision_weights or chosen.vision_weights
    if chosen.vision_weights and not weights and not settings.from_scratch:
        raise TrainingError(
            f"preset {chosen.name} wants trained vision weights ({chosen.vision_weights}), not random ones",
            hint="The encoder is frozen in every stage and would stay random. Say --from-scratch if that is wanted.",
        )
    return new_model(
        chosen,
        lambda: texts(Shards(settings.data, settings.images)),
        language=settings.language,
        vision_weights=weights,
        **settings.model_settings,
    )


def texts(shards: Shards, rows: int = 200) -> Iterator[str]:
    """Texts of the shards, for a tokenizer that serves all stages: the first rows of a group of every kind in turn."""
    for group in range(max(map(len, shards.groups.values()))):
        for kind in (kind for kind, groups in shards.groups.items() if group < len(groups)):
            for messages in shards.read(kind, group, ["messages"]).slice(0, rows)["messages"].to_pylist():
                yield from (message["content"] for message in messages)


def make_trainer(
    settings: Settings,
    plan: Plan,
    model: OspreyForConditionalGeneration,
    processor: OspreyProcessor,
    identity: Mapping[str, Any],
    checkpoint: checkpoints.Checkpoint | None,
) -> OspreyTrainer:
    """The trainer of a plan, after which processes know each other and the model lies on its device."""
    bf16 = settings.bf16 if settings.bf16 is not None else torch.cuda.is_available() and torch.cuda.is_bf16_supported()
    args = arguments(
        plan,
        str(settings.output),
        bf16=bf16,
        checkpointing=settings.gradient_checkpointing,
        save_every=settings.save_every,
        log_every=settings.log_every,
        deepspeed=settings.deepspeed,
        fsdp=settings.fsdp,
    )
    return OspreyTrainer(
        plan, model, processor, args, identity, checkpoint, keep=settings.keep, log_samples=settings.log_samples
    )


def look_ahead(settings: Settings, plan: Plan, trainer: OspreyTrainer) -> None:
    """The checks that need the model and its first batches; then the plan, in numbers."""
    model, stage = trainer.model, plan.stage
    learning = preflight.check_trainable(model, stage)
    if warning := preflight.check_room(settings.output, model, settings.keep, trainer.sharded):
        console.warn(warning)
    steps = min(plan.steps, -(-preflight.FIRST_BATCHES // plan.accumulation))
    batches = list(plan._replace(steps=steps).batches(trainer.processor, workers=0))[: preflight.FIRST_BATCHES]
    preflight.check_labels(batches)
    rows = ", ".join(f"{kind} {share:,}" for kind, share in plan.order.shares.items())
    facts: dict[str, object] = {
        "stage": f"{stage.number} ({stage.name}), preset {settings.preset.name}",
        "learns": f"{', '.join(stage.trains)}: {learning / 1e6:,.2f} of "
        f"{sum(parameter.numel() for parameter in model.parameters()) / 1e6:,.2f} M parameters",
        "an epoch": f"{plan.order.epoch_rows:,} rows: {rows}",
        "steps": f"{plan.steps:,} of {stage.batch} samples: {plan.per_device} a device x {plan.world} x "
        f"{plan.accumulation}; learning rate {stage.learning_rate:g}",
        "checkpoints": f"{console.size(preflight.checkpoint_bytes(model, trainer.sharded))} each, "
        f"every {settings.save_every:,} steps",
    }
    if not trainer.sharded:
        found = preflight.probe(model, batches[0], stage, trainer.args.device, trainer.accelerator.autocast)
        left = found.seconds * plan.accumulation * (plan.steps - trainer.start)
        facts["first loss"] = f"{found.loss:.4f}"
        facts["time"] = f"about {console.duration(left)}, of one micro-batch in {found.seconds:.2f} s"
        facts["memory"] = f"{console.size(found.memory)}, and {console.size(8 * learning)} for the optimizer"
    console.facts(facts)


def finish(settings: Settings, plan: Plan, trainer: OspreyTrainer, seconds: float) -> None:
    """Save the model as an ordinary folder, and say what comes next."""
    output, totals = settings.output, trainer.totals
    main, barrier = trainer.is_world_process_zero(), trainer.accelerator.wait_for_everyone
    record = {
        "stage": plan.stage.number,
        "preset": settings.preset.name,
        "init": settings.init,
        "steps": plan.steps,
        **{name: totals[name] for name in ("samples", "turns_dropped", "answers_cut")},
        "identity": trainer.identity,
    }
    with checkpoints.saving(output, "model", main, barrier, inside=True) as folder:
        trainer.save_whole(folder / "model")
        if main:
            (folder / "model" / "README.md").write_text(card.model_card(plan, record, trainer.plain_model.config))
    if main:  # last, for it says that all is there
        (output / RECORD).write_text(json.dumps(record, indent=1))
    console.say(
        f"{output}: stage {plan.stage.number} done, {plan.steps:,} steps, {totals['samples']:,} samples seen, "
        f"{totals['turns_dropped']:,} turns dropped and {totals['answers_cut']:,} answers cut for the context; "
        f"{console.duration(seconds)}"
    )
    console.say(f"next: {next_command(settings, plan)}")


def next_command(settings: Settings, plan: Plan) -> str:
    """The next stage, or a look at what the model says."""
    if plan.stage.number == 3:
        return f"osprey-eval --model {settings.output} --data {settings.data}" + (
            f" --images {settings.images}" if settings.images else ""
        )
    images = f" --images {settings.images}" if settings.images else ""
    following = settings.output.with_name(f"stage{plan.stage.number + 1}")
    return (
        f"osprey-train --stage {plan.stage.number + 1} --preset {settings.preset.name} --data {settings.data}{images} "
        f"--init {settings.output} --output {following}"
    )


def preset_of(name: str, init: str) -> Preset:
    """The preset asked for, else that of the run to start from, else `tiny`."""
    record = Path(init, RECORD)
    if not name and init and record.is_file():
        try:
            name = str(json.loads(record.read_text())["preset"])
        except (OSError, ValueError, KeyError) as error:
            raise ModelError(f"{record} cannot be read: {error}", hint="Say --preset.") from error
    return preset(name) if name else PRESETS["tiny"]
