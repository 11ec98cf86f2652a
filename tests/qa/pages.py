"""Pages of small builds."""

import html.parser
import pathlib

from pipelines.qa.audit import audit
from pipelines.qa.page.report import write_report
from pipelines.qa.results import Report
from pipelines.qa.suite.expectations import Verdict
from pipelines.shards.manifest import read_manifest


def report_of(out: pathlib.Path, data: str | None = None, *, suite: bool = False) -> Report:
    """What the one pass says; without the suite, which takes seconds and has tests of its own, unless asked for."""
    files = [file.path for entry in read_manifest(str(out)).kinds.values() for file in entry.files]
    return audit(str(out), data, judged={} if suite else {path: Verdict([], []) for path in files})


def written(out: pathlib.Path, data: str | None = None, *, suite: bool = False) -> str:
    """The text of the page of a build."""
    return pathlib.Path(write_report(str(out), report_of(out, data, suite=suite), data)).read_text()


class Page(html.parser.HTMLParser):
    """Tags, attributes and the text of a page, without those of its style and its script."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: dict[str, list[str]] = {}
        self.words = ""
        self.scripts: list[str] = []
        self._inside = ""
        self.feed(text)

    @property
    def text(self) -> str:
        """All words, with single blanks."""
        return " ".join(self.words.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag
        self.tags.append(tag)
        self.words += " "
        for name, value in attrs:
            self.attributes.setdefault(name, []).append(value or "")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts.append(data)
        elif self._inside != "style":
            self.words += data


def page(out: pathlib.Path, data: str | None = None, *, suite: bool = False) -> Page:
    """The same, taken apart."""
    return Page(written(out, data, suite=suite))
