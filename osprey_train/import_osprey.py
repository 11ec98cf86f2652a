"""The command that imports the public Osprey-7B."""

from pathlib import Path
from typing import Annotated

import typer

from osprey_train import console

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command(name="import-osprey")
def import_osprey(
    source: Annotated[Path, typer.Argument(help="Folder of the public checkpoint.")],
    output: Annotated[Path, typer.Option(help="Folder for the model.")],
    vision_weights: Annotated[
        Path | None,
        typer.Option(help="File of open_clip's convnext_large_d_320, where the checkpoint has no vision encoder."),
    ] = None,
    tokenizer: Annotated[str, typer.Option(help="Folder or hub name, where the checkpoint has none.")] = "",
    system: Annotated[str, typer.Option(help="The sentence that prompts begin with.")] = "",
) -> None:
    """Make a model of ours from the weights of the public Osprey-7B, and tell what became of each."""
    from osprey_train.model.public_weights import Report, import_public  # takes seconds; --help does not wait

    def tell(report: Report) -> None:
        console.table(report.table())
        console.say(
            f"{len(report.mismatched)} do not fit, {len(report.left_over)} left over, "
            f"{len(report.not_needed)} not needed, {report.rows_added} rows added to the embeddings"
        )

    import_public(source, output, vision_weights=vision_weights, tokenizer=tokenizer, system=system, tell=tell)
    console.say(f"the model: {output}; each weight: {output / 'import_report.json'}")


def main() -> None:
    """Entry point."""
    console.run(app)


if __name__ == "__main__":
    main()
