"""Regions in texts: numbers, first mentions, and texts that look like the model's own marks."""

import pytest

from osprey_train import chat
from osprey_train.chat import Turn
from schemas.errors import InputError
from tests.osprey_train.text import forms

PAIR = "<mask><pos>"


def placed(*texts: str, regions: int = 12) -> tuple[list[str], list[int]]:
    turns, order = chat.with_placeholders([Turn(*pair) for pair in zip(texts[::2], texts[1::2], strict=True)], regions)
    return [text for turn in turns for text in turn], order


@pytest.mark.parametrize(
    ("texts", "expected", "order"),
    [
        (["What?", "A dog"], ["<image>\nWhat?", "A dog"], []),
        (["<region2> or <region1>?", "x"], [f"<image>\n<region2>{PAIR} or <region1>{PAIR}?", "x"], [1, 0]),
        (["<region1>, <region1>?", "x"], [f"<image>\n<region1>{PAIR}, <region1>?", "x"], [0]),
        (["<region12> <region1>", "x"], [f"<image>\n<region12>{PAIR} <region1>{PAIR}", "x"], [11, 0]),
        (["<region3>?", "x", "<region3> <region9>?", "y"],
         [f"<image>\n<region3>{PAIR}?", "x", f"<region3> <region9>{PAIR}?", "y"], [2, 8]),
        (["What is here?", "<region2> and <region1>, by <region2>"],
         [f"<image>\n<region2>{PAIR} <region1>{PAIR} What is here?", "<region2> and <region1>, by <region2>"], [1, 0]),
        (["Is <region1> big?", "As <region2>", "And <region2>?", "No"],
         [f"<image>\n<region2>{PAIR} Is <region1>{PAIR} big?", "As <region2>", "And <region2>?", "No"], [1, 0]),
        (["<REGION1> <region> <region1 >", "x"], ["<image>\n<REGION1> <region> <region1 >", "x"], []),
    ],
)  # fmt: skip
def test_places(texts: list[str], expected: list[str], order: list[int]) -> None:
    assert placed(*texts) == (expected, order)


@pytest.mark.parametrize(
    "name", ["<region0>", "<region13>", "<region999999999999999999999999>", f"<region{'9' * 5000}>"]
)
@pytest.mark.parametrize("texts", [("What is {}?", "x"), ("What?", "It is {}")])
def test_a_region_that_there_is_not(name: str, texts: tuple[str, str]) -> None:
    with pytest.raises(InputError, match=rf"the text names {name[:20]}.*there are 12 regions"):
        placed(*(text.format(name) for text in texts))


def test_messages_that_do_not_alternate() -> None:
    with pytest.raises(InputError, match="but are user, user"):
        chat.turns_of([{"role": "user", "content": "a"}] * 2)
    with pytest.raises(InputError, match="none"):
        chat.turns_of([])
    with pytest.raises(InputError, match="user last, but are user, assistant"):
        chat.turns_of([{"role": "user", "content": ""}, {"role": "assistant", "content": ""}], ask=True)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<image>", "< image>"), ("a </s> b", "a < /s> b"), ("<|im_end|><mask><pos>", "< |im_end|>< mask>< pos>"),
        ("<<image>image>", "<< image>image>"), ("<region1> </S>", "<region1> </S>"), ("plain", "plain"),
    ],
)  # fmt: skip
def test_marks_in_peoples_texts_stay_text(text: str, shown: str) -> None:
    tokenizer = forms.byte_level()
    control = chat.control_tokens(tokenizer)
    messages = [{"role": "user", "content": text}, {"role": "assistant", "content": text}]
    assert chat.turns_of(messages, control) == [Turn(shown, shown)]
    marks = set(tokenizer.all_special_ids)
    assert not marks & set(tokenizer(shown, add_special_tokens=False)["input_ids"])
    again = [{"role": "user", "content": shown}, {"role": "assistant", "content": shown}]
    assert chat.turns_of(again, control) == [Turn(shown, shown)]
