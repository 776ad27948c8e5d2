"""What a resident means who answers a choice in words, by number or by tapping."""

import pytest

from bot.cleaning import cleaned
from bot.offers import chosen
from bot.reply import Memory, Offer

OFFERED = Memory(
    offers=tuple(Offer(text=one, item=one) for one in ("居民身份证补领需要什么材料", "居民身份证换领需要什么材料", "临时居民身份证申领"))
)


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ("1", 0),
        ("２", 1),
        (" 3。", 2),
        ("①", 0),
        ("一", 0),
        ("第二个", 1),
        ("第二个吧", 1),
        ("选2", 1),
        ("我要第三项", 2),
        ("居民身份证换领", 1),
        ("4", None),
        ("0", None),
        ("一个人", None),
        ("12", None),
        ("身份证", None),
        ("", None),
        ("第二个是什么", None),
    ],
)
def test_a_number_in_any_form_picks_its_choice(said: str, place: int | None) -> None:
    assert chosen(cleaned(said), OFFERED) == (None if place is None else OFFERED.offers[place])


def test_nothing_is_picked_where_nothing_was_offered() -> None:
    assert chosen("1", Memory()) is None
