"""Errors travel between worker processes and tell users what to do."""

import pickle

import pytest

from schemas import errors
from schemas.licenses import FROM_FREE_TO_STRICT, strictest

TREE = [errors.SourceError, errors.RecipeError, errors.GenerationError, errors.BudgetError, errors.BuildError]


@pytest.mark.parametrize("kind", TREE)
def test_errors_survive_pickling(kind: type[errors.OspreyDataError]) -> None:
    raised = kind("a.json: cut off at byte 7", hint="Fetch it again.")
    found = pickle.loads(pickle.dumps(raised))
    assert type(found) is kind
    assert (found.message, found.hint) == ("a.json: cut off at byte 7", "Fetch it again.")
    assert str(found) == str(raised) == "a.json: cut off at byte 7\n  Fetch it again."


def test_without_a_hint_the_message_stands_alone() -> None:
    assert str(errors.BuildError("no plan")) == "no plan"


@pytest.mark.parametrize("kind", TREE)
def test_errors_are_faults_of_the_input(kind: type[errors.OspreyDataError]) -> None:
    assert issubclass(kind, errors.OspreyDataError)
    assert issubclass(kind, ValueError)


def test_a_budget_that_is_spent_ends_the_generation() -> None:
    assert issubclass(errors.BudgetError, errors.GenerationError)


def test_the_strictest_licence_counts() -> None:
    assert strictest(["CC-BY-4.0", "LicenseRef-unstated", "CC-BY-NC-4.0"]) == "LicenseRef-unstated"
    assert strictest(reversed(FROM_FREE_TO_STRICT)) == FROM_FREE_TO_STRICT[-1]
    assert strictest(["CC-BY-4.0"]) == "CC-BY-4.0"


def test_a_licence_without_a_rank_is_not_guessed() -> None:
    with pytest.raises(ValueError, match="not in tuple"):
        strictest(["CC-BY-4.0", "MIT"])
