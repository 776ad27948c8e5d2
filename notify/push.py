"""Carrying one message to a phone: one walk through a person's channels, and the reason written down for every channel not used.

On a channel:   pending ──take consent──> (under way) ──> sent | refused | failed | parked | unknown
                   │                          └──certainly not sent──> pending, again later
                   └── skipped | expired | not_needed
The walk ends with the first channel that took the message. What a platform cannot tell us afterwards is sent at most once there: a reply
that was lost is `unknown` and stays it. An urgent message then tries the next channel, as being told twice is better than not at all; any
other stops, as it may have arrived and is in the inbox anyway. A gateway that can be asked is asked before anything is sent again.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from kit import metrics
from kit.clock import now
from kit.errors import NotReached, Refused, Unknown
from kit.outbox import Row
from notify import quiet
from notify.answers import Verdict, judged
from notify.channel import Outgoing
from notify.kinds import KINDS, Kind
from notify.pushing import Account, Pushing, Reached
from notify.store import Outcome

log = logging.getLogger(__name__)

KIND = "notify.push"
SETTLES = timedelta(seconds=90)  # until a gateway that can be asked knows what it took
PATIENCE = 5  # attempts, about half a minute: an urgent message waits no longer for a platform that is away while there is another one
_OVER = frozenset({"sent", "refused", "failed", "unknown", "skipped", "expired", "not_needed", "delivered"})


class _Lost(Exception):
    """The lease ran out and somebody else goes on with this message."""


@dataclass(slots=True)
class _Walk:
    """One message on its way. `noted`: what is to be written down."""

    pushing: Pushing
    row: Row
    message: dict[str, Any]
    kind: Kind
    reached: Reached
    noted: dict[str, Outcome] = field(default_factory=dict)
    endings: list[tuple[Account, str]] = field(default_factory=list)
    begun: frozenset[str] = frozenset()
    asked: int = 0

    @property
    def own(self) -> str:
        return str(self.message["_id"])

    @property
    def until(self) -> datetime:
        at: datetime = self.message["at"]
        return at + worth(self.kind.key)

    def before(self, channel: str) -> Mapping[str, Any]:
        """What is written down of this channel already."""
        found: Mapping[str, Any] = self.message["channels"].get(channel) or {}
        return found


def rows(owns: Sequence[tuple[str, str]]) -> list[tuple[str, dict[str, Any], datetime | None]]:
    """Outbox rows for messages just written: (message id, kind)."""
    return [(f"push:{own}", {"message_id": own}, now() + worth(kind)) for own, kind in owns]


def worth(kind: str) -> timedelta:
    """How long a push of this kind helps."""
    return timedelta(hours=KINDS[kind].hours)


async def push(pushing: Pushing, row: Row) -> None:
    """Worker handler; payload {message_id}. Raises NotReached to be called again."""
    message = await pushing.store.message(row.payload["message_id"])
    if message is None or message["kind"] not in KINDS:
        await pushing.outbox.done(row.key)
        return
    walk = _Walk(pushing, row, message, KINDS[message["kind"]], await pushing.reach.of(message["person_id"]))
    if message.get("push") == "done":
        await _clear(walk)
        await pushing.outbox.done(row.key)
        return
    try:
        await _through(walk)
    except _Lost:
        log.warning("push lost its lease", extra={"message_id": walk.own})


async def _through(walk: _Walk) -> None:
    walk.begun = await _begun(walk)
    wanted = [name for name in walk.reached.channels if name in walk.pushing.channels and name not in walk.begun]
    order = [*sorted(walk.begun), *wanted]  # what was begun is seen through before anything else is
    for name in walk.pushing.channels:
        if name not in order:
            walk.noted[name] = Outcome("skipped", "turned_off")
    ends = [_ends(walk, name, str(walk.before(name).get("outcome"))) for name in order]
    stop = next((why for why in ends if why is not None), None)  # why no other channel is used: one took it while another was parked
    for name in order:
        if walk.before(name).get("outcome") in _OVER:
            continue
        if stop is not None:
            walk.noted[name] = Outcome("not_needed", stop)
        elif (why := _not_used(walk, name)) is not None:
            walk.noted[name] = why
        elif (later := _later(walk, name)) is not None:
            await _put_off(walk, name, later)
            return
        else:
            walk.noted[name] = await _try_in_time(walk, name, order)
            stop = _ends(walk, name, walk.noted[name].outcome)
    await _finish(walk)


async def _begun(walk: _Walk) -> frozenset[str]:
    """Channels on which somebody began to send this and died: the mark is in the message, or with the consent."""
    begun = {name for name in walk.pushing.channels if walk.before(name).get("outcome") == "sending"}
    if walk.row.attempt > 1:
        places = [(one.resident_id, one.channel, walk.kind.template) for one in walk.reached.accounts]
        begun |= await walk.pushing.consents.under_way(places, walk.own)
    return frozenset(begun)


async def _try_in_time(walk: _Walk, name: str, order: Sequence[str]) -> Outcome:
    try:
        return await _try(walk, name)
    except NotReached:
        others = [one for one in order[order.index(name) + 1 :] if _not_used(walk, one) is None]
        if not (walk.kind.urgent and walk.row.attempt >= PATIENCE and others) or name in walk.begun:
            raise
        return Outcome("skipped", "platform_away")


def _ends(walk: _Walk, name: str, outcome: str) -> str | None:
    """Why no channel after this one is used; None: the next one is tried."""
    if outcome == "sent":
        return f"sent_by_{name}"
    if outcome == "failed":
        return "stopped"
    return "may_have_arrived" if outcome == "unknown" and not walk.kind.urgent else None


def _not_used(walk: _Walk, name: str) -> Outcome | None:
    """What is known before anything is taken or sent."""
    if walk.pushing.channels[name].template(walk.kind.template) is None:
        return Outcome("skipped", "no_template")
    if walk.kind.key in walk.reached.kinds_off:
        return Outcome("skipped", "kind_turned_off")
    if not any(one.channel == name for one in walk.reached.accounts):
        return Outcome("skipped", "no_account")
    return Outcome("expired", "deadline") if now() > walk.until and name not in walk.begun else None


def _later(walk: _Walk, name: str) -> datetime | None:
    """Not before this; None: now. What was begun is seen through."""
    if walk.kind.urgent or name in walk.begun:
        return None
    return quiet.ends_at(walk.reached.quiet_hours, now())


async def _try(walk: _Walk, name: str) -> Outcome:
    """One channel to its end. Raises NotReached when the platform is away: the whole walk comes again."""
    walk.asked += 1
    if walk.asked > 1 and not await walk.pushing.outbox.hold(walk.row):
        raise _Lost
    accounts = [one for one in walk.reached.accounts if one.channel == name]
    if not walk.pushing.channels[name].needs_consent:
        return await _without_consent(walk, accounts[0])
    if name in walk.begun:
        walk.endings += [(account, "used") for account in accounts]
        return Outcome("unknown", "interrupted")
    last = Outcome("skipped", "no_consent")
    for account in accounts:
        taken = await walk.pushing.consents.take(account.resident_id, name, walk.kind.template, walk.own)
        if taken == "under_way":  # somebody else is at it
            walk.endings.append((account, "used"))
            return Outcome("unknown", "interrupted")
        if taken == "taken":
            last = await _send(walk, account)
            if last.outcome != "refused":
                return last
    return last


async def _without_consent(walk: _Walk, account: Account) -> Outcome:
    """The message itself carries the mark; what was begun before is asked about."""
    channel, name = walk.pushing.channels[account.channel], account.channel
    if walk.before(name).get("outcome") == "sending":
        is_early = now() - walk.before(name)["at"] < SETTLES
        took = await channel.took(account.account, _outgoing(walk)) if channel.can_be_asked and not is_early else None
        if took is None and channel.can_be_asked and now() <= walk.until:
            raise NotReached(name, "not_known_yet")
        if took is not False:
            return Outcome("sent", None) if took else Outcome("unknown", "interrupted")
    elif walk.pushing.daily is not None and not await walk.pushing.daily.admits(name, account.account):
        return Outcome("skipped", "daily_limit")
    elif not await walk.pushing.store.begin(walk.own, name):
        raise _Lost
    return await _send(walk, account)


async def _send(walk: _Walk, account: Account) -> Outcome:
    """A consent was taken, or the mark set, for this send."""
    name = account.channel
    channel = walk.pushing.channels[name]
    try:
        answer = await channel.send(account.account, _outgoing(walk))
    except Unknown as exc:
        if channel.can_be_asked:
            raise NotReached(name, exc.reason) from exc  # asked about before it is sent again: the mark stays
        walk.endings.append((account, "used"))
        return Outcome("unknown", exc.reason)
    except Refused as exc:
        return await _refused(walk, account, exc)
    except NotReached:
        await _certainly_not(walk, account)
        raise
    walk.endings.append((account, "used"))
    return Outcome("sent", None, answer)


async def _refused(walk: _Walk, account: Account, exc: Refused) -> Outcome:
    said = judged(account.channel, exc.reason)
    if said.verdict is Verdict.LATER:
        await _certainly_not(walk, account)
        raise NotReached(account.channel, said.reason) from exc
    gone = said.reason == "no_consent_at_platform"
    await _end(walk, account, "gone" if gone else "returned")
    if said.verdict is Verdict.REFUSED:
        return Outcome("refused", said.reason, said.code)
    log.error("push refused", extra={"message_id": walk.own, "channel": account.channel, "reason": said.reason, "code": said.code})
    return Outcome("failed" if said.verdict is Verdict.STOP else "parked", said.reason, said.code)


async def _certainly_not(walk: _Walk, account: Account) -> None:
    """Nothing happened there: the consent is back, and what was found out about other channels is kept."""
    await _end(walk, account, "returned")
    await walk.pushing.store.note(walk.own, {**walk.noted, account.channel: Outcome("pending", "try_later")}, done=False)


async def _put_off(walk: _Walk, name: str, later: datetime) -> None:
    """The row sleeps until the quiet hours are over, or the message's time is."""
    await walk.pushing.store.note(walk.own, {**walk.noted, name: Outcome("pending", "quiet_hours")}, done=False)
    await walk.pushing.outbox.put_off(walk.row, max(1.0, (min(later, walk.until) - now()).total_seconds() + 1))


