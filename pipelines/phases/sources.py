"""Reading what is there: every source of the recipe that lies under DATA, once."""

from collections.abc import Sequence
from typing import NamedTuple

from pipelines import storage
from pipelines.phases.progress import Progress
from pipelines.sources import SOURCES
from pipelines.sources.cache import SourceCache
from pipelines.sources.ingest import ingest
from pipelines.sources.locate import Located, Missing, locate, without_training
from pipelines.sources.spec import FileSpec
from schemas.errors import SourceError
from schemas.recipe import Recipe


class Found(NamedTuple):
    """What a data folder holds of a recipe's sources."""

    located: list[Located]
    missing: list[Missing]


def look(recipe: Recipe, data: str) -> Found:
    """Look for the recipe's sources.

    Raises:
        SourceError: where the folder does not exist, none is there, or a required one is missing.
    """
    if not storage.exists(data):
        raise SourceError(f"no data folder {data}", hint="Give the folder that holds coco/, refer/, llava/, lvis/ ...")
    found = [locate(SOURCES[name].spec, data, settings.files) for name, settings in recipe.sources.items()]
    located = [one for one in found if isinstance(one, Located)]
    missing = [one for one in found if isinstance(one, Missing)]
    if not located:
        tried = "\n  ".join(one.message() for one in missing)
        raise SourceError(f"{data} holds none of the recipe's sources", hint=f"Looked for:\n  {tried}")
    required = [one for one in missing if recipe.sources[one.name].required]
    if required:
        raise SourceError(required[0].message(), hint="The recipe requires this source.")
    for one in located:
        if one.only_evaluation and recipe.sources[one.name].required:
            raise SourceError(
                f"{one.name}: only files of evaluation sets are there: {', '.join(one.files.values())}",
                hint="The recipe requires this source. `osprey-data doctor` says where its training file is offered.",
            )
    return Found(located, missing)


def lacking(missing: Missing) -> tuple[FileSpec, ...]:
    """The files that lack of the first layout that is there in part, else of the first."""
    layouts = zip(SOURCES[missing.name].spec.layouts, missing.looked_for, strict=True)
    begun = [absent for layout, absent in layouts if len(absent) < sum(file.required for file in layout)]
    return (begun or missing.looked_for)[0]


def read(
    recipe: Recipe, located: Sequence[Located], work: str, progress: Progress
) -> tuple[list[SourceCache], list[tuple[str, str]]]:
    """Every located source in its normal form, and what is wrong with those that cannot be read.

    Raises:
        SourceError: where none can be read, or a required one cannot.
    """
    caches: list[SourceCache] = []
    faults: list[SourceError] = []
    for number, one in enumerate(located):
        progress(f"reading sources: {one.name}", number, len(located))
        try:
            caches.append(ingest(SOURCES[one.name], one, work))
        except SourceError as error:
            if recipe.sources[one.name].required:
                raise
            faults.append(error)
            caches += _evaluation_alone(one, work)
    progress("reading sources", len(located), len(located))
    if len(faults) == len(located):
        raise faults[0]
    return caches, [(fault.message, fault.hint) for fault in faults]


def _evaluation_alone(located: Located, work: str) -> list[SourceCache]:
    """Of a source that cannot be read the images of its evaluation sets, where these can."""
    rest = without_training(SOURCES[located.name].spec, located)
    if rest is None:
        return []
    try:
        return [ingest(SOURCES[located.name], rest, work)]
    except SourceError:
        return []
