"""Reading recipes: by name (a YAML file beside this one) or by path."""

import math
import pathlib
import re
import types
import typing
from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from pipelines import storage
from pipelines.recipes.giving import NEEDS, OF_SEVERAL, need
from pipelines.recipes.reading import parse
from schemas.errors import RecipeError
from schemas.licenses import FROM_FREE_TO_STRICT
from schemas.recipe import CheckSettings, KindSettings, Recipe, SourceSettings

FOLDER = pathlib.Path(__file__).parent
DEFAULT = "complete"
"""The recipe of a command that names none."""
FULL = f"pipelines/recipes/{DEFAULT}.yaml"
"""Shows every key."""

HEEDING = {
    "regions": OF_SEVERAL,
    "regions_per_image": (
        "mask_text", "description", "conversation", "short_form", "part_category", "part_attribute",
        "positive_negative", "region_caption",
    ),
}  # fmt: skip
"""Settings that not every kind heeds -> the kinds that do; with others they would change nothing."""

VISION_LIMITS = {
    "image_px": (64, 4096), "crop_px": (64, 2048), "crops": (0, 50), "context": (0, 10), "quality": (5, 95),
    "most_bytes": (20_000, 10_000_000),
}  # fmt: skip
"""Settings of `generation.vision` -> least and most."""

ASKING_LIMITS = {"temperature": (0, 2), "max_tokens": (1, math.inf), "max_completion_tokens": (1, math.inf)}
"""Settings of `generation` that are sent as they are -> least and most; null sends none."""

CHECK_LIMITS = {"threshold": (0, 1)}
"""Settings of `checks.NAME` -> least and most."""

TYPES = {
    "object": "a mapping", "array": "a list", "str": "a text", "int": "a whole number", "float": "a number",
    "bool": "true or false", "null": "nothing", "date": "a date such as 2026-01-31", "datetime": "a date and a time",
}  # fmt: skip
"""What msgspec calls the types of YAML -> what a user calls them."""


def names() -> list[str]:
    """Names of the recipes that come with the package."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def using(source: str) -> str:
    """The name of a recipe of ours that has the source, the default where it has; "" where none has."""
    ordered = sorted(names(), key=lambda name: name != DEFAULT)
    having = (name for name in ordered if source in _typed(_parse(name), name).sources)
    return next(having, "")


def load(
    name: str, *, sources: Iterable[str], kinds: Iterable[str], evaluation_sets: Iterable[str],
    checks: Iterable[str] = (),
) -> Recipe:  # fmt: skip
    """The recipe of that name, or at that path; all else are the names that are known.

    Raises:
        RecipeError: naming the key at fault and the values that are allowed there.
    """
    recipe = _typed(_parse(name), name)
    known_sources, known_kinds = list(sources), list(kinds)
    _check_names(name, "sources", recipe.sources, known_sources)
    _check_names(name, "kinds", recipe.kinds, known_kinds)
    recipe = _ordered(recipe, known_sources, known_kinds)
    known = tuple(evaluation_sets)
    if recipe.exclude_evaluation is None:
        recipe = msgspec.structs.replace(recipe, exclude_evaluation=known)
    _check_names(name, "exclude_evaluation", recipe.exclude_evaluation or (), known)
    _check_some(name, "kinds", recipe.kinds, known_kinds)
    _check_once(name, "label_noise", recipe.label_noise)
    for kind, settings in recipe.kinds.items():
        _check_named_above(name, kind, settings, recipe.sources, known_sources)
        _check_some(name, f"kinds.{kind}.sources", settings.sources, recipe.sources)
        _check_once(name, f"kinds.{kind}.sources", settings.sources)
        _check_given(name, kind, settings)
        _check_heeded(name, kind, settings)
        _check_names(name, f"kinds.{kind}.regions_per_image", settings.regions_per_image, settings.sources)
        _check_caps(name, kind, settings)
    for source, own in recipe.sources.items():
        _check_names(name, f"sources.{source}.license", filter(None, [own.license]), FROM_FREE_TO_STRICT)
    if recipe.checks:
        _check_names(name, "checks", recipe.checks, checks)
    for folder in recipe.images.folders.values():
        if folder.startswith(("/", "~")) or "://" in folder or ".." in folder.split("/"):
            raise RecipeError(
                f"recipe {name}: images.folders: {folder!r} leaves DATA", hint="Name a folder below DATA."
            )
    _check_numbers(name, recipe)
    return recipe


def _ordered(recipe: Recipe, sources: list[str], kinds: list[str]) -> Recipe:
    """In one order, whatever the file's: the first source that has an object gives its mask."""
    return msgspec.structs.replace(
        recipe,
        sources={name: recipe.sources[name] for name in sources if name in recipe.sources},
        kinds={name: recipe.kinds[name] for name in kinds if name in recipe.kinds},
    )


