"""A record of the Guangdong format becomes an item: what is not said stays null, what has no field stays under `source`."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.types import Item
from sandbox.gd import FIELDS, item, odd

NOTHING = ["无", "无。", "", "   ", "\u3000", "\xa0无\xa0", None, "办理地点：无", "无线下办理窗口"]
BASE = {"TASK_CODE": "11990100T0000000014000000000001", "TASK_NAME": "临江市某事项办理", "DEPT_NAME": "临江市某局"}
WHOLE = BASE | {
    "ORGCODE": "T00000001",
    "TASK_TYPE_TEXT": "行政许可",
    "CATANAME": "某事项",
    "CATAID": "990100001000",
    "AREACODE": "990100",
    "AREA_CODE_TEXT": "临江市",
    "matter_level": "市级",
    "matter_short": "某事",
    "matter_daily": "办某事",
    "handle_time": "20(工作日)",
    "handle_time_limit": "5(工作日)",
    "visit_number": "1",
    "handle_location": "办理地点：临江市江东区一号路1号",
    "accept_standard": "年满十八周岁",
    "material_intro": ["申请表", "照片"],
    "service_object_name": ["自然人"],
    "theme_category": ["户籍办理"],
    "consult_phone": "0990-1234567",
    "complain_phone": "0990-7654321",
    "courier_service": "是",
    "ONLINECHECK": "1",
    "URL": "https://service.example/1",
    "co_department": "市级某部门（审核）",
    "parentCatalogId": "99000100100Y",
    "parentCatalogName": "某事项",
    "online_book_addr": "https://book.example/1",
    "bear_paltform": "某平台",
}


def made(**other: Any) -> dict[str, Any]:
    return item(BASE | other)


def test_a_whole_record_is_an_item_of_the_contract_with_every_field_in_its_place() -> None:
    got = item(WHOLE)
    assert odd(WHOLE) == []
    Item.model_validate({**got, "version": 1})
    assert got == {
        "code": "11990100T0000000014000000000001",
        "name": "临江市某事项办理",
        "kind": "行政许可",
        "short_name": "某事",
        "everyday_names": ["办某事", "某事"],
        "catalogue_name": "某事项",
        "base_code": "990100001000",
        "implementation_code": None,
        "handling_code": None,
        "parent_code": "99000100100Y",
        "parent_name": "某事项",
        "department": {"name": "临江市某局", "code": "T00000001"},
        "co_departments": ["市级某部门（审核）"],
        "region": {"code": "990100", "name": "临江市"},
        "level": "市级",
        "audience": ["自然人"],
        "themes": ["户籍办理"],
        "conditions": "年满十八周岁",
        "materials": [{"name": "申请表"}, {"name": "照片"}],
        "steps": None,
        "fees": None,
        "statutory_limit": {"days": 20, "unit": "working_days", "text": "20(工作日)"},
        "promised_limit": {"days": 5, "unit": "working_days", "text": "5(工作日)"},
        "places": [{"address": "临江市江东区一号路1号"}],
        "consult_phone": "0990-1234567",
        "complaint_phone": "0990-7654321",
        "visits": 1,
        "online": True,
        "online_url": "https://service.example/1",
        "booking": True,
        "booking_url": "https://book.example/1",
        "delivery": True,
        "source": {"bear_paltform": "某平台"},
    }


def test_a_record_that_says_nothing_is_still_an_item_and_claims_nothing() -> None:
    got = made()
    Item.model_validate({**got, "version": 1})
    assert {key for key, value in got.items() if value not in (None, [], {})} == {"code", "name", "department"}
    assert got["materials"] is None and got["places"] is None  # not recorded, which is not "none needed"


@pytest.mark.parametrize("nothing", NOTHING)
@pytest.mark.parametrize(
    ("field", "own"),
    [
        ("accept_standard", "conditions"),
        ("consult_phone", "consult_phone"),
        ("complain_phone", "complaint_phone"),
        ("matter_short", "short_name"),
        ("handle_location", "places"),
        ("handle_time", "statutory_limit"),
        ("handle_time_limit", "promised_limit"),
        ("URL", "online_url"),
        ("material_intro", "materials"),
    ],
)
def test_each_way_of_saying_nothing_is_null_and_not_kept(field: str, own: str, nothing: str | None) -> None:
    got = made(**{field: nothing})
    assert got[own] is None
    assert got["source"] == {}


@pytest.mark.parametrize("nothing", NOTHING)
def test_nothing_said_is_no_everyday_name_and_no_second_department(nothing: str | None) -> None:
    got = made(matter_daily=nothing, matter_short=nothing, co_department=nothing)
    assert (got["everyday_names"], got["co_departments"]) == ([], [])


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (["申请表", "照片"], [{"name": "申请表"}, {"name": "照片"}]),
        ("申请表", [{"name": "申请表"}]),
        (["申请表", "无", " 照片 "], [{"name": "申请表"}, {"name": "照片"}]),
        (["无"], None),
        ([], None),
        ("无", None),
    ],
)
def test_materials_come_as_a_list_or_as_one_text(said: Any, meant: Any) -> None:
    assert made(material_intro=said)["materials"] == meant


@pytest.mark.parametrize(
    ("said", "days", "unit"),
    [
        ("30(工作日)", 30, "working_days"),
        ("90(自然日)", 90, "calendar_days"),
        ("20（工作日）", 20, "working_days"),
        (" 0(工作日) ", 0, "working_days"),
    ],
)
def test_limits_are_working_or_calendar_days_and_keep_their_words(said: str, days: int, unit: str) -> None:
    got = made(handle_time=said, handle_time_limit=said)
    assert got["statutory_limit"] == got["promised_limit"] == {"days": days, "unit": unit, "text": said.strip()}
    assert got["source"] == {}


@pytest.mark.parametrize("odd", ["即办", "约20(工作日)", "20(工作日)起", "3(月)", "-1(工作日)"])
def test_an_odd_limit_is_no_limit_but_its_words_are_kept(odd: str) -> None:
    got = made(handle_time=odd, handle_time_limit="5(工作日)")
    assert got["statutory_limit"] is None
    assert got["promised_limit"]["days"] == 5
    assert got["source"] == {"handle_time": odd}


@pytest.mark.parametrize("said", [" 临江市某局", "临江市某局  ", "\u3000临江市某局\u3000", "\xa0临江市某局"])
def test_spaces_around_the_department_are_no_other_department(said: str) -> None:
    assert made(DEPT_NAME=said)["department"]["name"] == "临江市某局"


@pytest.mark.parametrize(("said", "visits"), [("0", 0), ("1", 1), (2, 2), (None, None), ("", None), ("无", None)])
def test_the_number_of_visits_is_a_number_or_unknown(said: Any, visits: int | None) -> None:
    got = made(visit_number=said)
    assert got["visits"] == visits and type(got["visits"]) is type(visits)
    assert got["source"] == {}


@pytest.mark.parametrize(("said", "online"), [("1", True), ("0", False), (1, True), (0, False), (None, None), ("", None)])
def test_onlinecheck_is_yes_no_or_unknown(said: Any, online: bool | None) -> None:
    assert made(ONLINECHECK=said)["online"] is online


@pytest.mark.parametrize(("said", "delivery"), [("是", True), ("否", False), ("不支持", False), ("无", None), (None, None)])
def test_the_courier_is_yes_no_or_unknown(said: Any, delivery: bool | None) -> None:
    assert made(courier_service=said)["delivery"] is delivery


@pytest.mark.parametrize(("field", "odd"), [("visit_number", "1至2次"), ("ONLINECHECK", "部分"), ("courier_service", "到付")])
def test_words_that_do_not_fit_their_field_are_kept_under_source(field: str, odd: str) -> None:
    assert made(**{field: odd})["source"] == {field: odd}


def test_a_field_of_no_meaning_to_us_is_kept_and_an_empty_one_is_not() -> None:
    assert made(online_book="是", subTaskName="（个人）", TASK_STATE=None)["source"] == {"online_book": "是", "subTaskName": "（个人）"}


@pytest.mark.parametrize("missing", ["TASK_CODE", "TASK_NAME", "DEPT_NAME"])
def test_a_record_without_code_name_or_department_is_refused(missing: str) -> None:
    with pytest.raises(KeyError, match=missing):
        item({key: value for key, value in BASE.items() if key != missing})


TEXTS = (
    st.sampled_from(NOTHING)
    | st.text(max_size=12)
    | st.sampled_from(["20(工作日)", "90(自然日)", "0", "1", "是", "https://a.example/1", "下列条件："])
)
VALUES = (
    TEXTS | st.integers(0, 3) | st.booleans() | st.lists(TEXTS | st.integers(0, 2), max_size=3) | st.dictionaries(st.just("a"), TEXTS, max_size=1)
)


def texts_in(value: Any) -> set[str]:
    """Every piece of text in a value, without the spaces around it; numbers and yes/no by their words in the format."""
    if isinstance(value, dict):
        return set[str]().union(*(texts_in(one) for one in value.values()))
    if isinstance(value, list):
        return set[str]().union(*(texts_in(one) for one in value))
    return {str(value).strip()}


@given(st.dictionaries(st.sampled_from([*sorted(set(FIELDS) - {"TASK_CODE", "TASK_NAME", "DEPT_NAME"}), "NEW_FIELD"]), VALUES, max_size=12))
def test_whatever_the_fields_hold_each_is_in_the_item_or_kept_and_what_could_not_be_read_is_named(fields: dict[str, Any]) -> None:
    record = BASE | fields
    got, named = item(record), {one["field"] for one in odd(record)}
    words = texts_in({name: value for name, value in got.items() if name != "source"})
    read = {"ONLINECHECK": "online", "courier_service": "delivery", "visit_number": "visits"}
    for field, value in fields.items():
        pieces = {piece.removeprefix("办理地点：").strip() for piece in texts_in(value) if piece not in NOTHING} - {""}
        if not pieces or got["source"].get(field) == value:
            continue
        assert (got[read[field]] is not None) if field in read else pieces <= words, field
    kept_though_an_element = {field for field in got["source"] if FIELDS.get(field, "") != "source"}
    assert kept_though_an_element <= named
    Item.model_validate({**got, "version": 1})


def test_the_map_names_the_41_fields_of_the_format_and_elements_of_the_contract() -> None:
    assert len(FIELDS) == 41
    assert set(FIELDS.values()) <= set(Item.model_fields)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"handle_time": "90(自然日)"}, "自然日"),
        ({"accept_standard": "符合下列全部条件的："}, "冒号"),
        ({"consult_phone": "0990-1234567、0990-7654321"}, "几个号码"),
        ({"consult_phone": "见网站"}, "不是电话号码"),
        ({"visit_number": "0", "ONLINECHECK": "0", "handle_location": "办理地点：临江市江东区一号路1号"}, "只有窗口"),
        ({"DEPT_NAME": "临江市某局 "}, "空格"),
        ({"accept_standard": "一是\u3000二是"}, "空格"),
        ({"material_intro": "无"}, "应为列表"),
        ({"ONLINECHECK": "2"}, "读不懂"),
        ({"courier_service": "到付"}, "读不懂"),
        ({"URL": "见官网"}, "读不懂"),
        ({"material_intro": ["照片", 5]}, "读不懂"),
        ({"district": "市级", "matter_level": "省级"}, "不一致"),
        ({"DEPT_NAME": "无"}, "没有填写"),
        ({"SOMETHING": "x"}, "不认识"),
    ],
)
def test_each_oddity_is_named_with_its_field_and_value(fields: dict[str, Any], why: str) -> None:
    told = odd(BASE | fields)
    assert [(one["field"], one["value"]) for one in told if why in one["why"]] == [(next(iter(fields)), str(next(iter(fields.values()))))]
    assert len(told) == 1


def test_that_nobody_need_come_is_not_believed_where_there_is_only_a_counter() -> None:
    got = made(visit_number="0", ONLINECHECK="0", handle_location="办理地点：临江市江东区一号路1号")
    assert got["visits"] is None and got["source"] == {"visit_number": "0"}
    assert made(visit_number="0", ONLINECHECK="1", handle_location="办理地点：临江市江东区一号路1号")["visits"] == 0


def test_a_variant_is_a_handling_item_of_the_item_in_front() -> None:
    got = item(BASE | {"TASK_CODE": BASE["TASK_CODE"] + "02"})
    assert (got["implementation_code"], got["handling_code"]) == (BASE["TASK_CODE"], BASE["TASK_CODE"] + "02")


def test_a_long_material_is_cut_to_a_name_and_kept_whole() -> None:
    got = made(material_intro=["长" * 600])
    assert len(got["materials"][0]["name"]) == 500 and got["source"] == {"material_intro": ["长" * 600]}
