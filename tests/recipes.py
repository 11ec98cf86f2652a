"""Recipes for tests."""

import msgspec

from pipelines import recipes
from pipelines.builders import BUILDERS
from pipelines.qa.checks.catalog import specs
from pipelines.sources import EVALUATION_SETS, SOURCES
from schemas.recipe import ImageSettings, Recipe


def load(name: str = recipes.DEFAULT) -> Recipe:
    """A recipe as the command line loads it."""
    return recipes.load(name, sources=SOURCES, kinds=BUILDERS, evaluation_sets=EVALUATION_SETS, checks=specs())


def admitting(*, check_images: bool = True) -> Recipe:
    """The default recipe with evaluation sets let in: the real samples are of those."""
    return msgspec.structs.replace(load(), exclude_evaluation=(), images=ImageSettings(check=check_images))
