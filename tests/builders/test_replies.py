"""Reading what a model answered: every form that is good, every fault with its reason, and never a crash."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

import prompts
from pipelines.builders import MODEL_KINDS
from pipelines.builders.model_kind import finish
from pipelines.builders.replies import BadReply, question_answer_pairs
from schemas.ledger import REASONS
from schemas.records import Generator, Message, Reply, Request, Sample
from tests.builders import rules
from tests.builders.beach import KINDS
from tests.factories import LICENSES, SIZE, pairs, region
from tests.properties import quick

D, C, S = KINDS
LONG = "A brown dog lies in the sand."


def waiting(kind: str, regions: int = 2) -> Sample:
    return Sample(
        sample_id=f"{kind}-1", kind=kind, split="train", image_id="coco/9", path="a.jpg", height=SIZE[0], width=SIZE[1],
        regions=tuple(region(number) for number in range(regions)), messages=(),
        generator=Generator(name="template", prompt=kind, prompt_sha256="ab" * 32), sources=("coco",),
        license=LICENSES["coco"],
    )  # fmt: skip


def answered(kind: str, text: str, regions: int = 2, **changes: str) -> Sample:
    reply = Reply(**{"key": "cd" * 32, "text": text, "finish_reason": "stop", "model": "gpt-x", **changes})
    return finish(MODEL_KINDS[kind], Request(key="cd" * 32, payload={}, sample=waiting(kind, regions)), reply)


def read(kind: str, text: str, regions: int = 2) -> list[str]:
    """The answers alone."""
    return [answer for _, answer in pairs(answered(kind, text, regions))]


def qa(*blocks: tuple[str, str]) -> str:
    return "\n\n".join(f"Question: {question}\nAnswer: {answer}" for question, answer in blocks)


BOTH = qa(("What is <region1>?", "A dog."), ("What is <region2>?", "A kite."))


@pytest.mark.parametrize(
    ("text", "answers"),
    [
        (f"<region1>: {LONG}\n\n<region2>: {LONG}", [LONG, LONG]),
        (f"<region1>: {LONG}\n<region2>: {LONG}", [LONG, LONG]),
        (
            "<region2>: Second, there lies a dog.\n\n<region1>: First, there lies a dog.",
            ["First, there lies a dog.", "Second, there lies a dog."],
        ),
        (f"Here you are:\n\n\n<region1>:{LONG}\n\n\n\n<region2>:  {LONG}\n", [LONG, LONG]),
        (f"**<region1>**: {LONG}\n\n**<region2>:** {LONG}", [LONG, LONG]),
        (f"1. <region1>: {LONG}\n2. <region2>: {LONG}", [LONG, LONG]),
        (f"### <region1>: {LONG}\n---\n> <region2>: {LONG}\n---", [LONG, LONG]),
        (f"```\n<region1>: {LONG}\n<region2>: {LONG}\n```", [LONG, LONG]),
        (f"<region1>: {LONG}\n\nIts tail: long.\n\n<region2>: {LONG}", [f"{LONG} Its tail: long.", LONG]),
        (
            f"<region1>: A dog that looks at <region2>: it barks.\n<region2>: {LONG}",
            ["A dog that looks at <region2>: it barks.", LONG],
        ),
        (f"<region1>: A dog beside a pizza box.\n<region2>: {LONG}", ["A dog beside a pizza box.", LONG]),
        (f"<region1>: {LONG}\r\n\r\n<region2>: {LONG}\r\n", [LONG, LONG]),
    ],
)
def test_descriptions(text: str, answers: list[str]) -> None:
    assert read(D, text) == answers


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (BOTH, [("What is <region1>?", "A dog."), ("What is <region2>?", "A kite.")]),
        ("Q1: What is <region1>?\nA1: A dog.\nQ2: And <region2>?\nA2: A kite.", None),
        ("**Question 1:** What is <region1>?\n**Answer 1:** A dog.\n**Q2**: And <region2>?\n**A2**: A kite.", None),
        ("1. Question: What is <region1>?\n   Answer: A dog.\n\n2. Question: And <region2>?\n   Answer: A kite.", None),
        ("1.\nQuestion: What is <region1>?\nAnswer: A dog.\n\n2.\nQuestion: And <region2>?\nAnswer: A kite.", None),
        ("Sure! A conversation:\n\n" + BOTH, None),
        (BOTH.replace("\n", "\n\n\n"), None),
        ("```\n" + BOTH + "\n```", None),
        (BOTH.replace("\n\n", "\n\n---\n\n"), None),
        (BOTH.lower(), None),
        (BOTH.replace("\n", "\r\n"), None),
        (BOTH.replace("A dog.", "The sign reads: STOP"), ["The sign reads: STOP", "A kite."]),
        (BOTH.replace("A dog.", "First.\n\nSecond: more.\nThird."), ["First.\n\nSecond: more.\nThird.", "A kite."]),
        (BOTH.replace("A dog.", "\n3"), ["3", "A kite."]),
        (BOTH.replace("A dog.", "**A dog.**"), ["A dog.", "A kite."]),
        (BOTH.replace("A dog.", "A dog with a **red** collar"), ["A dog with a red collar", "A kite."]),
        (BOTH.replace("A dog.", "A question: why?"), ["A question: why?", "A kite."]),
    ],
)  # fmt: skip
def test_conversations(text: str, expected: list[object] | None) -> None:
    found = pairs(answered(C, text))
    assert len(found) == 2
    assert all(question and answer for question, answer in found)
    if expected and isinstance(expected[0], tuple):
        assert found == expected
    else:
        answers = expected or ["A dog.", "A kite."]
        assert [answer.lower() for _, answer in found] == [str(answer).lower() for answer in answers]


@pytest.mark.parametrize(
    ("answer", "kept"),
    [("Red", "Red"), ("Red.", "Red"), ("red .", "red"), ("to the left of it", "to the left of it"), ("\nRed", "Red")],
)
def test_short_answers(answer: str, kept: str) -> None:
    assert read(S, qa(("What colour is <region1>?", answer)), regions=1) == [kept]


BAD = [
    (D, f"<region1>: {LONG}", "reply_region_count"),
    (D, f"<region3>: {LONG}", "reply_region_count"),
    (D, f"<region1>: {LONG}\n<region2>: {LONG}\n<region3>: {LONG}", "reply_region_count"),
    (D, f"<region1>: {LONG}\n<region2>: {LONG}\n<region0>: {LONG}", "reply_region_count"),
    (D, f"<region1>: {LONG}\n<region2>: {LONG}\n<region2>: {LONG}", "reply_region_count"),
    (D, f"<region1>: {LONG}\n<region3>: {LONG}", "reply_unknown_region"),
    (D, f"<region0>: {LONG}\n<region1>: {LONG}", "reply_unknown_region"),
    (D, f"<region1>: {LONG}\n<region1>: {LONG}", "reply_missing_region"),
    (D, f"<region1>: {LONG}\n<region2>: Beside <region7> a dog lies.", "reply_unknown_region"),
    (D, f"<region1>: {LONG}\n<region2>: Beside <Region 1> a dog lies.", "reply_unknown_region"),
    (D, f"<region1>: {LONG}\n<region2>: A dog.", "reply_format"),
    (D, f"<region1>: {LONG}\n<region2>:", "reply_format"),
    (D, "A dog and a kite.", "reply_format"),
    (D, f"region1: {LONG}\nregion2: {LONG}", "reply_format"),
    (D, f"<region1>: {LONG}\n<region2>: In this region a dog lies.", "reply_mentions_source"),
    (D, f"<regin1>: {LONG}\n<regin2>: {LONG}", "reply_format"),
    (C, "A dog and a kite.", "reply_no_question"),
    (C, "What is <region1>? A dog.", "reply_no_question"),
    (C, BOTH.replace("<region2>", "the other"), "reply_missing_region"),
    (C, BOTH + "\n\n" + qa(("What is <region3>?", "A cat.")), "reply_unknown_region"),
    (C, BOTH.replace("A kite.", "It is above <region01>."), "reply_unknown_region"),
    (C, BOTH.replace("A kite.", "It is above <REGION1>."), "reply_unknown_region"),
    (C, BOTH.replace("A kite.", "It is above </region1>."), "reply_unknown_region"),
    (C, BOTH.replace("A kite.", f"It is above <region{'9' * 5000}>."), "reply_unknown_region"),
    (C, BOTH.replace("A kite.", "It is above <region1 of the picture."), "reply_unknown_region"),
    (C, BOTH.replace("A kite.", "It is above < region1>."), "reply_unknown_region"),
    (C, BOTH + "\n\nQuestion: And then?", "reply_format"),
    (C, "Answer: A dog.\n\n" + BOTH, "reply_format"),
    (C, BOTH.replace("Answer: A dog.", "Question: Is it big?\nAnswer: Yes."), "reply_format"),
    (C, BOTH.replace("\nAnswer: A dog.", "\nAnswer: A dog.\nAnswer: A cat."), "reply_format"),
    (C, BOTH.replace("A dog.", ""), "reply_format"),
    (C, BOTH.replace("A dog.", "**"), "reply_format"),
    (C, BOTH.replace("\nAnswer", " Answer"), "reply_format"),
    (C, BOTH.replace("A dog.", "The caption says it is a dog."), "reply_mentions_source"),
    (S, qa(("What is <region1>?", "A dog that lies in the wet sand")), "reply_long_answer"),
    (S, qa(("What is <region1>?", "...")), "reply_format"),
    (S, qa(("What is <region1>?", "A dog\nA cat")), "reply_format"),
    (S, qa(("What is <region1>?", "A dog\n\nThe end.")), "reply_format"),
    (S, qa(("What is <region1>?", "A dog"), ("What is it?", "One of the dogs")) + "\nLet me know!", "reply_format"),
    (S, qa(("What is <region1>?", "\n\nI hope this helps!")), "reply_format"),
    (C, BOTH.replace("A kite.", "\n\nLet me know if you need more."), "reply_format"),
    (D, f"<region1>: {LONG}\n<region2>:\n\nI hope these four words help you.", "reply_format"),
    (S, qa(("What is <region1>?", "Its bounding box")), "reply_mentions_source"),
    (S, "Dog", "reply_no_question"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "text", "reason"), BAD)
def test_faults_have_their_reason(kind: str, text: str, reason: str) -> None:
    with pytest.raises(BadReply) as raised:
        answered(kind, text, regions=1 if kind == S else 2)
    assert raised.value.reason == reason
    assert raised.value.detail


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"finish_reason": "length"}, "reply_cut_off"),
        ({"finish_reason": "content_filter"}, "reply_filtered"),
        ({"text": ""}, "reply_empty"),
        ({"text": " \n\t"}, "reply_empty"),
        ({"text": "", "error": "503 from the server"}, "request_failed"),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_replies_that_the_model_did_not_finish(kind: str, changes: dict[str, str], reason: str) -> None:
    with pytest.raises(BadReply) as raised:
        answered(kind, **{"text": BOTH, **changes})
    assert raised.value.reason == reason


CLOSINGS = [
    "I hope this helps! Let me know if you need more.",
    "I hope this helps!\n\nLet me know if you need more questions:\n- short ones\n- long ones",
    "Let me know if there is anything else.",
    "Please feel free to ask for more.",
    "**Note:** The captions did not tell everything of <region3>.",
    "(Note: the colours are a guess.)",
    "Would you like me to write more?",
    "These questions cover both regions.",
    "Thank you!",
    "---\n\nIf you'd like more, just ask.",
    "If you\u2019d like more, just ask.\n```",
]


@pytest.mark.parametrize("closing", CLOSINGS)
@pytest.mark.parametrize("before", ["\n\n", "\r\n \r\n", "\n```\n\n", "\n---\n"])
def test_closing_words_are_no_part_of_the_last_answer(closing: str, before: str) -> None:
    assert read(C, BOTH + before + closing) == ["A dog.", "A kite."]
    assert read(D, f"<region1>: {LONG}\n\n<region2>: {LONG}{before}{closing}") == [LONG, LONG]
    assert read(S, BOTH + before + closing) == ["A dog", "A kite"]


@pytest.mark.parametrize(
    "paragraph",
    [
        "If you look closely, there is a bird.",
        "The kite lets me know where the wind is.",
        "These dogs are wet.",
        "I see a boat behind it.",
        "Note the red sail behind it.",
    ],
)
def test_a_last_paragraph_about_the_picture_stays(paragraph: str) -> None:
    assert read(C, f"{BOTH}\n\n{paragraph}") == ["A dog.", f"A kite.\n\n{paragraph}"]
    assert read(D, f"<region1>: {LONG}\n<region2>: {LONG}\n\n{paragraph}") == [LONG, f"{LONG} {paragraph}"]


def test_only_the_last_block_has_closing_words() -> None:
    inside = "A dog.\n\nI hope it finds its way home."
    assert read(C, BOTH.replace("A dog.", inside)) == [inside, "A kite."]


@pytest.mark.parametrize("kind", [C, S])
def test_a_region_is_covered_by_a_question_or_its_answer(kind: str) -> None:
    both_in_one = qa(("What is next to <region1>?", "<region2>"))
    assert read(kind, both_in_one) == ["<region2>"]
    with pytest.raises(BadReply, match="reply_missing_region"):
        answered(kind, qa(("What is next to <region1>?", "The other dog")))


def test_questions_about_a_description_vary_with_the_row_only() -> None:
    text = "\n".join(f"<region{number}>: {LONG}" for number in range(1, 7))
    first = pairs(answered(D, text, regions=6))
    assert first == pairs(answered(D, text, regions=6))
    asked = [question for question, _ in first]
    assert len({question.replace(f"region{n}", "regionN") for n, question in enumerate(asked, start=1)}) > 2
    forms = {question.format(region=f"<region{n}>") for question in prompts.questions(D) for n in range(1, 7)}
    assert set(asked) <= forms


def test_the_finished_row_names_who_answered() -> None:
    row = answered(C, BOTH)
    assert row.generator == Generator(name="gpt-x", prompt=C, prompt_sha256="ab" * 32, request_key="cd" * 32)
    assert row.messages[0] == Message(role="user", content="What is <region1>?")
    assert rules.broken([row]) == []


PIECES = [
    "Question:", "Answer:", "Q1:", "A:", "**", "<region1>", "<region2>", "<region1>:", "<region2>:", "<region3>",
    "<Region 1>", "<region", ">", "\n", "\n\n", "1.", "---", "```", " ", "a dog", "It lies in the wet sand.", "caption",
    ".", "...", "\r", ":",
    "\u2028", "\u200b", "\x00", "[0.1, 0.2]", "<\nregion1>", "٣", "<region٣>",
]  # fmt: skip
GOOD_OR_KNOWN = {"good", *REASONS}


def verdict(kind: str, text: str, regions: int) -> str:
    """`good`, the reason of a reject, or the rules of a shard that the row breaks."""
    try:
        return " ".join(rules.broken([answered(kind, text, regions)])) or "good"
    except BadReply as bad:
        return bad.reason


fuzz = st.text(max_size=80) | st.lists(st.sampled_from(PIECES), max_size=30).map("".join)


@pytest.mark.parametrize("kind", KINDS)
@quick
@given(fuzz, st.integers(1, 3))
def test_whatever_comes_in_is_a_good_row_or_a_reason(kind: str, text: str, regions: int) -> None:
    assert verdict(kind, text, regions) in GOOD_OR_KNOWN


@pytest.mark.parametrize("kind", KINDS)
@quick
@given(st.lists(st.sampled_from(PIECES), max_size=6).map("".join), st.sampled_from(["before", "inside", "after"]))
def test_a_good_reply_with_something_thrown_in(kind: str, thrown: str, where: str) -> None:
    """Close to the border between good and bad, where a parser is most easily wrong."""
    good = f"<region1>: {LONG}\n\n<region2>: {LONG}" if kind == D else BOTH
    text = {"before": thrown + good, "inside": good.replace("\n\n", thrown), "after": good + thrown}[where]
    assert verdict(kind, text, 2) in GOOD_OR_KNOWN


REPEATED = ("q", " ", "\n", "1.", "1.\n", "*", "- ", "a:", "Question", "<region", "<region1> ", "> ", "<")


@pytest.mark.parametrize("piece", REPEATED)
def test_a_model_that_repeats_itself_costs_no_time(piece: str) -> None:
    """Long runs of one thing are what small models end in; a backtracking pattern would need hours."""
    start = time.perf_counter()
    for kind in KINDS:
        with pytest.raises(BadReply):
            answered(kind, "Question: " + piece * (6000 // len(piece)))
    assert time.perf_counter() - start < 2


def test_pairs_of_a_text_without_a_mark() -> None:
    with pytest.raises(BadReply, match="reply_no_question"):
        question_answer_pairs("nothing")
