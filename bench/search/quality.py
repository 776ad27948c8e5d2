"""How often the right item is first, among the first five, and how far down otherwise; and who says so when there is none."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby

from bench.figures import progress, report
from bench.search.engine import Build, Engine, Item
from bench.search.questions import Question

DEPTH = 10  # answers looked at; beyond them a right one counts nothing
AIMS = {
    "search_hit1_dev_questions": 0.80,
    "search_hit5_dev_questions": 0.93,
    "search_hit1_real_questions_dev": 0.50,
    "search_hit5_real_questions_dev": 0.80,
}


@dataclass(frozen=True, slots=True)
class Asked:
    """One question to one engine. `rank`: 1 for the first place, 0 when no right item is among the first ten."""

    style: str
    has_item: bool
    rank: int
    sure: bool


def ask(engine: Engine, questions: list[Question]) -> list[Asked]:
    asked = []
    for one in questions:
        answer = engine.find(one.text, DEPTH)
        rank = next((place for place, code in enumerate(answer.codes[:DEPTH], 1) if code in one.codes), 0)
        asked.append(Asked(one.style, bool(one.codes), rank, answer.sure))
    return asked


def hit(asked: list[Asked], within: int) -> float:
    """Share of questions with a right item among the first `within`."""
    return sum(0 < one.rank <= within for one in asked) / len(asked)


def mrr(asked: list[Asked]) -> float:
    return sum(1 / one.rank for one in asked if one.rank) / len(asked)


def measure(items: list[Item], files: Mapping[str, list[Question]], builds: Mapping[str, Build]) -> None:
    """`files`: questions by the stem of their file. `builds`: "ours" and the peers. One engine after another, each over the same items and questions."""
    answers: dict[str, dict[str, list[Asked]]] = {stem: {} for stem in files}
    for name, build in builds.items():
        started = time.perf_counter()
        engine = build(items)
        try:
            for stem, questions in files.items():
                answers[stem][name] = ask(engine, questions)
        finally:
            engine.close()
        progress(f"  {name}：{time.perf_counter() - started:.1f} s")
    for stem, by_engine in answers.items():
        _report(stem, by_engine)
    for stem, by_engine in answers.items():
        _table(stem, by_engine)


def _report(stem: str, by_engine: Mapping[str, list[Asked]]) -> None:
    with_item = {name: [one for one in asked if one.has_item] for name, asked in by_engine.items()}
    mine, peers = with_item["ours"], {name: asked for name, asked in with_item.items() if name != "ours"}
    if mine:
        for name, within in (("hit1", 1), ("hit5", 5)):
            figure = f"search_{name}_{stem}"
            _share(figure, hit(mine, within), _best({peer: hit(asked, within) for peer, asked in peers.items()}), len(mine))
            for peer, asked in peers.items():
                _share(f"{figure}__{peer}", hit(asked, within), f"ours {hit(mine, within):.3f}", len(asked))
        _share(f"search_mrr_{stem}", mrr(mine), _best({peer: mrr(asked) for peer, asked in peers.items()}), len(mine), f"1/rank, first {DEPTH}")
        for style, of_style in _styles(mine).items():
            theirs = {peer: hit(_styles(asked)[style], 1) for peer, asked in peers.items()}
            _share(f"search_hit1_{stem}_{style}", hit(of_style, 1), _best(theirs), len(of_style))
        _share(f"search_sure_{stem}", sum(one.sure for one in mine) / len(mine), "questions that have an item", len(mine))
    none = [one for one in by_engine["ours"] if not one.has_item]
    if none:
        _share(f"search_says_none_{stem}", sum(not one.sure for one in none) / len(none), "questions without an item", len(none))


def _share(name: str, value: float, baseline: str, n: int, unit: str = "share") -> None:
    report(name, value, unit, "higher", AIMS.get(name), baseline, n)


def _best(peers: Mapping[str, float]) -> str:
    name = max(peers, key=lambda one: peers[one])
    return f"best peer {name} {peers[name]:.3f}"


def _styles(asked: list[Asked]) -> dict[str, list[Asked]]:
    ordered = sorted(asked, key=lambda one: one.style)
    return {style: list(group) for style, group in groupby(ordered, key=lambda one: one.style)}


def _table(stem: str, by_engine: Mapping[str, list[Asked]]) -> None:
    """For people, on stderr: an engine a line; hit@1 of each style beside the whole."""
    with_item = {name: [one for one in asked if one.has_item] for name, asked in by_engine.items()}
    without = sum(not one.has_item for one in by_engine["ours"])
    progress(f"\n{stem}: {len(with_item['ours'])} questions with an item, {without} without")
    if not with_item["ours"]:
        return
    styles = {style: len(group) for style, group in _styles(with_item["ours"]).items()}
    progress(f"{'':14}{'hit@1':>7}{'hit@5':>7}{'mrr':>7}   hit@1: " + "  ".join(f"{style} ({n})" for style, n in styles.items()))
    for name, asked in with_item.items():
        of_style = "  ".join(f"{hit(group, 1):>{len(f'{style} ({styles[style]})')}.3f}" for style, group in _styles(asked).items())
        progress(f"{name:14}{hit(asked, 1):7.3f}{hit(asked, 5):7.3f}{mrr(asked):7.3f}          {of_style}")
