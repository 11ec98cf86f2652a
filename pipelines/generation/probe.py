"""Whether a server lets replies be asked for by a JSON schema: what the store knows of it, or one small request.

The request goes the way of all others: claimed, budgeted, stored. So a server is asked once for each model, whoever
asks, and "no" is remembered as well as "yes".
"""

import re
from typing import Any
from urllib.parse import urlsplit

import msgspec
import sqlalchemy as sa

from pipelines.generation.ask import Ask
from pipelines.generation.engine import generate
from pipelines.generation.settings import Settings
from pipelines.generation.store import ReplyStore
from pipelines.generation.store.tables import replies, requests
from schemas.keys import request_key
from schemas.recipe import GenerationSettings
from schemas.records import Reply

KIND = "probe"
"""What the store calls such a request."""
MOST_TOKENS = {"max_tokens": 300, "max_completion_tokens": 2000}
"""Of the answer, by the name of the limit: some forty are enough, but models that are asked by the second name think
before they write, and what they think counts."""
ATTEMPTS = 2
TIMEOUT_S = 120.0
SAMPLE = 200
"""Stored requests that are looked at for the form in which replies were bought."""

_REFUSED = re.compile(r"HTTP (?:400|415|422|501)\b")
"""What servers answer to a parameter that they do not know; all other errors say nothing about it."""


class _Tone(msgspec.Struct, forbid_unknown_fields=True):
    tone_name: str
    seen_on: str


class _Palette(msgspec.Struct, forbid_unknown_fields=True):
    palette_of_tones: list[_Tone]


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object", "properties": properties, "required": list(properties), "additionalProperties": False,
    }  # fmt: skip


SCHEMA = _object(
    palette_of_tones={"type": "array", "items": _object(tone_name={"type": "string"}, seen_on={"type": "string"})}
)
"""Built like those of the kinds. Its names cannot be guessed from the question, so that an answer that has them all
shows that the server holds the model to the schema, and does not merely overlook it."""
QUESTION = "Name two colours of the rainbow, each with a fruit of that colour."


def payload(generation: GenerationSettings) -> dict[str, Any]:
    """What is sent: nothing of the recipe but the model, and its name for the limit on the answer."""
    limit = "max_tokens" if generation.max_completion_tokens is None else "max_completion_tokens"
    schema = {"name": "palette", "strict": True, "schema": SCHEMA}
    return {
        "model": generation.model, limit: MOST_TOKENS[limit], "messages": [{"role": "user", "content": QUESTION}],
        "response_format": {"type": "json_schema", "json_schema": schema},
    }  # fmt: skip


def key(generation: GenerationSettings, base_url: str) -> str:
    """The key in the store. Unlike that of other requests it covers the server, which is what is asked about."""
    parts = urlsplit(base_url)
    host = parts.netloc.rpartition("@")[2].lower()
    return request_key({**payload(generation), "server": f"{parts.scheme}://{host}{parts.path.rstrip('/')}"})


def known(store: ReplyStore, generation: GenerationSettings, base_url: str) -> bool | None:
    """What the store knows; None for nothing."""
    own = key(generation, base_url)
    reply = store.get_many([own]).get(own)
    return None if reply is None else verdict(reply)


def ask(store: ReplyStore, generation: GenerationSettings, settings: Settings) -> bool | None:
    """Ask the server; None where it gave no answer that tells, or the budget has nothing left for it.

    Raises:
        GenerationError: as `engine.generate`: no budget, key or price; the server turns everything away.
    """
    own = key(generation, settings.base_url)
    patience = msgspec.structs.replace(
        settings, mode="online", retry_failed=True, repairs=0, concurrency=1,
        max_attempts=min(ATTEMPTS, settings.max_attempts), timeout_s=min(TIMEOUT_S, settings.timeout_s),
    )  # fmt: skip
    generate([Ask(own, KIND, payload(generation))], store, patience)
    return known(store, generation, settings.base_url)


def verdict(reply: Reply) -> bool | None:
    """What a reply tells of its server: an error tells no only if it is about the request, and not about the moment."""
    if reply.error:
        return False if _REFUSED.match(reply.error) else None
    try:
        return bool(msgspec.json.decode(reply.text.encode(), type=_Palette).palette_of_tones)
    except (msgspec.MsgspecError, UnicodeError):
        return False


class _Sent(msgspec.Struct):
    """Of a stored payload what tells its form."""

    model: Any = None
    response_format: Any = None


def bought(store: ReplyStore, model: str) -> frozenset[bool]:
    """The forms in which the store holds answers of a model, True for JSON: by a sample of `SAMPLE` of its requests.

    Keys are digests, so that the first ones in their order are a fair sample, and quickly found. Only where none of
    them asked the model, as with a new one, all that is stored is looked through.
    """
    named = f'"model":{msgspec.json.encode(model).decode()}'
    query = (
        sa.select(requests.c.payload).join_from(requests, replies, requests.c.key == replies.c.key)
        .where(replies.c.error == "", replies.c.kind != KIND, requests.c.payload.contains(named, autoescape=True))
        .order_by(replies.c.key).limit(SAMPLE)
    )  # fmt: skip
    with store.database.reading() as connection:
        sent = [msgspec.json.decode(text, type=_Sent) for (text,) in connection.execute(query)]
    return frozenset(one.response_format is not None for one in sent if one.model == model)
