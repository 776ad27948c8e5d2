"""How certain a best hit is, and whether a question names a matter: what the assistant answers by."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from content import everyday
from content.certainty import CERTAIN, CERTAINTY, MATTER, TOPICAL, Evidence, certainty, kinds, topical
from content.listing import Filters
from content.search import Answer, Index
from core.types import Item
from sandbox.core_items import read
from tests.content.items import make_item

TURNS = Path(__file__).parents[2] / "bench" / "questions" / "turns.jsonl"
NAMES = everyday.read([everyday.BUILT_IN])
GOOD = Evidence(2.5, 0.4, 0.8, 0, 0.0, False, False, False)


@pytest.fixture(scope="module")
def own() -> Index:
    return Index([Item.model_validate(item).model_dump(mode="json") for item in read(None)], 1, NAMES)


@pytest.fixture(scope="module")
def progress_only() -> Index:
    """A city that offers an ID card's progress and not the card, and the residence permit itself."""
    items = [make_item("P", name="居民身份证办理进度查询"), make_item("R", name="居住证签注"), make_item("F", name="户外广告设置审批")]
    return Index(items, 1, NAMES)


def ask(index: Index, question: str) -> Answer:
    return index.find(question, Filters(), 0, 3)


def test_the_exact_name_of_an_item_is_certain(own: Index) -> None:
    for entry in own.listing.entries:
        answer = ask(own, entry.name)
        assert answer.hits[0].name == entry.name and answer.certainty >= CERTAIN, entry.name


@pytest.mark.parametrize("question", ["身份證丟了怎麼補", "护照要带什么", "居住证怎么办", "低保怎么申请", "老人优待证去哪里领"])
def test_a_plain_question_about_an_item_is_certain(own: Index, question: str) -> None:
    assert ask(own, question).certainty >= CERTAIN


@pytest.mark.parametrize("question", ["你好", "谢谢你", "今天天气怎么样", "讲个笑话", "asdf qwer", "一加一等于几", "那要多久", "要带什么"])
def test_greetings_small_talk_and_nonsense_are_certain_of_nothing_and_name_no_matter(own: Index, question: str) -> None:
    answer = ask(own, question)
    assert answer.certainty < CERTAIN and answer.topical < TOPICAL


@pytest.mark.parametrize("question", ["船员适任证书怎么考", "想给无人机登记", "边境通行证在哪办", "坟地怎么买", "彩票中奖怎么兑"])
def test_another_matter_is_not_certain(own: Index, question: str) -> None:
    assert ask(own, question).certainty < CERTAIN


def test_an_item_that_tells_progress_answers_only_who_asks_for_it(progress_only: Index) -> None:
    answer = ask(progress_only, "身份证丢了去哪里补")
    assert answer.hits[0].code == "P" and answer.certainty < CERTAIN
    asked = ask(progress_only, "居民身份证办理进度怎么查询")
    assert asked.hits[0].code == "P" and asked.certainty >= CERTAIN


def test_without_a_question_or_a_hit_nothing_is_certain(own: Index) -> None:
    for question in ("", "😀", "?!"):
        answer = ask(own, question)
        assert (answer.certainty, answer.topical >= TOPICAL) == (0.0, False)


@pytest.mark.parametrize(
    "speaks_against", [{"conflict": True}, {"only_progress": True}, {"only_looked_up": True}, {"missing": 6}, {"elsewhere": 0.5}]
)
def test_what_speaks_against_a_hit_lowers_it(speaks_against: dict[str, float]) -> None:
    assert certainty(replace(GOOD, **speaks_against)) < certainty(GOOD)  # type: ignore[arg-type]


def test_what_speaks_for_a_hit_raises_it_and_everything_stays_between_0_and_1() -> None:
    poor = Evidence(-2.0, 0.0, 0.0, 8, 1.0, True, True, True)
    steps = [
        Evidence(score, lead, covered, 0, 0.0, False, False, False)
        for score, lead, covered in ((0, 0, 0.3), (1, 0, 0.3), (1, 0.3, 0.3), (1, 0.3, 0.7))
    ]
    values = [certainty(one) for one in (poor, *steps, GOOD)]
    assert values == sorted(set(values)) and 0 < values[0] and values[-1] < 1
    assert len(CERTAINTY) == len(GOOD.measures()) + 1 and 0 < topical((0, 0)) < TOPICAL < topical((5, 4)) < 1 and len(MATTER) == 3


def test_words_for_the_same_act_are_of_one_kind() -> None:
    assert kinds(("居民身份证补领",)) == kinds(("补办",)) and kinds(("补领",)).isdisjoint(kinds(("换领",))) and kinds(("居住证",)) == frozenset()


def test_follow_ups_are_told_from_questions_that_name_a_matter(own: Index) -> None:
    turns = [json.loads(line) for line in TURNS.read_text(encoding="utf-8").splitlines()]
    for names_matter, least in ((False, 0.9), (True, 0.9)):
        texts = [one["text"] for one in turns if one["names_matter"] is names_matter]
        right = [text for text in texts if (ask(own, text).topical >= TOPICAL) is names_matter]
        assert len(texts) >= 40 and len(right) >= least * len(texts), sorted(set(texts) - set(right))


_CHILD = """
import json, sys
from tests.content.test_certainty import NAMES, ask, read, Index, Item
items = [Item.model_validate(item).model_dump(mode="json") for item in read(None)]
index = Index(items[::-1], 1, NAMES)
print(json.dumps([[ask(index, text).certainty, ask(index, text).topical] for text in json.load(sys.stdin)]))
"""


def test_neither_the_process_nor_the_order_of_items_and_questions_matters(own: Index) -> None:
    questions = ["办证要什么材料", "孩子出生", "身份证丢了", "想开个小饭馆", "公积金怎么取"]
    here = {text: [ask(own, text).certainty, ask(own, text).topical] for text in questions}
    for seed, order in (("1", questions), ("77", questions[::-1])):
        done = subprocess.run(
            [sys.executable, "-c", _CHILD],
            input=json.dumps(order),
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert json.loads(done.stdout.splitlines()[-1]) == [here[text] for text in order]
