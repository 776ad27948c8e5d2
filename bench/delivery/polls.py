"""How many questions to couriers pushes save: 100,000 parcels' ways followed by the very rules of the worker, with pushes and without any.

Without pushes the worker finds out by its first polls and asks more often, because residents look at what polls bring: that is what it would cost.
With them some get lost and some are late. Only the time is made up; nothing is stored.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate

from bench.figures import percentile, progress, report
from delivery.couriers import TERMINAL, ScanKind
from delivery.parcels import UNDER_WAY, State
from delivery.poll_gaps import FRESH, next_poll
from delivery.scans import Seen, standing

PARCELS, AIM, SEED = 100_000, 0.9, 20261123
LOST, LATE = 0.02, 0.05  # shares of pushes: never told; told hours later
START = datetime(2026, 11, 23, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Life:
    """A parcel's scans in order, and when each is pushed (None: never)."""

    scans: list[Seen]
    pushes: list[datetime | None]


def life(dice: random.Random) -> Life:
    """Collected within half a day, two to four days on its way, signed for some hours after it is brought; one in twelve waits at a shop."""
    kinds = [ScanKind.COLLECTED, *[ScanKind.IN_TRANSIT] * dice.randint(4, 8), ScanKind.DELIVERING]
    gaps = [dice.uniform(1, 12), *(dice.uniform(2, 12) for _ in kinds[2:]), dice.uniform(4, 14)]
    if dice.random() < 1 / 12:
        kinds.append(ScanKind.AT_PICKUP_POINT)
        gaps.append(dice.uniform(2, 8))
    kinds.append(ScanKind.SIGNED)
    gaps.append(dice.uniform(1, 30) if kinds[-2] is ScanKind.AT_PICKUP_POINT else dice.uniform(0.5, 6))
    moments = [START + timedelta(hours=hours) for hours in accumulate(gaps)]
    scans = [Seen(f"s{n}", 1, kind, at, "", False, "") for n, (kind, at) in enumerate(zip(kinds, moments, strict=True))]
    return Life(scans, [_pushed(at, dice) for at in moments])


def _pushed(at: datetime, dice: random.Random) -> datetime | None:
    chance = dice.random()
    if chance < LOST:
        return None
    return at + (timedelta(hours=dice.uniform(1, 6)) if chance < LOST + LATE else timedelta(seconds=dice.uniform(2, 300)))


def questions(one: Life, *, pushed: bool) -> tuple[int, float]:
    """(polls until the end is known, hours the end was known late), by the rules of delivery/polling.py."""
    known: set[str] = set()
    told = sorted((at, seen) for seen, at in zip(one.scans, one.pushes, strict=True) if pushed and at is not None) if pushed else []
    state, moved, word, unheard, polls = State.BOOKED, START, START, False, 0
    while True:
        due = next_poll(state, moved, word, unheard=unheard)
        if told and told[0][0] <= due:
            at, seen = told.pop(0)
            if seen.id not in known:
                known.add(seen.id)
                word, unheard = at, False
            asks = seen.kind in TERMINAL
        else:
            at, asks = due, True
        if asks:  # a poll, or one that confirms a pushed end
            polls += 1
            shown = [seen for seen in one.scans if seen.at <= at]
            unheard = unheard or any(seen.id not in known and at - seen.at > FRESH for seen in shown)
            known |= {seen.id for seen in shown}
            word = at
            if any(seen.kind in TERMINAL for seen in shown):
                return polls, (at - one.scans[-1].at).total_seconds() / 3600
        held = [seen for seen in one.scans if seen.id in known]
        said = standing(held, 1)
        state = said.state if said is not None and said.state in UNDER_WAY else state
        moved = max([START, *(seen.at for seen in held)])


def share_saved(lives: Sequence[Life]) -> tuple[float, int, int]:
    """(share of polls made needless, polls with pushes, without any)."""
    with_pushes = sum(questions(one, pushed=True)[0] for one in lives)
    without = sum(questions(one, pushed=False)[0] for one in lives)
    return 1 - with_pushes / without, with_pushes, without


def measure(count: int = PARCELS) -> None:
    dice = random.Random(SEED)  # noqa: S311 - the same ways each time, not a secret
    lives = [life(dice) for _ in range(count)]
    share, asked, without = share_saved(lives)
    late = [questions(one, pushed=True)[1] for one in lives[:10_000]]
    progress(f"  有推送 {asked / count:.2f} 次/件，没有推送 {without / count:.2f} 次/件；签收平均晚知道 {sum(late) / len(late):.2f} 小时")
    told = f"the same worker without any push; {LOST:.0%} of pushes lost, {LATE:.0%} hours late"
    report("poll_requests_saved", share, "share of polls", "higher", AIM, told, count)
    report("polls_per_parcel", asked / count, "polls", "lower", None, f"without any push {without / count:.1f}", count)
    report("delivered_known_late_p95", percentile(late, 0.95), "h", "lower", None, "after the courier's own scan", len(late))
