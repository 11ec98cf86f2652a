"""Everything that is written for people and tools to look at a finished build: one report, several forms of it."""

from typing import NamedTuple

from pipelines.qa.card import write_card
from pipelines.qa.croissant import write_croissant
from pipelines.qa.page.report import write_report
from pipelines.qa.results import Report
from pipelines.qa.suite.data_docs import write_data_docs


class Outputs(NamedTuple):
    """Paths of what was written."""

    page: str
    card: str
    croissant: str
    data_docs: str


def write_all(out: str, report: Report, data: str | None = None) -> Outputs:
    """Write page, card, Croissant and Data Docs of a finished build from `report` (as `audit` gives and leaves it).

    `data` is the folder of the raw data, for the pictures of the gallery.

    Raises:
        BuildError: the manifest is missing or unreadable.
        OSError, pyarrow.ArrowInvalid: a shard that an example is taken from cannot be read.
    """
    return Outputs(
        page=write_report(out, report, data), card=write_card(out, report), croissant=write_croissant(out, report),
        data_docs=write_data_docs(out),
    )  # fmt: skip
