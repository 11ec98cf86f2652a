"""Options that several commands have in common, in two records, and how a command takes a record."""

import functools
import inspect
import os
from collections.abc import Callable
from typing import Annotated, Any, Literal, NamedTuple

import fsspec
import typer

from pipelines import recipes
from pipelines.builders.context import TEMPLATE
from pipelines.sources import SOURCES
from schemas.errors import BuildError, SourceError

Data = Annotated[str, typer.Option(help="Folder with the raw data: coco/, refer/, llava/, lvis/ ...")]
Out = Annotated[str, typer.Option(help="Folder for the shards, the manifest, the report and, under work/, the caches.")]
RecipeName = Annotated[
    str, typer.Option("--recipe", help=f"A recipe ({', '.join(recipes.names())}), or the path of a YAML file.")
]
Kinds = Annotated[str, typer.Option(help="Only these kinds of the recipe, with commas between.")]
Limit = Annotated[int | None, typer.Option(min=1, help="Only so many images, with a fair share of every source.")]
GeneratorName = Annotated[str, typer.Option("--generator", help="Who writes: `template` (offline) or `openai`.")]
Model = Annotated[str, typer.Option(help="Model to ask, instead of the recipe's.")]
ReplyFormat = Annotated[
    Literal["", "auto", "text", "json"],
    typer.Option(
        help="Form of the model's replies, instead of the recipe's: `text` as in the paper, `json` by a schema, which "
        "fails less often, or `auto`: json where the server is known to keep to a schema. Changing it asks anew.",
        show_default=False,
    ),
]
Vision = Annotated[
    bool,
    typer.Option(
        "--vision",
        help="Show the model the pictures, with the regions outlined, and not only words about them. Needs a model "
        "that sees; pictures cost prompt tokens. Changing it asks anew.",
    ),
]
Budget = Annotated[
    float | None,
    typer.Option(
        help="Dollars that this run may spend at most; it stops before a request that could exceed them. Nothing is "
        "asked without. A further run has a budget of its own."
    ),
]
Total = Annotated[
    float | None,
    typer.Option(help="Dollars that all runs with this reply store may come to together, earlier ones included."),
]
Price = Annotated[
    str,
    typer.Option(
        help="Dollars per million prompt/completion tokens, such as 0.15/0.6, instead of the price table; 0/0 if free."
    ),
]
Mode = Annotated[
    Literal["online", "batch"],
    typer.Option(
        help="`online` asks at once; `batch` leaves files of requests with the server, which answers within a day at "
        "half the price. A run that is stopped leaves its batches under way; the same command collects them."
    ),
]
Concurrency = Annotated[
    int, typer.Option(min=1, help="Requests in flight at a time; the server's own limits are kept besides.")
]
Rpm = Annotated[
    float | None,
    typer.Option(help="Requests a minute at most, where the server does not tell its limit or you want less."),
]
Tpm = Annotated[float | None, typer.Option(help="Tokens a minute at most, likewise; prompts and answers together.")]
Timeout = Annotated[
    float,
    typer.Option(
        min=1,
        help="Seconds for one answer. Rather long: a call that is given up may be charged all the same.",
    ),
]
Repair = Annotated[
    int,
    typer.Option(
        min=0, max=1,
        help="1: a reply that fails its checks is shown to the model once, with what is wrong. Costs rather more than "
        "the reply did, from the same budget.",
    ),
]  # fmt: skip
RetryFailed = Annotated[
    bool,
    typer.Option("--retry-failed", help="Ask again what the server refused or left unanswered in an earlier run."),
]
Store = Annotated[
    str,
    typer.Option(
        help="Database of the replies: postgresql://user@host/name for several machines, or sqlite:///PATH; by default "
        "OUT/work/replies.sqlite. Replies in it are never bought again, for whichever build."
    ),
]
DATA_HINT = "Give the folder that holds coco/, refer/, llava/, lvis/ ..."
Workers = Annotated[int, typer.Option(min=1, help="Processes that work on the data. The result is the same.")]


class What(NamedTuple):
    """What is to be built, from what, where."""

    data: Data
    out: Out
    recipe: RecipeName = recipes.DEFAULT
    kinds: Kinds = ""
    limit: Limit = None
    generator: GeneratorName = TEMPLATE
    model: Model = ""
    reply_format: ReplyFormat = ""
    vision: Vision = False


class Ask(NamedTuple):
    """How a model is asked."""

    budget_usd: Budget = None
    total_usd: Total = None
    price: Price = ""
    mode: Mode = "online"
    concurrency: Concurrency = 16
    rpm: Rpm = None
    tpm: Tpm = None
    timeout: Timeout = 300.0
    repair: Repair = 0
    retry_failed: RetryFailed = False
    replies: Store = ""


def check_data(data: str, hint: str = DATA_HINT) -> None:
    """Raise SourceError where DATA is no folder."""
    fs, name = fsspec.url_to_fs(data)
    if not fs.isdir(name):
        message = f"{data} is not a folder" if fs.exists(name) else f"no data folder {data}"
        raise SourceError(message, hint=hint)


def check_folders(data: str, out: str, hint: str = DATA_HINT) -> None:
    """Look at DATA and OUT before anything is loaded or written; without a hint DATA need not be there.

    Raises:
        SourceError: there is no folder DATA.
        BuildError: OUT is DATA, has DATA in it, or lies in the folder of a source, where its files would be taken for
            raw data.
    """
    if hint:
        check_data(data, hint)
    raw, made = _parts(data), _parts(out)
    inside = made[: len(raw)] == raw and made[len(raw) : len(raw) + 1]
    if made == raw or raw[: len(made)] == made or (inside and inside[0] in _source_folders()):
        raise BuildError(
            f"--out {out} and --data {data} lie in one another: files of the build would mix with the raw data",
            hint="Name a folder beside the data for --out.",
        )


def _parts(path: str) -> list[str]:
    """The names on the way to a folder; links are followed."""
    return (os.path.realpath(path) if "://" not in path else path.rstrip("/")).split("/")


def _source_folders() -> set[str]:
    """Names of the folders in which sources lie under DATA."""
    specs = (source.spec for source in SOURCES.values())
    return {file.path.split("/")[0] for spec in specs for layout in spec.layouts for file in layout}


def unfolded(command: Callable[..., None]) -> Callable[..., None]:
    """The command with the fields of its records as options of their own, in their place."""
    signature = inspect.signature(command)
    records = {name: one.annotation for name, one in signature.parameters.items() if _is_record(one.annotation)}

    @functools.wraps(command)
    def run(**given: Any) -> None:
        made = {name: kind(**{field: given.pop(field) for field in kind._fields}) for name, kind in records.items()}
        command(**given, **made)

    parameters = [one for name, own in signature.parameters.items() for one in _fields(records.get(name)) or [own]]
    run.__signature__ = signature.replace(parameters=[  # type: ignore[attr-defined]
        one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in parameters
    ])  # fmt: skip
    run.__annotations__ = {one.name: one.annotation for one in parameters}
    return run


def _is_record(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, tuple) and hasattr(kind, "_fields")


def _fields(record: Any) -> list[inspect.Parameter]:
    return [] if record is None else list(inspect.signature(record).parameters.values())
