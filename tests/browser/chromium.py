"""A headless Chromium, Debian's or another one that is installed; none is downloaded."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

REQUIRED = "OSPREY_REQUIRE_CHROMIUM"
"""Where this, or CI, is set, a test that needs Chromium fails without it."""
_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome")


def executable() -> str | None:
    """The program, from PATH."""
    return next(filter(None, map(shutil.which, _NAMES)), None)


def without(reason: str) -> Any:
    """Skip a test, or fail where Chromium is required."""
    if os.environ.get(REQUIRED, "0") != "0" or os.environ.get("CI", "") not in ("", "0", "false"):
        pytest.fail(f"Chromium is required here: {reason}")
    pytest.skip(reason)


@contextmanager
def browser() -> Iterator[Any]:
    """A running browser (of Playwright); the test is skipped where there is none."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        without("the package playwright is not installed")
    program = executable()
    if program is None:
        without("no chromium on PATH (apt-get install chromium)")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield running
        running.close()
