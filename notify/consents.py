"""The consent ledger's rules: what an answer, an event of the platform or a send does to one consent, and which templates to ask for now.

A one-time template gives one send for every accept. WeChat tells of the same tap twice: the mini-program reports what the dialogue said, and
the platform's own event follows (or comes first, or never). An accept from one side waits ten minutes for its twin of the other, and both
are one send. Whatever we count, the platform knows better: its "no" (43101) sets the count to nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Literal

from kit.clock import now
from kit.errors import Invalid
from kit.mongo import Tx
from notify.channel import Channel
from notify.consent_store import Consent, Consents
from notify.kinds import KINDS

Source = Literal["client", "platform"]
Result = Literal["accept", "reject", "ban", "off", "on"]  # off, on: switched in the platform's own settings
TWIN = timedelta(minutes=10)
ENOUGH = 3  # sends in hand, above which a one-time template is not asked for
PAUSE = timedelta(hours=24)  # after a no, before the same question again
MOST_TWINS = 20
MOMENTS: Mapping[str, tuple[str, ...]] = {
    "apply": ("case_moved", "case_corrections", "correction_due"),
    "pay": ("bill_paid", "bill_refunded", "bill_due"),
    "licence": ("licence_expiring",),
    "appointment": ("appointment_tomorrow", "appointment_moved"),
    "delivery": ("parcel_moved", "parcel_problem", "papers_arrived"),
    "complaint": ("complaint_moved",),
    "rating": ("rating_moved",),
    "account": ("account_changed",),
}


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer about one template, from whichever side it was heard."""

    kind: str
    result: Result
    source: Source
    at: datetime


def after(consent: Consent, answer: Answered, *, long_term: bool) -> Consent:
    """The consent as it is once `answer` was heard. Pure."""
    said = replace(consent, last_result=answer.result, at=answer.at)
    if answer.result == "reject":
        return said  # of this dialogue; what was allowed before stays
    if answer.result in ("ban", "off"):
        return replace(said, remaining=0, for_good=False, twins=())
    if long_term:
        return replace(said, for_good=True)
    if answer.result == "on":
        return said  # asks are possible again; nothing is allowed yet
    waiting = [one for one in consent.twins if abs(answer.at - one[1]) <= TWIN]
    twin = next((one for one in waiting if one[0] != answer.source), None)
    if twin is not None:
        waiting.remove(twin)
        return replace(said, twins=tuple(waiting))
    return replace(said, remaining=consent.remaining + 1, twins=(*waiting, (answer.source, answer.at))[-MOST_TWINS:])


async def hear(store: Consents, resident_id: str, answers: Sequence[Answered], channel: tuple[str, Channel], tx: Tx | None = None) -> None:
    """Keep what was heard of one account, in the order it was said. Raises DuplicateKeyError, in a transaction, for one to begin again."""
    name, carrier = channel
    for answer in answers:
        think = partial(after, answer=answer, long_term=carrier.is_long_term(answer.kind))
        await store.rewrite(tx, (resident_id, name, answer.kind), think)


async def reported(store: Consents, resident_id: str, channel: str, results: Sequence[tuple[str, str]], carrier: Channel | None) -> None:
    """What the mini-program says the dialogue said: (kind, result) pairs. Raises Invalid for a template this channel does not have."""
    unknown = [kind for kind, _ in results if carrier is None or carrier.template(kind) is None]
    if unknown or carrier is None:
        raise Invalid("template_unknown", "没有这个消息模板，请刷新小程序后再试")
    words: Mapping[str, Result] = {"accept": "accept", "acceptWithAudio": "accept", "ban": "ban"}
    answers = [Answered(kind, words.get(result, "reject"), "client", now()) for kind, result in results]
    await hear(store, resident_id, answers, (channel, carrier))


async def to_ask(store: Consents, resident_id: str, on: tuple[str, Channel | None], at_once: int, moment: str = "") -> list[dict[str, Any]]:
    """Every template of the caller's channel, those to ask for now marked: at most `at_once`, never one-time and long-term ones together.

    `moment`: what the resident is about to do, of MOMENTS; what belongs to it is asked for before anything else.
    """
    channel, carrier = on
    if carrier is None or not carrier.needs_consent:
        return []
    given = await store.of_resident(resident_id, channel)
    rows = [
        _row(key, given.get(key, Consent()), carrier, channel)
        for key, kind in KINDS.items()
        if kind.template == key and carrier.template(key) is not None
    ]
    first = MOMENTS.get(moment, ())
    wanted = [row for row in rows if row["ask"]]
    wanted.sort(key=lambda row: (row["template_key"] not in first, row["remaining"]))  # then none in hand; else as they are defined
    chosen = [row for row in wanted if row["long_term"] == wanted[0]["long_term"]][:at_once] if wanted else []
    return [{**row, "ask": row in chosen} for row in rows]


def _row(kind: str, consent: Consent, carrier: Channel, channel: str) -> dict[str, Any]:
    long_term = carrier.is_long_term(kind)
    has_enough = consent.for_good if long_term else consent.remaining >= ENOUGH
    lately = consent.last_result == "reject" and consent.at is not None and now() - consent.at < PAUSE
    return {
        "template_key": kind,
        "template_id": carrier.template(kind),
        "channel": channel,
        "title": KINDS[kind].title,
        "long_term": long_term,
        "allowed": consent.for_good if long_term else consent.remaining > 0,
        "remaining": consent.remaining,
        "last_result": consent.last_result,
        "ask": not has_enough and consent.last_result not in ("ban", "off") and not lately,
    }
