"""When the next request may be sent: the limits of the user and of the server, and how the server takes it.

Three things hold a request back. **Buckets** of requests and of tokens that refill all the time: the user's by `rpm`
and `tpm`, the server's by its rate headers. A **pause** of everybody, where the server says when to come again. And a
**window** of requests in flight, for servers that turn requests away without a word about their limits: it halves, and
opens again by one for every window of answers. The rates of a purse are divided by the workers that share it.

Libraries such as aiolimiter keep a bucket of a fixed rate, and nothing can be put right in it from outside; here the
server has the last word, so the buckets are our own.
"""

import asyncio
import math
from collections import deque
from collections.abc import Callable, Mapping
from typing import NamedTuple

from pipelines.generation.limits import Told, told
from pipelines.generation.log import logger
from pipelines.generation.settings import Settings

BURST_S = 1.0
"""What may be sent at once of the user's limits: that of so many seconds."""


class Stopped(Exception):
    """The run is ending: no further attempt was made."""


class Ticket(NamedTuple):
    """A request that was let through."""

    number: int
    at: float
    tokens: float
    """Guessed."""
    tokens_before: float
    """Of all tickets up to this one."""


class Bucket:
    """What may still be sent; refilled all the time, never above its capacity.

    A request larger than the bucket goes when it is full, and the next one waits until that is made up for.
    """

    def __init__(self, a_second: float, capacity: float, now: float) -> None:
        self.a_second = a_second
        self.capacity = capacity
        self._level = capacity
        self._at = now

    def wait_s(self, amount: float, now: float, share: float) -> float:
        """Seconds until so much may be sent, where a `share` of the refill is ours."""
        lacking = min(amount, self.capacity) - self._refill(now, share)
        return lacking / (self.a_second * share) if lacking > 1e-9 else 0.0

    def take(self, amount: float) -> None:
        """It was sent; a negative amount was never used after all."""
        self._level = min(self.capacity, self._level - amount)

    def learn(self, limit: Told, age_s: float, sent_since: float, now: float, share: float) -> None:
        """The server said this of a request sent `age_s` ago; what was sent after it, it had not counted yet."""
        self.a_second, self.capacity = limit.a_second, limit.limit
        level = (limit.remaining + limit.a_second * age_s) * share - sent_since
        self._level, self._at = min(self.capacity, level), now

    def _refill(self, now: float, share: float) -> float:
        self._level = min(self.capacity, self._level + (now - self._at) * self.a_second * share)
        self._at = now
        return self._level


