"""The grounding audit of a run: every reply beside the item versions that its cards cite, read from the public API."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import aiohttp

from bench.bot.grounding import ungrounded
from bench.bot.intervals import wilson
from bench.bot.talk import Answered
from bench.bot.verdicts import button_names, official
from bench.figures import progress, report

Cited = tuple[str, int]
SHOWN = 20


@dataclass(frozen=True, slots=True)
class Audited:
    """One entry of `replies`; `loose`: claims that no cited version holds."""

    answered: Answered
    reply: dict[str, Any]
    loose: list[str]

    @property
    def with_figures(self) -> bool:
        return bool(official(self.reply))


async def audit(base: str, answers: Iterable[Answered]) -> list[Audited]:
    """Every reply there was; a citation that cannot be read grounds nothing."""
    items: dict[Cited, dict[str, Any] | None] = {}
    found = []
    async with aiohttp.ClientSession(base) as http:
        for one in answers:
            for reply in one.reply["replies"] if one.reply else []:
                for cited in citations(reply):
                    if cited not in items:
                        items[cited] = await _item(http, cited)
                found.append(Audited(one, reply, loose(reply, [items[cited] for cited in citations(reply)])))
    return found


def citations(reply: dict[str, Any]) -> list[Cited]:
    return [(card["item_code"], int(card["item_version"])) for card in reply["cards"] if card.get("item_code") and card.get("item_version")]


def loose(reply: dict[str, Any], items: list[dict[str, Any] | None]) -> list[str]:
    """Claims that hold in none of the cited items, as said; where one of them is unreadable, the citation itself is told."""
    if any(item is None for item in items):
        return ["一个引用的事项版本读不到"]
    names = button_names(reply)
    left = [ungrounded(reply["text"], item, names) for item in items or [None]]
    return [said for said in left[0] if all(said in others for others in left[1:])]


def tell(audited: list[Audited]) -> None:
    wrong = [one for one in audited if one.loose]
    for one in wrong[:SHOWN]:
        progress(f"  没有依据 {one.answered.turn.id} {one.loose}：{one.reply['text'][:120]}")
    if audited:
        right = len(audited) - len(wrong)
        low, high = wilson(right, len(audited))
        figures, cited = sum(one.with_figures for one in audited), sum(bool(citations(one.reply)) for one in audited)
        beside = f"replies that claim nothing their item does not hold; {cited} cite one, {figures} hold figures; 95 % {low:.3f}-{high:.3f}"
        report("bot_grounded", right / len(audited), "share", "higher", 1.0, beside, len(audited))


async def _item(http: aiohttp.ClientSession, cited: Cited) -> dict[str, Any] | None:
    code, version = cited
    async with http.get(f"/v1/items/{quote(code)}", params={"version": version}) as answer:
        item: dict[str, Any] | None = await answer.json(content_type=None) if answer.status == 200 else None
    return item
