"""Prompt text as files, one folder a kind, in our own words.

A folder of a kind that a language model writes holds `system.txt`, `user.j2` (the request for one image) and
one worked example, `example_user.txt` and `example_assistant.txt`. Question lists of any kind are text files
with one question a line; `{region}` stands for the region's name.

A reply has one of two forms. `text` is the plain one of the paper, and its files are those above. `json` is JSON by a
schema: its own folder in the kind's holds the schema (`schema.json`) and the files that take the place of the kind's
ones of that name (`system.txt`, `example_assistant.json`); all others are shared. So neither form's messages, nor the
sha256 of its wording, change with what belongs to the other one alone.
"""

import hashlib
import pathlib
from collections.abc import Iterator
from functools import cache
from typing import Any, Literal, NamedTuple

import jinja2
import msgspec

FOLDER = pathlib.Path(__file__).parent

Form = Literal["text", "json"]
TEXT: Form = "text"
JSON: Form = "json"

SHARED = ("image_text.j2", "parts.j2", "regions.j2")
"""Parts that the templates of several kinds include."""

_environment = jinja2.Environment(
    loader=jinja2.FileSystemLoader(FOLDER),
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=False,
    autoescape=False,  # the text goes to a model, not to a page
)

_FORM_WORDS = {TEXT: "in the same form as before", JSON: "as one JSON object by the same schema"}


class Prompt(NamedTuple):
    """What a kind sends to the model."""

    kind: str
    system: str
    example_user: str
    example_assistant: str
    sha256: str
    """Of all files of the folder: a row says which wording made it."""
    response_format: dict[str, Any] | None = None
    """Of the form `json` what a request carries beside its messages."""
    name: str = ""
    """What a row calls it (`name`)."""

    def messages(self, **values: Any) -> list[dict[str, str]]:
        """The chat messages of one request; `values` fill `user.j2`."""
        user = _environment.get_template(f"{self.kind}/user.j2").render(**values).strip()
        return [
            {"role": "system", "content": self.system},
            {"role": "user", "content": self.example_user},
            {"role": "assistant", "content": self.example_assistant},
            {"role": "user", "content": user},
        ]


@cache
def load(kind: str, form: Form = TEXT) -> Prompt:
    """The prompt of a kind that a language model writes."""
    texts = {path.stem: path.read_text(encoding="utf-8").strip() for path in _files(kind, form)}
    return Prompt(
        kind, texts["system"], texts["example_user"], texts["example_assistant"], sha256(kind, form),
        _response_format(kind, texts["schema"]) if form == JSON else None, name(kind, form),
    )  # fmt: skip


def _response_format(kind: str, schema: str) -> dict[str, Any]:
    named = {"name": kind, "strict": True, "schema": msgspec.json.decode(schema)}
    return {"type": "json_schema", "json_schema": named}


def name(kind: str, form: Form = TEXT) -> str:
    """What a row calls its prompt: the kind, and with the form `json` the kind's folder of that form."""
    return kind if form == TEXT else f"{kind}/{form}"


def form_of(name: str) -> Form:
    """The form that a prompt so called asks for."""
    return JSON if name.endswith(f"/{JSON}") else TEXT


def repair(form: Form, problem: str, detail: str = "") -> str:
    """What is said to a model whose reply cannot be used, and is to be written once more."""
    return _environment.get_template("repair.j2").render(problem=problem, detail=detail, form=_FORM_WORDS[form]).strip()


@cache
def questions(kind: str, name: str = "questions") -> tuple[str, ...]:
    """The questions of `prompts/<kind>/<name>.txt`."""
    text = (FOLDER / kind / f"{name}.txt").read_text(encoding="utf-8")
    return tuple(line for line in text.strip().splitlines() if line.strip())


@cache
def sha256(kind: str, form: Form = TEXT) -> str:
    """Over names and contents of all files that a form of a kind has in use, and of the parts its template shares.

    Files of the form `json` alone are no part of the text form's, and what they take the place of is none of theirs.
    """
    found = hashlib.sha256()
    for path in sorted([*_files(kind, form), *(FOLDER / name for name in SHARED)]):
        found.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()


def _files(kind: str, form: Form) -> Iterator[pathlib.Path]:
    """The files of a kind's folder; those of the form's own folder take the place of the ones with the same stem."""
    own = [path for path in (FOLDER / kind / form).glob("*") if path.is_file()]
    replaced = {path.stem for path in own}
    yield from own
    yield from (path for path in (FOLDER / kind).iterdir() if path.is_file() and path.stem not in replaced)