def only(recipe: Recipe, kinds: Iterable[str]) -> Recipe:
    """The recipe with some of its kinds."""
    wanted = list(kinds)
    _check_names(recipe.name, "kinds", wanted or [""], recipe.kinds)
    return msgspec.structs.replace(recipe, kinds={kind: recipe.kinds[kind] for kind in recipe.kinds if kind in wanted})


def _parse(name: str) -> object:
    path = str(FOLDER / f"{name}.yaml") if name in names() else name
    if not storage.exists(path):
        known = ", ".join(names())
        raise RecipeError(f"no recipe {name!r}", hint=f"Name one of {known}, or give the path of a YAML file.")
    try:
        content = parse(storage.read_bytes(path), name)
    except IsADirectoryError as error:
        raise RecipeError(f"recipe {name}: that is a folder", hint="Give the path of a YAML file.") from error
    if not content:
        raise RecipeError(f"recipe {name}: the file is empty", hint=f"See {FULL}.")
    return content


def _typed(content: object, name: str) -> Recipe:
    _say_off(content)
    try:
        return msgspec.convert(content, Recipe, strict=True)
    except msgspec.ValidationError as error:
        message = _with_names(content, str(error))
        raise RecipeError(f"recipe {name}: {_in_words(message)}", hint=_allowed(message)) from error


def _say_off(content: object) -> None:
    """YAML reads a bare `off` as false; of a severity it can only mean the word."""
    checks = content.get("checks") if isinstance(content, dict) else None
    for settings in checks.values() if isinstance(checks, dict) else ():
        if isinstance(settings, dict) and settings.get("severity") is False:
            settings["severity"] = "off"


def _with_names(content: object, message: str) -> str:
    """msgspec writes `$.kinds[...].rows` whichever kind it is; this names the kind."""
    for key, settings in (("kinds", KindSettings), ("sources", SourceSettings), ("checks", CheckSettings)):
        entries = content.get(key) if isinstance(content, dict) else None
        for name, entry in entries.items() if isinstance(entries, dict) else ():
            try:
                msgspec.convert(entry, settings, strict=True)
            except msgspec.ValidationError:
                message = message.replace(f"$.{key}[...]", f"$.{key}.{name}", 1)
    return message


def _in_words(message: str) -> str:
    """msgspec's names of types in words: "Expected a mapping, got nothing"."""
    expected = re.match(r"Expected `([^`]*)`(?:, got `([^`]*)`)?", message)
    if not expected:
        return message
    wanted, got = (
        " or ".join(TYPES.get(one, one) for one in (types or "").split(" | ")) for types in expected.groups()
    )
    return f"Expected {wanted}" + (f", got {got}" if got else "") + message[expected.end() :]


def _allowed(message: str) -> str:
    """The keys, or the values, allowed where msgspec met unknown ones; else where to look."""
    path = re.search(r" - at `\$?([^`]*)`", message)
    kind: typing.Any = Recipe
    for step in re.findall(r"[\w+-]+|\[", path[1] if path else ""):
        kind = _step(kind, step)
    if typing.get_origin(kind) in (types.UnionType, typing.Union):
        kind = typing.get_args(kind)[0]
    if "unknown field" in message:
        return "Allowed keys: " + ", ".join(kind.__struct_fields__)
    if re.search(r"^Expected `object`, got `null` - at `\$\.(sources\.|images|generation)", message) and path:
        return f"Write `{path[1].rpartition('.')[2]}: {{}}`; see {FULL} for a recipe with every key."
    if "Invalid enum value" in message:
        return "Allowed: " + ", ".join(typing.get_args(kind))
    return f"See {FULL} for a recipe with every key."


def _step(kind: typing.Any, key: str) -> typing.Any:
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return typing.get_type_hints(kind)[key]
    arguments = typing.get_args(kind)
    return arguments[-1] if not isinstance(kind, types.UnionType) else arguments[0]


