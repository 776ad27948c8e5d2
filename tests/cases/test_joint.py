"""One form out of several: what two items ask for is asked once, and each gets its own share of the answers under its own names."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cases.forms import Checks, fields
from cases.joint import common_path, merged, new_project_code, own_materials, share


def make_form(**properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


NAME = {"type": "string", "title": "申请人姓名", "x-prefill": "name"}


def test_the_same_thing_is_asked_once_whatever_it_is_called() -> None:
    one = make_form(name=NAME, address={"type": "string", "title": "联系地址"})
    other = make_form(applicant={**NAME, "title": "姓名"}, addr={"type": "string", "title": " 联系地址 ", "maxLength": 10})
    made = merged("一起办", [one, other])
    assert made.form is not None and list(made.form["properties"]) == ["name", "address"]
    assert made.names == ({"name": "name", "address": "address"}, {"applicant": "name", "addr": "address"})
    assert made.form["properties"]["address"]["allOf"] == [{"type": "string", "maxLength": 10}]
    assert share({"name": "王", "address": "和平路"}, made.names[1], other) == {"applicant": "王", "addr": "和平路"}


def test_fields_of_one_name_and_another_meaning_stay_apart() -> None:
    one = make_form(reason={"type": "string", "title": "换证原因", "enum": ["a"]})
    other = make_form(reason={"type": "string", "title": "换证原因", "enum": ["b"]})
    made = merged("一起办", [one, other])
    assert made.form is not None and list(made.form["properties"]) == ["reason", "reason_2"]
    assert common_path("answers.reason.0", made.names[1]) == "answers.reason_2.0"


def test_two_fields_of_one_item_never_become_one() -> None:
    twins = make_form(a={"type": "string", "title": "电话"}, b={"type": "string", "title": "电话"})
    made = merged("一起办", [twins, make_form(a={"type": "string", "title": "电话"})])
    assert made.names == ({"a": "a", "b": "b"}, {"a": "a"})


def test_conditions_follow_the_names_and_definitions_do_not_meet() -> None:
    branch = {"if": {"properties": {"way": {"const": "post"}}}, "then": {"required": ["way", "address"]}}
    one = make_form(way={"type": "string", "title": "乙"})
    other = {**make_form(way={"$ref": "#/$defs/way"}), "$defs": {"way": {"type": "string", "title": "领取方式"}}, **branch}
    third = {**make_form(x={"$ref": "#/$defs/way"}), "$defs": {"way": {"type": "integer", "title": "数"}}}
    made = merged("一起办", [one, other, third])
    assert made.form is not None
    assert made.form["allOf"] == [{"if": {"properties": {"way_2": {"const": "post"}}}, "then": {"required": ["way_2", "address"]}}]
    assert {fields(made.form)[name]["title"] for name in ("way", "way_2", "x")} == {"乙", "领取方式", "数"}
    assert [one.field for one in Checks().problems("J", 1, made.form, {"way": "1", "way_2": "post", "x": "1"})] == ["answers.address", "answers.x"]


def test_items_without_a_form_take_part() -> None:
    made = merged("一起办", [None, make_form(name=NAME)])
    assert made.names == ({}, {"name": "name"}) and merged("一起办", [None, None]).form is None
    assert share({"name": "王"}, {}, None) == {}


def test_a_paper_goes_to_every_item_under_its_own_name() -> None:
    handed: list[dict[str, Any]] = [{"name": "居民身份证", "hand_in": "online", "files": ["f1"]}, {"name": "别的", "hand_in": "window"}]
    own = own_materials(handed, {"居民身份证": ["身份证原件及复印件"]})
    assert own == [{"name": "身份证原件及复印件", "hand_in": "online", "files": ["f1"]}]


@given(st.lists(st.dictionaries(st.sampled_from("abcdef"), st.sampled_from(["甲", "乙", "丙"]), max_size=5), min_size=2, max_size=4))
def test_every_answer_reaches_its_item_and_nothing_else_does(titles: list[dict[str, str]]) -> None:
    forms = [make_form(**{name: {"type": "string", "title": title} for name, title in one.items()}) for one in titles]
    made = merged("一起办", list(forms))
    answers = {name: f"答 {name}" for name in (made.form or {"properties": {}})["properties"]}
    for form, names in zip(forms, made.names, strict=True):
        own = share(answers, names, form)
        assert set(own) == set(form["properties"]) and len(set(names.values())) == len(names)
        assert Checks().problems("I", 1, form, own) == []


def test_project_codes_say_their_day_and_cannot_be_guessed() -> None:
    codes = {new_project_code() for _ in range(500)}
    assert len(codes) == 500 and all(len(one) == 21 and one.startswith("XM20") for one in codes)
