"""大写: read back by a reader that knows digits and places and nothing of how they were written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.capitals import in_capitals

DIGITS = {char: value for value, char in enumerate("零壹贰叁肆伍陆柒捌玖")}


def read(text: str) -> int:
    total = part = digit = fen = 0
    for char in text:
        if char in DIGITS:
            digit = DIGITS[char]
        elif char in "拾佰仟":
            part += digit * {"拾": 10, "佰": 100, "仟": 1000}[char]
            digit = 0
        elif char in "万亿":
            total += (part + digit) * {"万": 10**4, "亿": 10**8}[char]
            part = digit = 0
        elif char == "元":
            total, part, digit = total + part + digit, 0, 0
        elif char in "角分":
            fen += digit * {"角": 10, "分": 1}[char]
            digit = 0
    return total * 100 + fen


def amounts() -> st.SearchStrategy[int]:
    """Every size, with many zeros: that is where the writing goes wrong."""
    sparse = st.lists(st.sampled_from("0000123456789"), min_size=1, max_size=14).map(lambda digits: int("".join(digits)))
    return sparse | st.integers(min_value=0, max_value=10**14 - 1)


@given(amounts())
def test_what_is_written_reads_back_as_the_same_amount(fen: int) -> None:
    text = in_capitals(fen)
    assert read(text) == fen
    assert "零零" not in text
    assert text.endswith("整") == (fen % 10 == 0)


@pytest.mark.parametrize(
    ("fen", "text"),
    [
        (0, "零元整"),
        (1, "壹分"),
        (5, "伍分"),
        (50, "伍角整"),
        (100, "壹元整"),
        (101, "壹元零壹分"),
        (1000, "壹拾元整"),
        (12345, "壹佰贰拾叁元肆角伍分"),
        # the examples of the regulation
        (140950, "壹仟肆佰零玖元伍角整"),
        (600714, "陆仟零柒元壹角肆分"),
        (168032, "壹仟陆佰捌拾元零叁角贰分"),
        (10700053, "壹拾万柒仟元零伍角叁分"),
        (1640902, "壹万陆仟肆佰零玖元零贰分"),
        (32504, "叁佰贰拾伍元零肆分"),
        # whole groups of zeros
        (10_000_000_000, "壹亿元整"),
        (10_000_100_000, "壹亿零壹仟元整"),
        (10_010_100_000, "壹亿零壹拾万壹仟元整"),
        (100_010_000, "壹佰万零壹佰元整"),
        (99_999_999_999_999, "玖仟玖佰玖拾玖亿玖仟玖佰玖拾玖万玖仟玖佰玖拾玖元玖角玖分"),
    ],
)
def test_amounts_are_written_as_the_regulation_writes_them(fen: int, text: str) -> None:
    assert in_capitals(fen) == text


@pytest.mark.parametrize("fen", [-1, 10**14])
def test_what_no_receipt_shows_is_refused(fen: int) -> None:
    with pytest.raises(ValueError, match="not an amount"):
        in_capitals(fen)
