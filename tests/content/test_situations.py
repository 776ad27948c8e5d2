"""Options answer questions: what a resident has not been asked never takes a material off the list."""

from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from content.guides import guide
from content.situations import asked, chosen, shown
from kit.errors import Invalid
from tests.content.items import Json, make_item, make_question

AGE, REASON = make_question("age", "adult", "minor"), make_question("reason", "lost", "damaged", "changed")


def two_questions() -> Json:
    materials = [
        {"name": "表"},
        {"name": "监护人身份证", "situations": ["minor"]},
        {"name": "户口簿", "situations": ["changed"]},
        {"name": "监护人变更声明", "situations": ["minor", "changed"]},
        {"name": "旧证", "situations": ["damaged", "changed"]},
    ]
    return make_item(situations=[AGE, REASON], materials=materials)


def names(item: Json, *options: str) -> list[str]:
    return [one["name"] for one in shown(item, frozenset(options)) or []]


def test_an_answer_to_one_question_leaves_what_hangs_on_another() -> None:
    item = two_questions()
    assert names(item, "adult") == ["表", "户口簿", "旧证"]
    assert names(item, "lost") == ["表", "监护人身份证"]


def test_a_material_tied_to_two_questions_needs_both_answers_to_allow_it() -> None:
    item = two_questions()
    assert "监护人变更声明" in names(item, "minor")
    assert "监护人变更声明" in names(item, "minor", "changed")
    assert "监护人变更声明" not in names(item, "minor", "damaged")
    assert "监护人变更声明" not in names(item, "adult", "changed")


def test_why_names_the_options_that_called_for_it_and_only_if_those_still_open() -> None:
    both = {one["name"]: (one["why"], one["only_if"]) for one in shown(two_questions(), frozenset({"minor"})) or []}
    assert both == {
        "表": ([], []),
        "监护人身份证": (["[minor]"], []),
        "户口簿": ([], ["[changed]"]),
        "监护人变更声明": (["[minor]"], ["[changed]"]),
        "旧证": ([], ["[damaged]", "[changed]"]),
    }


def test_only_questions_that_would_still_shorten_the_list_are_asked() -> None:
    item = two_questions()
    assert asked(item) == ["age", "reason"]
    assert asked(item, frozenset({"adult"})) == ["reason"]
    assert asked(item, frozenset({"minor", "lost"})) == []
    only_minors = make_item(situations=[AGE, REASON], materials=[{"name": "x", "situations": ["minor", "lost"]}])
    assert asked(only_minors, frozenset({"adult"})) == [], "the material is gone, so the reason no longer matters"
    assert asked(make_item(situations=[AGE], materials=[{"name": "x", "situations": ["adult", "minor"]}])) == []
    assert asked(make_item(situations=[AGE])) == [], "materials that are not recorded are not shortened"


def test_everything_wrong_with_the_choice_is_said_at_once() -> None:
    with pytest.raises(Invalid) as caught:
        chosen(two_questions(), "adult,minor,lost,changed,who,what,who")
    assert caught.value.code == "situation_unknown"
    said = " ".join(error.message for error in caught.value.errors)
    assert len(caught.value.errors) == 4 and all(word in said for word in ("“who”", "“what”", "age", "reason"))
    with pytest.raises(Invalid) as caught:
        chosen(two_questions(), "lost,changed")
    assert caught.value.code == "situation_conflict" and "[lost]、[changed]" in caught.value.errors[0].message


def test_the_same_option_twice_and_empty_places_are_no_mistake() -> None:
    assert chosen(two_questions(), " minor,minor,, ") == {"minor"}
    assert chosen(two_questions(), None) == chosen(two_questions(), ",") == frozenset()


def test_a_tie_to_an_option_nobody_offers_hides_nothing() -> None:
    item = make_item(situations=[AGE], materials=[{"name": "x", "situations": ["gone"]}])
    assert names(item, "adult") == ["x"] and asked(item) == []


def test_what_every_answer_to_a_question_needs_does_not_hang_on_it() -> None:
    (either,) = shown(make_item(situations=[AGE], materials=[{"name": "x", "situations": ["adult", "minor"]}])) or []
    assert either["only_if"] == [] and either["why"] == []


def test_the_guide_carries_both() -> None:
    told = guide(two_questions(), "minor")
    assert told["asked"] == ["reason"]
    assert told["parts"]["materials"]["items"][1]["why"] == ["[minor]"]
    assert told["parts"]["materials"]["text"].startswith("表；监护人身份证")


@st.composite
def items(draw: st.DrawFn) -> Json:
    questions = [make_question(f"q{n}", *(f"q{n}o{m}" for m in range(draw(st.integers(1, 3))))) for n in range(draw(st.integers(0, 3)))]
    options = [option["id"] for question in questions for option in question["options"]]
    ties = st.lists(st.sampled_from(options), unique=True, max_size=4) if options else st.just([])
    materials = [{"name": f"m{n}", "situations": draw(ties)} for n in range(draw(st.integers(0, 4)))]
    return make_item(situations=questions, materials=materials)


@st.composite
def answered(draw: st.DrawFn) -> tuple[Json, dict[str, str]]:
    """An item and an answer to some of its questions."""
    item = draw(items())
    answers: dict[str, str] = {}
    for question in item["situations"]:
        one = draw(st.sampled_from([None, *(option["id"] for option in question["options"])]))
        if one is not None:
            answers[question["id"]] = one
    return item, answers


def complete_answers(item: Json, answers: dict[str, str]) -> list[frozenset[str]]:
    """Every way to answer the questions still open."""
    choices: list[Any] = [
        [answers[question["id"]]] if question["id"] in answers else [option["id"] for option in question["options"]]
        for question in item["situations"]
    ]
    return [frozenset(one) for one in product(*choices)]


@given(answered())
def test_a_material_is_shown_exactly_when_some_way_of_answering_on_needs_it(case: tuple[Json, dict[str, str]]) -> None:
    """An open list is the union of the closed ones: nothing is hidden too early, nothing kept for no reason."""
    item, answers = case
    later = {name for options in complete_answers(item, answers) for name in names(item, *options)}
    assert set(names(item, *answers.values())) == later


@given(answered())
def test_a_question_is_asked_exactly_when_one_of_its_answers_changes_the_list(case: tuple[Json, dict[str, str]]) -> None:
    item, answers = case
    now = names(item, *answers.values())
    changing = [
        question["id"]
        for question in item["situations"]
        if question["id"] not in answers and any(names(item, *answers.values(), option["id"]) != now for option in question["options"])
    ]
    assert asked(item, frozenset(answers.values())) == changing


@given(answered())
def test_answering_on_only_ever_shortens_the_list(case: tuple[Json, dict[str, str]]) -> None:
    item, answers = case
    now = names(item, *answers.values())
    for options in complete_answers(item, answers):
        left = names(item, *options)
        assert [name for name in now if name in left] == left
