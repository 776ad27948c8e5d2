"""The consent ledger: one tap heard from two sides is one send, in whatever order and however late; and what to ask for now."""

import asyncio
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.clock import now
from kit.errors import Invalid
from notify import consents
from notify.consent_store import Consent
from notify.consents import ENOUGH, TWIN, Answered, Source, after
from notify.kinds import KINDS
from tests.notify.carriers import Platform
from tests.notify.posting import Post

AT = datetime(2026, 11, 29, 2, 0, tzinfo=UTC)


def said(result: consents.Result = "accept", source: Source = "client", seconds: float = 0) -> Answered:
    return Answered("case_moved", result, source, AT + timedelta(seconds=seconds))


def told(*answers: Answered, long_term: bool = False) -> Consent:
    consent = Consent()
    for answer in answers:
        consent = after(consent, answer, long_term=long_term)
    return consent


@pytest.mark.parametrize("first", ["client", "platform"])
def test_one_tap_told_by_both_sides_is_one_send(first: Source) -> None:
    second: Source = "platform" if first == "client" else "client"
    assert told(said(source=first), said(source=second, seconds=5)).remaining == 1
    assert told(said(source=first), said(source=second, seconds=TWIN.total_seconds() + 1)).remaining == 2, "another tap"


def test_two_taps_told_by_one_side_are_two_sends() -> None:
    assert told(said(), said(seconds=5)).remaining == 2


@given(st.lists(st.tuples(st.integers(0, 6), st.sampled_from(["client", "platform", "both"])), max_size=12), st.randoms())
def test_whatever_the_order_a_tap_is_counted_once(taps: list[tuple[int, str]], chance: Random) -> None:
    """Taps minutes apart, each told by one side or both, all told in any order within the ten minutes."""
    answers = [(tap, source) for tap, (_, by) in enumerate(taps) for source in (("client", "platform") if by == "both" else (by,))]
    chance.shuffle(answers)
    heard = [Answered("case_moved", "accept", source, AT + timedelta(seconds=taps[tap][0])) for tap, source in answers]  # type: ignore[arg-type]
    counted = told(*heard).remaining
    clients, platforms = (sum(1 for _, source in answers if source == side) for side in ("client", "platform"))
    assert counted == max(clients, platforms), "as many as the side that told more"


def test_a_no_in_the_dialogue_keeps_what_was_allowed_and_a_no_in_the_settings_ends_it() -> None:
    assert told(said(), said("reject")).remaining == 1
    for result in ("ban", "off"):
        ended = told(said(), said(result))
        assert (ended.remaining, ended.for_good, ended.last_result) == (0, False, result)
    assert told(said(), said("off"), said("on")).remaining == 0


def test_a_long_term_template_is_allowed_for_good_until_it_is_taken_back() -> None:
    assert told(said(), long_term=True) == Consent(0, True, "accept", AT)
    assert not told(said(), said("off"), long_term=True).for_good
    assert told(said(), said("off"), said("on"), long_term=True).for_good


async def test_a_long_term_consent_carries_any_number_of_messages(post: Post) -> None:
    wechat = post.platforms["wechat"]
    wechat.long_term = frozenset({"notice"})
    await post.allow("a", kind="notice")
    owns = [await post.tell("a", f"e{n}", "notice") for n in range(3)]
    while await post.walk():
        pass
    assert [(await post.outcomes(own))["wechat"][0] for own in owns] == ["sent"] * 3


async def test_fifty_answers_at_once_are_fifty_sends(post: Post) -> None:
    await asyncio.gather(*(post.allow("a") for _ in range(50)))
    assert await post.remaining("a") == 50


async def test_a_template_that_is_not_registered_cannot_be_allowed(post: Post) -> None:
    post.platforms["wechat"].kinds = frozenset({"case_moved"})
    with pytest.raises(Invalid):
        await post.allow("a", kind="bill_paid")
    with pytest.raises(Invalid):
        await consents.reported(post.pushing.consents, "r_a", "kiosk", [("case_moved", "accept")], None)
    assert await post.remaining("a", "bill_paid") == 0


async def asked(post: Post, at_once: int = 3, moment: str = "") -> list[str]:
    rows = await consents.to_ask(post.pushing.consents, "r_a", ("wechat", post.pushing.channels["wechat"]), at_once, moment)
    return [row["template_key"] for row in rows if row["ask"]]


async def test_no_more_is_asked_for_than_one_dialogue_takes_and_what_is_used_up_comes_first(post: Post) -> None:
    assert await asked(post) == ["case_moved", "case_corrections", "correction_due"]
    await post.allow("a")
    assert await asked(post, 5) == ["case_corrections", "correction_due", "bill_issued", "bill_due", "bill_paid"]
    for kind in ("case_corrections", "correction_due"):
        await post.allow("a", ENOUGH, kind=kind)
    assert not {"case_corrections", "correction_due"} & set(await asked(post, 5)), "enough in hand"


async def test_what_somebody_is_about_to_do_is_asked_for_first(post: Post) -> None:
    assert await asked(post, 2, "pay") == ["bill_due", "bill_paid"]
    for kind in ("bill_paid", "bill_refunded", "bill_due"):
        await post.allow("a", ENOUGH, kind=kind)
    assert await asked(post, 2, "pay") == ["case_moved", "case_corrections"], "what there is enough of leaves room"
    assert all(kind in KINDS for kinds in consents.MOMENTS.values() for kind in kinds)


async def test_one_time_and_long_term_templates_are_never_asked_for_together(post: Post) -> None:
    wechat = post.platforms["wechat"]
    wechat.kinds, wechat.long_term = frozenset({"case_moved", "notice"}), frozenset({"notice"})
    assert await asked(post) == ["case_moved"]
    await post.allow("a", ENOUGH)
    assert await asked(post) == ["notice"]
    await post.allow("a", kind="notice")
    assert await asked(post) == []


async def test_whoever_said_no_is_not_asked_again_at_once_and_who_banned_it_never(post: Post) -> None:
    post.platforms["wechat"].kinds = frozenset({"case_moved"})
    await post.heard("a", Answered("case_moved", "reject", "client", now()))
    assert await asked(post) == []
    await post.heard("a", Answered("case_moved", "reject", "client", now() - timedelta(hours=25)))
    assert await asked(post) == ["case_moved"]
    await post.heard("a", Answered("case_moved", "ban", "client", now()))
    assert await asked(post) == []


async def test_a_channel_that_asks_nobody_has_nothing_to_ask_for(post: Post) -> None:
    assert await consents.to_ask(post.pushing.consents, "r_a", ("sms", Platform("sms", needs_consent=False)), 3) == []
    assert await consents.to_ask(post.pushing.consents, "r_a", ("kiosk", None), 3) == []
