"""The assistant's sentences: enough of them, each once, none made by a template, none from the questions that are measured, and only names the actions know."""

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PROJECT = ROOT / "bot" / "rasa"
ASKS = {"materials", "fee", "time_limit", "location", "process", "conditions", "progress", "contact", "visits", "delivery", "overview"}
OTHERS = {"greet", "thanks", "goodbye", "human", "payment", "complaint", "out_of_scope", "affirm", "deny"}
ASKING_BACK = {"action_default_ask_affirmation", "action_default_ask_rephrase", "action_default_fallback"}
ACTIONS = {"action_guide", "action_progress", "action_payment", "action_human", "action_complaint", "action_small_talk"} | ASKING_BACK
_NOT_WORDS = re.compile(r"[\W_]+")
_OFFICIAL = re.compile(r"[\s()、,/]+")
_EVERYDAY = re.compile(r"[,/+]")
_ASKING = re.compile("[吗呢么嘛啥咋哪几谁办领交补换寄跑]|怎|多少|多久|何时|时候|如何|是否|能|可以|要|有没有|材料|手续|流程|条件|费|电话|进度")


def written(text: str) -> str:
    """What is left of a sentence when spaces and marks do not count."""
    folded = unicodedata.normalize("NFKC", text).lower()
    return _NOT_WORDS.sub("", folded) or folded


def sentences(folder: Path) -> Iterator[tuple[str, str]]:
    """(intent, sentence)"""
    for file in sorted(folder.glob("*.yml")):
        for block in yaml.safe_load(file.read_text(encoding="utf-8"))["nlu"]:
            for line in block["examples"].splitlines():
                yield block["intent"], line.removeprefix("- ")


def matter_words() -> frozenset[str]:
    """Names in the table of everyday names that say nothing about how one asks."""
    found: set[str] = set()
    for file in sorted((ROOT / "content/defaults/everyday").glob("*.txt")):
        for line in unicodedata.normalize("NFKC", file.read_text(encoding="utf-8")).lower().splitlines():
            official, arrow, everyday = line.partition("<")
            if arrow and line[0] not in "#*":
                found.update(one.strip() for one in _OFFICIAL.split(official) + _EVERYDAY.split(everyday))
    return frozenset(word for word in found if 2 <= len(word) <= 8 and not _ASKING.search(word))


def template(text: str, matters: frozenset[str]) -> str:
    """A sentence with every matter, longest first, replaced by #. Empty for a bare name: it asks in no way at all."""
    text, out, at = written(text), "", 0
    while at < len(text):
        size = next((n for n in range(8, 1, -1) if text[at : at + n] in matters), 0)
        out += ("" if out.endswith("#") else "#") if size else text[at]
        at += size or 1
    return "" if out == "#" else out


def repeated_templates(rows: list[tuple[str, str]], matters: frozenset[str]) -> dict[str, int]:
    counted = Counter(template(text, matters) for _, text in rows)
    return {one: count for one, count in counted.items() if one and count > 3}


@pytest.fixture(scope="module")
def rows() -> list[tuple[str, str]]:
    return list(sentences(PROJECT / "data/nlu"))


@pytest.fixture(scope="module")
def domain() -> dict[str, Any]:
    return dict(yaml.safe_load((PROJECT / "domain.yml").read_text(encoding="utf-8")))


def test_there_are_enough_sentences_and_none_stands_twice(rows: list[tuple[str, str]]) -> None:
    twice = [text for text, count in Counter(written(text) for _, text in rows).items() if count > 1]
    assert twice == []
    assert len(rows) >= 1500


def test_every_intent_has_forty_sentences_and_no_other_is_trained(rows: list[tuple[str, str]]) -> None:
    counted = Counter(intent for intent, _ in rows)
    assert set(counted) == ASKS | OTHERS
    assert {intent: count for intent, count in counted.items() if count < 40} == {}


def test_no_more_than_three_sentences_share_a_template(rows: list[tuple[str, str]]) -> None:
    assert repeated_templates(rows, matter_words()) == {}


def test_a_template_multiplied_by_names_is_seen() -> None:
    matters = frozenset({"护照", "居住证", "身份证", "驾驶证"})
    asked = [("fee", f"办{name}要花多少钱？") for name in sorted(matters)]
    assert repeated_templates(asked, matters) == {"办#要花多少钱": 4}
    assert repeated_templates(asked[:3] + [("overview", name) for name in matters], matters) == {}


def test_none_is_a_question_that_is_measured(rows: list[tuple[str, str]]) -> None:
    measured: set[str] = set()
    for file in (ROOT / "bench/questions").glob("*.jsonl"):
        for line in file.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            asked = [row, *(turn for turn in row.get("turns", []) if isinstance(turn, dict))]
            measured.update(written(one["text"]) for one in asked if "text" in one)
            measured.update(written(one) for one in row.get("turns", []) if isinstance(one, str))
    assert len(measured) > 100
    assert [text for _, text in rows if written(text) in measured] == []


def test_the_domain_has_the_names_the_actions_know(domain: dict[str, Any]) -> None:
    assert set(domain["intents"]) == ASKS | OTHERS
    assert set(domain["actions"]) == ACTIONS
    assert set(domain["slots"]) == {"item", "region", "part", "options"}


def test_every_intent_and_every_doubt_has_one_rule(domain: dict[str, Any]) -> None:
    rules = [rule["steps"] for rule in yaml.safe_load((PROJECT / "data/rules.yml").read_text(encoding="utf-8"))["rules"]]
    led = [(steps[0]["intent"], steps[1]["action"]) for steps in rules if len(steps) == 2]
    assert len(led) == len(rules)
    assert sorted(intent for intent, _ in led) == sorted([*domain["intents"], "nlu_fallback"])
    assert {action for _, action in led} == ACTIONS - ASKING_BACK
