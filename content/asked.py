"""A resident's question as weighted search terms: its own words, what its typing slips meant, and the official words behind its phrases."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from content.everyday import EverydayNames, Heard
from content.text import CLAUSE, HAN, LATIN, Segmenter, characters, folded, hearings, pairs, sounds, spellings

LONGEST = 200  # characters looked at; more is cut: the end of a long message holds the question
_TYPED = 30  # characters; slips of two characters are mended up to here
_SHORT = 40  # up to here a question is one thought; in a longer one the last clauses weigh most
_ONE, _LITTLE, _HALF, _ACROSS, _WORD, _EARLY = 0.15, 0.25, 0.6, 0.7, 0.5, 0.7
_SPOKEN, _SLIP = 0.8, 0.6  # weight of official words behind a phrase, and of a mended slip
_ACT = 0.6  # an act (补办) says less about the item than a thing does
_SPECIFIC = (0.4, 0.4, 0.6, 0.8, 0.9, 1.0)  # by the characters a phrase covers
_LATER = 0.9  # each further official word of a line
_PAIRS = 3  # an official word with more pairs than these shares their weight among its own
_WORD_MARK = "#"  # before words of three characters and more, which have terms of their own


@dataclass(frozen=True, slots=True)
class Asked:
    """`terms`: weight of each term, 0 to 1. `mended`: the question with its slips corrected, if any."""

    text: str
    terms: Mapping[str, float]
    heard: tuple[Heard, ...] = ()
    mended: str | None = None

    @property
    def meant(self) -> str:
        """The question without its slips; what was heard counts its characters."""
        return self.mended or self.text


@dataclass(slots=True)
class Lexicon:
    """The catalogue's words by how they sound and how they are spelt, to understand slips of the pen and pinyin."""

    words: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    by_sound: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    by_spelling: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    beginnings: set[str] = field(default_factory=set)  # how the first two characters of a word sound

    def learn(self, words: Iterable[str]) -> None:
        for word in words:
            if 2 <= len(word) <= 8:
                self.words[word] += 1

    def close(self, breathe: Callable[[], None] = lambda: None) -> None:
        """After the last word: the common ones first."""
        for word in sorted(self.words, key=lambda one: (-self.words[one], one)):
            breathe()
            self.by_sound[sounds(word)].append(word)
            self.beginnings.add(sounds(word[:2]))
            whole, initials = spellings(word)
            for spelling in (*whole, *initials):
                if len(spelling) > 1:
                    self.by_spelling[spelling].append(word)


def terms(text: str, segmenter: Segmenter) -> list[str]:
    """What is indexed of a folded text: characters, pairs, Latin words, and words of three characters and more."""
    return [*characters(text), *pairs(text), *(_WORD_MARK + word for word in segmenter.words(text) if len(word) > 2)]


