"""Answering a WeChat message through the customer-service API: one person's in order, each text at most once, its outcome written down.

waiting ──answer──> replying; every text of it: pending ──> sending ──> sent | refused | unknown
                                                   │           └──certainly not sent──> pending
                                                   └── expired | skipped
The API takes no id of ours, so a text whose outcome is unknown is never sent again.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from bot import wechat_texts as texts
from bot.wechat import Incoming
from bot.wechat_store import Message, WeChatMessages
from kit import metrics
from kit.clock import now
from kit.errors import NotReached, Refused, Unknown
from kit.mongo import DuplicateKeyError, Mongo, Tx
from kit.outbox import Outbox, Row
from kit.redis import Redis
from kit.wechat import WeChat

log = logging.getLogger(__name__)

KIND = "bot.wechat_reply"
DEADLINE = timedelta(minutes=10)  # an answer that comes later only confuses
ANSWER_SECONDS = 8.0  # for the assistant; SEND_SECONDS for one text, its token included: each within the row's lease
SEND_SECONDS = 12.0
A_MINUTE = 20  # messages of one person that are answered
WAIT = 2.0  # seconds until a message looks again whether those before it are answered
AGAIN = 5.0  # seconds until WeChat is tried again; even, as whoever waits for an answer writes again and stands behind this one

# message/custom/send, errcode -> our word. None of them is different a minute later, so the rest of the answer is not tried.
_REFUSALS = {
    "errcode_45015": "window_over",  # nothing from this person for 48 hours
    "errcode_45047": "over_limit",  # five texts for one message of theirs
    "errcode_40003": "account_unknown",
}


class Answerer(Protocol):
    """The assistant, supplied by wiring. Texts in the order to send them; any exception means it has no answer now."""

    async def answer(self, channel: str, account: str, sender: str, text: str) -> list[str]: ...


@dataclass(frozen=True, slots=True)
class Replying:
    """`accounts`: name -> calls of that account."""

    mongo: Mongo
    store: WeChatMessages
    outbox: Outbox
    redis: Redis
    answerer: Answerer
    accounts: Mapping[str, WeChat]


async def take(replying: Replying, account: str, message: Incoming) -> bool:
    """Write down one message and, unless there is nothing to say, the intent to answer it, together. False: it was here before."""
    store = replying.store

    async def together(tx: Tx) -> None:
        silent = message.kind in ("transfer", "ignored") or _is_old(message)
        if not silent and message.kind == "greeting":
            silent = not await store.first_greeting(tx, account, message.sender)
        own = await store.add(tx, account, message, "done" if silent else "waiting")
        if not silent:
            await replying.outbox.put(tx, KIND, _key(own), {"message_id": own})

    try:
        await replying.mongo.transaction(together)
    except DuplicateKeyError:
        return False
    metrics.wechat_messages.labels(account, message.what).inc()
    if _is_old(message):
        log.warning("wechat message came too late to answer", extra={"account": account, "what": message.what})
    return True


def _is_old(message: Incoming) -> bool:
    """By WeChat's own clock, which is signed with the message: an old push that somebody kept and sends again is not answered."""
    return now().timestamp() - message.created > DEADLINE.total_seconds()


class _Lost(Exception):
    """Our lease ran out and somebody else goes on with this message."""


async def reply(replying: Replying, row: Row) -> None:
    """Worker handler; payload {message_id}. Answers this message, then at once those of the same person that came meanwhile."""
    after = await _one(replying, row)
    while after is not None and (taken := await replying.outbox.take_key(_key(after))) is not None:
        after = await _one(replying, taken)


async def _one(replying: Replying, row: Row) -> str | None:
    """This row's message, if it is its turn; the id of the sender's next one."""
    message = await replying.store.message(row.payload["message_id"])
    if message is None or message.state == "done":
        await replying.outbox.done(row.key)
        return None
    if not await replying.store.is_next(message):
        await replying.outbox.put_off(row, WAIT)
        return None
    try:
        await _carry_out(replying, row, message)
    except _Lost:
        return None
    except NotReached as exc:
        log.warning("wechat not reached", extra={"message_id": message.own, "error": str(exc)})
        await replying.outbox.put_off(row, AGAIN)
        return None
    return await replying.store.next_of(message.sender_index)


