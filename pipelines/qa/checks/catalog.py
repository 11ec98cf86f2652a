"""Every check of the content, in the order of the report. Adding one: its class in this package, a line here, a planted
fault in its test.
"""

from collections.abc import Callable

from pipelines.qa.checks.base import Check
from pipelines.qa.checks.coordinates import Coordinates
from pipelines.qa.checks.duplicates import RepeatedPairs

CONTENT: tuple[Callable[[], Check], ...] = (RepeatedPairs, Coordinates)


def new_checks() -> list[Check]:
    """One of each, having seen nothing."""
    return [make() for make in CONTENT]
