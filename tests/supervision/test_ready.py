"""Whether a month can be kept: everything that is missing is said at once, and what is still to be heard of it counts."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from core.types import CaseMove, CaseState, CoreEvent
from kit.errors import Unknown
from miniapp_api.supervision_inputs import bounds
from miniapp_api.supervision_ready import is_read_past, what_is_missing
from miniapp_api.wiring import Deps
from supervision.report import Inputs, OfCore

MONTH = "2026-10"
UNTIL = bounds(MONTH)[1]
WHOLE = Inputs(core=[OfCore(MONTH, {}, whole=True)])


def event(minutes: int) -> dict[str, Any]:
    """A case that moved so many minutes after the month."""
    move = CaseMove(version=1, state=CaseState.SUBMITTED, at=UNTIL + timedelta(minutes=minutes))
    told = CoreEvent(event_id=f"e{minutes}", seq=1, type="case.moved", case_no="C1", request_id="q1", move=move)
    return told.model_dump(mode="json")


class Feed:
    """What the core tells after the place up to which it was read; the events `known` have been applied."""

    def __init__(self, events: list[dict[str, Any]], has_more: bool = False, known: frozenset[str] = frozenset()) -> None:
        self.events, self.has_more, self.known = events, has_more, known

    async def events_page(self, cursor: str) -> Any:
        assert cursor == "here"
        return SimpleNamespace(events=self.events, has_more=self.has_more)

    async def feed_cursor(self) -> str:
        return "here"

    async def known_events(self, ids: list[str]) -> set[str]:
        return set(ids) & self.known


class Away(Feed):
    async def events_page(self, cursor: str) -> Any:
        raise Unknown("core", "time_out")


async def missing(feed: Feed, inputs: Inputs = WHOLE) -> tuple[str, ...]:
    return await what_is_missing(cast("Deps", SimpleNamespace(core=feed, cases=feed)), MONTH, inputs)


@pytest.mark.parametrize(
    ("events", "has_more", "is_past"),
    [
        ([], False, True),
        ([], True, False),  # nobody knows what comes after these
        ([event(-1)], False, False),
        ([event(0)], True, True),  # the core tells in order
        ([event(5), event(-5)], False, False),
        ([{"event_id": "odd"}], False, True),  # is put aside by whoever reads the feed
        ([{"event_id": "odd"}], True, False),
    ],
)
def test_the_feed_is_read_past_a_month_once_nothing_of_it_is_to_come(events: list[dict[str, Any]], has_more: bool, is_past: bool) -> None:
    assert is_read_past(events, UNTIL, has_more) is is_past


async def test_an_event_of_the_month_that_was_not_heard_yet_is_missing_and_one_that_was_is_not() -> None:
    assert await missing(Feed([event(-1)])) == (f"核心平台 {MONTH} 的事件还没有收齐",)
    assert await missing(Feed([event(-1)], known=frozenset({"e-1"}))) == ()


async def test_everything_that_is_missing_is_said_at_once() -> None:
    unanswered = Inputs(core=[OfCore(MONTH, None, "核心平台没有回应")])
    assert await missing(Away([]), unanswered) == ("核心平台没有回应", "核心平台没有回应，不知道它的事件是不是都收到了")
    unfinished = Inputs(core=[OfCore(MONTH, {"A": (1, 1)}, whole=False)])
    assert await missing(Feed([event(-1)]), unfinished) == (f"核心平台的 {MONTH} 各渠道总数还在变", f"核心平台 {MONTH} 的事件还没有收齐")
