"""`reply_format: auto` becomes text or JSON before anything is planned, so that the plan and the manifest say which.

Replies that are bought already decide first: a change of form would silently buy all of them again.
"""

from typing import NamedTuple

import msgspec

from pipelines import storage
from pipelines.builders import MODEL_KINDS
from pipelines.builders.context import OPENAI
from pipelines.generation import probe
from pipelines.generation.settings import Settings, api_key
from pipelines.generation.store import ReplyStore
from pipelines.phases.layout import Layout
from pipelines.phases.plan import Job
from prompts import JSON, TEXT, Form
from schemas.errors import GenerationError
from schemas.recipe import GenerationSettings

AUTO = "auto"
NAMES = {TEXT: "plain text", JSON: "JSON by a schema"}


class Choice(NamedTuple):
    """A form, and why."""

    form: Form
    why: str


class _Generation(msgspec.Struct):
    model: str = ""
    reply_format: str = AUTO


class _Recipe(msgspec.Struct):
    generation: _Generation = msgspec.field(default_factory=_Generation)


class _Earlier(msgspec.Struct):
    """Of the plan that lies in OUT, made by this version or another, what tells its form."""

    generator: str = ""
    recipe: _Recipe = msgspec.field(default_factory=_Recipe)


def is_open(job: Job) -> bool:
    """Whether a model is to be asked, and nobody has said in which form."""
    asked = job.generator == OPENAI and MODEL_KINDS.keys() & job.recipe.kinds
    return bool(asked) and job.recipe.generation.reply_format == AUTO


def resolve(job: Job, store: ReplyStore, settings: Settings) -> tuple[Job, str]:
    """The job with the form of its replies decided, and a line that says which and why; empty where it was decided.

    In this order: what the recipe says; the form in which the store holds answers of this model, and where it holds
    both, that of the plan in OUT; what the server is known to support; what it answers when it is asked now, for which
    a key and a budget are needed; plain text.
    """
    if not is_open(job):
        return job, ""
    generation = job.recipe.generation
    choice = _bought(job, store) or _known(store, generation, settings) or _asked(store, generation, settings)
    decided = msgspec.structs.replace(generation, reply_format=choice.form)
    recipe = msgspec.structs.replace(job.recipe, generation=decided)
    return job._replace(recipe=recipe), f"replies as {NAMES[choice.form]}: {choice.why}"


def _bought(job: Job, store: ReplyStore) -> Choice | None:
    model = job.recipe.generation.model
    forms = {_form(is_json) for is_json in probe.bought(store, model)}
    planned = _planned(job.layout, model)
    if len(forms) > 1 and planned is None:
        return None
    form = planned if planned in forms else next(iter(forms), None)
    if form is None:
        return None
    other = TEXT if form == JSON else JSON
    return Choice(form, f"so are those of {model} in the reply store (--reply-format {other} buys them anew)")


def _planned(layout: Layout, model: str) -> Form | None:
    """The form of the plan in OUT, where it asks the same model; plans of earlier versions know text alone."""
    if not storage.exists(layout.plan):
        return None
    try:
        earlier = msgspec.json.decode(storage.read_bytes(layout.plan), type=_Earlier)
    except msgspec.MsgspecError:
        return None
    own = earlier.recipe.generation
    return _form(own.reply_format == JSON) if (earlier.generator, own.model) == (OPENAI, model) else None


def _known(store: ReplyStore, generation: GenerationSettings, settings: Settings) -> Choice | None:
    supported = probe.known(store, generation, settings.base_url)
    return None if supported is None else _of_server(supported)


def _asked(store: ReplyStore, generation: GenerationSettings, settings: Settings) -> Choice:
    """The server's answer; where it cannot be asked, plain text, which every server can give."""
    if settings.budget_usd is None:
        return Choice(
            TEXT,
            "the server was not asked whether it can do JSON (a build with a budget asks; or say --reply-format json)",
        )
    try:
        api_key(settings.base_url)
        supported = probe.ask(store, generation, settings)
    except GenerationError as error:
        return Choice(TEXT, f"the server was not asked whether it can do JSON ({error.message.rstrip('.')})")
    if supported is None:
        return Choice(TEXT, "the server gave no answer when it was asked whether it can do JSON")
    return _of_server(supported)


def _of_server(supported: bool) -> Choice:
    return Choice(
        _form(supported), "the server supports it" if supported else "the server does not do JSON by a schema"
    )


def _form(is_json: bool) -> Form:
    return JSON if is_json else TEXT
