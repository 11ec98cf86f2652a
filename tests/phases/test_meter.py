"""The line that tells how asking goes, and the log."""

import logging
import pathlib

import pytest

from pipelines.generation.log import logger
from pipelines.generation.progress import Progress, dollars
from pipelines.phases.layout import Layout
from pipelines.phases.meter import Meter, duration, generation_log, short


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def _busy(meter: Meter, clock: Clock, seconds: int, a_second: int) -> None:
    """So many answers a second, a cent each, one in twenty of them rejected."""
    for _ in range(seconds):
        clock.now += 1
        answered = meter.now.answered + a_second
        rejects = {"reply_format": answered // 30, "reply_cut_off": answered // 60}
        meter(
            Progress(
                requests=answered + 500,
                cached=100,
                answered=answered,
                in_flight=16,
                retries=7,
                rejects=rejects,
                spent_usd=answered / 100,
                limits="500 requests a minute (server)",
            )
        )


def test_all_that_it_tells(clock: Clock) -> None:
    meter = Meter(total=10_100, to_ask=10_000, clock=clock)
    _busy(meter, clock, 60, 20)
    assert meter.line() == (
        "asked 1,300/10,100  20/s  16 in flight  7 retries  60 rejected  (format 40, cut_off 20)  $12.00 of ~$100.00"
        "  7 min left  at 500 requests a minute (server)"
    )


def test_a_pace_that_no_rate_sets() -> None:
    meter = Meter(total=10, to_ask=10)
    meter(Progress(requests=10, retries=3, limits="slowed to 2 in flight"))
    assert meter.line() == "asked 0/10  3 retries  $0.00  slowed to 2 in flight"


def test_the_rate_is_that_of_late(clock: Clock) -> None:
    meter = Meter(total=100_000, to_ask=100_000, clock=clock)
    _busy(meter, clock, 120, 50)
    assert meter.rate == pytest.approx(50, rel=0.1)
    _busy(meter, clock, 60, 5)
    assert meter.rate == pytest.approx(5, rel=0.1)
    clock.now += 1000
    assert meter.rate < 1, "while nothing comes the rate falls"


@pytest.mark.parametrize("width", [80, 60, 40])
def test_it_fits_and_keeps_what_matters_most(clock: Clock, width: int) -> None:
    meter = Meter(total=300_000, to_ask=299_900, clock=clock)
    _busy(meter, clock, 60, 20)
    line = meter.line(width)
    assert len(line) <= width or width < 60
    assert "asked 1,300/300,000" in line
    assert "$12.00" in line


def test_nothing_is_promised_before_the_first_answer(clock: Clock) -> None:
    meter = Meter(total=50, to_ask=50, clock=clock)
    meter(Progress(requests=50, in_flight=16))
    assert meter.line() == "asked 0/50  16 in flight  $0.00"
    assert meter.projected_usd is None
    assert meter.seconds_left is None


def test_money_at_risk_is_told(clock: Clock) -> None:
    meter = Meter(total=2, to_ask=2, clock=clock)
    clock.now += 1
    meter(Progress(requests=2, answered=2, spent_usd=1.5, at_risk_usd=0.25))
    assert "$1.50 (+$0.25?)" in meter.line()
    assert "left" not in meter.line()


def test_figures_as_one_reads_them() -> None:
    assert [dollars(usd) for usd in (0, 0.0042, 0.5, 12.345, 12_345.6)] == [
        "$0.00",
        "$0.0042",
        "$0.50",
        "$12.35",
        "$12,346",
    ]
    assert [duration(s) for s in (None, 45, 600, 12_000, 187_200)] == ["?", "45 s", "10 min", "3 h 20 min", "2 d 4 h"]
    assert [short(n) for n in (0, 999, 20_831, 999_949, 999_950, 2_500_000_000)] == [
        "0", "999", "20.8k", "999.9k", "1.0M", "2.5G",
    ]  # fmt: skip


def test_the_log_holds_no_key(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "a-key-like-no-other")
    with generation_log(Layout(str(tmp_path))):
        logger.warning("refused: %s", "Incorrect API key: a-key-like-no-other")
        logger.info("sent with Bearer sk-abcdefghijkl")
    logger.error("after the run")
    noted = (tmp_path / "work" / "generate.log").read_text()
    assert noted.count("[key]") == 2
    assert "a-key-like-no-other" not in noted
    assert "abcdefgh" not in noted
    assert "after the run" not in noted
    assert "refused" not in capfd.readouterr().err, "the log is not for the terminal"
    assert logger.level == logging.NOTSET
