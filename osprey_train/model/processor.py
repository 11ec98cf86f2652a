"""Rows, pictures and masks as the model's inputs."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from transformers import BatchFeature, PreTrainedTokenizerBase, ProcessorMixin

from osprey_train import chat, geometry
from schemas import rle
from schemas.errors import ShardError
from schemas.records import Mask

FORMS = {"template": chat.template_form, "vicuna_v1": chat.vicuna_v1}
"""Prompt forms: the tokenizer's own chat template, or Vicuna's v1."""


class OspreyProcessor(ProcessorMixin):
    """Tokenizer, prompt form, and the one transform of picture and masks.

    `image_size`, `mask_size` and `image_tokens` are those of the model's configuration.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        image_size: int = 512,
        mask_size: int = 128,
        image_tokens: int = 1024,
        resize: geometry.Resize = "squash",
        prompt_form: str = "template",
        system: str = "",
        chat_template: str | None = None,
        **kwargs: Any,
    ) -> None:
        self.image_size, self.mask_size, self.image_tokens, self.resize = image_size, mask_size, image_tokens, resize
        self.prompt_form, self.system = prompt_form, system
        super().__init__(tokenizer, chat_template=chat_template, **kwargs)
        self.form = FORMS[prompt_form](tokenizer, system)

    @property
    def frame(self) -> geometry.Frame:
        """The square that picture and masks are put into."""
        return geometry.Frame(self.image_size, self.mask_size, self.resize)

    @property
    def pad_token_id(self) -> int:
        """The id that fills shorter texts of a batch."""
        found = self.tokenizer.pad_token_id
        return int(found if found is not None else self.tokenizer.eos_token_id)

    def example(self, row: Mapping[str, Any], image: bytes, context: int) -> dict[str, Any]:
        """A shard's row with its picture's bytes as tensors for training.

        Raises ShardError, naming the sample, for a text that names a region which is not there, and for masks that are
        broken or not of the picture's size.
        """
        try:
            turns, order = chat.with_placeholders(chat.turns_of(row["messages"]), len(row["regions"]))
            text = chat.encode(self.tokenizer, self.form, turns, self.image_tokens, context)
            shown = order[: text.input_ids.count(self.tokenizer.convert_tokens_to_ids(chat.SPATIAL))]
            masks = [_mask(row["regions"][index]["mask"], row) for index in shown]
            return {
                "sample_id": row["sample_id"],
                "input_ids": torch.tensor(text.input_ids),
                "labels": torch.tensor(text.labels),
                "pixel_values": geometry.picture(image, self.frame),
                "masks": geometry.coverage(masks, self.frame),
                "turns_dropped": text.turns_dropped,
                "answers_cut": text.answers_cut,
            }
        except ShardError as error:
            raise ShardError(f"{row['sample_id']}: {error.message}", hint=error.hint) from None

    def __call__(
        self,
        images: Image.Image | Sequence[Image.Image],
        text: str | Sequence[str],
        masks: Sequence[Any] = (),
        return_tensors: str = "pt",
        **kwargs: Any,
    ) -> BatchFeature:
        """Inputs of `generate`: a question about each picture, which names its regions `<region1>`, `<region2>`, ...

        `masks` are the regions of the picture, or a list of them for each picture: boolean arrays (height, width) or
        COCO RLE dicts, of the picture's size.
        """
        one = isinstance(text, str)
        pictures, questions = ([images], [text]) if one else (list(images), list(text))  # type: ignore[arg-type]
        regions = [masks] if one else list(masks) or [()] * len(pictures)
        prompts, coverages = [], []
        for picture, question, found in zip(pictures, questions, regions, strict=True):
            turns, order = chat.with_placeholders([chat.Turn(str(question), "")], len(found))
            prompts.append(self._prompt_ids(turns))
            rles = [as_mask(found[index], (picture.height, picture.width)) for index in order]  # type: ignore[union-attr]
            coverages.append(geometry.coverage(rles, self.frame))
        input_ids, attention_mask = self._left_padded(prompts)
        return BatchFeature(
            {
                "input_ids": input_ids,
                "attention_mask": attention_mask,
                "pixel_values": torch.stack([geometry.picture(picture, self.frame) for picture in pictures]),  # type: ignore[arg-type]
                "masks": torch.cat(coverages),
                "mask_image": torch.repeat_interleave(torch.tensor([len(masks) for masks in coverages])),
            }
        )

    def _prompt_ids(self, turns: Sequence[chat.Turn]) -> list[int]:
        ids = self.tokenizer(self.form.prompt(turns), add_special_tokens=False)["input_ids"]
        image_id = int(self.tokenizer.convert_tokens_to_ids(chat.IMAGE))
        return chat.expanded(ids, [(0, 0)] * len(ids), image_id, self.image_tokens)[0]

    def _left_padded(self, texts: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
        longest = max(map(len, texts))
        pads = [longest - len(ids) for ids in texts]
        padded = [[self.pad_token_id] * pad + list(ids) for pad, ids in zip(pads, texts, strict=True)]
        return torch.tensor(padded), torch.tensor([[0] * pad + [1] * (longest - pad) for pad in pads])

    @property
    def model_input_names(self) -> list[str]:
        """What `__call__` returns."""
        return ["input_ids", "attention_mask", "pixel_values", "masks", "mask_image"]


def as_mask(mask: Any, size: tuple[int, int]) -> Mask:
    """A mask from a boolean array or a COCO RLE dict; raises ValueError where it is not of the picture's size."""
    found = Mask(size=tuple(mask["size"]), counts=mask["counts"]) if isinstance(mask, Mapping) else None
    found = found or rle.encode(np.asarray(mask))
    if found.size != size:
        raise ValueError(
            f"the mask is {found.size[0]} x {found.size[1]} (height x width), the picture {size[0]} x {size[1]}"
        )
    return found


def _mask(mask: Mapping[str, Any], row: Mapping[str, Any]) -> Mask:
    height, width = mask["size"]
    if (height, width) != (row["height"], row["width"]):
        raise ShardError(
            f"a mask of {height} x {width} in a picture of {row['height']} x {row['width']} (height x width)"
        )
    return Mask(size=(height, width), counts=mask["counts"])
