"""Stable keys: the only source of randomness, of sharding and of request identity.

Nothing depends on time, on the order of arrival, or on Python's own `hash` (which differs between processes).
"""

import hashlib
from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

SLOTS = 256
"""Images are spread over this many slots. Every intermediate file covers a whole, contiguous range of them."""

_encoder = msgspec.json.Encoder(order="deterministic")


def digest(*parts: object) -> str:
    """64 hex digits of SHA-256 over the parts, which are told apart (("ab", "c") differs from ("a", "bc"))."""
    return hashlib.sha256("\x1f".join(map(str, parts)).encode()).hexdigest()


def stable_int(*parts: object) -> int:
    """A 64-bit integer that depends on the parts only; the seed of every random decision."""
    return int.from_bytes(hashlib.blake2b("\x1f".join(map(str, parts)).encode(), digest_size=8).digest(), "big")


def stable_fraction(*parts: object) -> float:
    """A number in [0, 1) that depends on the parts only."""
    return stable_int(*parts) / 2**64


def stable_choice(options: Sequence[T], *parts: object) -> T:
    """One of `options` (not empty), chosen by the parts."""
    return options[stable_int(*parts) % len(options)]


def stable_order(items: Sequence[T], key: Any, *parts: object) -> list[T]:
    """`items` shuffled by the parts; `key(item)` must tell the items apart."""
    return sorted(items, key=lambda item: (stable_int(*parts, key(item)), str(key(item))))


def slot(image_id: str) -> int:
    """The slot, 0 to 255, of an image: the same in every source, so that sources can be joined file by file."""
    return hashlib.blake2b(image_id.encode(), digest_size=1).digest()[0]


def canonical_json(value: object) -> bytes:
    """JSON with sorted keys and no blanks: equal values have equal bytes."""
    return _encoder.encode(value)


def request_key(payload: dict[str, Any]) -> str:
    """SHA-256 of the canonical JSON of everything that is sent to the model (design: request key)."""
    return hashlib.sha256(canonical_json(payload)).hexdigest()
