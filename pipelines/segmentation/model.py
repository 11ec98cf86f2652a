"""Picture and boxes to masks, with HQ-SAM or SAM as transformers has them.

The picture goes through the vision encoder once; its boxes go through prompt encoder and mask decoder in chunks. A box
says which object is meant, so the model is asked for its one mask rather than for three to choose from.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import PIL.Image

from pipelines.segmentation.weights import Weights
from schemas.errors import SourceError
from schemas.records import Box
from schemas.rle import BoolArray

BATCH = 32
"""Boxes that are decoded at a time; each takes some 20 MB at SAM's usual size."""


class Predicted(NamedTuple):
    """The mask of one box."""

    pixels: BoolArray
    """Of shape (height, width), of the picture."""
    score: float
    """How well the model thinks it fits: its estimate of the intersection over union."""


class Segmenter:
    """A loaded model."""

    def __init__(self, weights: Weights, device: str = "auto", batch: int = BATCH) -> None:
        """`device` is a name of torch's, or `auto`: the first GPU where there is one.

        Raises:
            SourceError: the files do not make up such a model, or there is no such device.
        """
        self._batch = batch
        self._device = _device(device)
        self._model, self._processor = _load(weights)
        self._model.to(self._device)

    def masks(self, picture: PIL.Image.Image, boxes: Sequence[Box]) -> Iterator[Predicted]:
        """A mask for each box [x, y, width, height], in order."""
        import torch

        corners = [[[x, y, x + w, y + h] for x, y, w, h in boxes]]
        inputs = self._processor(images=picture.convert("RGB"), input_boxes=corners, return_tensors="pt")
        with torch.inference_mode():
            embedded = self._embedded(inputs["pixel_values"])
            for chunk in inputs["input_boxes"].float().split(self._batch, dim=1):
                out = self._model(input_boxes=chunk.to(self._device), multimask_output=False, **embedded)
                yield from self._at_full_size(out, inputs)

    def _embedded(self, pixels: Any) -> dict[str, Any]:
        """What the decoder needs of the picture; HQ-SAM also looks at the encoder's early layers."""
        found = self._model.get_image_embeddings(pixels.to(self._device))
        if isinstance(found, tuple):
            return {"image_embeddings": found[0], "intermediate_embeddings": found[1]}
        return {"image_embeddings": found}

    def _at_full_size(self, out: Any, inputs: Any) -> Iterator[Predicted]:
        """Resized as real numbers, cut at zero only then: edges stay smooth."""
        sizes = inputs["original_sizes"], inputs["reshaped_input_sizes"]
        masks = self._processor.post_process_masks(out.pred_masks.float(), *sizes)[0]
        for mask, score in zip(masks[:, 0].cpu().numpy(), out.iou_scores[0, :, 0].tolist(), strict=True):
            yield Predicted(mask, float(score))


def check(weights: Weights, device: str | None) -> None:
    """Load the model, and try the device where one is given: an error in a worker would reach nobody in plain words.

    Raises:
        SourceError: as `Segmenter`.
    """
    if device is not None:
        _device(device)
    _load(weights)


def _device(name: str) -> str:
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.zeros(1, device=name)
    except (RuntimeError, AssertionError) as error:
        raise SourceError(
            f"no device {name!r}: {str(error).splitlines()[0]}", hint="Devices: auto, cpu, cuda, cuda:1, mps."
        ) from error
    return name


def _load(weights: Weights) -> tuple[Any, Any]:
    """Model and processor. Parts that the files lack would be random numbers: that is an error."""
    import safetensors
    import transformers
    from transformers.models.sam.image_processing_pil_sam import SamImageProcessorPil

    library: Any = transformers
    library.logging.set_verbosity_error()
    library.logging.disable_progress_bar()
    family = "SamHQ" if weights.model_type == "sam_hq" else "Sam"
    made, processor = getattr(library, f"{family}Model"), getattr(library, f"{family}Processor")
    try:
        model, report = made.from_pretrained(
            weights.folder, local_files_only=True, use_safetensors=True, output_loading_info=True
        )
        images = SamImageProcessorPil.from_pretrained(weights.folder, local_files_only=True)
    except (OSError, ValueError, RuntimeError, safetensors.SafetensorError) as error:
        raise SourceError(f"{weights.folder}: cannot be loaded: {error}", hint="Fetch the model again.") from error
    if lacking := sorted(report["missing_keys"]):
        raise SourceError(
            f"{weights.folder}: the weights lack {len(lacking)} parts of the model, such as {lacking[0]}",
            hint="config.json and weights belong to different models, or the weights are incomplete.",
        )
    return model.eval(), processor(images)
