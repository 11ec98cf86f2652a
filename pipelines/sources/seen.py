"""What was met before, in little memory: millions of ids, and millions of texts by what they are about."""

from array import array
from collections import defaultdict
from collections.abc import Hashable

from schemas.keys import stable_int

_DENSE = 1 << 26
"""Ids below this take a byte each, up to the highest one."""


class SeenIds:
    """Non-negative numbers that were met."""

    def __init__(self) -> None:
        self._dense = bytearray(1 << 16)
        self._others: set[int] = set()

    def add(self, number: int) -> bool:
        """Whether the number is new; it is known from then on."""
        if number >= _DENSE:
            new = number not in self._others
            self._others.add(number)
            return new
        if number >= len(self._dense):
            self._dense.extend(bytes(max(number + 1, 2 * len(self._dense)) - len(self._dense)))
        new = not self._dense[number]
        self._dense[number] = 1
        return new


class SeenTexts:
    """Texts that were met, by what they are about; of each a hash of 64 bits is kept."""

    def __init__(self) -> None:
        self._hashes: dict[Hashable, array[int]] = defaultdict(lambda: array("Q"))

    def add(self, about: Hashable, text: str) -> bool:
        """Whether the text is new for what it is about; it is known from then on."""
        known, number = self._hashes[about], stable_int(text)
        if number in known:
            return False
        known.append(number)
        return True
