"""What is looked at before the first step, so that no night is spent on a run that cannot come to anything."""

import contextlib
import json
import math
import os
import resource
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from osprey_train import checkpoints
from osprey_train.chat import IGNORED
from osprey_train.data.shards import kinds_in
from osprey_train.model import OspreyForConditionalGeneration
from osprey_train.stages import Stage
from schemas.errors import TrainingError

FIRST_BATCHES = 4
"""Micro-batches whose labels are looked at."""


class Probe(NamedTuple):
    """One forward and backward pass of one micro-batch."""

    loss: float
    seconds: float
    tokens: int
    memory: int
    """Bytes: the most that the device held, or the process if there is no GPU."""


def check_kinds(stage: Stage, folder: str) -> None:
    """Raises TrainingError where the shards lack kinds of the stage, or a weight is of none of them."""
    for kind in stage.weights:
        if kind not in stage.kinds:
            raise TrainingError(
                f"--weights names {kind}, which is no kind of this run", hint=f"Its kinds are {', '.join(stage.kinds)}."
            )
    there = kinds_in(folder)
    missing = [kind for kind in stage.kinds if kind not in there]
    if missing and there:
        usable = ",".join(kind for kind in stage.kinds if kind in there)
        raise TrainingError(
            f"stage {stage.number} ({stage.name}) trains on kinds that {folder} has no train shards of: "
            f"{', '.join(missing)}",
            hint=(f"Build them (osprey-data build), or go without: --kinds {usable}" if usable else "Build them: ")
            + ("" if usable else f"osprey-data build --kinds {','.join(missing)}; there are {', '.join(there)}."),
        )


def check_output(output: Path, resume: bool) -> None:
    """Raises TrainingError where the folder holds another run."""
    if resume or not output.exists():
        return
    if not output.is_dir():
        raise TrainingError(f"{output} is not a folder", hint="Choose another --output.")
    if checkpoints.steps(output):
        raise TrainingError(
            f"{output} holds checkpoints of a run",
            hint="--resume goes on with it; for a new run choose another --output, or remove the folder.",
        )
    if any((output / name).exists() for name in ("config.json", "log.jsonl")):
        raise TrainingError(f"{output} holds a run or a model", hint="Choose another --output, or remove the folder.")


def check_fsdp(path: str, checkpointing: bool) -> None:
    """Raises TrainingError for a run that FSDP cannot share out, or settings of Trainer's `fsdp_config` that do not
    fit ours; `path` is that of their JSON file, or `on`."""
    if "RANK" not in os.environ:
        raise TrainingError(
            "--fsdp shares a model out among processes",
            hint="Start them: torchrun --nproc-per-node N -m osprey_train.train ..., with the same flags.",
        )
    given = {} if path == "on" else read_settings(path)
    given = {name.removeprefix("fsdp_"): value for name, value in given.items()}
    if str(given.get("version", 2)) != "2":
        raise TrainingError(f"{path}: version {given['version']}; only FSDP2 is used here", hint='Leave out "version".')
    if given.get("state_dict_type", "FULL_STATE_DICT") != "FULL_STATE_DICT":
        raise TrainingError(
            f"{path}: state_dict_type {given['state_dict_type']}: no checkpoint would hold a model that can be loaded",
            hint='Leave out "state_dict_type": the first process gathers the weights, in the memory of its machine.',
        )
    if checkpointing and given.get("activation_checkpointing"):
        raise TrainingError(
            f"{path} and --gradient-checkpointing both ask for checkpointing", hint="Leave out one or the other."
        )


def read_settings(path: str) -> dict[str, Any]:
    """The JSON object of a file; raises TrainingError for anything else."""
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise TrainingError(f"{path}: no JSON: {error}", hint="Give a JSON file.") from error
    if not isinstance(found, dict):
        raise TrainingError(f"{path}: no JSON object", hint='It looks like {"name": value, ...}.')
    return found


def micro_batch(batch: int, world: int, wanted: int = 0, most: int = 16) -> int:
    """Samples of a process at a time: those wanted, or as many as divide its share, up to `most`.

    Raises TrainingError where the global batch cannot be shared out.
    """
    share = batch // world
    if batch % world or (wanted and share % wanted):
        sizes = [size for size in range(1, share + 1) if share % size == 0]
        raise TrainingError(
            f"a batch of {batch} cannot be shared out among {world} process{'es' if world > 1 else ''}"
            + (f" in micro-batches of {wanted}" if wanted else ""),
            hint=f"--per-device can be {', '.join(map(str, sizes))}."
            if batch % world == 0
            else f"--batch must be a multiple of {world * max(wanted, 1)}.",
        )
    return wanted or max(size for size in range(1, min(share, most) + 1) if share % size == 0)


def check_context(model: OspreyForConditionalGeneration, context: int) -> None:
    """Raises TrainingError where the context does not fit the model."""
    config = model.config
    if context <= config.image_tokens + 16:
        raise TrainingError(
            f"a context of {context} tokens has no room for text beside the {config.image_tokens} tokens of a picture",
            hint=f"--context {2 ** math.ceil(math.log2(2 * config.image_tokens))} would have; a smaller picture "
            "(--image-size of a new model) needs fewer.",
        )
    most = getattr(config.language, "max_position_embeddings", None) or context
    if context > most:
        raise TrainingError(
            f"a context of {context} tokens is longer than the {most} that the language model has positions for",
            hint=f"--context {most}",
        )


