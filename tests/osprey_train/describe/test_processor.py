"""Pictures, regions and conversations as inputs of `generate`; rows as examples."""

import json
import pathlib
import pickle
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
from transformers import AutoProcessor

from osprey_train import chat
from osprey_train.model import OspreyProcessor
from osprey_train.model.loading import load
from schemas.errors import InputError, ModelError, ShardError
from tests.osprey_train.describe.conftest import SIZE
from tests.osprey_train.text import forms

ROW = json.loads((pathlib.Path(__file__).parents[1] / "text/row.json").read_text(encoding="utf-8"))
PICTURE = PIL.Image.new("RGB", SIZE[::-1], (90, 120, 30))
LEFT = np.arange(SIZE[1]) < np.full(SIZE, 20)
RIGHT = ~LEFT


@pytest.fixture(scope="module")
def processor() -> OspreyProcessor:
    return OspreyProcessor(forms.byte_level(), image_size=64, mask_size=16, image_tokens=16)


def said(processor: OspreyProcessor, inputs: Any) -> list[str]:
    texts = processor.batch_decode(inputs["input_ids"])
    return [text.replace("<image>" * 16, "<image>").removeprefix("<pad>" * text.count("<pad>")) for text in texts]


def test_one_picture(processor: OspreyProcessor) -> None:
    inputs = processor(PICTURE, "Is <region2> by <region1>?", masks=[LEFT, RIGHT])
    assert list(inputs) == processor.model_input_names
    assert said(processor, inputs) == [
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n<image>\n"
        "Is <region2><mask><pos> by <region1><mask><pos>?<|im_end|>\n<|im_start|>assistant\n"
    ]
    assert inputs["pixel_values"].shape == (1, 3, 64, 64)
    assert inputs["masks"].shape == (2, 16, 16)
    assert inputs["masks"][0, :, 0].max() == 0, "the second region comes first: the text names it first"
    assert inputs["masks"][1, :, 0].min() == 255
    assert inputs["mask_image"].tolist() == [0, 0]


def test_many_pictures(processor: OspreyProcessor) -> None:
    asked = ["What is <region1>?", "And what do you see here?", [{"role": "user", "content": "<region1>, <region2>?"}]]
    pictures = [PICTURE, np.asarray(PICTURE), np.asarray(PICTURE.convert("L"))]
    inputs = processor(pictures, asked, [[LEFT], [], [RIGHT, LEFT]])
    assert inputs["mask_image"].tolist() == [0, 2, 2]
    assert inputs["pixel_values"].shape == (3, 3, 64, 64)
    assert inputs["input_ids"].shape == inputs["attention_mask"].shape
    for index, (picture, text, masks) in enumerate(zip(pictures, asked, [[LEFT], [], [RIGHT, LEFT]], strict=True)):
        alone = processor(picture, text, masks)
        seen = inputs["attention_mask"][index].bool()
        assert torch.equal(inputs["input_ids"][index][seen], alone["input_ids"][0])
        assert seen.tolist() == sorted(seen.tolist()), "padding is on the left"
        assert torch.equal(inputs["masks"][inputs["mask_image"] == index], alone["masks"])


def test_pictures_without_regions(processor: OspreyProcessor) -> None:
    inputs = processor([PICTURE, PICTURE], ["What?", "Where?"])
    assert inputs["masks"].shape == (0, 16, 16)
    assert inputs["mask_image"].shape == (0,)


def test_a_conversation_goes_on(processor: OspreyProcessor) -> None:
    """What was asked and answered stays as it was, to the last token."""
    first = [{"role": "user", "content": "What is <region1>?"}]
    more = [
        *first,
        {"role": "assistant", "content": "A dog."},
        {"role": "user", "content": "Is <region2> like <region1>?"},
    ]
    start, whole = (processor(PICTURE, messages, [LEFT, RIGHT]) for messages in (first, more))
    length = start["input_ids"].shape[1]
    assert torch.equal(whole["input_ids"][:, :length], start["input_ids"])
    assert said(processor, whole)[0].endswith(
        "<region1><mask><pos>?<|im_end|>\n<|im_start|>assistant\nA dog.<|im_end|>\n"
        "<|im_start|>user\nIs <region2><mask><pos> like <region1>?<|im_end|>\n<|im_start|>assistant\n"
    )
    assert len(start["masks"]) == 1
    assert len(whole["masks"]) == 2


