"""A reply may say what its item says, in any honest spelling, and nothing else; without an item it may say no figure at all."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.bot.claims import claims, number
from bench.bot.grounding import ungrounded

CATALOGUE = Path(__file__).parents[2] / "sandbox" / "catalogue"


def make_item(**fields: Any) -> dict[str, Any]:
    return {
        "code": "A1",
        "version": 3,
        "name": "养犬登记",
        "promised_limit": {"days": 7, "unit": "working_days", "text": "自受理之日起七个工作日内"},
        "statutory_limit": {"days": 30, "unit": "calendar_days", "text": ""},
        "fees": [{"name": "工本费", "amount_fen": 2000}, {"name": "牌证费", "amount_fen": 150_050, "standard": "每只1500.5元"}],
        "materials": [
            {"name": "身份证", "copies": 1},
            {"name": "照片", "copies": 2, "note": "2寸白底"},
            {"name": "委托书", "situations": ["agent"]},
            {"name": "免疫证明", "situations": ["old"]},
        ],
        "situations": [{"id": "who", "question": "谁来办", "options": [{"id": "self", "title": "本人"}, {"id": "agent", "title": "代办"}]}],
        "steps": [{"name": "受理", "days": 1}, {"name": "审查", "days": 5}, {"name": "发证"}],
        "places": [
            {"address": "临江市江东区柳湾路25号一楼", "hours": "周一至周五 9:00—17:00，周六 9:00—12:00", "windows": "1—6号窗口"},
            {"address": "临江市江西区石桥街9号", "name": "石桥派出所"},
        ],
        "consult_phone": "0990-1234101转2",
        "visits": 1,
        "online_url": "https://quan.linjiang.example/dog?id=7",
        "conditions": "1. 年满18周岁。\n2. 犬只体高不超过35厘米。\n3. 2026年10月1日前已登记的不必再办，比例不低于60%。",
        "faq": [{"question": "多久年检？", "answer": "每两年一次，满六十五周岁的免收。"}],
        **fields,
    }


HONEST = [
    "自受理之日起7个工作日内办结。",
    "７ 个工作日",
    "七个工作日内",
    "法定30日，承诺7个工作日",
    "法定三十天",
    "工本费20元",
    "工本费 ¥20.00",
    "二十块钱一本",
    "牌证费1,500.50元",
    "牌证费１５００．５元",
    "每只1500.5元",
    "需要到现场1次",
    "只需跑一趟",
    "共4项材料",
    "一共需要3项材料",
    "材料：1. 身份证；2. 照片2张；3. 委托书",
    "①身份证②照片",
    "（1）身份证（2）照片，2寸白底",
    "共3步：第1步受理，第3步发证",
    "有2个地点，另有1处可办",
    "临江市江东区柳湾路25号一楼，周一至周五9:00-17:00",
    "柳湾路25号1楼（1-6号窗口），周六9:00到12:00",
    "周一到周五 09:00～17:00",
    "石桥派出所在石桥街9号",
    "咨询电话：0990-1234101转2",
    "请打（0990）1234101 或 1234101",
    "可拨打12345热线",
    "网上办理：https://quan.linjiang.example/dog?id=7。",
    "quan.linjiang.example/dog?id=7",
    "年满18周岁，60％以上",
    "2026年10月1日前登记的不必再办",
    "10月1日前登记的",
    "每2年1次，满65岁免费",
    "办理前请先看一看一次性告知书，一般很快，十分方便，千万不要空手来",
    "到居住地派出所或者就近的派出所都行",
]


@pytest.mark.parametrize("text", HONEST)
def test_an_honest_spelling_is_grounded(text: str) -> None:
    assert ungrounded(text, make_item()) == []


LIES = {
    "8个工作日": "8个工作日",
    "七天内": "七天",  # working days are not days
    "30个工作日": "30个工作日",
    "三个月": "三个月",
    "两日内": "两日",
    "工本费25元": "25元",
    "20万元": "20万元",
    "2000元": "2000元",  # fen told as yuan
    "五十块": "五十块",
    "¥21": "¥21",
    "要跑2次": "2次",
    "跑两趟": "两趟",
    "共6项材料": "6项",
    "照片3张": "3张",
    "第4步缴费": "第4步",
    "共3处可办": "3处",
    "另有2处": "2处",
    "柳湾路9号": "柳湾路9号",  # both are in the item, not together
    "望江路": "望江路",
    "望江派出所": "望江派出所",
    "江南公安分局": "江南公安分局",
    "二楼": "二楼",
    "1-8号窗口": "1-8号",
    "9:00-18:00": "9:00-18:00",
    "8:30开门": "8:30",
    "周日也开": "周日",
    "周一至周六": "周一-周六",
    "0990-1234102": "0990-1234102",
    "0991-1234101": "0991-1234101",
    "打1234109": "1234109",
    "打95598": "95598",
    "400-820-8820": "400-820-8820",
    "手机13800138000": "13800138000",
    "https://quan.linjiang.example/cat": "https://quan.linjiang.example/cat",
    "www.linjiang.example": "www.linjiang.example",
    "发到 a@linjiang.example": "a@linjiang.example",
    "满16周岁": "16周岁",
    "百分之八十": "百分之八十",
    "70%": "70%",
    "2026年10月2日": "2026年10月2日",
    "11月1日": "11月1日",
    "当场办结": "当场",
    "体高40厘米": "40",
    "3. 身份证": "3",  # a list begins with 1
    "半年": "半年",
    "等两周": "两周",
    "三个星期": "三个星期",
}


@pytest.mark.parametrize(("text", "lie"), LIES.items())
def test_each_kind_of_lie_is_caught(text: str, lie: str) -> None:
    assert lie in ungrounded(text, make_item(faq=[]))
    assert lie in ungrounded(f"您好，{text}，共4项材料", make_item(faq=[]))


def test_free_of_charge_is_a_claim() -> None:
    free, priced, unknown = make_item(fees=[], faq=[]), make_item(faq=[]), make_item(fees=None, faq=[])
    assert ungrounded("这件事不收费", free) == []
    assert ungrounded("这件事不收费", priced) == ungrounded("这件事不收费", unknown) == ["不收费"]
    assert ungrounded("是否收费没有登记", unknown) == []


def test_materials_are_counted_per_situation_but_no_more() -> None:
    item = make_item(materials=[{"name": "甲"}, {"name": "乙", "situations": ["agent"]}], faq=[], fees=[], conditions="")
    assert ungrounded("共1项材料", item) == ungrounded("共2项材料", item) == []
    assert ungrounded("共3项材料", item) == ["3项"] and ungrounded("材料 3 样", item) == ["3样"]
    assert ungrounded("共3项", item) == []  # its steps


def test_without_an_item_no_figure_is_grounded() -> None:
    for text in ("要7个工作日", "收费20元", "电话0990-1234101", "在柳湾路25号", "共3项", "周六也开", "见 www.linjiang.example", "当场办结", "跑两趟"):
        assert ungrounded(text, None) != [], text
    for text in (
        "没有找到这一项，请换个说法再问一次",
        "可拨打12345",
        "您要办的是：1. 身份证 2. 护照",
        "回复1或点按钮",
        "去派出所问问",
        "城市道路归谁管",
    ):
        assert ungrounded(text, None) == [], text


def test_names_on_buttons_may_hold_figures() -> None:
    name = "小学一年级、65岁以上老人优待"
    assert ungrounded(f"您要问的是“{name}”吗？", None, [name]) == []
    assert ungrounded("您要问的是“65岁以上老人优待”吗？", None) == ["65岁"]


def test_numbers_in_chinese_are_read() -> None:
    for said, value in {
        "十": 10,
        "十五": 15,
        "二十": 20,
        "一百二十": 120,
        "三百零五": 305,
        "两千": 2000,
        "一万二千": 12000,
        "42": 42,
        "半": 0.5,
    }.items():
        assert number(said) == value


def test_the_digits_of_a_phone_are_no_other_claim() -> None:
    assert [(one.kind, one.what) for one in claims("电话0990-1234101，20元")] == [("phone", "09901234101"), ("amount", "20 元")]


def test_what_an_item_says_of_itself_is_grounded_in_it() -> None:
    """Every value of our own catalogue, put into a sentence as an answer would, holds in its own item and, but for twins, not in the next."""
    rows = [json.loads(line) for path in sorted(CATALOGUE.glob("*.jsonl")) for line in path.read_text(encoding="utf-8").splitlines()]
    strange = 0
    for item, other in zip(rows, rows[1:] + rows[:1], strict=True):
        fees = "、".join(f"{one['name']}{one['amount_fen'] / 100:g}元" for one in item["fees"] or [] if one.get("amount_fen"))
        place = item["places"][0]
        text = f"{item['promised_limit']['text']}；{fees or '收费标准见说明'}。{place['address']}，{place.get('hours')}。电话{item['consult_phone']}"
        text += f"。共{len(item['materials'])}项材料。{item['conditions']}"
        assert ungrounded(text, item) == [], item["name"]
        strange += bool(ungrounded(text, other))
    assert strange >= len(rows) - 3  # twins in two districts say nearly the same


@given(st.text(st.sampled_from("第周半一两三十百千万零〇年月日天元块次份.、:-—~()¥%，0123456789①２路街号回复到至ab@/ \n") | st.characters()))
def test_no_text_is_too_strange_to_be_read(text: str) -> None:
    said = claims(text)
    assert all(one.said for one in said)
    assert ungrounded(text, {"version": 1, "conditions": text}) == []
