"""Carrying one message to one phone: at most once, and the reason written down when not.

pending ──take consent──> sending ──> sent | refused | failed | unknown
   │                         └──certainly not sent──> pending
   └── skipped (no account, no consent) | expired
"""

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from kit.clock import now
from kit.errors import NotReached, Refused, Unknown
from kit.mongo import Mongo, Tx
from kit.outbox import Outbox, Row
from notify.store import Messages
from notify.wechat import Push

log = logging.getLogger(__name__)

KIND = "notify.push"
DEADLINE = timedelta(hours=24)  # a later push would only confuse


class Reach(Protocol):
    """Supplied by wiring: (resident id, openid or user id) of a person on a channel."""

    async def accounts_of(self, person_id: str, channel: str) -> list[tuple[str, str]]: ...


@dataclass(frozen=True, slots=True)
class Pushing:
    mongo: Mongo
    store: Messages
    outbox: Outbox
    reach: Reach
    channels: dict[str, Push]


@dataclass(frozen=True, slots=True)
class _Sending:
    """A consent was taken for this send."""

    message: dict[str, Any]
    channel: str
    resident_id: str
    account: str


async def push(pushing: Pushing, row: Row) -> None:
    """Worker handler; payload {message_id, channel}. Raises NotReached to be called again."""
    own, channel = row.payload["message_id"], row.payload["channel"]
    message = await pushing.store.message(own)
    outcome = message["channels"][channel]["outcome"] if message is not None else None
    if message is None or outcome not in ("pending", "sending"):
        await pushing.outbox.done(row.key)
    elif outcome == "sending":  # whoever took it died between asking WeChat and writing down the answer
        await _close(pushing, row, own, channel, "sending", "unknown", "interrupted")
    elif now() - message["at"] > DEADLINE:
        await _close(pushing, row, own, channel, "pending", "expired", "deadline")
    else:
        await _send(pushing, row, message, channel)


async def _send(pushing: Pushing, row: Row, message: dict[str, Any], channel: str) -> None:
    accounts = await pushing.reach.accounts_of(message["person_id"], channel)
    sending = await _take_consent(pushing, message, channel, accounts)
    if sending is None:
        await _close(pushing, row, message["_id"], channel, "pending", "skipped", "no_consent" if accounts else "no_account")
        return
    try:
        await pushing.channels[channel].send(sending.account, message["template_key"], message["values"], _page(message))
    except Refused as exc:
        await _refused(pushing, row, sending, exc.reason)
    except Unknown as exc:
        await _close(pushing, row, message["_id"], channel, "sending", "unknown", exc.reason)
    except NotReached:
        await _not_sent(pushing, sending)
        raise
    else:
        await _close(pushing, row, message["_id"], channel, "sending", "sent", None)


def _page(message: dict[str, Any]) -> str:
    """Where a tap leads; messages of an earlier version are all about cases."""
    return str(message.get("page") or f"pages/case/detail?no={message['case_no']}")


async def _take_consent(pushing: Pushing, message: dict[str, Any], channel: str, accounts: list[tuple[str, str]]) -> _Sending | None:
    """The first account with a consent left; taking it and saying "sending" happen together."""
    for resident_id, account in accounts:

        async def both(tx: Tx, resident_id: str = resident_id) -> bool:
            if not await pushing.store.use_consent(tx, resident_id, channel, message["template_key"]):
                return False
            if not await pushing.store.move(tx, message["_id"], channel, "pending", "sending"):
                raise LookupError("another worker is sending this message")
            return True

        if await pushing.mongo.transaction(both):
            return _Sending(message, channel, resident_id, account)
    return None


async def _refused(pushing: Pushing, row: Row, sending: _Sending, reason: str) -> None:
    key, resident_id, channel = sending.message["template_key"], sending.resident_id, sending.channel

    async def together(tx: Tx) -> None:
        if reason == "no_consent_at_platform":
            await pushing.store.consent_gone(tx, resident_id, channel, key)
        else:
            await pushing.store.return_consent(tx, resident_id, channel, key)
        outcome = "refused" if reason == "no_consent_at_platform" else "failed"
        await pushing.store.move(tx, sending.message["_id"], channel, "sending", outcome, reason)
        await pushing.outbox.done(row.key, tx)

    await pushing.mongo.transaction(together)
    if reason != "no_consent_at_platform":
        log.error("push refused", extra={"message_id": sending.message["_id"], "channel": channel, "reason": reason})


async def _not_sent(pushing: Pushing, sending: _Sending) -> None:
    async def together(tx: Tx) -> None:
        await pushing.store.return_consent(tx, sending.resident_id, sending.channel, sending.message["template_key"])
        await pushing.store.move(tx, sending.message["_id"], sending.channel, "sending", "pending", "try_later")

    await pushing.mongo.transaction(together)


async def _close(pushing: Pushing, row: Row, own: str, channel: str, before: str, outcome: str, reason: str | None) -> None:
    """The outcome first, then the row: dying between the two, whoever gets the row again finds the outcome and only ends it."""
    await pushing.store.move(None, own, channel, before, outcome, reason)
    await pushing.outbox.done(row.key)
    if outcome == "unknown":
        log.warning("push outcome unknown", extra={"message_id": own, "channel": channel, "reason": reason})
