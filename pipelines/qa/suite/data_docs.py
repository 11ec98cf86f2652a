"""OUT/qa/data_docs: Great Expectations' own account of the suite, a page a kind, added up over its shards.

The table of expectations is rendered by the library. The page around it is ours (`templates/page.j2`): the library's
own loads styles, fonts and scripts from other servers and puts the time and random ids into what it writes. Without
the scripts its tables do not sort, and there is no button that hides what holds. Values at fault are escaped here,
because the library does not.
"""

import html
import pathlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any, NamedTuple

import jinja2

from pipelines import storage
from pipelines.qa.suite.expectations import CHECKS, KINDS, Check, Verdict, arguments, expectation, library
from pipelines.qa.suite.stored import known_sources, read_judged
from pipelines.qa.suite.tally import Tally, add_up
from pipelines.shards.manifest import Manifest, read_manifest

FOLDER = "qa/data_docs"
INDEX = f"{FOLDER}/index.html"
FRAMES = {
    "schema": "The file: an element is a column",
    "samples": "Its rows: an element is a row",
    "regions": "Their regions: an element is a region of a row",
}


class KindResults(NamedTuple):
    """What the suite said of one kind."""

    kind: str
    page: str
    """File name."""
    tallies: dict[str, Tally]
    """By expectation; those without anything to judge are not there."""
    shards: int
    unjudged: tuple[str, ...]
    """Shards that are missing or not those of the manifest."""

    @property
    def broken(self) -> list[str]:
        return [name for name, tally in self.tallies.items() if not tally.held]


def write_data_docs(out: str) -> str:
    """Write the pages from OUT/qa/suite.json, as `audit` leaves it, and return the path of the first.

    Raises:
        BuildError: the manifest is missing or unreadable.
    """
    manifest = read_manifest(out)
    kinds = results(manifest, read_judged(out, manifest))
    storage.remove_tree(storage.join(out, FOLDER))
    rendering = _Rendering(known_sources(manifest) or None)
    for found in kinds:
        storage.write_bytes(storage.join(out, FOLDER, found.page), rendering.page(found).encode())
    path = storage.join(out, INDEX)
    storage.write_bytes(path, rendering.index(kinds).encode())
    return path


def results(manifest: Manifest, verdicts: Mapping[str, Verdict]) -> list[KindResults]:
    """What was said of the shards, added up by kind."""
    tallies: dict[str, list[Tally]] = defaultdict(list)
    for kind, entry in manifest.kinds.items():
        for file in entry.files:
            tallies[kind] += verdicts[file.path].tallies if file.path in verdicts else ()
    return [
        KindResults(
            kind, f"{kind}.html" if kind in KINDS else f"kind-{number}.html",
            {tally.expectation: tally for tally in add_up(tallies[kind]) if tally.elements},
            len(entry.files), tuple(file.path for file in entry.files if file.path not in verdicts),
        )
        for number, (kind, entry) in enumerate(sorted(manifest.kinds.items()))
    ]  # fmt: skip


class _Rendering:
    """The library, loaded once for all pages."""

    def __init__(self, sources: Sequence[str] | None) -> None:
        self._gx = library()
        self._sources = sources
        self._view = _offline_view()

    def page(self, found: KindResults) -> str:
        """A page with every expectation of a kind."""
        tables = [self._table(found, frame) for frame in FRAMES]
        return self._render("page.j2", f"Shards of {found.kind}", [one for one in tables if one], found=found)

    def index(self, kinds: Sequence[KindResults]) -> str:
        """The page that leads to the others."""
        return self._render("index_page.j2", "Expectations of the shards", [], kinds=kinds)

    def _render(self, template: str, title: str, sections: list[Any], **more: Any) -> str:
        from great_expectations.render import RenderedDocumentContent

        document = RenderedDocumentContent(renderer_type="ValidationResultsPageRenderer", sections=sections)
        text: str = self._view.render(
            document, template, title=title, checks=CHECKS, gx_version=version("great-expectations"), **more
        )
        return text

    def _table(self, found: KindResults, frame: str) -> Any | None:
        from great_expectations import render
        from great_expectations.render.renderer.content_block import ValidationResultsTableContentBlockRenderer

        checks = [check for check in CHECKS if check.frame == frame and check.name in found.tallies]
        if not checks:
            return None
        tallies = [found.tallies[check.name] for check in checks]
        judged = [self._result(found.kind, check, tally) for check, tally in zip(checks, tallies, strict=True)]
        block = ValidationResultsTableContentBlockRenderer.render(judged, include_column_name=True)
        block.header_row = ["Status", "Name", "Expectation", "Elements", "Observed value"]
        block.table = [
            [status, check.name, [_text(check.means), *_blocks(told)], f"{tally.elements:,}", observed]
            for check, tally, (status, told, observed) in zip(checks, tallies, block.table, strict=True)
        ]
        return render.RenderedSectionContent(section_name=FRAMES[frame], content_blocks=[block])

    def _result(self, kind: str, check: Check, tally: Tally) -> Any:
        from great_expectations.core import ExpectationValidationResult

        config = expectation(self._gx, check, arguments(check, kind, "", self._sources)).configuration
        config.description = None
        return ExpectationValidationResult(
            success=tally.held, expectation_config=config, result=_result_of(tally), meta={},
            exception_info={"raised_exception": False, "exception_message": None, "exception_traceback": None},
        )  # fmt: skip


def _result_of(tally: Tally) -> dict[str, Any]:
    """In the library's form; each value at fault with its place."""
    judged = tally.elements - tally.missing
    return {
        "element_count": tally.elements, "missing_count": tally.missing, "unexpected_count": tally.unexpected,
        "unexpected_percent": 100 * tally.unexpected / judged if judged else 0.0,
        "partial_unexpected_list": [_told(*one) for one in zip(tally.values, tally.places, strict=False)],
    }  # fmt: skip


def _told(value: Any, place: Mapping[str, Any]) -> str:
    ids = (f"{name} {place[name]}" for name in ("sample_id", "region_id", "name") if name in place)
    return f"{value!r} ({', '.join(ids)})"


def _text(words: str) -> Any:
    from great_expectations.render import RenderedStringTemplateContent

    template = {"template": "$words", "params": {"words": words}, "tag": "p"}
    return RenderedStringTemplateContent(content_block_type="string_template", string_template=template)


def _blocks(cell: Any) -> list[Any]:
    return cell if isinstance(cell, list) else [cell]


def _offline_view() -> Any:
    """The library's view with our pages in place of its own, without chance, and with every bare text escaped."""
    from great_expectations.render.view import DefaultJinjaPageView

    class View(DefaultJinjaPageView):
        def __init__(self) -> None:
            super().__init__()
            ours = jinja2.FileSystemLoader(pathlib.Path(__file__).with_name("templates"))
            self.env.loader = jinja2.ChoiceLoader([ours, self.env.loader])
            self.env.filters["generate_html_element_uuid"] = lambda prefix=None: prefix or ""

        @jinja2.pass_context
        def render_content_block(self, context: Any, content_block: Any, *more: Any, **options: Any) -> Any:
            if isinstance(content_block, list):
                parts = [self.render_content_block(context, one, *more, **options) for one in content_block]
                return "".join(f"<div>{part}</div>" for part in parts)
            if isinstance(content_block, dict) and "content_block_type" in content_block:
                return super().render_content_block(context, content_block, *more, **options)
            return "" if content_block is None else html.escape(str(content_block))

    return View()
