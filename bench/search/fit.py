"""`python -m bench.search.fit`: fits the weights of content/certainty.py and says how good they are on questions that were left out.

    python -m bench.search.fit [--also ITEMS=QUESTIONS[,QUESTIONS…]]… [--check ITEMS=QUESTIONS[,QUESTIONS…]]…

Own questions over the own catalogue always count; `--also` adds other labelled questions over another catalogue, `--check` only reports on them.
An item of the right name is right in whichever district: the region is asked for otherwise. Every answerable question is asked a second time of a
catalogue without the items of its right names (a neighbour is then the best that can be found), at a lower weight. Deterministic: Newton's method on a ridge-regularised logistic loss, folds by a checksum of the question. Prints the weights to copy.
"""

import argparse
import json
import sys
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.figures import progress
from bench.search.engine import Item
from bench.search.questions import OWN, Question
from bench.search.questions import read as read_questions
from content import certainty, everyday
from content.everyday import EverydayNames
from content.listing import Filters
from content.search import Index
from sandbox.core_items import read as read_items

FOLDS = 5
GONE = 0.2  # weight of a question whose right items were taken away
RIDGE = 1.0
STEPS = 25
THRESHOLDS = (0.34, 0.38, 0.4, 0.42, 0.44, 0.46, 0.5, 0.6)
TURNS = Path(__file__).parents[1] / "questions" / "turns.jsonl"  # {text, names_matter}
Numbers = NDArray[np.float64]


@dataclass(slots=True)
class Asked:
    """Questions of one file as the search answered them. `right`: the best hit was a right one; `has`: there is one."""

    name: str
    measures: list[tuple[float, ...]] = field(default_factory=list)
    right: list[bool] = field(default_factory=list)
    has: list[bool] = field(default_factory=list)
    folds: list[int] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)

    def add(self, index: Index, one: Question, right: frozenset[str], weight: float) -> None:
        """`right`: names of the right items."""
        answer = index.find(one.text, Filters(), 0, 1)
        if answer.evidence is None:  # nothing found: never certain, nothing to learn
            return
        self.measures.append(answer.evidence.measures())
        self.right.append(answer.hits[0].name in right)
        self.has.append(bool(right))
        self.folds.append(zlib.crc32(one.text.encode()) % FOLDS)
        self.weights.append(weight)


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.search.fit")
    parser.add_argument("--also", action="append", default=[], help="事项文件=问题文件,问题文件：一起用来拟合")
    parser.add_argument("--check", action="append", default=[], help="事项文件=问题文件,问题文件：只报告")
    given = parser.parse_args()
    names = everyday.read([everyday.BUILT_IN])
    pairs = [pair.partition("=") for pair in given.also]
    sources = [(None, [OWN]), *((Path(items), [Path(one) for one in files.split(",")]) for items, _, files in pairs)]
    learnt = [one for items, files in sources for one in _learnt(read_items(items), files, names)]
    left_out = _left_out(learnt)
    weights = _fitted(*_stacked(learnt))
    print("CERTAINTY =", _rounded(weights))
    _table("left out, cross-validated", [one for one in learnt if any(one.has)], left_out)
    progress(f"  without their items, certain at {certainty.CERTAIN}: " + _gone(learnt, left_out))
    for pair in given.check:
        items, _, files = pair.partition("=")
        catalogue = read_items(Path(items))
        index = Index(catalogue, 1, names)
        checked = [_answered(index, Path(one), _called(catalogue)) for one in files.split(",")]
        _table("only checked", checked, {one.name: _chance(np.array(one.measures), weights) for one in checked})
    _matter([Index(read_items(items), 1, names) for items, _ in sources])
    return 0


def _learnt(items: list[Item], files: Sequence[Path], names: EverydayNames) -> list[Asked]:
    whole = Index(items, 1, names)
    called = _called(items)
    found = []
    for file in files:
        questions = [one for one in read_questions(file) if one.codes]
        gone = Asked(f"{file.stem} without its items")
        for fold in range(FOLDS):
            part = questions[fold::FOLDS]
            taken = frozenset(called.get(code) for one in part for code in one.codes)
            index = Index([item for item in items if item["name"] not in taken], 1, names)
            for one in part:
                gone.add(index, one, frozenset(), GONE)
        found += [_answered(whole, file, called), gone]
    return found