async def _finish(walk: _Walk) -> None:
    """The outcome first, then the marks and the row: whoever dies in between leaves what the next one only tidies up."""
    await walk.pushing.store.note(walk.own, walk.noted, done=True)
    await asyncio.gather(*(_end(walk, account, how) for account, how in walk.endings))
    await walk.pushing.outbox.done(walk.row.key)
    for name, one in walk.noted.items():
        metrics.pushes.labels(name, one.outcome, one.reason or "").inc()
        if one.outcome == "unknown":
            log.warning("push outcome unknown", extra={"message_id": walk.own, "channel": name, "reason": one.reason})


async def _end(walk: _Walk, account: Account, how: str) -> None:
    if walk.pushing.channels[account.channel].needs_consent:
        await walk.pushing.consents.end(account.resident_id, account.channel, walk.kind.template, walk.own, how)  # type: ignore[arg-type]


async def _clear(walk: _Walk) -> None:
    """The walk was over and only the row's end was lost: a mark may be left."""
    carried = [one for one in walk.reached.accounts if walk.pushing.channels.get(one.channel) is not None]
    await asyncio.gather(*(_end(walk, account, "used") for account in carried))


def _outgoing(walk: _Walk) -> Outgoing:
    """Messages of a release before this one are about cases alone and carry WeChat's values."""
    page = walk.message.get("page") or f"pages/case/detail?no={walk.message['case_no']}"
    return Outgoing(walk.own, walk.kind, walk.message.get("fields") or {}, str(page), walk.message.get("values"))
