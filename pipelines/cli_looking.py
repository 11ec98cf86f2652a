"""Commands that look at a finished build: `report`, `validate`, `show`, `diff`."""

from typing import Annotated

import typer

from pipelines.options import Workers
from pipelines.phases.layout import Layout

Folder = Annotated[str, typer.Argument(help="Folder of a finished build.", metavar="OUT", show_default=False)]
Pictures = Annotated[
    str,
    typer.Option(
        help="Folder of the pictures, as for build. By default where the build found them; without them masks stand "
        "on grey.",
        show_default=False,
    ),
]


def add_to(app: typer.Typer) -> None:
    """Make the commands part of the command line."""
    app.command()(report)
    app.command()(validate)


def report(out: Folder, data: Pictures = "", workers: Workers = 1) -> None:
    """Look at all of a finished build: OUT/qa/index.html to open in a browser, and a dataset card.

    One pass over the shards counts and checks everything; page (OUT/qa/index.html), card (OUT/README.md), Croissant
    (OUT/croissant.json) and the figures themselves (OUT/qa/report.json) are written from it. Shards are not touched.
    The last line is the verdict: `pass`, `warn` or `fail`. The exit status is 0 in each case; `validate` tells them
    apart.
    """
    from pipelines import looking_commands

    looking_commands.report(_layout(out), data, workers)


def validate(out: Folder, data: Pictures = "", workers: Workers = 1) -> None:
    """Check a finished build: every shard, the counts, the rejects, the ledger and what the texts say.

    Does what `report` does, and exits with 1 where the verdict is `fail`; warnings are told and pass. The recipe says
    how strictly each check is taken: `checks: {NAME: {severity: fail, threshold: 0.01}}`.
    """
    from pipelines import looking_commands

    looking_commands.validate(_layout(out), data, workers)


def _layout(out: str) -> Layout:
    return Layout(out.rstrip("/") or out)
