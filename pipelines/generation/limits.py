"""What a server's rate headers say: `x-ratelimit-{limit,remaining,reset}-{requests,tokens}`."""

import math
import re
from collections.abc import Mapping
from typing import NamedTuple

_PARTS = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s|d)")
_UNITS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
MOST_S = 32 * 86400.0
"""No limit is by more than the month; a larger number is a moment, not a length of time."""


class Told(NamedTuple):
    """A limit as the server saw it when it took a request."""

    limit: float
    """Most in a minute, or in whatever time the server counts."""
    remaining: float
    reset_s: float
    """Seconds until all of it is there again; 0 where the server does not say."""

    @property
    def a_second(self) -> float:
        """How fast it comes back: by the minute, unless the server's own words mean slower (limits by the day)."""
        used = self.limit - self.remaining
        by_the_minute = self.limit / 60
        return min(by_the_minute, used / self.reset_s) if used > 0 and self.reset_s > 0 else by_the_minute


def told(headers: Mapping[str, str], what: str) -> Told | None:
    """The limit of `requests` or `tokens`, where the headers tell it in a way we know."""
    try:
        limit = float(headers[f"x-ratelimit-limit-{what}"])
        remaining = float(headers[f"x-ratelimit-remaining-{what}"])
    except (KeyError, ValueError):
        return None
    if not (0 < limit < math.inf and -math.inf < remaining < math.inf):
        return None
    return Told(limit, min(max(remaining, 0.0), limit), duration(headers.get(f"x-ratelimit-reset-{what}", "")))


def rate_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Those that `told` looks at, with small letters."""
    return {low: value for name, value in headers.items() if (low := name.lower()).startswith("x-ratelimit-")}


def duration(text: str) -> float:
    """Seconds of `1s`, `6m0s`, `120ms`, `1h2m3.5s` or a bare number; 0.0 for anything else, such as a date."""
    text = text.strip()
    parts = _PARTS.findall(text)
    if parts and "".join(number + unit for number, unit in parts) == text:
        return sum(float(number) * _UNITS[unit] for number, unit in parts)
    try:
        seconds = float(text)
    except ValueError:
        return 0.0
    return seconds if 0 <= seconds <= MOST_S else 0.0
