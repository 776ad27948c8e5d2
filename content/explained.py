"""How much of a question an item explains: which of its characters stand for something that is in the item's names, literally or by an everyday phrase."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from content.asked import Asked
from content.everyday import EverydayNames
from content.text import HAN, pairs

_MOST = 0.6  # of an official word's pairs must be in a name for the word to count as there


@dataclass(frozen=True, slots=True)
class Explained:
    """`share` of the characters that carry meaning, 0 to 1; `things`: everyday phrases for things that led here; `led`: all that did, by number.

    `stretches`: the characters explained, as bits.
    """

    share: float
    things: int
    led: frozenset[int]
    stretches: int


class Question:
    """One question, taken apart once and held against many items. Sets of characters are bits of an int."""

    def __init__(self, asked: Asked, names: EverydayNames) -> None:
        text = asked.meant
        self._literal: dict[str, int] = defaultdict(int)
        self._content = 0
        for run in HAN.finditer(text):
            for at in range(run.start(), run.end()):
                if text[at] not in names.little:
                    self._content |= 1 << at
            for at in range(run.start(), run.end() - 1):
                self._literal[text[at : at + 2]] |= 3 << at
        for pair, at in self._literal.items():
            if pair in names.little_pairs:
                self._content &= ~at
        self._size = self._content.bit_count() or 1
        self._phrases: list[tuple[int, bool]] = []
        self._meaning: list[list[int]] = []  # phrases of each official word
        self._least: list[float] = []  # pairs of it that must be there
        self._words_with: dict[str, list[int]] = defaultdict(list)
        known: dict[str, int] = {}
        for heard in asked.heard:
            covered = 0
            for start, end in heard.spans:
                covered |= (1 << end) - (1 << start)
            self._phrases.append((covered, heard.phrase.act))
            for word in heard.phrase.words:
                if word not in known:
                    known[word] = len(self._meaning)
                    self._meaning.append([])
                    inside = set(pairs(word))
                    self._least.append(_MOST * len(inside))
                    for pair in inside:
                        self._words_with[pair].append(known[word])
                self._meaning[known[word]].append(len(self._phrases) - 1)

    def by(self, names: Iterable[Collection[str]]) -> Explained:
        """`names`: the pairs of each name of an item, as key views or sets."""
        covered, led = 0, set[int]()
        for name in names:
            counts: dict[int, int] = defaultdict(int)
            for pair in self._words_with.keys() & name:
                for word in self._words_with[pair]:
                    counts[word] += 1
            for word, count in counts.items():
                if count >= self._least[word]:
                    led.update(self._meaning[word])
            for pair in self._literal.keys() & name:
                covered |= self._literal[pair]
        things = 0
        for number in led:
            span, act = self._phrases[number]
            covered |= span
            things += not act
        return Explained((covered & self._content).bit_count() / self._size, things, frozenset(led), covered)

    def unmet(self, explained: Explained) -> int:
        """By how many characters the longest phrase for a thing that is not there exceeds the longest that is."""
        met = missing = 0
        for number, (span, act) in enumerate(self._phrases):
            if not act and number in explained.led:
                met = max(met, span.bit_count())
            elif not act:
                missing = max(missing, span.bit_count())
        return max(0, missing - met)

    def left(self, explained: Explained) -> tuple[int, float]:
        """(characters of the longest phrase for a thing that did not lead here, share of the question that names things and stays unexplained)."""
        longest, things = 0, 0
        for number, (span, act) in enumerate(self._phrases):
            if act:
                continue
            things |= span
            if number not in explained.led:
                longest = max(longest, span.bit_count())
        return longest, (things & ~explained.stretches & self._content).bit_count() / self._size

    def named(self, rarities: Mapping[str, float]) -> tuple[int, float]:
        """(characters of the longest phrase for a thing, rarity of the pairs that stand in names); of what carries meaning, in any item."""
        longest = max(((span & self._content).bit_count() for span, act in self._phrases if not act), default=0)
        here = ((rarities.get(pair, 0.0), at) for pair, at in self._literal.items() if at & self._content)
        return longest, sum(rarity * (at & self._content).bit_count() / at.bit_count() for rarity, at in here)
