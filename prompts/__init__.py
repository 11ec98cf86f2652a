"""Prompt text as files, one folder a kind, in our own words.

A folder of a kind that a language model writes holds `system.txt`, `user.j2` (the request for one image) and
one worked example, `example_user.txt` and `example_assistant.txt`. Question lists of any kind are text files
with one question a line; `{region}` stands for the region's name.
"""

import hashlib
import pathlib
from functools import cache
from typing import Any, NamedTuple

import jinja2

FOLDER = pathlib.Path(__file__).parent

_environment = jinja2.Environment(
    loader=jinja2.FileSystemLoader(FOLDER),
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=False,
    autoescape=False,  # the text goes to a model, not to a page
)


class Prompt(NamedTuple):
    """What a kind sends to the model."""

    kind: str
    system: str
    example_user: str
    example_assistant: str
    sha256: str
    """Of all files of the folder: a row says which wording made it."""

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
def load(kind: str) -> Prompt:
    """The prompt of a kind that a language model writes."""
    system, user, assistant = (_text(kind, f"{name}.txt") for name in ("system", "example_user", "example_assistant"))
    return Prompt(kind, system, user, assistant, sha256(kind))


@cache
def questions(kind: str, name: str = "questions") -> tuple[str, ...]:
    """The questions of `prompts/<kind>/<name>.txt`."""
    return tuple(line for line in _text(kind, f"{name}.txt").splitlines() if line.strip())


@cache
def sha256(kind: str) -> str:
    """Over names and contents of all files of a kind's folder and of the parts its template shares."""
    found = hashlib.sha256()
    for path in sorted([*(FOLDER / kind).iterdir(), *FOLDER.glob("*.j2")]):
        if path.is_file():
            found.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()


def _text(kind: str, name: str) -> str:
    return (FOLDER / kind / name).read_text(encoding="utf-8").strip()
