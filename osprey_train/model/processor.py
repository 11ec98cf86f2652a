"""Rows, pictures and regions as the model's inputs."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from transformers import BatchFeature, PreTrainedTokenizerBase, ProcessorMixin

from osprey_train import chat, geometry
from osprey_train.masks import as_mask
from schemas.errors import InputError, ModelError, OspreyDataError, ShardError
from schemas.records import Mask

FORMS = {"template": chat.template_form, "vicuna_v1": chat.vicuna_v1}
"""Prompt forms: the tokenizer's own chat template, or Vicuna's v1."""
Messages = Sequence[Mapping[str, Any]]


class OspreyProcessor(ProcessorMixin):
    """Tokenizer, prompt form, and the one transform of picture and masks.

    `image_size`, `mask_size` and `image_tokens` are those of the model's configuration. `form` is what the prompt form
    was when the model was trained, as it is saved: a chat template may write the date, for one.
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
        form: Sequence[str] | None = None,
        chat_template: str | None = None,
        **kwargs: Any,
    ) -> None:
        self.image_size, self.mask_size, self.image_tokens, self.resize = image_size, mask_size, image_tokens, resize
        self.prompt_form, self.system = prompt_form, system
        super().__init__(tokenizer, chat_template=chat_template, **kwargs)
        if prompt_form not in FORMS:
            raise ModelError(f"there is no prompt form {prompt_form!r}", hint=f"prompt forms are {', '.join(FORMS)}")
        if not tokenizer.is_fast:
            raise ModelError(
                f"the tokenizer {type(tokenizer).__name__} does not tell the places of its tokens in the text",
                hint="use its fast version: the model's folder needs a tokenizer.json",
            )
        self.form = chat.ChatForm(*form) if form else FORMS[prompt_form](tokenizer, system)
        self.control = chat.control_tokens(tokenizer)

    @property
    def frame(self) -> geometry.Frame:
        """The square that picture and masks are put into."""
        return geometry.Frame(self.image_size, self.mask_size, self.resize)

    @property
    def pad_token_id(self) -> int:
        """The id that fills shorter texts of a batch."""
        found = self.tokenizer.pad_token_id
        return int(found if found is not None else self.end_token_id)

    @property
    def end_token_id(self) -> int:
        """The id that ends an answer: where `generate` has to stop."""
        ids: list[int] = self.tokenizer(self.form.end, add_special_tokens=False)["input_ids"]
        return next(token for token in ids if token in self.tokenizer.all_special_ids)

    def example(self, row: Mapping[str, Any], image: bytes | Image.Image, context: int) -> dict[str, Any]:
        """A shard's row with its picture as tensors for training.

        Raises ShardError, naming the sample, for a text that names a region which is not there, for a picture or masks
        that are broken, and masks not of the picture's size.
        """
        try:
            turns = chat.turns_of(row["messages"], self.control)
            turns, order = chat.with_placeholders(turns, len(row["regions"]))
            text = chat.encode(self.tokenizer, self.form, turns, self.image_tokens, context)
            shown = order[: int((text.input_ids == self.tokenizer.convert_tokens_to_ids(chat.SPATIAL)).sum())]
            masks = [_mask(row["regions"][index]["mask"], row) for index in shown]
            return {
                "sample_id": row["sample_id"],
                "input_ids": torch.from_numpy(text.input_ids),
                "labels": torch.from_numpy(text.labels),
                "pixel_values": geometry.picture(image, self.frame),
                "masks": geometry.coverage(masks, self.frame),
                "turns_dropped": text.turns_dropped,
                "answers_cut": text.answers_cut,
            }
        except ValueError as error:
            message, hint = (error.message, error.hint) if isinstance(error, OspreyDataError) else (str(error), "")
            raise ShardError(f"{row['sample_id']}: {message}", hint=hint) from error

    def __call__(
        self,
        images: Any,
        text: str | Messages | Sequence[str | Messages],
        masks: Sequence[Any] = (),
        return_tensors: str | None = "pt",
        **kwargs: Any,
    ) -> BatchFeature:
        """Inputs of `generate`: a picture and a question about it, or lists of them.

        A picture is PIL's or a uint8 array (height, width, 3). A question is a text, or the messages of a conversation
        ({"role": "user" or "assistant", "content": text}) of which the user's last is to be answered. It names regions
        `<region1>`, `<region2>`, ...: those of `masks` (a list of them for each picture where there are several), each
        a boolean array (height, width), a PIL picture, a COCO RLE dict or polygons (`masks.as_mask`).

        Raises InputError where they do not fit together.
        """
        several = isinstance(images, list | tuple)
        given: list[Any] = (
            [images, text, masks if len(masks) else [()] * len(images)] if several else [[images], [text], [masks]]
        )
        if (isinstance(text, str) and several) or len({len(part) for part in given}) != 1:
            raise InputError(
                "pictures, questions and lists of masks do not fit together",
                hint="With a list of pictures, give a list of as many questions, and of as many lists of masks.",
            )
        asked = [self._asked(as_picture(image), *rest) for image, *rest in zip(*given, strict=True)]
        prompts, pictures, coverages = zip(*asked, strict=True)
        input_ids, attention_mask = self._left_padded(prompts)
        regions = torch.tensor([len(coverage) for coverage in coverages])
        found = {
            "input_ids": input_ids,
            "attention_mask": attention_mask,
            "pixel_values": torch.stack(pictures),
            "masks": torch.cat(coverages),
            "mask_image": torch.repeat_interleave(torch.arange(len(regions)), regions),
        }
        return BatchFeature(found, tensor_type=None if return_tensors == "pt" else return_tensors)

    def _asked(
        self, picture: Image.Image, text: str | Messages, masks: Sequence[Any]
    ) -> tuple[list[int], Tensor, Tensor]:
        """Prompt, picture and the regions that it names."""
        turns, order = self._placed(text, len(masks))
        if len(masks) and not order:
            raise InputError(
                f"{len(masks)} masks were given, but the question names none of them",
                hint="Name them <region1>, <region2>, ..., as in: What is <region1>?",
            )
        found = [_region(masks[index], index + 1, (picture.height, picture.width)) for index in order]
        ids = chat.prompt_ids(self.tokenizer, self.form, turns, self.image_tokens)
        return ids, geometry.picture(picture, self.frame), geometry.coverage(found, self.frame)

    def _placed(self, text: str | Messages, regions: int) -> tuple[list[chat.Turn], list[int]]:
        messages = [{"role": "user", "content": text}] if isinstance(text, str) else text
        return chat.with_placeholders(chat.turns_of(messages, self.control, ask=True), regions)

    def _left_padded(self, texts: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
        longest = max(map(len, texts))
        pads = [longest - len(ids) for ids in texts]
        padded = [[self.pad_token_id] * pad + list(ids) for pad, ids in zip(pads, texts, strict=True)]
        return torch.tensor(padded), torch.tensor([[0] * pad + [1] * (longest - pad) for pad in pads])

    def answers(self, generated: Tensor, inputs: Mapping[str, Any]) -> list[str]:
        """What `generate` wrote (batch, length) after the prompts of `inputs`, as texts."""
        written = generated[:, inputs["input_ids"].shape[1] :]
        return [text.strip() for text in self.batch_decode(written, skip_special_tokens=True)]

    def apply_chat_template(
        self, conversation: Messages, masks: Sequence[Any] = (), tokenize: bool = False, **kwargs: Any
    ) -> str | BatchFeature:
        """The prompt of messages in transformers' form, whose content may be a list of one `image` and texts.

        With `tokenize`, the inputs of `generate`, as `__call__` makes them.
        """
        plain = [{"role": message["role"], "content": _text(message["content"])} for message in conversation]
        if tokenize:
            return self(_image(conversation), plain, masks)
        return self.form.prompt(self._placed(plain, len(masks))[0])

    @property
    def model_input_names(self) -> list[str]:
        """What `__call__` returns."""
        return ["input_ids", "attention_mask", "pixel_values", "masks", "mask_image"]


def as_picture(image: Any) -> Image.Image:
    """A PIL picture of one, or of a uint8 array (height, width, 3) or (height, width)."""
    if isinstance(image, Image.Image):
        return image
    pixels = np.asarray(image)
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3) or pixels.shape[2:] not in ((), (3,)):
        raise InputError(
            f"no picture: {type(image).__name__} of {pixels.dtype} {pixels.shape}",
            hint="A picture is a PIL image or a uint8 array (height, width, 3); open files with PIL.Image.open.",
        )
    return Image.fromarray(pixels)


def _region(mask: Any, number: int, size: tuple[int, int]) -> Mask:
    try:
        return as_mask(mask, size)
    except InputError as error:
        raise InputError(f"region {number}: {error.message}", hint=error.hint) from error


def _mask(mask: Mapping[str, Any], row: Mapping[str, Any]) -> Mask:
    height, width = mask["size"]
    if (height, width) != (row["height"], row["width"]):
        raise ShardError(
            f"a mask of {height} x {width} in a picture of {row['height']} x {row['width']} (height x width)"
        )
    return Mask(size=(height, width), counts=mask["counts"])


def _text(content: str | Sequence[Mapping[str, Any]]) -> str:
    """The text of a message's content."""
    return content if isinstance(content, str) else "\n".join(part["text"] for part in content if "text" in part)


def _image(conversation: Messages) -> Any:
    """The one picture of a conversation."""
    parts = [part for message in conversation if not isinstance(message["content"], str) for part in message["content"]]
    found = [part["image"] for part in parts if part.get("type") == "image" and "image" in part]
    if len(found) != 1:
        raise InputError(
            f"the messages hold {len(found)} pictures", hint='One of them has {"type": "image", "image": picture}.'
        )
    return found[0]
