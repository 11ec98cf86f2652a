"""Rate limits of the loopback server: buckets that refill all the time, as OpenAI's do, and the headers that tell."""

import time
from collections.abc import Callable
from typing import Any


class Bucket:
    """So many of something a minute; full at first, or as full as said."""

    def __init__(self, a_minute: float, full: float | None = None) -> None:
        self.a_minute = a_minute
        self._level = a_minute if full is None else full
        self._at = time.monotonic()

    def level(self) -> float:
        """What is left now."""
        now = time.monotonic()
        self._level = min(self.a_minute, self._level + (now - self._at) * self.a_minute / 60)
        self._at = now
        return self._level

    def take(self, amount: float) -> None:
        """Less is left."""
        self._level -= amount

    def seconds_until(self, amount: float) -> float:
        """Until so much is left."""
        return max(0.0, (amount - self.level()) * 60 / self.a_minute)


class Rates:
    """Limits by name (`requests`, `tokens`); a call that does not fit into all of them is turned away."""

    def __init__(self, *, told: bool = True, retry_after: bool = True, **limits: Bucket) -> None:
        self.told = told
        """Whether answers carry x-ratelimit headers."""
        self.retry_after = retry_after
        """Whether a refusal says when to come again."""
        self.limits = limits
        self.turned_away = 0

    def admit(self, amounts: dict[str, float]) -> float:
        """0.0 where the call is admitted, else the seconds until it would be."""
        wait = max((bucket.seconds_until(amounts[name]) for name, bucket in self.limits.items()), default=0.0)
        if wait:
            self.turned_away += 1
            return wait
        for name, bucket in self.limits.items():
            bucket.take(amounts[name])
        return 0.0

    def headers(self) -> dict[str, str]:
        """As OpenAI names and writes them."""
        told: dict[str, str] = {}
        for name, bucket in self.limits.items() if self.told else ():
            told[f"x-ratelimit-limit-{name}"] = f"{bucket.a_minute:.0f}"
            told[f"x-ratelimit-remaining-{name}"] = f"{max(0, int(bucket.level()))}"
            told[f"x-ratelimit-reset-{name}"] = duration(bucket.seconds_until(bucket.a_minute))
        return told


def duration(seconds: float) -> str:
    """`120ms`, `1.5s`, `6m0s`, `1h2m3s`."""
    if seconds < 1:
        return f"{seconds * 1000:.0f}ms"
    minutes, rest = divmod(round(seconds, 3), 60)
    hours, minutes = divmod(int(minutes), 60)
    return (f"{hours}h" if hours else "") + (f"{minutes}m" if hours or minutes else "") + f"{rest:g}s"


def amounts(payload: dict[str, Any], guess: Callable[[str], int] = lambda text: len(text) // 4) -> dict[str, float]:
    """What a call counts for: its prompt, guessed, and the longest answer."""
    longest = payload.get("max_completion_tokens") or payload.get("max_tokens") or 16
    return {"requests": 1.0, "tokens": float(guess(str(payload["messages"])) + longest)}
