"""Licences of the sources, and which of several is the strictest."""

from collections.abc import Iterable

FROM_FREE_TO_STRICT = ("CC-BY-4.0", "CC-BY-NC-4.0", "LicenseRef-unstated", "LicenseRef-research-only")
"""SPDX identifiers. `LicenseRef-unstated` is for a data set without a stated licence: all rights are its owners'."""


def strictest(licenses: Iterable[str]) -> str:
    """The strictest of the licences of all data sets that a row rests on; ValueError for a name not listed above."""
    return max(licenses, key=FROM_FREE_TO_STRICT.index)
