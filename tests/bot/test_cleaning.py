"""What a message is stripped of before anybody else sees it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.cleaning import HIDDEN, LONGEST, cleaned, masked, plain


@pytest.mark.parametrize(
    ("typed", "heard"),
    [
        ("/restart", "restart"),
        ("／ask_fee{}", "ask_fee{}"),
        (" / /x", "x"),
        ("护照\x00要\x1b[31m多久\u202e\u200b", "护照 要 [31m多久"),
        ("ＡＢＣ１２３", "ABC123"),
        ("第一行\n第二行", "第一行 第二行"),
        ("///", ""),
    ],
)
def test_commands_controls_and_widths_are_gone(typed: str, heard: str) -> None:
    assert cleaned(typed) == heard


def test_of_a_long_message_the_end_is_heard() -> None:
    assert cleaned("啊" * 600 + "护照要多久") == ("啊" * 600 + "护照要多久")[-LONGEST:]


@pytest.mark.parametrize(
    "number",
    [
        "110101199003071234",
        "11010119900307123X",
        "13800138000",
        "138 0013 8000",
        "138-0013-8000",
        "6222021234567890123",
        "91350100M000100Y43",
        "zhang.san@example.com",
    ],
)
def test_numbers_of_people_and_companies_are_hidden(number: str) -> None:
    hidden = masked(f"我的号码是{number}，怎么查进度")
    assert number not in hidden and hidden.startswith("我的号码是（") and hidden.endswith("，怎么查进度")


def test_a_name_given_as_such_is_hidden() -> None:
    assert masked("我叫张三丰，护照丢了") == "我叫（姓名），护照丢了" and masked("姓名：李四 补证") == "姓名：（姓名） 补证"


@pytest.mark.parametrize("text", ["满16周岁", "2026年的社保", "办了3次", "12345", "第1个", "A4纸", "C1驾照", "60平米以上"])
def test_ordinary_figures_stay(text: str) -> None:
    assert masked(text) == text


@given(st.text(max_size=700))
def test_no_message_breaks_it_and_nothing_dangerous_is_left(text: str) -> None:
    heard = masked(cleaned(text))
    assert not heard.startswith(("/", "／")) and all(one.isprintable() for one in heard) and len(heard) <= LONGEST + 20 * len(HIDDEN)
    assert cleaned(cleaned(text)) == cleaned(text)


def test_what_the_catalogue_says_is_shown_without_markup_and_cut_where_a_sentence_ends() -> None:
    assert plain('<img src=x onerror="1">年龄<18', 100) == '＜img src=x onerror="1"＞年龄＜18'
    assert plain("一句话。" * 30, 50) == "一句话。" * 12 + "……"