def check_trainable(model: nn.Module, stage: Stage) -> int:
    """Parameters that learn; raises TrainingError if there are none, or if the vision encoder has some."""
    parts = dict(model.named_children())
    unknown = [name for name in stage.trains if name not in parts]
    if unknown:
        raise TrainingError(f"the model has no part {', '.join(unknown)}", hint=f"Parts are {', '.join(parts)}.")
    if "vision" in stage.trains:
        raise TrainingError("the vision encoder is frozen in every stage", hint="Leave vision out of what trains.")
    learning = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    if not learning:
        raise TrainingError(
            f"stage {stage.number} would train nothing: no parameter needs a gradient",
            hint=f"It should train {', '.join(stage.trains) or 'something'}.",
        )
    return learning


def check_labels(batches: Iterable[dict[str, Any]]) -> None:
    """Raises TrainingError where no token of the first batches is in the loss."""
    counted = seen = 0
    for batch in batches:
        counted += int((batch["labels"][:, 1:] != IGNORED).sum())
        seen += len(batch["labels"])
    if not counted:
        raise TrainingError(
            f"all labels of the first {seen} samples are masked: there is nothing to learn from",
            hint="Answers may be cut off: try a longer --context. Else look at `messages` of the shards.",
        )


def check_gradients(model: nn.Module, stage: Stage) -> None:
    """After a backward pass: raises TrainingError for gradients where none may be, or none where some must be."""
    for name, part in model.named_children():
        found = [key for key, value in part.named_parameters() if value.grad is not None]
        if name not in stage.trains and found:
            raise TrainingError(
                f"{name} is frozen in stage {stage.number}, but {name}.{found[0]} has a gradient",
                hint="Something set requires_grad after the stage had frozen it.",
            )
        if name in stage.trains and not found:
            raise TrainingError(
                f"{name} should learn in stage {stage.number}, but the loss does not depend on it",
                hint="The shards may have no regions, or the part is detached from the graph.",
            )
    vision = getattr(model, "vision", None)
    if vision is not None and any(module.training for module in vision.modules()):
        raise TrainingError(
            "the vision encoder is in training mode", hint="It must stay in evaluation mode: its drop path is random."
        )


def check_loss(loss: float, where: str = "before the first step") -> None:
    """Raises TrainingError for a loss that is not finite."""
    if not math.isfinite(loss):
        raise TrainingError(
            f"the loss is {loss} {where}",
            hint="The weights may be broken, or of a precision that the device lacks; try --no-bf16.",
        )


@contextlib.contextmanager
def told_of_memory() -> Iterator[None]:
    """Raises TrainingError where the block runs out of a GPU's memory, or a loader worker is killed, as for memory."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise TrainingError(
            f"the memory of the device is not enough: {str(error).splitlines()[0]}",
            hint="A smaller --per-device, --gradient-checkpointing, a shorter --context; on several GPUs --fsdp on.",
        ) from error
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        raise TrainingError(
            str(error).splitlines()[0],
            hint="Often memory, or /dev/shm, is used up: try fewer --workers. --resume goes on from the last save.",
        ) from error


def probe(
    model: nn.Module, batch: dict[str, Any], stage: Stage, device: torch.device, autocast: Callable[[], Any]
) -> Probe:
    """Run a micro-batch forward and back, look at loss and gradients, and forget them."""
    gpu = device.type == "cuda"
    model.train()
    if gpu:
        torch.cuda.reset_peak_memory_stats(device)
    inputs = {name: value.to(device) for name, value in batch.items() if isinstance(value, torch.Tensor)}
    for _ in range(2):  # the first pass also sets up what the second is measured with
        model.zero_grad(set_to_none=True)
        begin = time.perf_counter()
        with autocast():
            loss = model(**inputs).loss
        check_loss(value := float(loss.detach()))
        loss.backward()
        if gpu:
            torch.cuda.synchronize(device)
        seconds = time.perf_counter() - begin
    check_gradients(model, stage)
    model.zero_grad(set_to_none=True)
    memory = torch.cuda.max_memory_allocated(device) if gpu else _resident()
    return Probe(value, seconds, int(inputs["attention_mask"].sum()), memory)


def _resident() -> int:
    """Bytes that this process has held at most; Linux counts in kB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def model_bytes(model: nn.Module) -> int:
    """Of a saved model, whose weights are in single precision."""
    return sum(4 * parameter.numel() for parameter in model.parameters())


def checkpoint_bytes(model: nn.Module, sharded: bool = False) -> int:
    """Of a checkpoint: all weights, in single precision, and two moments for each that learns. FSDP and DeepSpeed write
    the weights a second time, for themselves."""
    return model_bytes(model) * (1 + sharded) + sum(
        8 * parameter.numel() for parameter in model.parameters() if parameter.requires_grad
    )


def check_room(output: Path, model: nn.Module, keep: int, sharded: bool = False) -> str:
    """Raises TrainingError without room for a checkpoint beside the one before and the final model.

    Gives a warning, or an empty text, about the checkpoints that are to be kept.
    """
    one, weights = checkpoint_bytes(model, sharded), model_bytes(model)
    existing = next(path for path in (output.absolute(), *output.absolute().parents) if path.exists())
    free = shutil.disk_usage(existing).free
    if free < one + weights:
        raise TrainingError(
            f"{existing} has {free / 1e9:.2f} GB free; a checkpoint takes {one / 1e9:.2f} GB and the model "
            f"{weights / 1e9:.2f} GB",
            hint="Make room, or choose another --output.",
        )
    needed = (keep + 1) * one + weights
    if free < needed:
        return f"{keep} checkpoints and the model will take {needed / 1e9:.1f} GB, but {free / 1e9:.1f} GB are free"
    return ""
