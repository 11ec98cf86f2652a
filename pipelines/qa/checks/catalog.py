"""Every check of the content, in the order of the report. Adding one: its class in this package, a line here, a planted
fault in its test.
"""

from collections.abc import Callable

from pipelines.qa.checks.base import Check, RowCheck, Spec
from pipelines.qa.checks.categories import Categories
from pipelines.qa.checks.cleanness import Names, Script, Slurs
from pipelines.qa.checks.colours import Colours
from pipelines.qa.checks.coordinates import Coordinates, Sources
from pipelines.qa.checks.counts import Counts
from pipelines.qa.checks.duplicates import RepeatedPairs
from pipelines.qa.checks.english import English
from pipelines.qa.checks.fit import FitsContext
from pipelines.qa.checks.leakage import AdmittedImages, ExcludedImages
from pipelines.qa.checks.near_answers import NearAnswers
from pipelines.qa.checks.openings import Openings
from pipelines.qa.checks.parts import Parts
from pipelines.qa.checks.pictures import EvaluationPictures, NearPictures, PicturesOfSplits
from pipelines.qa.checks.presence import HasRows, KindsHaveRows
from pipelines.qa.checks.same_object import RegionsDiffer
from pipelines.qa.checks.seen import ImageCheck, SeenImages
from pipelines.qa.checks.sides import Sides
from pipelines.qa.checks.speech import Boilerplate, Refusals
from pipelines.qa.checks.yes_no import Balance, YesNo

CONTENT: tuple[Callable[[], Check], ...] = (
    RepeatedPairs,
    RegionsDiffer,
    NearAnswers,
    Categories,
    Parts,
    Sides,
    Counts,
    Colours,
    YesNo,
    Balance,
    Coordinates,
    Sources,
    Refusals,
    Boilerplate,
    Openings,
    English,
    Script,
    Slurs,
    Names,
    HasRows,
    KindsHaveRows,
    FitsContext,
)


IMAGES: tuple[Callable[[SeenImages | None], ImageCheck], ...] = (
    NearPictures,
    ExcludedImages,
    AdmittedImages,
    EvaluationPictures,
    PicturesOfSplits,
)
"""Checks of images; the first one looks for all of them."""


def new_checks() -> list[Check]:
    """One of each, having seen nothing."""
    first = IMAGES[0](None)
    return [*(make() for make in CONTENT), first, *(make(first.seen) for make in IMAGES[1:])]


def row_checks() -> list[RowCheck]:
    """Those that judge each row by itself, so that a few rows can be asked what is wrong with them."""
    return [check for check in new_checks() if isinstance(check, RowCheck)]


def specs() -> dict[str, Spec]:
    """What each check of the content is, by name."""
    return {check.spec.name: check.spec for check in new_checks()}