def test_chat_template(processor: OspreyProcessor) -> None:
    content = [{"type": "image", "image": PICTURE}, {"type": "text", "text": "What is <region1>?"}]
    messages = [{"role": "user", "content": content}]
    inputs = processor.apply_chat_template(messages, masks=[LEFT], tokenize=True)
    expected = processor(PICTURE, "What is <region1>?", [LEFT])
    assert all(torch.equal(inputs[name], expected[name]) for name in expected)
    assert processor.apply_chat_template(messages, masks=[LEFT]) == said(processor, expected)[0]
    with pytest.raises(InputError, match="hold 0 pictures"):
        processor.apply_chat_template([{"role": "user", "content": "What?"}], tokenize=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((PICTURE, "What?", [LEFT]), "1 masks were given, but the question names none"),
        ((PICTURE, "What is <region2>?", [LEFT]), "the text names <region2>, but there is 1 region"),
        ((PICTURE, "What is <region1>?"), "the text names <region1>, but there are 0 regions"),
        ((PICTURE, "What is <region1>?", [LEFT[:, :-1]]), "region 1: the mask is 63 x 48 .*the picture 64 x 48"),
        ((PICTURE, "<region1> <region2>", [LEFT, LEFT & RIGHT]), "region 2: the mask is empty"),
        ((PICTURE, "What is <region1>?", LEFT), "region 1: no mask: ndarray of bool .64,."),
        (("picture.jpg", "What?"), "no picture: str"),
        ((np.zeros((4, 5, 3)), "What?"), "no picture: ndarray of float64"),
        ((np.zeros((3, 4, 5), np.uint8), "What?"), "no picture: ndarray of uint8 .3, 4, 5."),
        (([PICTURE], "What?"), "do not fit together"),
        (([PICTURE, PICTURE], ["What?"]), "do not fit together"),
        (([PICTURE, PICTURE], ["<region1>"] * 2, [[LEFT]]), "do not fit together"),
        ((PICTURE, [{"role": "assistant", "content": "Hello"}]), "user last"),
        ((PICTURE, []), "none"),
    ],
)
def test_what_does_not_fit(processor: OspreyProcessor, arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        processor(*arguments)


def test_saving_and_loading(tmp_path: pathlib.Path) -> None:
    made = OspreyProcessor(
        forms.byte_level(), image_size=64, mask_size=16, image_tokens=16, resize="pad", system="Say what you see."
    )
    made.save_pretrained(tmp_path)
    loaded = AutoProcessor.from_pretrained(tmp_path)
    assert type(loaded) is OspreyProcessor
    assert (loaded.form, loaded.frame, loaded.system) == (made.form, made.frame, made.system)
    for one, other in ((made, loaded), (made, pickle.loads(pickle.dumps(made)))):
        before, after = (each(PICTURE, "Is </s> <region1>?", [LEFT]) for each in (one, other))
        assert all(torch.equal(before[name], after[name]) for name in before)


def test_the_form_stays_what_it_was_in_training(tmp_path: pathlib.Path) -> None:
    """Templates may write the date, or be renewed with the tokenizer."""
    made = OspreyProcessor(forms.byte_level())
    made.save_pretrained(tmp_path)
    (tmp_path / "chat_template.jinja").write_text(forms.CHATML.replace("Be brief.", "Today is another day."))
    assert OspreyProcessor.from_pretrained(tmp_path).form == made.form


@pytest.mark.parametrize(("name", "end"), [("chatml", "<|im_end|>"), ("llama3", "<|eot_id|>"), ("llama2", "</s>")])
def test_where_answers_end(name: str, end: str) -> None:
    made = OspreyProcessor(forms.byte_level(forms.TEMPLATES[name][0], "</s>"))
    assert made.end_token_id == made.tokenizer.convert_tokens_to_ids(end)


def test_unknown_form() -> None:
    with pytest.raises(ModelError, match="no prompt form 'vicuna'") as caught:
        OspreyProcessor(forms.byte_level(), prompt_form="vicuna")
    assert "template, vicuna_v1" in caught.value.hint


def test_an_example_of_a_real_row(processor: OspreyProcessor) -> None:
    picture = PIL.Image.new("RGB", (ROW["width"], ROW["height"]))
    example = processor.example(ROW, picture, 1000)
    assert {name: tuple(value.shape) for name, value in example.items() if isinstance(value, torch.Tensor)} == {
        "input_ids": example["labels"].shape, "labels": example["labels"].shape,
        "pixel_values": (3, 64, 64), "masks": (2, 16, 16),
    }  # fmt: skip
    assert (example["input_ids"].dtype, example["pixel_values"].dtype) == (torch.int64, torch.uint8)
    first = processor.example(ROW, picture, len(example["input_ids"]) // 2)
    assert (len(first["masks"]), first["turns_dropped"]) == (1, 3), "a region only named by what was dropped goes too"
    assert torch.equal(first["masks"][0], example["masks"][0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"messages": [{"role": "user", "content": "<region3>"}, {"role": "assistant", "content": "x"}]},
         "the text names <region3>, but there are 2 regions"),
        ({"messages": ROW["messages"][:3]}, "user and assistant in turn"),
        ({"width": 100}, "a mask of 480 x 360 in a picture of 480 x 100"),
        ({"regions": [{"mask": {"size": [ROW["height"], ROW["width"]], "counts": "00"}}] * 2}, "runs add up to 0"),
    ],
)  # fmt: skip
def test_rows_at_fault(processor: OspreyProcessor, change: dict[str, Any], message: str) -> None:
    picture = PIL.Image.new("RGB", (ROW["width"], ROW["height"]))
    with pytest.raises(ShardError, match=f"^{ROW['sample_id']}: .*{message}"):
        processor.example({**ROW, **change}, picture, 1000)
    with pytest.raises(ShardError, match=f"^{ROW['sample_id']}: the picture cannot be decoded"):
        processor.example(ROW, b"no picture", 1000)


def test_generate_takes_it_as_it_is(model_folder: pathlib.Path) -> None:
    """Alone and in a batch the answers are the same, and with labels the loss is a number."""
    model, processor = load(model_folder)
    asked = ["What is <region1>?", "Tell me of <region1> and <region2>, and how they go together?"]
    masks = [[LEFT], [LEFT, RIGHT]]
    both = processor([PICTURE, PICTURE], asked, masks)
    written = processor.answers(model.generate(**both, max_new_tokens=6, do_sample=False), both)
    for picture, text, regions, answer in zip([PICTURE] * 2, asked, masks, written, strict=True):
        inputs = processor(picture, text, regions)
        alone = processor.answers(model.generate(**inputs, max_new_tokens=6, do_sample=False), inputs)
        assert alone == [answer]
    assert chat.IMAGE not in "".join(written)
