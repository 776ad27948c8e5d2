"""Buttons, and what a resident means who taps one, types its number or its name."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from bot.cleaning import plain
from bot.knowledge import Candidate
from bot.parts import QUESTIONS
from bot.reply import MOST_OFFERED, Button, Memory, Offer, Part

TITLE = 40  # characters on a button
_ORDINAL = re.compile(r"(?:选择?|回复|我?要|就|是)?第?([1-5一二两三四五])(?:个|项|条|种|号|、|\.)?(?:吧|的|呢)?[。.!！,，]?")
_DIGITS = {"一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5}
_FIRST_ASKED: tuple[Part, ...] = ("materials", "process", "time_limit", "fee", "location")


def chosen(text: str, memory: Memory) -> Offer | None:
    """The offer this message picks: by its number, its words, or a piece of them that only one has."""
    if (number := _ORDINAL.fullmatch(text)) and memory.offers:
        place = _DIGITS.get(number[1]) or int(number[1])
        return memory.offers[place - 1] if place <= len(memory.offers) else None
    exact = next((one for one in memory.offers if one.text == text), None)
    near = [one for one in memory.offers if len(text) > 1 and text in one.text]
    return exact or (near[0] if len(near) == 1 else None)


def of_complaint(item: str | None) -> Button:
    """To the form, with this conversation. Nothing is filed without the resident's own word."""
    return Button(title="填写投诉建议", text="我要投诉或提建议", item_code=item, action="complaint")


def is_number(text: str) -> bool:
    return _ORDINAL.fullmatch(text) is not None


def of_candidates(found: Sequence[Candidate], part: Part | None) -> tuple[tuple[Button, ...], tuple[Offer, ...]]:
    """Same-named ones are told apart by their department."""
    names = [one.name for one in found]
    buttons, offers = [], []
    for one in found[:MOST_OFFERED]:
        title = plain(one.name if names.count(one.name) == 1 else f"{one.name}（{one.department}）", TITLE)
        text = f"{title}{QUESTIONS[part] if part and part != 'overview' else ''}"
        buttons.append(Button(title=title, text=text, item_code=one.code))
        offers.append(Offer(text=text, item=one.code))
    return tuple(buttons), tuple(offers)


def of_parts(code: str | None, parts: Sequence[Part] = _FIRST_ASKED) -> tuple[tuple[Button, ...], tuple[Offer, ...]]:
    """What may be asked of an item."""
    buttons = tuple(Button(title=QUESTIONS[one], text=QUESTIONS[one], item_code=code) for one in parts)
    return buttons, tuple(Offer(text=QUESTIONS[one], item=code, part=one) for one in parts)


def of_situation(guide: Mapping[str, Any]) -> tuple[str, tuple[Button, ...], tuple[Offer, ...]]:
    """(question, buttons, offers) of the first situation question whose answer would shorten the materials; ("", (), ()) if none."""
    if not guide["asked"]:
        return "", (), ()
    question = next(one for one in guide["situations"] if one["id"] == guide["asked"][0])
    titles = [(plain(one["title"], TITLE), one["id"]) for one in question["options"][:MOST_OFFERED]]
    buttons = tuple(Button(title=title, text=title, item_code=guide["code"]) for title, _ in titles)
    return (
        plain(question["question"], 60),
        buttons,
        tuple(Offer(text=title, item=guide["code"], option=own, part="materials") for title, own in titles),
    )
