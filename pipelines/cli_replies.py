"""Commands that look into the reply store, mend it and empty it: `replies list`, `show`, `export` ..."""

from typing import Annotated, NamedTuple

import typer

from pipelines.options import Ask, unfolded
from schemas.errors import RecipeError

replies = typer.Typer(
    name="replies",
    help="The reply store: every answer that was paid for, with its prompt. Name it by --out or by --replies.",
    no_args_is_help=True,
)

Folder = Annotated[str, typer.Option("--out", help="Folder of the build whose replies are meant.")]
Url = Annotated[
    str, typer.Option("--replies", help="Database of the replies, where it is not OUT/work/replies.sqlite.")
]
KindName = Annotated[str, typer.Option("--kind", help="Only replies of this kind, such as description.")]
Reason = Annotated[
    str,
    typer.Option(
        help="Only replies that give no row for this reason: one of the ledger's, such as reply_format or "
        "reply_empty, or as servers say: failed, length, content_filter, empty."
    ),
]
Failed = Annotated[bool, typer.Option("--failed", help="Only requests that failed for good.")]
AnsweredBy = Annotated[str, typer.Option("--model", help="Only what this model answered; its name may be cut short.")]


class Place(NamedTuple):
    """Which store."""

    out: Folder = ""
    replies: Url = ""


class Which(NamedTuple):
    """Which of its replies."""

    kind: KindName = ""
    reason: Reason = ""
    failed: Failed = False
    model: AnsweredBy = ""


def add_to(app: typer.Typer) -> None:
    """Make the commands part of the command line."""
    app.add_typer(replies)


@replies.command("list")
@unfolded
def list_replies(
    place: Place,
    which: Which,
    limit: Annotated[int, typer.Option(min=0, help="Newest replies shown, each a line.")] = 20,
) -> None:
    """What is stored, by kind and reason, and the newest replies; each is judged as assembling would judge it."""
    from pipelines import replies_commands

    replies_commands.list_replies(replies_commands.Store(*place), replies_commands.Which(*which), limit)


@replies.command()
@unfolded
def show(key: Annotated[str, typer.Argument(help="A key, or its beginning.")], place: Place) -> None:
    """One reply with its prompt, what it took, and what was to mend it."""
    from pipelines import replies_commands

    replies_commands.show(replies_commands.Store(*place), key)


@replies.command()
@unfolded
def export(
    file: Annotated[str, typer.Argument(help="File to write; one line of JSON a reply.")], place: Place, which: Which
) -> None:
    """Write replies with their prompts and rows into a file that `import` reads."""
    from pipelines import replies_commands

    replies_commands.export(replies_commands.Store(*place), replies_commands.Which(*which), file)


@replies.command("import")
@unfolded
def take_in(
    files: Annotated[
        list[str], typer.Argument(help="Files of `export`, or those that a run left whose store was full.")
    ],
    place: Place,
) -> None:
    """Take replies into the store; those that it has stay as they are."""
    from pipelines import replies_commands

    replies_commands.take_in(replies_commands.Store(*place), files)


@replies.command()
@unfolded
def retry(out: Annotated[str, typer.Option(help="Folder of the build.")], ask: Ask) -> None:
    """Ask the failed requests of a plan again, and nothing else (`generate --retry-failed` asks what is missing too).

    Replies that came and were no use are not failed: `forget --reason` them, then `generate`.
    """
    from pipelines import replies_commands

    replies_commands.retry(out, ask)


@replies.command()
@unfolded
def forget(
    place: Place,
    which: Which,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; else it is only counted.")] = False,
) -> None:
    """Remove replies, so that the next run asks again and pays again. Replies that a repair has mended stay."""
    if not any(which):
        raise RecipeError("which replies?", hint="Name a --kind, a --reason or a --model, or say --failed.")
    from pipelines import replies_commands

    replies_commands.forget(replies_commands.Store(*place), replies_commands.Which(*which), yes=yes)


@replies.command()
@unfolded
def owners(
    place: Place,
    release: Annotated[
        bool, typer.Option("--release", help="End runs that were killed: what they had set aside counts no more.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; else it is only told.")] = False,
) -> None:
    """Who works with the store: runs, live or dead, and batches, with the keys and dollars that each holds."""
    if yes and not release:
        raise RecipeError("--yes to what?", hint="Say --release with it, to end the runs that were killed.")
    from pipelines import replies_commands

    store = replies_commands.Store(*place)
    if release:
        replies_commands.release(store, yes=yes)
    else:
        replies_commands.owners(store)
