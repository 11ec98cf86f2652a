"""Answers that take a part of an object for another part, or for one of another object."""

import re
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

import prompts
from pipelines.builders import conversation, short_form
from pipelines.builders.parts import tells_nothing
from pipelines.builders.vocabulary import plain
from pipelines.qa.checks.base import Spec
from pipelines.qa.checks.claims import CLAUSE, NAMING, TAG, ClaimCheck, Forms, Known, Turn, form_pattern, matches
from pipelines.qa.checks.part_words import OF, Said, annotated, said_of
from pipelines.qa.checks.words import answers, excerpt, is_model, matching
from pipelines.qa.pieces import Piece

_ASKED = Forms((
    *NAMING,
    *(form_pattern(form, region=TAG) for form in prompts.questions("mask_text", "part_questions")),
    *(form_pattern(form, region=TAG) for form in prompts.questions("part_category", "part_questions")),
    *(form_pattern(form.format("{region}"), region=TAG) for form in short_form.WHAT),
    re.compile(
        rf"\s*(?:what|which) part\b(?! of the (?:picture|image|photo|scene))[^<]*{TAG}[^<]*\?\s*$", re.IGNORECASE
    ),
))  # fmt: skip
"""Questions after what a region, or a part, is."""
_WHOLE = Forms((
    *(form_pattern(form, region=TAG) for form in prompts.questions("part_category", "whole_questions")),
    re.compile(
        rf"\s*(?:to )?(?:what|which)(?: (?:kind|type|sort) of)? (?:object|thing|item|animal|vehicle) "
        rf"(?:does|is) {TAG} (?:belong(?: to)?|(?:a )?part of|attached to)\s*\?\s*$",
        re.IGNORECASE,
    ),
    re.compile(rf"\s*what (?:does {TAG} belong to|is {TAG} (?:a )?part of)\s*\?\s*$", re.IGNORECASE),
))  # fmt: skip
"""Questions after the object that a part belongs to."""
_TOLD = Forms(form_pattern(form, name=TAG) for form in conversation.QUESTIONS)
_SENTENCE = re.compile(
    rf"{CLAUSE}{TAG} (?:is|are|shows?|depicts|represents|appears to be|seems to be) (?:clearly |simply |just )?"
    r"(?=(?:an?|the|one) )",
    re.MULTILINE,
)


class Parts(ClaimCheck):
    """Judges names of parts ("wheel of the car"), and answers to what a part belongs to, by the annotated name.

    The template's must be the annotated one to the letter. What models write is at fault only where part or object are
    plainly another one: both words are known, parts by groups ("wheel", "handle", what is on a head), objects as COCO's
    categories that nobody takes for each other. Not seen: left and right, parts of other names (body, rim, base), and
    what is said without a region's name later in a text.
    """

    spec = Spec("parts_true", "parts and what they belong to are named as annotated", "truth", "warn", 0.01, "claims")
    kinds = ("mask_text", "description", "conversation", "short_form", "part_category", "commonsense")
    nothing = "no answer names a part, or what one belongs to, in words that are understood"

    def claims(self, turn: Turn, known: Known) -> Iterator[str]:
        """One for each region whose part or object is named."""
        number = turn.only_region()
        own = known.name(turn.row, number) if number else ""
        if turn.by_model:
            yield from _plain(turn, number, known)
        elif own and not tells_nothing(own):
            yield from _exact(turn, number, own)

    def _turns(self, piece: Piece) -> Iterator[Turn]:
        """The turns of rows that have parts, and answers that name one."""
        of_parts = np.zeros(len(piece), bool)
        parts = pc.match_substring(pc.struct_field(piece.regions, "category"), OF)
        of_parts[piece.region_rows[pc.fill_null(parts, False).to_numpy(zero_copy_only=False)]] = True
        turns = piece.turns
        rows = turns["row"].to_numpy()
        texts = answers(turns)
        hit = np.flatnonzero(of_parts[rows] | matching(texts, OF))
        asked = pa.array(turns["question"], pa.string()).take(pa.array(hit)).to_pylist()
        said = texts.take(pa.array(hit)).to_pylist()
        by_model = is_model(piece)[rows[hit]]
        for row, question, answer, model in zip(rows[hit].tolist(), asked, said, by_model.tolist(), strict=True):
            yield Turn(row, piece.kind, question, answer, model)


def _exact(turn: Turn, number: int, own: str) -> Iterator[str]:
    """What the template says: the annotated name in answer to what a region is, its end to what it belongs to."""
    said, name = (plain(text).rstrip(" .") for text in (turn.answer, own))
    is_part = OF in name
    if is_part and matches(_WHOLE, turn.question):
        pieces = name.split(OF)
        true = said in {OF.join(pieces[start:]) for start in range(1, len(pieces))}
    elif turn.kind == "description" or matches(_TOLD, turn.question):
        if not is_part:
            return
        true = name in said
    elif matches(_ASKED, turn.question) and (is_part or OF in said):
        true = name == said
    else:
        return
    yield "" if true else _told(turn, number, own, turn.answer)


def _plain(turn: Turn, number: int, known: Known) -> Iterator[str]:
    """What others say, where it is understood; whole regions may be called by what belongs to them."""
    for one, said, words in (*_in_sentences(turn), *_in_answer(turn, number)):
        name = known.name(turn.row, one)
        fact = annotated(name)
        if fact.part and fact.known(said):
            yield _told(turn, one, name, words) if fact.contradicts(said) else ""


def _in_sentences(turn: Turn) -> Iterator[tuple[int, Said, str]]:
    """ "<region1> is the wheel of a car": region, what is said, and the words."""
    for found in _SENTENCE.finditer(turn.answer):
        rest = turn.answer[found.end() : found.end() + 120]
        yield int(found[1]), said_of(rest), rest[:40]


def _in_answer(turn: Turn, number: int) -> Iterator[tuple[int, Said, str]]:
    """The same of an answer about the one region that its question names."""
    if not number or "<region" in turn.answer:
        return
    if matches(_WHOLE, turn.question):
        yield number, Said("", said_of(turn.answer[:120]).whole), turn.answer
    elif matches(_ASKED, turn.question):
        yield number, said_of(turn.answer[:120]), turn.answer


def _told(turn: Turn, number: int, own: str, words: str) -> str:
    return f"<region{number}> is annotated as {own}: {excerpt(turn.answer, words[:120])}"
