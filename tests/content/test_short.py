"""The short form says only what the item says, briefly, with the big things first and phone numbers digit by digit."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from content.guides import guide
from content.short import ENDURABLE, LONGEST, NAMED, short
from kit.errors import Invalid
from kit.phones import first_phone, spoken
from tests.content.items import Json, make_item, make_question, own_items

ITEMS = own_items()
ORDER = ["online", "visits", "materials", "time_limit", "fee", "location", "contact"]
_SPELT = re.compile(r"(?:[0-9] )+[0-9](?:，(?:转 )?(?:[0-9] )*[0-9])*")
_COUNTED = re.compile(r"(?:还有|再加|可能要|要带的有|收费有|共) ([0-9]+) [样种处]")


def texts(item: Json, part: str, situation: str | None = None) -> list[str]:
    return [one["text"] for one in short(item, situation)["sentences"] if one["part"] == part]


def facts(item: Json) -> str:
    """Everything the item says, amounts in yuan as well; numbers stand apart."""
    amounts = " ".join(f" {fee['amount_fen'] / 100:.2f} {fee['amount_fen'] // 100} " for fee in item["fees"] or () if fee["amount_fen"] is not None)
    return f"{item} {amounts}"


def check_numbers(item: Json, told: Json) -> None:
    """Every number, phone and address comes from the item, but for the hotline and what is counted."""
    known, digits = facts(item), re.sub(r"[^0-9]", "", item["consult_phone"] or "") + " 12345"
    for sentence in told["sentences"]:
        text = sentence["text"]
        for spelt in _SPELT.findall(text):
            assert re.sub(r"[^0-9]", "", spelt) in digits, (spelt, item["consult_phone"])
        for number in re.findall(r"[0-9][0-9.]*", _COUNTED.sub("", _SPELT.sub("", text))):
            assert re.search(rf"(?<![0-9]){re.escape(number)}(?![0-9])", known), (number, text)
        if sentence["part"] == "location" and item["places"] and "见完整指南" not in text:
            assert item["places"][0]["address"] in text


def check_counts(item: Json, situation: str | None, told: Json) -> None:
    """Named and counted materials are all there are."""
    said = "".join(one["text"] for one in told["sentences"] if one["part"] == "materials")
    materials = guide(item, situation)["parts"]["materials"]
    if not materials["recorded"]:
        assert "没有登记" in said
        return
    counted = sum(int(number) for number in _COUNTED.findall(said))
    certain = [one["name"] for one in materials["items"] if not one["only_if"] and one["required"] is not False]
    named = len(materials["items"]) - counted
    assert 0 <= named <= NAMED and all(name in said for name in certain[:named])


def choices(item: Json) -> list[str | None]:
    return [None, *(option["id"] for question in item["situations"] for option in question["options"])]


@pytest.mark.parametrize("item", ITEMS, ids=[item["short_name"] + item["code"][-4:] for item in ITEMS])
def test_every_own_item_is_told_in_few_short_true_sentences(item: Json) -> None:
    for situation in choices(item):
        told = short(item, situation)
        check_numbers(item, told)
        check_counts(item, situation, told)
        assert len(told["sentences"]) <= 8
        assert all(len(one["text"]) <= LONGEST and one["text"].endswith("。") for one in told["sentences"]), told
        assert list(dict.fromkeys(one["part"] for one in told["sentences"])) == ORDER
        assert told["read_aloud"].startswith(item["name"]) and all(one["text"] in told["read_aloud"] for one in told["sentences"])
        assert told["read_aloud"].count("（不算周末和节假日）") == told["read_aloud"].count("个工作日")
        assert not re.search(r"承诺|法定|受理|申请人|办理时限", "".join(one["text"] for one in told["sentences"] if one["part"] != "materials"))


def test_what_is_not_recorded_is_said_with_whom_to_ask() -> None:
    silent = short(make_item(consult_phone="0990-1234101"))
    assert silent["phone"] == "0990-1234101"
    for one in silent["sentences"]:
        assert "0 9 9 0，1 2 3，4 1 0 1" in one["text"] and len(one["text"]) <= LONGEST
        assert "没有登记" in one["text"] or one["part"] == "contact"
    without = short(make_item())
    assert without["phone"] == "12345" and all("没有登记" in one["text"] and "1 2 3 4 5" in one["text"] for one in without["sentences"])


def test_what_is_free_and_needs_nothing_is_said_so() -> None:
    item = make_item(online=True, visits=0, materials=[], fees=[], promised_limit={"days": 0}, places=[{"address": "柳湾路1号"}])
    assert short(item)["read_aloud"] == (
        "事项I1。可以在手机上办。不用跑。不用带材料。当场办好。不收钱。想去窗口办：柳湾路1号。咨询电话没有登记，也可以打 1 2 3 4 5。"
    )


@pytest.mark.parametrize(
    ("fields", "part", "said"),
    [
        ({"online": False}, "online", "不能在手机上办。"),
        ({"visits": 2}, "visits", "最多跑 2 次。"),
        ({"visits": 0, "places": [{"address": "甲路1号"}]}, "visits", "要跑几次登记得不清楚，请打 1 2 3 4 5 问。"),
        ({"promised_limit": {"days": 5}}, "time_limit", "最多 5 个工作日（不算周末和节假日）办好。"),
        ({"promised_limit": {"days": 7, "unit": "calendar_days"}}, "time_limit", "最多 7 天办好。"),
        ({"statutory_limit": {"days": 20}, "promised_limit": {"days": 5}}, "time_limit", "最多 5 个工作日（不算周末和节假日）办好。"),
        ({"statutory_limit": {"days": 60, "unit": "calendar_days"}}, "time_limit", "法律规定最多 60 天办好。"),
        ({"fees": [{"name": "工本费", "amount_fen": 4050}]}, "fee", "要交：工本费，40.50 元。"),
        ({"fees": [{"name": "甲", "amount_fen": 100}, {"name": "乙", "standard": "每份2元"}]}, "fee", "要交：甲，1 元；乙，每份2元。"),
        ({"fees": [{"name": "评审费"}]}, "fee", "要收费，多少钱没有登记，请打 1 2 3 4 5 问。"),
        ({"fees": [{"name": "费" * 50, "amount_fen": 1}]}, "fee", "要收费，多少钱见完整指南。"),
        ({"fees": [{"name": "甲", "amount_fen": 100}, {"name": "乙"}]}, "fee", "收费有 2 种，看情况交，见完整指南。"),
        ({"places": [{"address": "甲路1号", "name": "大厅"}, {"address": "乙"}], "online": False}, "location", "去：大厅，甲路1号；共 2 处。"),
        ({"places": [{"address": "甲路1号", "name": "厅" * 40}]}, "location", "去：甲路1号。"),
        ({"places": [{"address": "长" * 60}]}, "location", f"去：{'长' * 60}。"),
        ({"places": [{"address": "长" * 90}]}, "location", "去：地址较长，见完整指南。"),
        ({"consult_phone": "请发邮件"}, "contact", "咨询电话见完整指南，也可以打 1 2 3 4 5。"),
    ],
)
def test_a_fact_in_plain_words(fields: dict[str, Any], part: str, said: str) -> None:
    assert texts(make_item(**fields), part) == [said]


def many(*names: str, **more: Any) -> Json:
    return make_item(materials=[{"name": name} for name in names], **more)


def test_five_materials_are_named_and_the_rest_counted() -> None:
    assert texts(many("甲", "乙", "丙", "丁", "戊"), "materials") == ["要带：甲、乙、丙、丁、戊。"]
    assert texts(many("甲", "乙", "丙", "丁", "戊", "己", "庚"), "materials") == ["要带：甲、乙、丙、丁、戊，还有 2 样，见完整指南。"]
    long = [f"{one}{'长' * 9}" for one in "甲乙丙丁戊己"]
    assert texts(many(*long), "materials") == [f"要带：{long[0]}、{long[1]}、{long[2]}。", f"还要：{long[3]}、{long[4]}，还有 1 样，见完整指南。"]
    assert texts(many("长" * 60), "materials") == [f"要带：{'长' * 60}。"]
    assert texts(many("长" * 200, "乙"), "materials") == ["要带的有 2 样，名称较长，见完整指南。"]


def test_what_depends_on_the_situation_is_counted_until_the_question_is_answered() -> None:
    materials = [{"name": "表"}, {"name": "委托书", "situations": ["agent"]}, {"name": "照片", "required": False}]
    item = make_item(situations=[make_question("who", "self", "agent")], materials=materials)
    assert texts(item, "materials") == ["要带：表，有的情况再加 2 样，见完整指南。"]
    assert texts(item, "materials", "agent") == ["要带：表、委托书，有的情况再加 1 样，见完整指南。"]
    assert texts(make_item(situations=item["situations"], materials=materials[1:2]), "materials") == ["要带什么看情况，可能要 1 样，见完整指南。"]
    with pytest.raises(Invalid):
        short(item, "self,agent")


NAMES = st.text("甲乙丙书表证（）1", min_size=1, max_size=120)
MATERIALS = st.lists(st.fixed_dictionaries({"name": NAMES, "required": st.sampled_from([None, True, False])}), max_size=9)


@given(
    st.none() | MATERIALS,
    st.none() | st.lists(st.fixed_dictionaries({"name": NAMES, "amount_fen": st.none() | st.integers(0, 10**7)}), max_size=4),
    st.none() | st.lists(st.fixed_dictionaries({"address": st.text("路号9", min_size=1, max_size=150)}), max_size=3),
    st.none() | st.integers(0, 9),
    st.sampled_from([None, True, False]),
    st.none() | st.integers(0, 3660),
    st.sampled_from([None, "0990-1234101", "13800138000", "请到窗口", "电话：0990—12345转6789，周一至周五8:30-12:00", "邮编990001"]),
)
def test_whatever_an_item_records_its_short_form_is_short_and_true(
    materials: Any, fees: Any, places: Any, visits: int | None, online: bool | None, days: int | None, phone: str | None
) -> None:
    limit = None if days is None else {"days": days}
    item = make_item(materials=materials, fees=fees, places=places, visits=visits, online=online, promised_limit=limit, consult_phone=phone)
    told = short(item)
    check_numbers(item, told)
    check_counts(item, None, told)
    assert len(told["sentences"]) <= 8
    for one in told["sentences"]:
        room = ENDURABLE + 20 if one["part"] in ("materials", "location") else LONGEST + 12  # a name, an address or an extension of the source
        assert len(one["text"]) <= room, one


@pytest.mark.parametrize(
    ("written", "found", "read"),
    [
        ("0990-1234101", "0990-1234101", "0 9 9 0，1 2 3，4 1 0 1"),
        ("０９９０－１２３４１０１", "0990-1234101", "0 9 9 0，1 2 3，4 1 0 1"),
        ("099012345678", "099012345678", "0 9 9 0，1 2 3 4，5 6 7 8"),
        ("010-12345678转8012", "010-12345678转8012", "0 1 0，1 2 3 4，5 6 7 8，转 8 0 1 2"),
        ("(0990)12345678-9", "(0990)12345678-9", "0 9 9 0，1 2 3 4，5 6 7 8，转 9"),
        ("0990-1234 5678", "0990-12345678", "0 9 9 0，1 2 3 4，5 6 7 8"),
        ("0990-12345", "0990-12345", "0 9 9 0，1 2 3 4 5"),
        ("13800138000", "13800138000", "1 3 8，0 0 1 3，8 0 0 0"),
        ("400-123-4567", "400-123-4567", "4 0 0，1 2 3，4 5 6 7"),
        ("12333", "12333", "1 2 3 3 3"),
        ("邮编990001，电话1234101", "1234101", "1 2 3，4 1 0 1"),
        ("柳湾路25号；0990-1234101、0990-1234102", "0990-1234101", "0 9 9 0，1 2 3，4 1 0 1"),
    ],
)
def test_a_phone_is_found_in_free_text_and_read_digit_by_digit(written: str, found: str, read: str) -> None:
    assert first_phone(written) == found and spoken(found) == read


@pytest.mark.parametrize("text", [None, "", "无", "请到窗口咨询", "周一至周五 8:30-12:00", "邮编510000", "2026年11月23日"])
def test_where_there_is_no_phone_none_is_found(text: str | None) -> None:
    assert first_phone(text) is None
