"""Suggestions while a resident types: names and everyday names that begin with, are spelt like, or contain what stands there."""

from bisect import bisect_left
from collections.abc import Callable, Iterable
from heapq import nsmallest

from content.text import LATIN, folded, spellings

_LONGEST = 24  # characters of a suggestion; a longer name helps nobody on a phone
_SPELT = 12  # characters of it that may be typed in pinyin
_LOOKED_AT = 400  # neighbours of one prefix


class Suggestions:
    """Immutable. Names in the order of their usefulness: the shorter the better, everyday names before official ones of equal length."""

    def __init__(self, names: Iterable[str], breathe: Callable[[], None] = lambda: None) -> None:
        self._names = sorted({name for name in names if 1 < len(name) <= _LONGEST}, key=lambda one: (len(one), one))
        self._starts = sorted((name, number) for number, name in enumerate(self._names))
        spelt: set[tuple[str, int]] = set()
        for number, name in enumerate(self._names):
            breathe()
            if LATIN.search(name):
                continue
            whole, initials = spellings(name[:_SPELT])
            spelt.update((spelling, number) for spelling in (whole[0], initials[0]))
        self._spelt = sorted(spelt)

    def starting(self, typed: str, limit: int) -> list[str]:
        """Names that begin with what was typed, in characters, in pinyin or in initials."""
        text = folded(typed)
        if not text:
            return []
        found = self._from(self._starts, text)
        letters = "".join(LATIN.findall(text))
        if letters and letters == text.replace(" ", ""):
            found |= self._from(self._spelt, letters)
        return [self._names[number] for number in nsmallest(limit, found)]

    @staticmethod
    def _from(rows: list[tuple[str, int]], prefix: str) -> set[int]:
        start = bisect_left(rows, (prefix, -1))
        found = set()
        for text, number in rows[start : start + _LOOKED_AT]:
            if not text.startswith(prefix):
                break
            found.add(number)
        return found
