"""What can be sent on, and everything that cannot, told at once."""

import pytest

from complaints.words import problems, problems_of_kind, problems_of_short

GOOD = "上午排队三个小时，窗口说系统坏了，让我明天再来。"


def test_what_people_write_passes() -> None:
    assert problems("窗口排队太久", GOOD) == []
    assert problems("3 < 5 元也收？", "收费标准写着 <5 元，窗口收了 5 元；时间 9:00-11:00，邮箱 a@b.cn & 微信。\n第二行\t😀") == []


@pytest.mark.parametrize(
    "bad", ["<script>alert(1)</script>", "看这里 <img src=x onerror=1>", "</div>关掉", "< ScRiPt >", "javascript:alert(1)", "&#60;script", "<!--x-->"]
)
def test_markup_is_refused_and_said_where(bad: str) -> None:
    (found,) = problems("标题是好的", f"{GOOD}{bad}")
    assert int(found.message.split(" ")[1]) > len(GOOD) - 1
    assert found.field == "text" and "请改用文字" in found.message


def test_everything_wrong_is_told_at_once() -> None:
    found = problems("", "<b>" + "很长" * 5000 + "\x07")
    assert [one.field for one in found] == ["title", "text", "text", "text"]
    assert "10004 个字" in found[1].message and "控制字符" in found[3].message


def test_too_short_says_how_short_it_is() -> None:
    assert "现在是 2 个字" in problems("标题", "太慢")[0].message
    assert [one.message for one in problems_of_short("  ", 2)] == ["请填写内容"]


def test_a_kind_nobody_knows_is_told_with_those_there_are() -> None:
    assert problems_of_kind("suggestion") == []
    (found,) = problems_of_kind("praise")
    assert found.field == "kind" and "投诉、建议、咨询" in found.message
