"""Every query of WeChat's customer messages: what came, what is to be said, and what became of each text.

A message is known by a keyed digest of WeChat's number for it, its sender by one of the openid. The openid itself and all texts are sealed,
and dropped when everything is said; the rest is forgotten after KEPT.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bot.wechat import Incoming
from kit.clock import now
from kit.crypto import Keyring
from kit.mongo import AFTER, ASCENDING, IndexModel, Mongo, Tx

KEPT = timedelta(days=7)  # far longer than a repeat can come; what is older than ten minutes is not answered anyway
GREETED = timedelta(days=30)  # then a person is greeted again
INDEXES = {
    "wechat_messages": [
        IndexModel([("sender_index", ASCENDING), ("state", ASCENDING), ("turn", ASCENDING)], name="of_sender"),
        IndexModel([("forget_at", ASCENDING)], name="forget", expireAfterSeconds=0),
    ],
    "wechat_greeted": [IndexModel([("forget_at", ASCENDING)], name="forget", expireAfterSeconds=0)],
}


@dataclass(frozen=True, slots=True)
class Said:
    """One text to send. `outcome`: pending | sending | sent | refused | unknown | expired | skipped."""

    text: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Message:
    """`state`: waiting (nobody knows the answer) | replying (the texts are fixed) | done. `turn` orders one sender's messages."""

    own: str
    account: str
    kind: str
    at: datetime
    state: str
    sender: str
    sender_index: str
    turn: str
    text: str
    replies: tuple[Said, ...]


class WeChatMessages:
    def __init__(self, mongo: Mongo, keys: Keyring) -> None:
        self._messages = mongo["wechat_messages"]
        self._greeted = mongo["wechat_greeted"]
        self._keys = keys

    def id_of(self, account: str, message: Incoming) -> str:
        return f"wm_{self._keys.index('wechat_message', f'{account} {message.own}')}"

    # coming in

    async def add(self, tx: Tx, account: str, message: Incoming, state: str) -> str:
        """The message, once. Raises DuplicateKeyError the second time, in the transaction of the effect."""
        own, at = self.id_of(account, message), now()
        row: dict[str, Any] = {"_id": own, "account": account, "kind": message.kind, "what": message.what, "at": at, "forget_at": at + KEPT}
        turn = f"{message.created:020d} {at:%Y%m%d%H%M%S%f} {own}"  # as they were written; within a second, as they came
        row |= {"state": state, "sender_index": self.sender_index(account, message.sender), "turn": turn, "replies": []}
        if state != "done":
            row |= {"sender": self._seal(own, "sender", message.sender), "text": self._seal(own, "text", message.text)}
        await self._messages.insert_one(row, session=tx)
        return own

    async def is_known(self, account: str, message: Incoming) -> bool:
        return await self._messages.find_one({"_id": self.id_of(account, message)}, {"_id": 1}) is not None

    async def first_greeting(self, tx: Tx, account: str, sender: str) -> bool:
        """True once in GREETED for one person and account."""
        own = self.sender_index(account, sender)
        if await self._greeted.find_one({"_id": own, "forget_at": {"$gt": now()}}, session=tx) is not None:
            return False
        row = {"$set": {"forget_at": now() + GREETED}}  # a row past its time may still be there: the database forgets once a minute
        await self._greeted.update_one({"_id": own}, row, upsert=True, session=tx)
        return True

    # answering

    async def message(self, own: str) -> Message | None:
        row = await self._messages.find_one({"_id": own})
        return None if row is None else self._opened(row)

    async def is_next(self, message: Message) -> bool:
        """No earlier message of this sender waits for its answer."""
        earlier = {"sender_index": message.sender_index, "state": {"$in": ["waiting", "replying"]}, "turn": {"$lt": message.turn}}
        return await self._messages.find_one(earlier, {"_id": 1}) is None

    async def next_of(self, sender_index: str) -> str | None:
        """The sender's oldest message that is not done."""
        open_ones = {"sender_index": sender_index, "state": {"$in": ["waiting", "replying"]}}
        row = await self._messages.find_one(open_ones, {"_id": 1}, sort=[("turn", ASCENDING)])
        return None if row is None else str(row["_id"])

    async def fix_replies(self, message: Message, texts: list[str]) -> Message | None:
        """What will be said, before any of it is: from here on nobody asks again. The question is not needed any more. None: somebody else did."""
        replies = [{"text": self._seal(message.own, f"reply{n}", text), "outcome": "pending"} for n, text in enumerate(texts)]
        change = {"$set": {"state": "replying", "replies": replies}, "$unset": {"text": ""}}
        row = await self._messages.find_one_and_update({"_id": message.own, "state": "waiting"}, change, return_document=AFTER)
        return None if row is None else self._opened(row)

    async def move(self, own: str, n: int, before: str, outcome: str, reason: str | None = None) -> bool:
        """Compare-and-set of one text's outcome; False if it was not `before`."""
        place = f"replies.{n}"
        change = {f"{place}.outcome": outcome, f"{place}.reason": reason, f"{place}.at": now()}
        result = await self._messages.update_one({"_id": own, f"{place}.outcome": before}, {"$set": change})
        return bool(result.modified_count)

    async def finish(self, tx: Tx, own: str) -> None:
        """Everything personal goes; the outcomes stay for the operators."""
        gone = {"sender": "", "text": "", "replies.$[].text": ""}
        await self._messages.update_one({"_id": own}, {"$set": {"state": "done", "done_at": now()}, "$unset": gone}, session=tx)

    def _opened(self, row: dict[str, Any]) -> Message:
        own, done = row["_id"], row["state"] == "done"
        sender = "" if done else self._keys.open(row["sender"], f"wechat_messages/sender/{own}")
        text = self._keys.open(row["text"], f"wechat_messages/text/{own}") if row["state"] == "waiting" else ""
        replies = tuple(
            Said("" if done else self._keys.open(one["text"], f"wechat_messages/reply{n}/{own}"), one["outcome"])
            for n, one in enumerate(row["replies"])
        )
        return Message(own, row["account"], row["kind"], row["at"], row["state"], sender, row["sender_index"], row["turn"], text, replies)

    def _seal(self, own: str, field: str, plain: str) -> str:
        return self._keys.seal(plain, f"wechat_messages/{field}/{own}")

    def sender_index(self, account: str, sender: str) -> str:
        """Who wrote to one of our accounts, without the openid."""
        return self._keys.index("wechat_sender", f"{account} {sender}")
