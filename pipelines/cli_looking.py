"""Commands that look at a finished build: `report`, `validate`, `show`, `diff`."""

from typing import Annotated

import typer

from pipelines import console
from pipelines.phases.layout import Layout
from schemas.errors import OspreyDataError

CANNOT_COMPARE = 2
"""Exit status of `diff`, for which 1 means that something differs."""

Folder = Annotated[str, typer.Argument(help="Folder of a finished build.", metavar="OUT", show_default=False)]
Pictures = Annotated[
    str,
    typer.Option(
        help="Folder of the pictures, as for build. By default where the build found them; without them masks stand "
        "on grey.",
        show_default=False,
    ),
]
Workers = Annotated[
    int,
    typer.Option(
        min=0,
        help="Processes that look at large data; 0 is one for each processor, 4 at most. The result is the same.",
    ),
]


def add_to(app: typer.Typer) -> None:
    """Make the commands part of the command line."""
    app.command()(report)
    app.command()(validate)
    app.command()(show)
    app.command()(diff)


def report(
    out: Folder,
    data: Pictures = "",
    workers: Workers = 0,
    fiftyone: Annotated[
        str,
        typer.Option(
            help="Folder for a COCO file of all regions with their masks, and the lines of Python with which FiftyOne "
            "opens it. Pictures are not copied.",
            show_default=False,
        ),
    ] = "",
) -> None:
    """Look at all of a finished build: OUT/qa/index.html to open in a browser, and a dataset card.

    One pass over the shards counts and checks everything; page (OUT/qa/index.html), card (OUT/README.md), Croissant
    (OUT/croissant.json) and the figures themselves (OUT/qa/report.json) are written from it. Shards are not touched.
    The last line is the verdict: `pass`, `warn` or `fail`. The exit status is 0 in each case; `validate` tells them
    apart.
    """
    from pipelines import looking_commands

    looking_commands.report(_layout(out), data, workers, fiftyone)


def validate(out: Folder, data: Pictures = "", workers: Workers = 0) -> None:
    """Check a finished build: every shard, the counts, the rejects, the ledger and what the texts say.

    Does what `report` does, and exits with 1 where the verdict is `fail`; warnings are told and pass. The recipe says
    how strictly each check is taken: `checks: {NAME: {severity: fail, threshold: 0.01}}`.
    """
    from pipelines import looking_commands

    looking_commands.validate(_layout(out), data, workers)


def show(
    out: Folder,
    sample_id: Annotated[str, typer.Argument(help="Its id, or a part of one that no other has.", show_default=False)],
    data: Pictures = "",
    to: Annotated[
        str,
        typer.Option(help="The picture to write, FILE.png, or a folder. By default the id, here.", show_default=False),
    ] = "",
) -> None:
    """Draw one sample: the picture with its regions numbered, the conversation beside it; and tell it in words.

    Ids stand in the column `sample_id`, in the report, and in its evidence of what a check found.
    """
    from pipelines import looking_commands

    looking_commands.show_sample(_layout(out), sample_id, data, to)


def diff(
    out_a: Annotated[str, typer.Argument(help="Folder of a finished build.", metavar="OUT_A", show_default=False)],
    out_b: Annotated[str, typer.Argument(help="Folder of another one.", metavar="OUT_B", show_default=False)],
    json: Annotated[str, typer.Option(help="Write all that differs to this file.", show_default=False)] = "",
) -> None:
    """Compare two builds: counts, samples added, removed and changed, rejects, recipe, prompts, cost, checks.

    Samples are joined by `sample_id`; for each kind it is told which columns changed, with examples. Pictures that
    shards carry are not read. The exit status is that of `diff`: 0 where nothing differs, 1 where something does, 2
    where the builds cannot be compared.
    """
    from pipelines import looking_commands

    try:
        equal = looking_commands.diff(_layout(out_a), _layout(out_b), json)
    except (OspreyDataError, OSError) as error:
        console.fail(error if isinstance(error, OspreyDataError) else console.refused(error))
        raise typer.Exit(CANNOT_COMPARE) from error
    if not equal:
        raise typer.Exit(1)


def _layout(out: str) -> Layout:
    return Layout(out.rstrip("/") or out)
