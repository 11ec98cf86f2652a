"""The command `osprey-eval`: ask a model the short questions of rows that it was not trained on."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.progress import track

from osprey_train import console
from schemas.errors import InputError, ShardError

if TYPE_CHECKING:
    from osprey_train.asking import Question
    from osprey_train.data.loader import Rows
    from osprey_train.model import OspreyForConditionalGeneration, OspreyProcessor
    from osprey_train.scoring import Answered, Result

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich")


@app.command(no_args_is_help=True)
def evaluate(
    model: Annotated[str, typer.Option(help="Folder of a model that osprey-train made.")],
    data: Annotated[str, typer.Option(help="OUT/data of a finished build.")],
    images: Annotated[str, typer.Option(help="Raw data with the pictures, unless the shards hold them.")] = "",
    kinds: Annotated[str, typer.Option(help="Kinds of data, with commas between; else all with short answers.")] = "",
    topics: Annotated[str, typer.Option(help="Only questions of these topics, such as category,colour.")] = "",
    split: Annotated[str, typer.Option(help="Rows of this split.")] = "val",
    shuffle_masks: Annotated[bool, typer.Option(help="Ask again with the masks of other regions.")] = True,
    limit: Annotated[int, typer.Option(min=0, help="At most so many questions of a topic; 0: all.")] = 0,
    batch: Annotated[int, typer.Option(min=1, help="Questions at a time.")] = 32,
    json: Annotated[str, typer.Option(help="Write results and answers into this file.")] = "",
    example: Annotated[
        str, typer.Option(help="Folder for picture and mask of the largest region, to give to osprey-describe.")
    ] = "",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = "auto",
) -> None:
    """Ask the short questions of held-out rows, one by one, and compare with the rows' own answers.

    `exact` is the share of equal answers, `balanced` its mean over the labels; SS the similarity of SentenceBERT, S-IoU
    that of the words. `chance` is what always giving the most frequent answer scores; `shuffled`, what the model scores
    with the masks of other regions.

    Try it: osprey-eval --model runs/stage3 --data out/data --images scenes
    """
    if json and not Path(json).absolute().parent.is_dir():
        raise InputError(f"--json {json}: its folder does not exist", hint="Make it first (mkdir -p).")
    from osprey_train import asking
    from osprey_train.describer import find_device
    from osprey_train.model.loading import load
    from osprey_train.scoring import results

    osprey, processor = load(model)
    osprey.to(find_device(device))
    rows = held_out(data, images, _words(kinds), split, processor)
    chosen = asking.sample(list(asking.questions(rows, _words(topics))), limit)
    if not chosen:
        raise ShardError(
            f"{data}: no {split} question about one region in {', '.join(rows.shards.groups)}",
            hint="Choose other --kinds, --topics or another --split; a larger val_fraction in the recipe keeps more.",
        )
    if example:
        asking.save_example(rows, chosen, Path(example))
    answered = ask(osprey, processor, rows, chosen, batch, shuffle_masks)
    found = results(answered)
    show(found)
    if json:
        content = {"model": model, "data": data, "split": split, "results": found, "answers": answered}
        Path(json).write_bytes(msgspec.json.format(msgspec.json.encode(content)))


def held_out(data: str, images: str, kinds: tuple[str, ...], split: str, processor: "OspreyProcessor") -> "Rows":
    """The rows of a split; those of all kinds with short answers where none are named."""
    from osprey_train.asking import SHORT_KINDS
    from osprey_train.data.loader import COLUMNS, Rows
    from osprey_train.data.shards import Shards, kinds_in

    short = tuple(kind for kind in kinds_in(data, split) if kind in SHORT_KINDS)
    return Rows(Shards(data, images, kinds or short, split), processor, 0, columns=(*COLUMNS, "image_id", "sources"))


def ask(
    osprey: "OspreyForConditionalGeneration",
    processor: "OspreyProcessor",
    rows: "Rows",
    found: "Sequence[Question]",
    batch: int,
    shuffle_masks: bool,
) -> "list[Answered]":
    """What a model answers to the questions, with the right masks and with those of other regions."""
    from osprey_train import asking
    from osprey_train.scoring import Answered

    given = {"asking": [question.mask for question in found]}
    if shuffle_masks:
        given["asking with other masks"] = asking.shuffled(found)
    said = [
        dict(_with_bar(what, len(found), asking.answers(osprey, processor, rows, found, masks, batch)))
        for what, masks in given.items()
    ]
    return [
        Answered(
            sample_id=question.sample_id,
            image_id=question.image_id,
            topic=question.topic,
            question=question.text,
            answer=question.answer,
            said=said[0][index],
            said_shuffled=said[1][index] if shuffle_masks else None,
        )
        for index, question in enumerate(found)
    ]


def show(found: "Mapping[str, Result]") -> None:
    """A table of the results, a topic a line."""
    console.table([_line(name, result) for name, result in found.items()])


def _line(name: str, result: "Result") -> dict[str, object]:
    right, wrong = result.right, result.shuffled
    return {
        "topic": name,
        "asked": f"{result.questions:,}",
        "exact": f"{right.exact:.1%}",
        "95 %": f"{100 * right.low:.0f} to {100 * right.high:.0f}",
        "balanced": f"{right.balanced:.1%}",
        "shuffled": f"{wrong.exact:.1%}" if wrong else "",
        "chance": f"{result.chance:.1%}",
        "uniform": f"{result.uniform:.1%}",
        "SS": f"{right.ss:.1%}",
        "S-IoU": f"{right.s_iou:.1%}",
    }


def _with_bar(what: str, total: int, answers: Iterable[tuple[int, str]]) -> Iterable[tuple[int, str]]:
    return track(answers, what, total, console=console.err, disable=not console.err.is_terminal)


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def main() -> None:
    """Entry point."""
    console.run(app)


if __name__ == "__main__":
    main()
