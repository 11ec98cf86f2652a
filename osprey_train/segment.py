"""Points and boxes to masks, with a Segment Anything model of transformers (SAM or HQ-SAM).

The picture is encoded once. A box says which object is meant, so the model is asked for one mask; a point may mean a
thing or a part of it, so it is asked for three, and the one it finds most certain is taken.
"""

from collections.abc import Sequence
from typing import Any

import PIL.Image
import torch
from transformers import AutoConfig, AutoModelForMaskGeneration, SamHQProcessor, SamProcessor
from transformers.models.sam.image_processing_pil_sam import SamImageProcessorPil

from osprey_train.masks import check_inside
from schemas import rle
from schemas.errors import InputError, ModelError
from schemas.records import Box, Mask

PROCESSORS: dict[str, Any] = {"sam": SamProcessor, "sam_hq": SamHQProcessor}


class Segmenter:
    """A loaded model, and the picture that it has in mind."""

    def __init__(self, weights: str, device: str = "cpu") -> None:
        """`weights` is a folder as `save_pretrained` leaves it, or a name of the hub.

        Raises:
            ModelError: the files do not make up such a model.
        """
        self.model, self.processor = _load(weights)
        self.model.to(device).eval()
        self._seen: tuple[PIL.Image.Image, dict[str, Any]] | None = None

    def box(self, picture: PIL.Image.Image, box: Box) -> Mask:
        """The object in a box [x, y, width, height], in pixels."""
        x, y, width, height = box
        check_inside(box, (picture.height, picture.width))
        return self._mask(picture, input_boxes=[[[x, y, x + width, y + height]]])

    def point(self, picture: PIL.Image.Image, point: Sequence[float]) -> Mask:
        """The object at a point [x, y], in pixels."""
        x, y = point
        if not (0 <= x < picture.width and 0 <= y < picture.height):
            raise InputError(
                f"the point {x:g},{y:g} lies outside the picture of {picture.width} x {picture.height}",
                hint="A point is x,y in pixels from the top left corner.",
            )
        return self._mask(picture, multimask_output=True, input_points=[[[[x, y]]]])

    @torch.inference_mode()
    def _mask(self, picture: PIL.Image.Image, multimask_output: bool = False, **prompt: Any) -> Mask:
        inputs = self.processor(images=picture, return_tensors="pt", **prompt)
        prompt = {name: inputs[name].float().to(self.model.device) for name in prompt}
        embedded = self._embedded(picture, inputs["pixel_values"])
        out = self.model(multimask_output=multimask_output, **prompt, **embedded)
        sizes = inputs["original_sizes"], inputs["reshaped_input_sizes"]
        masks = self.processor.post_process_masks(out.pred_masks.float().cpu(), *sizes)[0]
        found = masks[0, int(out.iou_scores[0, 0].argmax())].numpy()
        if not found.any():
            raise InputError(
                "the segmentation model finds nothing there", hint="Give a box around the object, or its mask."
            )
        return rle.encode(found)

    def _embedded(self, picture: PIL.Image.Image, pixels: torch.Tensor) -> dict[str, Any]:
        """What the decoder needs of the picture; HQ-SAM also looks at the encoder's early layers."""
        if self._seen is None or self._seen[0] is not picture:
            found = self.model.get_image_embeddings(pixels.to(self.model.device))
            names = ("image_embeddings", "intermediate_embeddings")
            self._seen = picture, dict(zip(names, found if isinstance(found, tuple) else (found,), strict=False))
        return self._seen[1]


def _load(weights: str) -> tuple[Any, Any]:
    """Model and processor; parts that the files lack would be random numbers, so that is an error."""
    try:
        kind = AutoConfig.from_pretrained(weights).model_type
        if kind not in PROCESSORS:
            raise ModelError(
                f"{weights}: a model of type {kind!r}", hint=f"SAM weights are of {', '.join(PROCESSORS)}."
            )
        model, report = AutoModelForMaskGeneration.from_pretrained(weights, output_loading_info=True)
        processor = PROCESSORS[kind](SamImageProcessorPil.from_pretrained(weights))
    except (OSError, ValueError, RuntimeError) as error:
        if isinstance(error, ModelError):
            raise
        raise ModelError(
            f"{weights}: no SAM weights: {str(error).splitlines()[0]}",
            hint="A folder, or a name of the hub such as syscv-community/sam-hq-vit-base (HF_HUB_OFFLINE=0 fetches).",
        ) from error
    if lacking := sorted(report["missing_keys"]):
        raise ModelError(
            f"{weights}: the weights lack {len(lacking)} parts of the model, such as {lacking[0]}",
            hint="config.json and weights belong to different models, or the weights are incomplete.",
        )
    return model, processor