async def _carry_out(replying: Replying, row: Row, message: Message) -> None:
    if message.state == "waiting":
        fixed = await replying.store.fix_replies(message, await _answer(replying, message))
        if fixed is None:
            raise _Lost
        message = fixed
    await _say_all(replying, row, message)

    async def together(tx: Tx) -> None:
        await replying.store.finish(tx, message.own)
        await replying.outbox.done(row.key, tx)

    await replying.mongo.transaction(together)


async def _answer(replying: Replying, message: Message) -> list[str]:
    """Never nothing: whoever asked gets a sentence."""
    fixed = {"other": texts.ONLY_TEXT, "long": texts.TOO_LONG, "greeting": texts.GREETING}.get(message.kind)
    if fixed is not None:
        return [fixed]
    if _is_late(message):
        return [texts.SORRY]  # not asked any more, and not sent either
    count = await replying.redis.count(f"wechat:asked:{message.sender_index}", 60)
    if count is not None and count > A_MINUTE:
        return [texts.TOO_FAST] if count == A_MINUTE + 1 else []
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            answered = await replying.answerer.answer("wechat", message.account, message.sender, message.text)
    except Exception as exc:  # the edge: whatever the assistant breaks on, the person is told
        log.warning("no answer", extra={"message_id": message.own, "error": type(exc).__name__})
        return [texts.SORRY]
    said = [text.strip()[: texts.LONGEST] for text in answered if text.strip()]
    return said[: texts.MOST_BUTTONS] or [texts.SORRY]


async def _say_all(replying: Replying, row: Row, message: Message) -> None:
    refused: str | None = None
    for n, said in enumerate(message.replies):
        if said.outcome == "sending":  # whoever sent it died between asking WeChat and writing down the answer
            await _note(replying, message, n, "sending", "unknown", "interrupted")
        elif said.outcome == "refused":
            refused = refused or "after_a_refusal"
        elif said.outcome == "pending" and refused is not None:
            await _note(replying, message, n, "pending", "skipped", refused)
        elif said.outcome == "pending" and _is_late(message):
            await _note(replying, message, n, "pending", "expired", "deadline")
        elif said.outcome == "pending":
            if not await replying.outbox.hold(row) or not await replying.store.move(message.own, n, "pending", "sending"):
                raise _Lost
            refused = await _say(replying, message, n, said.text)


async def _say(replying: Replying, message: Message, n: int, text: str) -> str | None:
    """One text that is marked "sending". Our word when WeChat refused it, None otherwise."""
    content = {"touser": message.sender, "msgtype": "text", "text": {"content": text}}
    try:
        wechat = replying.accounts.get(message.account)
        if wechat is None:
            raise Refused("wechat", "account_not_configured")
        async with asyncio.timeout(SEND_SECONDS):
            await wechat.call("/cgi-bin/message/custom/send", content)
    except Refused as exc:
        reason = _REFUSALS.get(exc.reason, exc.reason)
        await _note(replying, message, n, "sending", "refused", reason)
        return reason
    except NotReached:
        await replying.store.move(message.own, n, "sending", "pending", "try_later")
        raise
    except (Unknown, TimeoutError) as exc:
        await _note(replying, message, n, "sending", "unknown", exc.reason if isinstance(exc, Unknown) else "timeout")
    else:
        await _note(replying, message, n, "sending", "sent", None)
    return None


async def _note(replying: Replying, message: Message, n: int, before: str, outcome: str, reason: str | None) -> None:
    if not await replying.store.move(message.own, n, before, outcome, reason):
        raise _Lost
    metrics.wechat_replies.labels(message.account, outcome).inc()
    if outcome in ("refused", "unknown", "expired"):
        log.warning("wechat reply not sent", extra={"message_id": message.own, "text": n, "outcome": outcome, "reason": reason})


def _is_late(message: Message) -> bool:
    return now() - message.at > DEADLINE


def _key(own: str) -> str:
    return f"wechat_reply:{own}"
