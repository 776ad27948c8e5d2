"""Story: WeChat tells what a resident allowed, took back, or what became of a message. Each event counts once, however often it comes."""

import asyncio
import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from bot.wechat import Incoming
from kit.clock import now
from kit.errors import Unavailable
from kit.mongo import DuplicateKeyError, Tx
from miniapp_api.wiring import Deps
from notify import consents
from notify.channel import Channel
from notify.consents import Answered, Result

log = logging.getLogger(__name__)

POPUP, CHANGE, SENT = "event:subscribe_msg_popup_event", "event:subscribe_msg_change_event", "event:subscribe_msg_sent_event"
FRESH = timedelta(minutes=1)
EARLY = (0.1, 0.4, 1.0)  # seconds to wait for our own note; WeChat waits five for its answer
_TRIES = 3


async def take(deps: Deps, account: str, message: Incoming) -> bool:
    """The event and its effect in one write. False: it was here before. For whom we do not know it is kept as seen, and changes nothing."""
    if message.what == SENT:
        await _receipts(deps, message)  # said again it says the same: nothing to remember
        return True
    carrier = deps.pushing.channels.get("wechat")
    ours = deps.wechat_accounts[account].appid == deps.settings.wechat_appid
    found = await deps.residents.identities("wechat", [message.sender]) if ours and carrier is not None else []

    async def together(tx: Tx) -> None:
        await deps.replying.store.add(tx, account, message, "done")
        if found and carrier is not None and message.what in (POPUP, CHANGE):
            await consents.hear(deps.pushing.consents, found[0]["resident_id"], _answers(message, carrier), ("wechat", carrier), tx)

    for _ in range(_TRIES):
        try:
            await deps.mongo.transaction(together)
        except DuplicateKeyError:
            if await deps.replying.store.is_known(account, message):
                return False
            continue  # the first answer about a template met another one
        break
    return True


def _answers(message: Incoming, carrier: Channel) -> list[Answered]:
    """What the dialogue said, or what was changed in WeChat's own settings: a no there ends what was allowed before."""
    at, kinds = datetime.fromtimestamp(message.created, UTC), carrier.kinds_by_template()
    words: dict[str | None, Result] = {"accept": "accept", "reject": "reject"}
    if message.what == CHANGE:
        words = {"accept": "on", "reject": "off"}
    said: list[Answered] = []
    for entry in message.entries:
        kind, status = kinds.get(entry.get("TemplateId", "")), entry.get("SubscribeStatusString")
        if kind is not None and status in words:
            said.append(Answered(kind, words[status], "platform", at))
    return said


async def _receipts(deps: Deps, message: Incoming) -> None:
    """WeChat's word on messages it took before. It may come before our own note of having sent one: then it is waited for, or asked for again.

    Raises Unavailable: WeChat comes again. Not for templates that are none of ours, nor for what is long past.
    """
    carrier = deps.pushing.channels.get("wechat")
    ours = carrier.kinds_by_template() if carrier is not None else {}
    for entry in message.entries:
        for gap in (*EARLY, 0.0):
            if await deps.messages.receipt(entry.get("MsgID", ""), _word(entry)) or entry.get("TemplateId") not in ours:
                break
            if not gap and now() - datetime.fromtimestamp(message.created, UTC) < FRESH:
                raise Unavailable("receipt_early", "请稍后再来", retry_after=5)
            await asyncio.sleep(gap)


def _word(entry: Mapping[str, str]) -> str:
    return "delivered" if entry.get("ErrorCode") == "0" else f"not_delivered_{entry.get('ErrorCode', '')[:10]}"
