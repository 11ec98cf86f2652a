"""Replies in either form, and rows that wait for one."""

from collections.abc import Sequence

import msgspec

import prompts
from pipelines.builders import MODEL_KINDS
from pipelines.builders.forms import Content
from prompts import JSON, TEXT, Form
from schemas.records import Region, Sample, Scene

FORMS: tuple[Form, ...] = (TEXT, JSON)


def composed(kind: str, one: Scene, regions: Sequence[Region], seed: int = 0, form: Form = TEXT) -> str:
    """What the template says, as a model would be asked to write it."""
    return written(kind, MODEL_KINDS[kind].compose(one, regions, seed), form)


def written(kind: str, content: Content, form: Form) -> str:
    return MODEL_KINDS[kind].shape.write(content, form)


def asked_in(row: Sample, form: Form) -> Sample:
    """The row as it waits for a reply of that form."""
    named = msgspec.structs.replace(row.generator, prompt=prompts.name(row.kind, form))
    return msgspec.structs.replace(row, messages=(), generator=named)
