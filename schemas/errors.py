"""The error tree.

    OspreyDataError            what a command prints without a traceback; a ValueError, because the input was at fault
      SourceError              a file of the raw data cannot be used: which file, where in it, what to do
      RecipeError              a recipe names something unknown or leaves something out
      GenerationError          the generator cannot run: no key, no server
        BudgetError            the next request could cost more than is left
      BuildError               the finished data breaks an expectation, or files of a build are missing
      ShardError               shards cannot be trained on: empty folder, other schema, a row whose picture is broken
      ModelError               a checkpoint is of another architecture, or lacks files
      TrainingError            a run that would waste its time: unknown preset, nothing to train, no room to save
      InputError               a picture, mask or question that a model cannot be asked about

A broken *record* is no error: it becomes a `schemas.records.Reject` and is counted.
"""


class OspreyDataError(ValueError):
    """A user's mistake or a fault of the input. `hint` says what to do next."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.message, self.hint))

    def __str__(self) -> str:
        return f"{self.message}\n  {self.hint}" if self.hint else self.message


def _rebuild(kind: type[OspreyDataError], message: str, hint: str) -> OspreyDataError:
    """Errors cross process borders between Beam workers: rebuild them from their parts."""
    return kind(message, hint=hint)


class SourceError(OspreyDataError):
    """A raw file is missing, cut off, of another format, or unsafe."""


class RecipeError(OspreyDataError):
    """A recipe has an unknown key or value, or lacks one."""


class GenerationError(OspreyDataError):
    """No request can be made: no key, no budget given, the server is down."""


class BudgetError(GenerationError):
    """The next request could exceed the budget."""


class BuildError(OspreyDataError):
    """A finished build is incomplete or breaks an expectation."""


class ShardError(OspreyDataError):
    """Shards that cannot be trained on: which file, row and field, and what to do."""


class ModelError(OspreyDataError):
    """A checkpoint that cannot be loaded as the model that is asked for."""


class TrainingError(OspreyDataError):
    """A training run that cannot start or go on."""


class InputError(OspreyDataError):
    """A picture, region or question that does not fit together or cannot be read."""
