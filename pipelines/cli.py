"""The command line `osprey-data`."""

import logging
import os
import re
import sys
import warnings
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, NoReturn

import msgspec
import typer

from pipelines import cli_files, cli_looking, cli_replies, console, recipes, storage
from pipelines.builders.context import GENERATORS
from pipelines.options import (
    Ask,
    Mode,
    Out,
    Price,
    RecipeName,
    Repair,
    Store,
    What,
    Workers,
    check_data,
    check_folders,
    unfolded,
)
from pipelines.phases.layout import Layout
from schemas.errors import OspreyDataError, RecipeError
from schemas.recipe import Recipe, VisionSettings

if TYPE_CHECKING:
    from pipelines.phases.plan import Job
    from pipelines.phases.running import Running

app = typer.Typer(
    name="osprey-data",
    help="""Mask-text instruction data for region-aware vision-language models.

    `build` runs the three phases: [b]plan[/b] (raw files to samples and requests), [b]generate[/b] (requests to
    replies) and [b]assemble[/b] (replies to checked shards). Each can be run by itself, and each goes on where it was
    stopped. What was built is looked at with `report`, `show` and `diff`.

    Try it: osprey-data sample scenes --images 200 && osprey-data build --data scenes --out out
    """,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
BEAM = cli_files.BEAM
_PATHS = ("--data", "--out", "--to", "--recipe", "--fiftyone")
"""Options that name a folder or file."""
INTERRUPTED = 130
"""Exit status of what Ctrl-C ends, as shells have it."""


@app.command()
def sample(
    folder: Annotated[str, typer.Argument(help="Folder to make.")],
    images: Annotated[int, typer.Option(min=1, help="How many pictures.")] = 200,
    seed: Annotated[int, typer.Option(help="Other seeds give other pictures.")] = 0,
    pictures: Annotated[bool, typer.Option(help="Draw the pictures, or write only the annotations.")] = True,
) -> None:
    """Draw sample scenes with known truth, in the raw formats of the sources."""
    from pipelines.scenes import write_scenes

    storage.make_folder(folder)
    with console.bars() as progress:
        write_scenes(
            folder, images, seed, pictures, progress=lambda done, total: progress("drawing scenes", done, total)
        )
    console.out.print(f"{images} scenes in {folder}")


@app.command(context_settings=BEAM)
@unfolded
def build(context: typer.Context, what: What, ask: Ask, workers: Workers = 1) -> None:
    """Plan, generate and assemble: from raw data to checked shards, a report and a ledger.

    Flags that are not listed here go to Beam, such as --runner=FlinkRunner. After an interruption the same command
    goes on.
    """
    job = _job(what)  # what is misspelt is told before the libraries are loaded, which takes seconds
    from pipelines import commands

    commands.build(job, commands.Asking(*ask), _running(workers, context.args))


@app.command(context_settings=BEAM)
@unfolded
def plan(
    context: typer.Context,
    what: What,
    price: Price = "",
    mode: Mode = "online",
    repair: Repair = 0,
    replies: Store = "",
    workers: Workers = 1,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only count, by kind and source, beside the paper's counts; write no row.")
    ] = False,
) -> None:
    """Phase 1: read the sources, make masks, join, write samples and requests, and say what the requests would cost."""
    job = _job(what)
    from pipelines import commands

    running = _running(workers, context.args)
    if dry_run:
        commands.plan_dry(job, running)
    else:
        asking = commands.Asking(price=price, mode=mode, repair=repair, replies=replies)
        commands.plan(job, asking, running)


@app.command(context_settings=BEAM)
@unfolded
def generate(
    context: typer.Context,
    out: Out,
    ask: Ask,
    workers: Annotated[
        int,
        typer.Option(
            min=1,
            help="Processes that ask, sharing budget and rates: for a fleet of model servers of your own. An account "
            "with a rate limit is used up by one.",
        ),
    ] = 1,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what is missing in the store and what it would cost.")
    ] = False,
    cancel: Annotated[
        bool, typer.Option("--cancel", help="With --mode batch: cancel the batches under way; ask nothing.")
    ] = False,
) -> None:
    """Phase 2: ask the model for every reply that the store lacks.

    OPENAI_API_KEY is the key; OPENAI_BASE_URL names another server than OpenAI's. Flags that are not listed here go to
    Beam, which runs the workers; with --runner=... they may be on other machines, and need --replies postgresql://...
    """
    if cancel and ask.mode != "batch":
        raise RecipeError("--cancel is for batches", hint="Say --mode batch --cancel.")
    if cancel and dry_run:
        raise RecipeError(
            "--cancel cancels, and --dry-run does nothing",
            hint="`osprey-data replies owners` shows the batches under way; without --dry-run they are cancelled.",
        )
    from pipelines import commands

    asking = commands.Asking(*ask)
    if cancel:
        commands.cancel(_layout(out), asking)
    else:
        commands.ask(_layout(out), asking, _running(workers, context.args), dry=dry_run)