class Limiter:
    """Lets requests through in the order they come. `peers` tells how many workers share the rates."""

    def __init__(self, settings: Settings, peers: Callable[[], int] = lambda: 1) -> None:
        self._settings = settings
        self._peers = peers
        self._now = asyncio.get_running_loop().time
        self._waiting: deque[tuple[float, asyncio.Future[Ticket]]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        rates = {"rpm": settings.rpm, "tpm": settings.tpm}
        self._buckets = {name: _of_user(rate, self._now()) for name, rate in rates.items() if rate is not None}
        self._number, self._tokens, self._largest, self._learnt = 0, 0.0, 0.0, 0
        self.in_flight = 0
        self._window, self._slowed, self._refused = float(settings.concurrency), 0, 0
        self._resume_at = 0.0
        self.stopped = False

    async def admit(self, tokens: float) -> Ticket:
        """Wait until a request with so many tokens may be sent; Stopped where the run ends first.

        Each ticket is handed back with `done`.
        """
        if self.stopped:
            raise Stopped
        future: asyncio.Future[Ticket] = asyncio.get_running_loop().create_future()
        self._waiting.append((tokens, future))
        self._let_through()
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and future.exception() is None:
                self.done(future.result())
            raise

    def done(self, ticket: Ticket, used: float | None = None) -> None:
        """The call ended; `used` tokens were counted, where that is known."""
        self.in_flight -= 1
        if used is not None and (bucket := self._buckets.get("tpm")):
            bucket.take(used - ticket.tokens)
        self._let_through()

    def answered(self) -> None:
        """A server that answers may be asked a little faster."""
        self._refused = 0
        if self._window < self._settings.concurrency:
            self._window = min(float(self._settings.concurrency), self._window + 1 / self._window)

    def learn(self, ticket: Ticket, headers: Mapping[str, str]) -> None:
        """Go by what an answer's headers say. What is older than known is passed over."""
        limits = {name: limit for name in ("requests", "tokens") if (limit := told(headers, name))}
        if ticket.number > self._learnt:
            for name, limit in limits.items():
                self._learnt = ticket.number
                self._correct(name, limit, ticket)

    def turned_away(self, ticket: Ticket, headers: Mapping[str, str], retry_after_s: float | None) -> None:
        """429: wait as long as the server says; where it says nothing of its limits, send less at a time."""
        self.learn(ticket, headers)
        limits = [limit for name in ("requests", "tokens") if (limit := told(headers, name))]
        used_up = [limit.reset_s for limit in limits if limit.remaining < 1]
        if retry_after_s is not None or used_up:
            self.hold(max(used_up) if retry_after_s is None else retry_after_s)
        if ticket.number > self._slowed and not used_up:
            self._slow_down(told_when=retry_after_s is not None)

    def _slow_down(self, *, told_when: bool) -> None:
        """Once for all that were in flight together: half as many, and a pause that doubles until one is answered."""
        self._slowed, self._window = self._number, max(1.0, min(self._window, self.in_flight + 1) / 2)
        logger.info("the server turned a request away: at most %d in flight for now", self._window)
        if not told_when:
            self._refused += 1
            self.hold(min(self._settings.backoff_s * 2.0 ** min(self._refused - 1, 30), self._settings.backoff_cap_s))

    def hold(self, seconds: float) -> None:
        """Send nothing for so long, but never longer than the settings' cap."""
        self._resume_at = max(self._resume_at, self._now() + min(seconds, self._settings.retry_after_cap_s))

    def stop(self) -> None:
        """Let nothing through any more."""
        self.stopped = True
        for _, future in self._waiting:
            if not future.done():
                future.set_exception(Stopped())
        self._waiting.clear()

    def words(self) -> str:
        """What the pace is set by, for reading."""
        said = [self._said(name, bucket.a_second * 60) for name, bucket in self._buckets.items()]
        peers = self._peers()
        shared = [f"shared by {peers} workers"] if said and peers > 1 else []
        slowed = [f"slowed to {int(self._window)} in flight"] if self._window < self._settings.concurrency else []
        return ", ".join(said + shared + slowed)

    def _said(self, name: str, a_minute: float) -> str:
        rate = f"{a_minute:,.0f}" if a_minute >= 10 else f"{a_minute:.2g}"
        minutes = math.ceil(_amount(name, self._largest) / a_minute)
        slow = f", a request takes {minutes} minutes of them" if minutes > 1 else ""
        return f"{rate} {_READABLE[name]}{slow}"

    def _correct(self, name: str, limit: Told, ticket: Ticket) -> None:
        now = self._now()
        bucket = self._buckets.get(name)
        if bucket is None:
            bucket = self._buckets[name] = Bucket(limit.a_second, limit.limit, now)
            logger.info("the server tells its limit: %g %s, %g left", limit.limit, name, limit.remaining)
        since = self._number - ticket.number if name == "requests" else self._tokens - ticket.tokens_before
        bucket.learn(limit, now - ticket.at, since, now, 1 / self._peers())

    def _let_through(self) -> None:
        """All that may go now, in their order; for the first that may not, come again when it may."""
        while self._waiting:
            tokens, future = self._waiting[0]
            wait_s = 0.0 if future.done() else self._wait_s(tokens)
            if wait_s:
                self._come_again(wait_s)
                return
            self._waiting.popleft()
            if not future.done():
                future.set_result(self._ticket(tokens))

    def _come_again(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if seconds < math.inf:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._let_through)

    def _ticket(self, tokens: float) -> Ticket:
        self._number, self._tokens, self.in_flight = self._number + 1, self._tokens + tokens, self.in_flight + 1
        self._largest = max(self._largest, tokens)
        for name, bucket in self._buckets.items():
            bucket.take(_amount(name, tokens))
        return Ticket(self._number, self._now(), tokens, self._tokens)

    def _wait_s(self, tokens: float) -> float:
        """0.0 where such a request may go now; infinite where it must wait until another one has ended."""
        if self.in_flight >= max(1, int(self._window)):
            return math.inf
        now = self._now()
        share = 1 / self._peers()
        waits = [self._resume_at - now]
        waits += [bucket.wait_s(_amount(name, tokens), now, share) for name, bucket in self._buckets.items()]
        return max([0.0, *waits])


_READABLE = {
    "rpm": "requests a minute (yours)", "tpm": "tokens a minute (yours)",
    "requests": "requests a minute (server)", "tokens": "tokens a minute (server)",
}  # fmt: skip


def _of_user(a_minute: float, now: float) -> Bucket:
    return Bucket(a_minute / 60, max(1.0, a_minute / 60 * BURST_S), now)


def _amount(name: str, tokens: float) -> float:
    return 1.0 if name in ("rpm", "requests") else tokens
