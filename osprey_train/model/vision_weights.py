"""Weights of vision encoders, from open_clip's tags or from files."""

import pickle
from pathlib import Path

import open_clip
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from osprey_train.model.vision import ConvNextEncoder
from schemas.errors import ModelError

TRUNK = "visual.trunk."
"""What the names of the encoder's weights begin with in open_clip; more may stand before it."""


def load_vision(encoder: ConvNextEncoder, vision_model: str, weights: str) -> None:
    """Put open_clip weights (a file, or a tag that open_clip can fetch) into the encoder.

    Raises ModelError where they cannot be had, or are of another encoder.
    """
    found = read_weights(Path(weights)) if Path(weights).is_file() else _fetched(vision_model, weights)
    state = {name: found[key] for key in found if (name := encoder_name(key))}
    try:
        encoder.load_state_dict(state)
    except RuntimeError as error:
        raise ModelError(
            f"{weights}: these weights are not those of {vision_model}: {'; '.join(str(error).splitlines()[1:3])}",
            hint="give the weights of the same open_clip model, or name theirs",
        ) from None


def encoder_name(key: str) -> str:
    """The name in our encoder of one of open_clip's weights, or nothing where it is not part of it."""
    name = key.rpartition(TRUNK)[2] if TRUNK in key else ""
    return name if name.startswith(("stem.", "stages.")) else ""


def read_weights(file: Path) -> dict[str, Tensor]:
    """Names and tensors of a safetensors file or one of torch's, which are read from the disk where they are used.

    Raises ModelError for a file that is broken, cut off or none of the two.
    """
    try:
        if file.suffix == ".safetensors":
            return load_file(file)
        found = torch.load(file, map_location="cpu", mmap=True, weights_only=True)
        found = found.get("state_dict", found) if isinstance(found, dict) else {}
    except (OSError, SafetensorError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        raise ModelError(
            f"{file}: the weights cannot be read: {(str(error).splitlines() or ['cut off'])[0]}",
            hint="a file of safetensors or of torch.save (since torch 1.6) is needed, whole; fetch it again",
        ) from error
    return {name: value for name, value in found.items() if isinstance(value, Tensor)}


def _fetched(vision_model: str, tag: str) -> dict[str, Tensor]:
    tags = open_clip.list_pretrained_tags_by_model(vision_model)
    try:
        if tag not in tags:
            raise OSError("no such file, and no tag of it")
        return dict(open_clip.create_model(vision_model, pretrained=tag).state_dict())
    except (RuntimeError, OSError) as error:
        raise ModelError(
            f"no weights of {vision_model} from {tag!r}: {str(error).splitlines()[0]}",
            hint=f"a tag of open_clip ({', '.join(tags) or 'it knows none'}) or a file; HF_HUB_OFFLINE=0 lets it fetch",
        ) from error