@app.command(context_settings=BEAM)
def assemble(context: typer.Context, out: Out, replies: Store = "", workers: Workers = 1) -> None:
    """Phase 3: samples, requests and replies to checked shards, rejects, manifest and report."""
    from pipelines import commands

    commands.assemble(_layout(out), commands.Asking(replies=replies), _running(workers, context.args))


@app.command()
def doctor(
    data: Annotated[str, typer.Argument(help="Folder with the raw data.")],
    recipe: RecipeName = recipes.DEFAULT,
    out: Annotated[str, typer.Option(help="Folder of the build; what is read is kept there for it.")] = "",
    quick: Annotated[bool, typer.Option("--quick", help="Only look which files are there; read none.")] = False,
) -> None:
    """What DATA holds of every source, what lacks and where it is offered, and which images evaluation sets share."""
    wanted = _recipe(recipe)
    check_data(data)
    from pipelines import commands

    work = _layout(out).work if out else _cache_folder()
    commands.doctor(wanted, data, work, quick=quick)


for _more in (cli_looking, cli_files, cli_replies):
    _more.add_to(app)


def _job(what: What) -> "Job":
    recipe, generator = _asked(_recipe(what.recipe, what.kinds), what), _generator(what.generator)
    check_folders(what.data, what.out)
    from pipelines.phases.plan import Job

    return Job(recipe, what.data, _layout(what.out), generator, what.limit)


def _known_checks() -> Iterator[str]:
    """Names of the checks; what these need takes a second to load and is loaded where a recipe names a check."""
    from pipelines.qa.checks.catalog import specs

    yield from specs()


def _recipe(name: str, kinds: str = "") -> Recipe:
    from pipelines.builders import BUILDERS
    from pipelines.sources import EVALUATION_SETS, SOURCES

    recipe = recipes.load(
        name, sources=SOURCES, kinds=BUILDERS, evaluation_sets=EVALUATION_SETS, checks=_known_checks()
    )
    if kinds:
        recipe = recipes.only(recipe, [kind.strip() for kind in kinds.split(",") if kind.strip()])
    return recipe


def _asked(recipe: Recipe, what: What) -> Recipe:
    """The recipe with what the options say of the model instead."""
    generation = recipe.generation
    if what.model:
        generation = msgspec.structs.replace(generation, model=what.model)
    if what.reply_format:
        generation = msgspec.structs.replace(generation, reply_format=what.reply_format)
    if what.vision and generation.vision is None:
        generation = msgspec.structs.replace(generation, vision=VisionSettings())
    return msgspec.structs.replace(recipe, generation=generation)


def _generator(name: str) -> str:
    if name not in GENERATORS:
        raise RecipeError(f"no generator {name!r}", hint=f"Known: {', '.join(GENERATORS)}.")
    return name


def _layout(out: str) -> Layout:
    return Layout(out.rstrip("/"))


def _cache_folder() -> str:
    """Where a user's programs keep what can be made again."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(home, "osprey-data")


def _running(workers: int, flags: list[str]) -> "Running":
    from pipelines.phases.running import Running, check_flags

    check_flags(flags)
    return Running(workers, tuple(flags))


def _quiet_libraries() -> None:
    """Commands import the heavy libraries when they run; what these say about themselves is no news to a user."""
    logging.basicConfig(level=logging.ERROR)
    warnings.simplefilter("ignore")
    for name in ("HF_HUB_OFFLINE", "HF_HUB_DISABLE_PROGRESS_BARS", "HF_HUB_DISABLE_TELEMETRY"):
        os.environ.setdefault(name, "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


def main() -> None:
    """Entry point: errors that a user can mend are shown without a traceback."""
    _quiet_libraries()
    try:
        for path in _remote_paths(sys.argv[1:]):
            storage.require_reachable(path)
        app()
    except OspreyDataError as error:
        console.fail(error)
        sys.exit(INTERRUPTED if isinstance(error.__cause__, KeyboardInterrupt) else 1)
    except OSError as error:
        console.fail(console.refused(error))
        sys.exit(1)
    except KeyboardInterrupt:
        _interrupted()
    except SystemExit as ended:
        if ended.code == INTERRUPTED:  # so Typer passes on Ctrl-C
            _interrupted()
        raise


def _remote_paths(words: list[str]) -> Iterator[str]:
    """Folders and files that the command names by a URL; what goes to Beam or names a database is none."""
    for before, word in pairwise(["", *words]):
        option, _, value = word.partition("=") if word.startswith("--") else (before, "", word)
        if re.match(r"\w+://", value) and (option in _PATHS or not option.startswith("--")):
            yield value


def _interrupted() -> NoReturn:
    console.err.print("interrupted; the same command goes on where this one stopped:")
    console.err.print(f"  {console.command()}", markup=False)
    sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
