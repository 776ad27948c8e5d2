"""The search bench measures what it says: grown catalogues are repeatable, own questions are sound, figures have their names."""

import json
from pathlib import Path
from typing import Any

import pytest

from bench.search import ours, quality
from bench.search.engine import Answer, Build
from bench.search.grown import COUNTIES, divisions, grow
from bench.search.questions import OWN, BadQuestions, Question, read, rounds, warming
from sandbox import core_items

STYLES = {"plain", "colloquial", "traditional", "typo", "short", "long", "elderly", "other"}
ASKS = {"materials", "fee", "time_limit", "location", "process", "conditions", "contact", "visits", "delivery", "progress", "overview"}


def make_item(code: str, name: str = "事项", department: str = "临江市教育局", **fields: Any) -> dict[str, Any]:
    base = {"code": code, "name": name, "department": {"name": department, "code": "D"}, "region": {"code": "990100", "name": "临江市"}}
    return {"short_name": None, "everyday_names": [], "catalogue_name": None, "themes": [], "audience": [], "materials": None, **base, **fields}


def written(path: Path, *rows: object) -> Path:
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    return path


def test_a_grown_catalogue_is_the_same_each_time_and_no_code_comes_twice() -> None:
    items = core_items.read(None)
    grown = grow(items, 5000)
    assert grown == grow(items, 5000) and grown != grow(items, 5000, seed=2)
    assert len(grown) == len({one["code"] for one in grown}) == 5000
    assert grown[: len(items)] == items and max(len(one["code"]) for one in grown) <= 64
    names = {one["name"] for one in items}
    assert 0.8 < sum(one["name"] in names for one in grown) / 5000 < 0.95


def test_a_copy_stands_at_another_place_with_that_places_department() -> None:
    place = divisions(1)[0]
    original, copy = grow([make_item("A", department="国家税务总局临江市税务局")], 2)
    assert original["region"]["code"] == "990100" and original["department"]["name"] == "国家税务总局临江市税务局"
    assert (copy["code"], copy["region"]["name"], copy["department"]["name"]) == (
        f"A-{place.code}",
        place.full_name,
        f"国家税务总局{place.name}税务局",
    )


def test_divisions_are_unique_and_their_end_is_told() -> None:
    places = divisions(1)
    assert len({one.code for one in places}) == len({one.full_name for one in places}) == len(places)
    assert {len(one.code) for one in places[:COUNTIES]} == {6} and not any(one.code.startswith("990100") for one in places)
    with pytest.raises(ValueError, match="make no"):
        grow([make_item("A")], len(places) + 2)
    assert grow([make_item("A"), make_item("B")], 1) == [make_item("A")]


def test_our_own_questions_name_items_that_exist_and_are_of_known_kinds() -> None:
    codes = {one["code"] for one in core_items.read(None)}
    rows = [json.loads(line) for line in OWN.read_text(encoding="utf-8").splitlines()]
    assert [row["id"] for row in rows] == [f"own-{number:03}" for number in range(1, len(rows) + 1)]
    assert len({row["text"] for row in rows}) == len(rows)
    for row in rows:
        assert set(row["codes"]) <= codes and row["answerable"] is bool(row["codes"]), row["id"]
        assert row["style"] in STYLES and row["ask"] in ASKS, row["id"]
    assert {code for row in rows for code in row["codes"]} == codes
    assert sum(row["answerable"] for row in rows) >= 180 and sum(not row["answerable"] for row in rows) >= 30


def test_second_turns_are_left_out_and_a_bad_line_is_named(tmp_path: Path) -> None:
    file = written(
        tmp_path / "q.jsonl", {"text": "一", "codes": ["A"], "turn": 1}, {"text": "二", "codes": ["A"], "turn": 2}, {"text": "三", "codes": []}
    )
    assert read(file) == [Question("一", frozenset({"A"}), "none"), Question("三", frozenset(), "none")]
    bad_rows: tuple[object, ...] = ({"text": "一"}, {"text": 1, "codes": []}, {"text": "一", "codes": [1]}, [])
    for bad in bad_rows:
        with pytest.raises(BadQuestions, match="第 2 行"):
            read(written(file, {"text": "一", "codes": []}, bad))
    with pytest.raises(BadQuestions):
        read(tmp_path / "none.jsonl")


def test_no_question_is_timed_twice_in_the_same_words() -> None:
    texts = ["身份证{}", "护照"]
    asked = warming(texts) + rounds(texts)
    assert len(asked) == len(set(asked)) == 8 and all(any(text in one for text in texts) for one in asked)


class Fixed:
    """Answers every question the same."""

    def __init__(self, *codes: str, sure: bool = True) -> None:
        self._answer = Answer(codes, sure)

    def find(self, text: str, limit: int) -> Answer:
        return self._answer

    def close(self) -> None:
        pass


def test_only_the_best_right_answer_counts() -> None:
    questions = [Question("一", frozenset({"C", "B"}), "plain"), Question("二", frozenset({"Z"}), "plain"), Question("三", frozenset(), "plain")]
    first, second, third = quality.ask(Fixed("A", "B", "C"), questions)
    assert (first.rank, second.rank, third.rank, third.has_item) == (2, 0, 0, False)
    assert (quality.hit([first, second], 1), quality.hit([first, second], 5), quality.mrr([first, second])) == (0.0, 0.5, 0.25)
    assert not any(one.sure for one in quality.ask(Fixed(sure=False), questions))


def test_figures_have_the_names_that_aims_and_readers_know(capsys: pytest.CaptureFixture[str]) -> None:
    builds: dict[str, Build] = {"ours": ours.build, "right": lambda _: Fixed("A"), "wrong": lambda _: Fixed("B")}
    asked = [Question("身份证", frozenset({"A"}), "plain"), Question("钓鱼", frozenset(), "other")]
    quality.measure([make_item("A", "居民身份证补领"), make_item("B", "护照")], {"dev_questions": asked}, builds)
    out, err = capsys.readouterr()
    figures = {row["name"]: row for row in map(json.loads, out.splitlines())}
    assert set(figures) == {
        "search_hit1_dev_questions",
        "search_hit1_dev_questions__right",
        "search_hit1_dev_questions__wrong",
        "search_hit5_dev_questions",
        "search_hit5_dev_questions__right",
        "search_hit5_dev_questions__wrong",
        "search_mrr_dev_questions",
        "search_hit1_dev_questions_plain",
        "search_sure_dev_questions",
        "search_says_none_dev_questions",
    }
    hit1 = figures["search_hit1_dev_questions"]
    assert (hit1["value"], hit1["aim"], hit1["baseline"], hit1["n"]) == (1.0, 0.8, "best peer right 1.000", 1)
    assert figures["search_hit1_dev_questions__wrong"]["value"] == 0.0
    assert "dev_questions: 1 questions with an item, 1 without" in err
