"""Every part of every item of the catalogue, told: short, plain, and with no figure that the item does not have."""

import re
from typing import Any

import pytest

from bot.parts import LABELS, is_recorded, phone_of, told
from bot.reply import LONGEST
from content.guides import guide
from tests.bot.shelf import shelf
from tests.content.items import make_item, make_question

EMPTY: dict[str, Any] = {"conditions": None, "materials": None, "steps": None, "fees": None, "places": None, "visits": None}


@pytest.mark.parametrize("part", LABELS)
async def test_it_is_short_plain_and_names_the_item(part: Any) -> None:
    for code in shelf().items:
        one = await shelf().guide(code)
        assert one is not None
        text = told(one, part)
        assert 8 < len(text) <= LONGEST and one["name"][:40] in text and not re.search(r"[<>]|None|\[|\{", text), text


@pytest.mark.parametrize("part", [one for one in LABELS if one not in ("overview", "progress", "contact")])
def test_what_is_not_recorded_is_said_to_be_missing_with_whom_to_ask(part: Any) -> None:
    one = guide(make_item(name="测试登记", consult_phone="0990-1234567", **EMPTY))
    assert not is_recorded(one, part)
    assert "没有登记" in told(one, part) and "测试局：0990-1234567" in told(one, part)
    assert not re.search(r"\d", told(one, part).replace("0990-1234567", ""))
    assert "测试局，或拨打政务服务热线" in told(guide(make_item(name="测试登记", **EMPTY)), part)


def test_none_needed_and_free_of_charge_are_not_missing() -> None:
    one = guide(make_item(materials=[], fees=[]))
    assert told(one, "materials") == "《事项I1》不用提交材料。" and told(one, "fee") == "《事项I1》不收费。"


def test_a_long_list_says_that_it_goes_on() -> None:
    materials = [{"name": f"第{number}种很长很长的证明材料的名称"} for number in range(1, 41)]
    text = told(guide(make_item(materials=materials)), "materials")
    assert len(text) <= LONGEST and text.startswith("《事项I1》要准备这些材料：\n· 第1种") and text.endswith("没有列完，点开卡片看全部。")


def test_a_situation_leaves_what_it_calls_for_and_says_so() -> None:
    item = make_item(situations=[make_question("age", "adult", "minor")], materials=[{"name": "身份证"}, {"name": "出生证", "situations": ["minor"]}])
    assert "· 出生证（[minor]时）" in told(guide(item), "materials")
    assert "您的情况（[minor]）" in told(guide(item, "minor"), "materials", ["minor"])
    assert "出生证" not in told(guide(item, "adult"), "materials")


@pytest.mark.parametrize(
    ("recorded", "dialled"),
    [
        ("0990-1234567", "0990-1234567"),
        ("工作日上午九点到十二点、下午两点到五点请拨打 0990-1234567 转 8 咨询二楼综合窗口", "0990-1234567转8"),
        (None, None),
        ("", None),
    ],
)
def test_a_phone_is_short_enough_to_dial(recorded: str | None, dialled: str | None) -> None:
    assert phone_of(recorded) == dialled


def test_an_item_that_is_no_longer_in_effect_says_so_first() -> None:
    one = guide(make_item()) | {"notice": "该事项已于2026年1月1日停止办理。以下内容仅供参考。"}
    assert told(one, "fee").startswith("该事项已于2026年1月1日停止办理。")
