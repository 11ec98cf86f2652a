"""The line that tells how asking goes: done, pace, retries, rejects, dollars, time left."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pipelines import storage
from pipelines.generation.log import Redacting, logger
from pipelines.generation.progress import Progress, dollars, told_reasons
from pipelines.phases.layout import Layout

WINDOW_S = 30.0
"""The rate is that of so many seconds."""
MINUTE, HOUR, DAY = 60, 3600, 86_400


class Meter:
    """Takes what the engine reports, and says it in a line. Times are those of `clock`, in seconds."""

    def __init__(self, total: int, to_ask: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.total = total
        """Requests of the plan, with repeats."""
        self.to_ask = to_ask
        """Of them, those that the store lacked at the start."""
        self.now = Progress()
        self.started = clock()
        self._clock = clock
        self._lock = threading.Lock()
        self._samples: deque[tuple[float, int]] = deque([(self.started, 0)])

    def __call__(self, now: Progress) -> None:
        """The engine's report."""
        with self._lock:
            self.now = now
            time_s = self._clock()
            if time_s - self._samples[-1][0] >= WINDOW_S / 100 or len(self._samples) == 1:
                self._samples.append((time_s, self.settled))
            while len(self._samples) > 2 and self._samples[1][0] <= time_s - WINDOW_S:
                self._samples.popleft()

    @property
    def done(self) -> int:
        """Requests that need nothing more, those known before among them."""
        return self.now.cached + self.settled

    @property
    def settled(self) -> int:
        """Requests that this run has brought to their end."""
        return self.now.answered + self.now.failed

    @property
    def left(self) -> int:
        """Requests that are still to be asked."""
        return max(0, self.to_ask - self.settled)

    @property
    def rate(self) -> float:
        """Requests a second, of late."""
        with self._lock:
            start, before = self._samples[0]
        seconds = self._clock() - start
        return (self.settled - before) / seconds if seconds > 0 else 0.0

    @property
    def projected_usd(self) -> float | None:
        """What the run will have spent at its end, if what is left costs as much as what was answered."""
        return self.now.spent_usd * (1 + self.left / self.settled) if self.settled else None

    @property
    def seconds_left(self) -> float | None:
        """At the present rate; None while there is none."""
        rate = self.rate
        return self.left / rate if rate > 0 else None

    def line(self, width: int = 1000) -> str:
        """All that fits into so many columns: what matters most first of all, and never less than that."""
        parts = self._parts()
        for dropped in (None, "limits", "retries", "reasons", "in flight", "rejected", "rate"):
            parts.pop(dropped or "", None)
            if len(text := "  ".join(part for part in parts.values() if part)) <= width:
                break
        return text

    def _parts(self) -> dict[str, str]:
        now, rejects = self.now, self.now.rejects
        rejected = sum(rejects.values())
        return {
            "done": f"asked {self.done:,}/{self.total:,}",
            "rate": _rate(self.rate) if self.settled else "",
            "in flight": f"{now.in_flight} in flight" if now.in_flight else "",
            "retries": f"{now.retries:,} retries" if now.retries else "",
            "rejected": f"{rejected:,} rejected" if rejected else "",
            "reasons": f"({told_reasons(rejects)})" if rejected else "",
            "money": self._money(),
            "left": f"{duration(self.seconds_left)} left" if self.left and self.seconds_left is not None else "",
            "limits": now.limits if now.limits.startswith("slowed") else f"at {now.limits}" if now.limits else "",
        }

    def _money(self) -> str:
        spent, projected = dollars(self.now.spent_usd), self.projected_usd
        risk = f" (+{dollars(self.now.at_risk_usd)}?)" if self.now.at_risk_usd else ""
        return f"{spent}{risk}" + (f" of ~{dollars(projected)}" if projected and self.left else "")


@contextmanager
def every(seconds: float, say: Callable[[], None]) -> Iterator[None]:
    """Call `say` again and again while the block runs."""
    stop = threading.Event()

    def repeat() -> None:
        while not stop.wait(seconds):
            say()

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def short(count: int) -> str:
    """`950`, `20.8k`, `1.2M`: for counts of which only the size matters."""
    for limit, unit, size in ((1000, "", 1), (999_950, "k", 1e3), (999_950_000, "M", 1e6)):
        if count < limit:
            return f"{count / size:.1f}{unit}" if unit else str(count)
    return f"{count / 1e9:.1f}G"


def duration(seconds: float | None) -> str:
    """`45 s`, `12 min`, `3 h 20 min`, `2 d 4 h`."""
    if seconds is None:
        return "?"
    whole = round(seconds)
    if whole < 2 * MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return f"{round(whole / MINUTE)} min"
    if whole < DAY:
        return f"{whole // HOUR} h {whole % HOUR // MINUTE} min"
    return f"{whole // DAY} d {whole % DAY // HOUR} h"


def _rate(rate: float) -> str:
    return f"{rate:.0f}/s" if rate >= 10 else f"{rate:.1f}/s" if rate >= 1 else f"{rate * MINUTE:.1f}/min"


@contextmanager
def generation_log(layout: Layout) -> Iterator[None]:
    """What the engine notes, in OUT/work/generate.log while the block runs; nothing where OUT is no local folder."""
    if not storage.is_local(layout.out):
        yield
        return
    storage.make_folder(layout.work)
    handler = logging.FileHandler(storage.join(layout.work, "generate.log"), encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    handler.addFilter(Redacting())
    before = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        logger.setLevel(before[0])
        logger.propagate = before[1]
        logger.removeHandler(handler)
        handler.close()
