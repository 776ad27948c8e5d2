"""How certain it is that the best hit is what was asked, and whether a question names a matter at all. Pure; fitted by bench/search/fit.py.

Both are logistic functions of a few measures that hold for any catalogue; docs/decisions/0018 has the figures and what was tried.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from content.asked import Asked
from content.explained import Explained, Question

CERTAIN = 0.42  # from here on the best hit may be given as the answer; below, the nearest are offered
TOPICAL = (
    0.28  # from here on a question names a matter; below, it goes on with the one before. Low, as answering about the wrong matter is the worse slip
)
_RIVAL = 0.4  # by this share of its score a clear winner leads
_LONGEST = 8  # characters of a phrase; longer ones say no more
_THING, _RARE = 5, 4.0  # characters of a thing, and rarity of words, that are enough to name a matter

# Kinds of act, each with the words for it in names of items and in the table of everyday names.
_KINDS = (
    ("首次", "初次", "新办", "设立", "开办"),
    ("补领", "补办", "补发", "补证", "遗失", "挂失"),
    ("换领", "换发", "换证"),
    ("延续", "延期", "续期", "延长"),
    ("变更", "更正", "更换"),
    ("注销", "撤销", "终止"),
    ("迁入", "转入", "接收"),
    ("迁出", "转出"),
    ("转移", "迁移", "过户", "接续"),
    ("停业", "歇业"),
    ("恢复", "复业"),
    ("再次", "复查", "重新"),
    ("投诉", "举报"),
    ("退费", "退款"),
    ("公证",),
    ("查询",),
    ("预约",),
    ("进度",),
)
_LOOKED_UP = frozenset({len(_KINDS) - 3, len(_KINDS) - 2})
_PROGRESS = len(_KINDS) - 1


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for and against the best hit."""

    score: float  # log of its score in units of the rarest word's rarity: -2 to 5
    lead: float  # over the best hit of another name, share of the score, 0 to 0.4
    covered: float  # root of the share of a name that was asked for, 0 to 1
    missing: float  # characters of the longest phrase for a thing that did not lead here, 0 to 8
    elsewhere: float  # share of the question that names things and that this item leaves unexplained, 0 to 1
    conflict: bool  # an act was asked for, the item is for another
    only_progress: bool  # the item tells how far something is, which was not asked
    only_looked_up: bool  # the item looks up or books something, which was not asked

    def measures(self) -> tuple[float, ...]:
        return (self.score, self.lead, self.covered, self.missing, self.elsewhere, self.conflict, self.only_progress, self.only_looked_up)


# In the order of Evidence; the constant last. From `python -m bench.search.fit`.
CERTAINTY = (1.1, 6.38, 3.78, -0.222, -1.96, -1.36, -5.17, -0.596, -6.34)
# In the order of `matter`; the constant last. From the same.
MATTER = (1.65, 2.2, -4.15)


def evidence(
    asked: Asked, question: Question, names: Sequence[str], explained: Explained, covered: float, scores: tuple[float, float, float]
) -> Evidence:
    """`names`, `explained`, `covered`: of the best hit. `scores`: its own, of the best with another name, and the rarity of a word that no name has."""
    score, rival, rarest = max(scores[0], 1e-6), scores[1], scores[2]
    missing, elsewhere = question.left(explained)
    wanted = [kinds(one.phrase.words) for one in asked.heard if one.phrase.act]
    wanted = [one for one in (*wanted, *(frozenset({kind}) for kind in _in_text(asked.meant))) if one]
    own, known = kinds((names[0],)), kinds(tuple(names))
    unasked = own.difference(*wanted)
    return Evidence(
        score=math.log(score / rarest),
        lead=min(1 - rival / score, _RIVAL),
        covered=round(math.sqrt(covered), 4),  # summed over a set, whose order differs from process to process
        missing=min(missing, _LONGEST),
        elsewhere=elsewhere,
        conflict=bool(own) and bool(wanted) and all(known.isdisjoint(one) for one in wanted),
        only_progress=_PROGRESS in unasked,
        only_looked_up=not unasked.isdisjoint(_LOOKED_UP),
    )


def certainty(seen: Evidence) -> float:
    """0 to 1: how often a best hit with this evidence was what was asked, among the questions it was fitted on."""
    return _logistic(seen.measures(), CERTAINTY)


def matter(question: Question, rarities: Mapping[str, float], rarest: float) -> tuple[float, ...]:
    """What of the question names a matter, by the rarities of all pairs in names; each up to what is enough.

    Characters of the longest phrase for a thing, rarity of the known words in units of the rarest.
    """
    longest, known = question.named(rarities)
    return min(longest, _THING), min(known / rarest, _RARE)


def topical(measures: Sequence[float]) -> float:
    """0 to 1: whether a question with these measures names a matter (身份证要多久) or goes on with the one before (那要多久)."""
    return _logistic(measures, MATTER)


@lru_cache(maxsize=20_000)
def kinds(texts: tuple[str, ...]) -> frozenset[int]:
    """Kinds of act that stand in any of the texts."""
    return frozenset(kind for text in texts for kind in _in_text(text))


def _in_text(text: str) -> Iterable[int]:
    return (kind for kind, words in enumerate(_KINDS) if any(word in text for word in words))


def _logistic(measures: Sequence[float], weights: Sequence[float]) -> float:
    total = weights[-1] + sum(weight * measure for weight, measure in zip(weights, measures, strict=False))
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, total))))
