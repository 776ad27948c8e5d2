"""What an answer is worth, read strictly: no answer, a late one or one out of shape is wrong wherever it counts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench.bot.claims import HOTLINE
from bench.bot.grounding import ungrounded
from bench.bot.questions import PARTS
from bench.bot.talk import Answered

OFFERED = 5


@dataclass(frozen=True, slots=True)
class Verdict:
    """`item`: the first card is an answer from a right item; `part`: and its part is the one asked for; `invented`: a card of an item or an
    official figure, which is right only where the question has an item; `hotline`: the text names 12345, which no other field minds."""

    answered: Answered
    item: bool
    part: bool
    offered: bool
    ask: bool
    invented: bool
    hotline: bool


def judge(answered: Answered) -> Verdict:
    reply, turn = answered.reply, answered.turn
    if reply is None:
        return Verdict(answered, item=False, part=False, offered=False, ask=False, invented=True, hotline=False)
    replies = reply["replies"]
    card = _first_card(replies)
    item = bool(card) and card.get("item_code") in turn.codes
    texts = [one["text"] for one in replies]
    return Verdict(
        answered,
        item=item,
        part=item and fits(card["part"], turn.asks),
        offered=not turn.codes.isdisjoint(offered(replies)),
        ask=bool(read_as(reply["intent"]) & turn.asks),
        invented=any(card.get("item_code") for one in replies for card in one["cards"]) or any(official(one) for one in replies),
        hotline=any(HOTLINE in text for text in texts),
    )


def judge_all(conversations: Sequence[Sequence[Answered]]) -> list[list[Verdict]]:
    return [[judge(one) for one in conversation] for conversation in conversations]


def fits(part: str, asks: frozenset[str]) -> bool:
    """`other` names no part, so that any will do."""
    return part in asks or "other" in asks


def read_as(intent: str) -> frozenset[str]:
    """The asks that an intent stands for. overview: the matter without an ask. Everything that is no part is `other`."""
    if intent == "overview":
        return frozenset({"overview", "other"})
    return frozenset({intent if intent in PARTS else "other"})


def offered(replies: Sequence[dict[str, Any]]) -> list[str]:
    """The first five item codes that a resident sees, cards before buttons; one shown twice takes two places."""
    cards = [card.get("item_code") for one in replies for card in one["cards"]]
    buttons = [button.get("item_code") for one in replies for button in one["buttons"]]
    return [code for code in cards + buttons if code][:OFFERED]


def official(reply: dict[str, Any]) -> list[str]:
    """Figures in a reply's text, whatever it cites; item names on its buttons may hold some."""
    return ungrounded(reply["text"], None, button_names(reply))


def button_names(reply: dict[str, Any]) -> list[str]:
    return [button["title"] for button in reply["buttons"] if button.get("item_code")]


def _first_card(replies: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The first card of the first reply when it is an answer; {} otherwise."""
    cards = replies[0]["cards"]
    return cards[0] if cards and cards[0]["kind"] == "answer" else {}
