"""Answers that keep to the JSON schema of a request."""

import json
from typing import Any


def schema_of(payload: dict[str, Any]) -> dict[str, Any] | None:
    """The schema that a request asks to be answered by."""
    asked = payload.get("response_format") or {}
    return asked["json_schema"]["schema"] if asked.get("type") == "json_schema" else None


def schema_name(payload: dict[str, Any]) -> str:
    """What a request calls its schema."""
    return str(payload["response_format"]["json_schema"]["name"])


def by_schema(schema: dict[str, Any]) -> str:
    """JSON that a schema of objects, lists and strings admits."""
    return json.dumps(_instance(schema))


def _instance(schema: dict[str, Any]) -> Any:
    if schema["type"] == "object":
        return {name: _instance(one) for name, one in schema["properties"].items()}
    return [_instance(schema["items"])] if schema["type"] == "array" else "something"
