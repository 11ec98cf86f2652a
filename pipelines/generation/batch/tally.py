"""What a run in batches has come to so far."""

import time
from collections import Counter
from typing import Any

from pipelines.generation.ask import Ask, Hooks
from pipelines.generation.client import FILTERED
from pipelines.generation.progress import Outcome, Progress, Report
from pipelines.generation.repair import repair_of
from schemas.records import Reply


class Tally:
    """Counts and dollars of a run."""

    def __init__(self, hooks: Hooks, repairs: int, report: Report) -> None:
        self._hooks, self._report = hooks, report
        self._may_repair = repairs > 0
        self._started_s = time.monotonic()
        self.requests = self.cached = self.answered = self.failed = self.elsewhere = 0
        self.retries = self.repairs = self.uncounted = self.overcharged = self.left = 0
        self.spent_usd = self.at_risk_usd = 0.0
        self.stopped = ""
        self.rejects: Counter[str] = Counter()
        self.open: dict[str, tuple[int, int]] = {}
        """Of each batch under way, how many of its requests the server says are done, and how many it has."""

    def settled(self, ask: Ask, reply: Reply) -> Ask | None:
        """Count a reply that has been stored; the request that is to mend it, where it is bad and may be mended."""
        self.spent_usd += reply.cost_usd
        if ask.repair_of:
            self.repairs += 1
        elif reply.error:
            self.failed += 1
        else:
            self.answered += 1
        if reply.error:
            self.rejects["reply_filtered" if reply.finish_reason == FILTERED else "request_failed"] += 1
            return None
        judgement = self._hooks.judge(ask, reply)
        mending = repair_of(ask, judgement) if self._may_repair else None
        if mending is None and judgement.reason:
            self.rejects[judgement.reason] += 1
        return mending

    def batches(self) -> str:
        """What is under way, for reading."""
        if not self.open:
            return ""
        done, total = (sum(part) for part in zip(*self.open.values(), strict=True))
        return f"{counted(len(self.open), 'batch', 'batches')} open, {done:,} of {counted(total, 'request')} done"

    def report(self) -> None:
        """Tell how far the run is."""
        self._report(Progress(**self._state()))

    def outcome(self) -> Outcome:
        return Outcome(
            **self._state(), left=self.left, stopped=self.stopped, uncounted=self.uncounted,
            overcharged=self.overcharged,
        )  # fmt: skip

    def _state(self) -> dict[str, Any]:
        in_flight = sum(total for _, total in self.open.values())
        mean = self.spent_usd / (self.answered + self.repairs) if self.answered + self.repairs else 0.0
        names = (
            "requests", "cached", "answered", "failed", "elsewhere", "retries", "repairs", "spent_usd", "at_risk_usd",
        )  # fmt: skip
        return {
            **{name: getattr(self, name) for name in names}, "rejects": dict(self.rejects), "in_flight": in_flight,
            "expected_usd": self.spent_usd + mean * in_flight, "started_s": self._started_s, "batches": self.batches(),
        }  # fmt: skip


def counted(number: int, one: str, many: str = "") -> str:
    """`1 batch`, `2 batches`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