class Listener:
    """Understands questions against one catalogue's words. Immutable but for the everyday names, which may be exchanged as a whole."""

    def __init__(self, segmenter: Segmenter, lexicon: Lexicon, names: EverydayNames, known_pairs: Iterable[str]) -> None:
        self._segmenter = segmenter
        self._lexicon = lexicon
        self._known = frozenset(known_pairs)
        self._official_terms: dict[str, list[tuple[str, float]]] = {}
        self.names = names

    def asked(self, question: str) -> Asked:
        """Bounded work: at most LONGEST characters, from the end."""
        text = folded(question[-4 * LONGEST :])[-LONGEST:]
        weights = self._own(text)
        latin = self._spelt(text)
        mended = self._mended(text)
        if mended is not None:
            for term, weight in self._own(mended).items():
                weights.setdefault(term, weight * _SLIP)
        heard = self.names.heard(text)
        shares: dict[str, float] = {}
        for one in heard:
            _official(one, _SPOKEN, shares)
        if mended is not None:
            slips = [one for one in self.names.heard(mended) if len(one.phrase.said) > 2]
            for one in slips:
                _official(one, _SPOKEN * _SLIP, shares)
            heard = heard or slips
        for word, share in shares.items():
            for term, part in self._terms_of(word):
                if share * part > weights.get(term, 0.0):
                    weights[term] = share * part
        for word in latin:
            for term in terms(word, self._segmenter):
                weights.setdefault(term, _SLIP * (_ONE if len(term) == 1 else 1.0))
        return Asked(text, weights, tuple(heard), mended or (latin[0] if latin else None))

    def _own(self, text: str) -> dict[str, float]:
        """Weights of the question's own terms: less for small talk, for pairs across two words, for what comes long before the end."""
        weights: dict[str, float] = {}
        clauses = [clause for clause in CLAUSE.split(text) if clause]
        little = self.names.little
        for number, clause in enumerate(clauses):
            share = 1.0 if len(text) <= _SHORT or number >= len(clauses) - 2 else _EARLY
            edges, end = set(), 0
            for word in self._segmenter.cut(clause):
                end += len(word)
                edges.add(end)
                if len(word) > 2 and HAN.fullmatch(word):
                    _most(weights, _WORD_MARK + word, share * _WORD)
            for run in HAN.finditer(clause):
                for at in range(run.start(), run.end()):
                    one = clause[at]
                    _most(weights, one, share * _ONE * (_LITTLE if one in little else 1.0))
                    if at + 1 == run.end():
                        continue
                    pair = clause[at : at + 2]
                    small = (pair[0] in little) + (pair[1] in little)
                    weight = _LITTLE if pair in self.names.little_pairs or small == 2 else _HALF if small else 1.0
                    _most(weights, pair, share * weight * (_ACROSS if at + 1 in edges else 1.0))
            for word in LATIN.findall(clause):
                _most(weights, word, share)
        return weights

    def _terms_of(self, word: str) -> list[tuple[str, float]]:
        """Terms of an official word with their shares; a long word gains less than its many pairs would add up to."""
        known = self._official_terms.get(word)
        if known is None:
            inside = dict.fromkeys(pairs(word))
            each = min(1.0, math.sqrt(_PAIRS / max(len(inside), 1)))
            longer = (inner for inner in self._segmenter.words(word) if len(inner) > 2)
            known = [(pair, each) for pair in inside]
            known += [(one, each * _ONE) for one in dict.fromkeys(characters(word))]
            known += [(_WORD_MARK + inner, each * _WORD) for inner in dict.fromkeys(longer)]
            self._official_terms[word] = known
        return known

    def _mended(self, text: str) -> str | None:
        """The question with stretches that are no words replaced by words of the catalogue that sound the same; None if there are none.

        Two characters are too little to go by in a long message, where any two neighbours may sound like something.
        """
        sizes = (6, 5, 4, 3, 2) if len(text) <= _TYPED else (6, 5, 4, 3)
        mended: list[str] = []
        at = 0
        beginnings = self._lexicon.beginnings
        while at < len(text):
            if beginnings.isdisjoint(hearings(text[at : at + 2])):
                mended.append(text[at])
                at += 1
                continue
            word = next((found for size in sizes if (found := self._heard_as(text[at : at + size], size))), None)
            mended.append(word or text[at])
            at += len(word) if word else 1
        whole = "".join(mended)
        return whole if whole != text else None

    def _heard_as(self, stretch: str, size: int) -> str | None:
        """The catalogue's word for what was written, if it differs in a character (in two of a long one) and is not a word itself."""
        if len(stretch) < size or not HAN.fullmatch(stretch) or self._segmenter.knows(stretch) or (size == 2 and stretch in self._known):
            return None
        if stretch in self._lexicon.words:
            return stretch
        least = size - 1 if size < 4 else size - 2
        alike = (word for heard in hearings(stretch) for word in self._lexicon.by_sound.get(heard, ()))
        return next((word for word in alike if least <= sum(a == b for a, b in zip(word, stretch, strict=True))), None)

    def _spelt(self, text: str) -> list[str]:
        """Words meant by pinyin or initials: hu zhao, huzhao, hz. At most three."""
        if HAN.search(text):
            return []
        return self._lexicon.by_spelling.get("".join(LATIN.findall(text)), [])[:3]


def _official(heard: Heard, share: float, shares: dict[str, float]) -> None:
    """What each official word behind a phrase weighs: less for an act, for a short phrase, and for words further back in the line."""
    share *= _ACT if heard.phrase.act else 1.0
    share *= _SPECIFIC[min(sum(end - start for start, end in heard.spans), len(_SPECIFIC)) - 1]
    for place, word in enumerate(heard.phrase.words):
        share *= _LATER if place else 1.0
        _most(shares, word, share)


def _most(weights: dict[str, float], term: str, weight: float) -> None:
    if weight > weights.get(term, 0.0):
        weights[term] = weight
