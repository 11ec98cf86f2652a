"""A saved model and its processor from a folder, or a clear word on why not."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from osprey_train.model.modeling import OspreyForConditionalGeneration
from osprey_train.model.processor import OspreyProcessor
from schemas.errors import ModelError

FETCH = "a model of a hub is fetched with: hf download OWNER/NAME --local-dir DIR"
SHOWN = 5
"""Names of weights that a message quotes of each kind."""


def load(
    path: str | Path, *, dtype: torch.dtype | str = "auto", attn_implementation: str | None = None
) -> tuple[OspreyForConditionalGeneration, OspreyProcessor]:
    """Model, in evaluation mode and in `dtype` (that of the file for "auto"), and processor of a folder.

    Raises:
        ModelError: no folder, a model of another architecture, weights that are missing, left over, of another shape or
            unreadable, or a processor that was made for another model.
    """
    folder = Path(path)
    check_architecture(folder)
    more = {"attn_implementation": attn_implementation} if attn_implementation else {}
    try:
        model, info = OspreyForConditionalGeneration.from_pretrained(
            folder, dtype=dtype, output_loading_info=True, ignore_mismatched_sizes=True, local_files_only=True, **more
        )
        check_weights(folder, info)
        processor = OspreyProcessor.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, ImportError, SafetensorError) as error:
        if isinstance(error, ModelError):
            raise
        raise ModelError(
            f"{folder}: the model cannot be loaded: {(str(error).splitlines() or [repr(error)])[0]}",
            hint="its files are incomplete or broken: copy the folder again, or take an earlier checkpoint",
        ) from error
    check_processor(folder, model, processor)
    return model.eval(), processor


def check_architecture(folder: Path) -> None:
    """Raise ModelError unless the folder has the configuration of an Osprey model of ours."""
    if not folder.is_dir():
        raise ModelError(f"{folder}: no such folder", hint=f"the folder of a model or of a run; {FETCH}")
    if not (folder / "config.json").is_file():
        inside = sorted(file.parent for file in folder.glob("*/config.json"))
        hint = f"perhaps {inside[-1]} is meant" if inside else f"the folder of a model has one; {FETCH}"
        raise ModelError(f"{folder}: no config.json", hint=hint)
    found = read_json(folder / "config.json")
    kind = found.get("model_type")
    if kind != "osprey":
        raise ModelError(
            f"{folder}: a model of type {kind!r}, not 'osprey'",
            hint="a language model alone is no Osprey model: give it to osprey-train, which makes one of it",
        )
    if not isinstance(found.get("text_config"), dict):
        raise ModelError(
            f"{folder}: a checkpoint of the public Osprey code ({', '.join(found.get('architectures') or [])})",
            hint="python -m osprey_train.import_osprey makes a folder of it that can be loaded here",
        )


def check_weights(folder: Path, info: dict[str, Any]) -> None:
    """Raise ModelError where the loading of weights left something open."""
    faults = [
        f"{len(info[key])} weights {words}: {', '.join(sorted(map(str, info[key]))[:SHOWN])}"
        for key, words in (
            ("missing_keys", "are missing"),
            ("unexpected_keys", "belong to nothing"),
            ("mismatched_keys", "have another shape"),
        )
        if info[key]
    ]
    if faults:
        raise ModelError(
            f"{folder}: weights and config.json do not fit: {'; '.join(faults)}",
            hint="config.json and *.safetensors must be of one save_pretrained; copy the folder again",
        )


def check_processor(folder: Path, model: OspreyForConditionalGeneration, processor: OspreyProcessor) -> None:
    """Raise ModelError where the processor makes something else than the model takes."""
    config = model.config
    faults = [
        f"{name} is {getattr(processor, name)} there and {getattr(config, name)} in config.json"
        for name in ("image_size", "mask_size", "image_tokens", "resize")
        if getattr(processor, name) != getattr(config, name)
    ]
    rows = next(model.get_input_embeddings().parameters()).shape[0]
    if len(processor.tokenizer) > rows:
        faults.append(f"the tokenizer has {len(processor.tokenizer)} tokens and the model {rows}")
    if faults:
        raise ModelError(
            f"{folder}: the processor is of another model: {'; '.join(faults)}",
            hint="model and processor must be saved together, each with save_pretrained",
        )


def read_json(file: Path) -> dict[str, Any]:
    """An object of a JSON file; raises ModelError for anything else."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{file}: cannot be read: {error}", hint="copy the folder again") from error
    if not isinstance(found, dict):
        raise ModelError(f"{file}: no JSON object", hint="copy the folder again")
    return found
