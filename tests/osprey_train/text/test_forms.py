"""Prompt forms: learned from templates of all kinds, or refused."""

import pytest

from osprey_train import chat
from osprey_train.chat import Turn
from schemas.errors import ModelError
from tests.osprey_train.text import forms

TURNS = [Turn("What is it?", "A dog."), Turn("Which colour?", "Red & <b>\nbrown."), Turn("Sure?", "Yes")]


def rendered(tokenizer: object, turns: list[Turn], system: str, ask: bool) -> str:
    messages = [{"role": "system", "content": system}] if system else []
    for turn in turns:
        messages += [{"role": "user", "content": turn.question}, {"role": "assistant", "content": turn.answer}]
    made = tokenizer.apply_chat_template(  # type: ignore[attr-defined]
        messages[:-1] if ask else messages, tokenize=False, add_generation_prompt=ask
    )
    return str(made)


@pytest.mark.parametrize("system", ["", "Say what you see."])
@pytest.mark.parametrize("name", forms.TEMPLATES)
def test_a_form_writes_what_its_template_writes(name: str, system: str) -> None:
    tokenizer = forms.byte_level(*forms.TEMPLATES[name])
    form = chat.template_form(tokenizer, system)
    for count in (1, 2, 3):
        assert form.text(TURNS[:count]) == rendered(tokenizer, TURNS[:count], system, ask=False).rstrip()
        assert form.prompt(TURNS[:count]) == rendered(tokenizer, TURNS[:count], system, ask=True)


def test_a_default_system_prompt_is_in_the_head_unless_another_is_given() -> None:
    tokenizer = forms.byte_level()
    assert chat.template_form(tokenizer).head == "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n"
    assert "Be brief" not in chat.template_form(tokenizer, "Say what you see.").head


@forms.needs_smollm2
def test_smollm2() -> None:
    tokenizer = forms.smollm2()
    form = chat.template_form(tokenizer)
    assert form[1:] == (
        "<|im_end|>\n<|im_start|>assistant\n", "", "<|im_end|>", "\n<|im_start|>user\n",
    )  # fmt: skip
    assert form.prompt(TURNS) == rendered(tokenizer, TURNS, "", ask=True)


REFUSED = {
    "turns are numbered": (
        "{% for m in messages %}<|im_start|>{{ loop.index }}{{ m.content }}<|im_end|>{% endfor %}", "all turns alike"
    ),
    "the third turn is another": (
        "{% for m in messages %}<|im_start|>{{ m.role }}{{ m.content }}<|im_end|>{% if loop.index == 4 %}!{% endif %}"
        "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant{% endif %}", "all turns alike"
    ),
    "the last answer is another": (
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if loop.last %}(thought){% endif %}{{ m.content }}"
        "<|im_end|>{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}", "all turns alike"
    ),
    "calls for answers otherwise than they are": (
        "{% for m in messages %}<|im_start|>{{ m.role }}{{ m.content }}<|im_end|>{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>model{% endif %}", "all turns alike"
    ),
    "texts are in lower case": (
        "{% for m in messages %}<|im_start|>{{ m.content | lower }}<|im_end|>{% endfor %}", "changes the texts"
    ),
    "texts are escaped": (
        "{% for m in messages %}<|im_start|>{{ m.content | tojson }}<|im_end|>{% endfor %}", "changes the texts"
    ),
    "old turns are forgotten": ("<|im_start|>{{ messages[-1].content }}<|im_end|>", "leaves some out"),
    "answers have no end mark": (
        "{% for m in messages %}<|im_start|>{{ m.role }}: {{ m.content }}\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant: {% endif %}", "ends answers with ''"
    ),
    "it is broken": ("{% for m in messages %}", "cannot be used"),
    "it refuses": ("{{ raise_exception('no') }}", "cannot be used: no"),
}  # fmt: skip


@pytest.mark.parametrize("why", REFUSED)
def test_templates_that_cannot_be_used(why: str) -> None:
    template, message = REFUSED[why]
    with pytest.raises(ModelError, match=message) as caught:
        chat.template_form(forms.byte_level(template))
    assert "vicuna_v1" in caught.value.hint


def test_no_template() -> None:
    with pytest.raises(ModelError, match="no chat template") as caught:
        chat.template_form(forms.byte_level(None))
    assert "vicuna_v1" in caught.value.hint


def test_a_template_that_allows_no_system_prompt() -> None:
    template = "{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}" + forms.LLAMA3
    assert chat.template_form(forms.byte_level(template, "<|eot_id|>")).head.startswith("<s>")
    with pytest.raises(ModelError, match="cannot be used: no system"):
        chat.template_form(forms.byte_level(template, "<|eot_id|>"), "Say what you see.")


@pytest.mark.parametrize(("system", "head"), [("", "<s>USER: "), ("Say what you see.", "<s>Say what you see. USER: ")])
def test_vicuna(system: str, head: str) -> None:
    form = chat.vicuna_v1(forms.sentence_pieces(), system)
    assert form.prompt([Turn("q", "")]) == f"{head}q ASSISTANT:"
    assert form.text([Turn("q", "a"), Turn("r", "b")]) == f"{head}q ASSISTANT: a</s>USER: r ASSISTANT: b</s>"


def test_vicuna_without_an_end_token() -> None:
    tokenizer = forms.sentence_pieces()
    tokenizer.eos_token = None
    with pytest.raises(ModelError, match="eos_token"):
        chat.vicuna_v1(tokenizer)