def _answered(index: Index, file: Path, called: Mapping[str, str]) -> Asked:
    asked = Asked(file.stem)
    for one in read_questions(file):
        asked.add(index, one, frozenset(called.get(code, code) for code in one.codes), 1.0)
    return asked


def _called(items: Sequence[Item]) -> dict[str, str]:
    """Name of each item by its code."""
    return {item["code"]: item["name"] for item in items}


def _stacked(asked: Sequence[Asked]) -> tuple[Numbers, Numbers, Numbers]:
    measures = np.array([row for one in asked for row in one.measures], dtype=float)
    return measures, np.array([right for one in asked for right in one.right], dtype=float), np.array([w for one in asked for w in one.weights])


def _left_out(asked: Sequence[Asked]) -> dict[str, Numbers]:
    """Of every question, the certainty by weights that were fitted without its fold."""
    measures, right, weights = _stacked(asked)
    folds = np.array([fold for one in asked for fold in one.folds])
    chances = np.zeros(len(right))
    for fold in range(FOLDS):
        rest = folds != fold
        chances[~rest] = _chance(measures[~rest], _fitted(measures[rest], right[rest], weights[rest]))
    ends = np.cumsum([len(one.right) for one in asked])[:-1]
    return {one.name: part for one, part in zip(asked, np.split(chances, ends), strict=True)}


def _fitted(measures: Numbers, right: Numbers, weights: Numbers) -> Numbers:
    """Weights of the measures as they are, the constant last."""
    mean, spread = measures.mean(0), measures.std(0) + 1e-9
    rows = np.hstack([(measures - mean) / spread, np.ones((len(measures), 1))])
    ridge = np.diag([RIDGE] * measures.shape[1] + [0.0])
    found = np.zeros(rows.shape[1])
    for _ in range(STEPS):
        chance = 1 / (1 + np.exp(-rows @ found))
        slope = rows.T @ (weights * (right - chance)) - ridge @ found
        found += np.linalg.solve((rows * (weights * chance * (1 - chance))[:, None]).T @ rows + ridge, slope)
    plain = found[:-1] / spread
    return np.append(plain, found[-1] - plain @ mean)


def _chance(measures: Numbers, weights: Numbers) -> Numbers:
    return np.asarray(1 / (1 + np.exp(-(measures @ weights[:-1] + weights[-1]))))


def _table(title: str, asked: Sequence[Asked], chances: dict[str, Numbers]) -> None:
    """A line a threshold: certain and right of those with an item, certain and wrong of them, certain of those without."""
    progress(f"\n{title}: certain and right / certain and wrong / of all with an item; certain of all without")
    for threshold in THRESHOLDS:
        cells = []
        for one in asked:
            sure, right, has = chances[one.name] >= threshold, np.array(one.right), np.array(one.has)
            cells.append(f"{one.name}: {(sure & right).sum()}/{(sure & has & ~right).sum()}/{has.sum()}; {(sure & ~has).sum()}/{(~has).sum()}")
        progress(f"  {threshold:.2f}  " + "   ".join(cells))


def _gone(asked: Sequence[Asked], chances: dict[str, Numbers]) -> str:
    return "  ".join(f"{one.name}: {(chances[one.name] >= certainty.CERTAIN).sum()}/{len(one.has)}" for one in asked if not any(one.has))


def _matter(indexes: Sequence[Index]) -> None:
    """Weights of `topical`: own questions and full turns name a matter in any catalogue, follow-ups do not."""
    turns = [json.loads(line) for line in TURNS.read_text(encoding="utf-8").splitlines()]
    texts = [(one["text"], one["names_matter"]) for one in turns] + [(one.text, True) for one in read_questions(OWN)]
    measures = np.array([index.find(text, Filters(), 0, 1).matter for index in indexes for text, _ in texts])
    named = np.array([names_matter for _ in indexes for _, names_matter in texts], dtype=float)
    share = named.mean()
    weights = _fitted(measures, named, np.where(named > 0, 0.5 / share, 0.5 / (1 - share)))
    print("MATTER =", _rounded(weights))
    said = _chance(measures, weights) >= certainty.TOPICAL
    progress(
        f"  names a matter: {(said & (named > 0)).sum()}/{int(named.sum())} of full questions, {(said & (named == 0)).sum()}/{int((named == 0).sum())} of follow-ups"
    )


def _rounded(weights: Numbers) -> str:
    return "(" + ", ".join(f"{one:.3g}" for one in weights) + ")"


if __name__ == "__main__":
    sys.exit(main())