def _check_names(recipe: str, key: str, given: Iterable[str] | Mapping[str, object], known: Iterable[str]) -> None:
    allowed = list(known)
    unknown = [name for name in given if name not in allowed]
    if unknown:
        raise RecipeError(f"recipe {recipe}: {key}: unknown {unknown[0]!r}", hint=f"Known: {', '.join(allowed)}")


def _check_some(recipe: str, key: str, given: Collection[str], known: Iterable[str]) -> None:
    if not given:
        raise RecipeError(f"recipe {recipe}: {key}: nothing is named", hint=f"Known: {', '.join(known)}")


def _check_once(recipe: str, key: str, given: Sequence[str]) -> None:
    """A source that is named twice would give each row twice."""
    twice = [name for place, name in enumerate(given) if name in given[:place]]
    if twice:
        raise RecipeError(f"recipe {recipe}: {key}: {twice[0]!r} stands there twice", hint="Name it once.")


def _check_named_above(
    recipe: str, kind: str, settings: KindSettings, given: Collection[str], known: Collection[str]
) -> None:
    absent = [source for source in settings.sources if source in known and source not in given]
    if absent:
        raise RecipeError(
            f"recipe {recipe}: kinds.{kind}.sources: {absent[0]!r} is not among the recipe's sources",
            hint=f"Name it under `sources` first: `{absent[0]}: {{}}`. Named there: {', '.join(given)}",
        )
    _check_names(recipe, f"kinds.{kind}.sources", settings.sources, given)


def _check_given(recipe: str, kind: str, settings: KindSettings) -> None:
    """A source that has nothing the kind is built from would give no row, without a word."""
    wanted = need(kind, settings)
    for source in settings.sources:
        if source not in wanted.sources:
            all_regions = wanted != NEEDS[kind] and source in NEEDS[kind].sources
            raise RecipeError(
                f"recipe {recipe}: kinds.{kind}.sources: {source} has no {wanted.what}",
                hint=f"Sources that have: {', '.join(wanted.sources)}."
                + (" Or write `regions: all`, for regions without such." if all_regions else ""),
            )


def _check_heeded(recipe: str, kind: str, settings: KindSettings) -> None:
    for key, default in (("regions", "referred"), ("regions_per_image", {})):
        if getattr(settings, key) != default and kind not in HEEDING[key]:
            raise RecipeError(
                f"recipe {recipe}: kinds.{kind}.{key} changes nothing: this kind does not go by it",
                hint=f"Leave it out; the kinds that do are {', '.join(HEEDING[key])}.",
            )


def _check_caps(recipe: str, kind: str, settings: KindSettings) -> None:
    for source, cap in settings.regions_per_image.items():
        if cap < 1:
            raise RecipeError(
                f"recipe {recipe}: kinds.{kind}.regions_per_image.{source}: {cap} is no number of regions",
                hint="Give a whole number of 1 or more, or leave the source out for no cap.",
            )
    if settings.rows is not None and settings.rows < 1:
        raise RecipeError(
            f"recipe {recipe}: kinds.{kind}.rows: {settings.rows} is no number of rows",
            hint="Give a whole number of 1 or more, or leave the key out for no cap.",
        )


def _check_numbers(name: str, recipe: Recipe) -> None:
    if not 0 <= recipe.val_fraction < 1:
        raise RecipeError(
            f"recipe {name}: val_fraction: {recipe.val_fraction} is no share", hint="Give one from 0 up to 1."
        )
    if recipe.rows_per_shard < 1:
        raise RecipeError(
            f"recipe {name}: rows_per_shard: {recipe.rows_per_shard} is no number of rows", hint="Give 1 or more."
        )
    _check_ranges(name, "generation", recipe.generation, ASKING_LIMITS)
    for check, settings in recipe.checks.items():
        _check_ranges(name, f"checks.{check}", settings, CHECK_LIMITS)
    if recipe.generation.vision:
        _check_ranges(name, "generation.vision", recipe.generation.vision, VISION_LIMITS)


def _check_ranges(recipe: str, key: str, given: object, limits: Mapping[str, tuple[float, float]]) -> None:
    for name, (least, most) in limits.items():
        value = getattr(given, name)
        if value is not None and not least <= value <= most:
            allowed = f"{least} or more" if most == math.inf else f"{least} to {most}"
            raise RecipeError(f"recipe {recipe}: {key}.{name}: {value} is out of range", hint=f"Give {allowed}.")
