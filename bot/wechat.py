"""Reading what WeChat pushes for customer messages: who wrote what, once its signature and envelope are right. Never touches a store.

Reference: developers.weixin.qq.com, message push (消息推送) and customer messages (客服消息). In plain mode only the URL is signed, not the body.
"""

import hashlib
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import orjson

from kit.wechat_crypto import ForgedPush, UnreadablePush, WeChatCrypto, entries, fields, xml_of

SUCCESS = b"success"
TRANSFER = frozenset({"转人工", "人工", "人工客服"})
LONGEST = 500  # characters of a question the assistant takes
_READ = {"text": "text", "image": "other", "voice": "other", "video": "other", "shortvideo": "other", "link": "other"} | {
    "location": "other",
    "miniprogrampage": "other",
}
SUBSCRIPTIONS = frozenset({"subscribe_msg_popup_event", "subscribe_msg_change_event", "subscribe_msg_sent_event"})
_ENTERED = frozenset({"user_enter_tempsession", "subscribe"})
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NUMBER = re.compile(r"[0-9]{1,20}")

Kind = Literal["text", "other", "long", "transfer", "greeting", "ignored"]


@dataclass(frozen=True, slots=True)
class Account:
    """One mini-program or official account. `crypto` holds its token and keys, of which nothing may be shown."""

    name: str
    kind: Literal["miniprogram", "official"]
    appid: str
    mode: Literal["plain", "compatible", "safe"]
    crypto: WeChatCrypto


@dataclass(frozen=True, slots=True)
class Signed:
    """The query of a push, as WeChat signs it."""

    signature: str
    timestamp: str
    nonce: str
    msg_signature: str


@dataclass(frozen=True, slots=True)
class Incoming:
    """One push, understood. `own` tells it from every other of its account; `created` in Unix seconds by WeChat's clock; `what` is
    WeChat's own word for its kind, for counting; `entries` what an event about subscriptions lists."""

    own: str
    kind: Kind
    what: str
    sender: str
    receiver: str
    text: str
    created: int
    is_json: bool
    key: int | None  # of the account's keys, the one that opened it; None: it came plain
    entries: tuple[Mapping[str, str], ...] = ()


def is_genuine(account: Account, query: Signed) -> bool:
    """The URL check, and the first check of every push."""
    return account.crypto.is_signed(query.signature, query.timestamp, query.nonce)


def read(account: Account, query: Signed, body: bytes) -> Incoming:
    """Raises ForgedPush, UnreadablePush. Nothing of the body is parsed before the URL's signature is right.

    Outside of plain mode only what was encrypted counts: in compatible mode the plain half beside it proves nothing.
    """
    if not is_genuine(account, query):
        raise ForgedPush("bad_signature")
    outer = fields(body)
    if "Encrypt" not in outer:
        if account.mode != "plain":
            raise ForgedPush("not_encrypted")
        return _understood(outer, body, None)
    envelope = account.crypto.open(outer["Encrypt"], query.msg_signature, query.timestamp, query.nonce)
    return _understood(fields(envelope.text), envelope.text.encode(), envelope.key)


def _understood(found: Mapping[str, str], body: bytes, key: int | None) -> Incoming:
    sender, receiver, created = (found.get(name, "") for name in ("FromUserName", "ToUserName", "CreateTime"))
    if not (_ID.fullmatch(sender) and _ID.fullmatch(receiver) and _NUMBER.fullmatch(created)):
        raise UnreadablePush("sender, receiver or time")
    kind, event, number = found.get("MsgType", "").lower(), found.get("Event", ""), found.get("MsgId", "")
    listed = entries(body) if event.lower() in SUBSCRIPTIONS else []
    own = f"id {number}" if number else f"from {sender} {created} {kind} {event}"
    if listed:  # two dialogues of one second are told apart by what they say
        own += " " + hashlib.sha256(orjson.dumps(listed, option=orjson.OPT_SORT_KEYS)).hexdigest()
    what = f"event:{event.lower()}" if kind == "event" else kind
    text = found.get("Content", "").strip() if kind == "text" else ""
    is_json = body.lstrip()[:1] == b"{"
    return Incoming(own, _kind(kind, event, text), _counted(what), sender, receiver, text, int(created), is_json, key, tuple(listed))


def _kind(kind: str, event: str, text: str) -> Kind:
    if kind == "event":
        return "greeting" if event.lower() in _ENTERED else "ignored"
    if kind not in _READ:
        return "ignored"
    if kind != "text" or not text:
        return "other"
    if is_transfer(text):
        return "transfer"
    return "text" if len(text) <= LONGEST else "long"


def is_transfer(text: str) -> bool:
    """转人工, 人工 or 人工客服 and nothing else but spaces and a full stop."""
    return re.sub(r"[\s。.!！~～]", "", text) in TRANSFER


def _counted(what: str) -> str:
    """A label of a counter: what anybody could make up is `unknown`."""
    return what if what in COUNTED else "unknown"


COUNTED = frozenset(_READ) | {
    f"event:{name}"
    for name in (
        *_ENTERED,
        "unsubscribe",
        *SUBSCRIPTIONS,
        "kf_create_session",
        "kf_close_session",
        "click",
        "view",
        "scan",
        "location",
    )
}


def transfer_reply(account: Account, message: Incoming) -> tuple[bytes, str]:
    """The passive answer that gives the person to WeChat's own desk, and its content type; sealed with the key that opened the message."""
    at = str(int(time.time()))
    values = {"ToUserName": message.sender, "FromUserName": message.receiver, "CreateTime": at, "MsgType": "transfer_customer_service"}
    plain = _json(values) if message.is_json else xml_of(values)
    if message.key is not None:
        sealed = account.crypto.seal(plain, message.key, at)
        plain = orjson.dumps({**sealed, "TimeStamp": int(at)}).decode() if message.is_json else xml_of(sealed)
    return plain.encode(), "application/json; charset=utf-8" if message.is_json else "application/xml; charset=utf-8"


def _json(values: Mapping[str, str]) -> str:
    return orjson.dumps({**values, "CreateTime": int(values["CreateTime"])}).decode()
