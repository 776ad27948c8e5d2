"""Customer messages: what a person writes in WeChat is pushed to the account's server, and what the server says back reaches the phone."""

import asyncio
import base64
import hashlib
import secrets
import time
from dataclasses import dataclass, replace
from typing import Any

from sanic import HTTPResponse, Request

from sandbox.answers import body_of, json, refused
from sandbox.book import Book, stamp
from sandbox.clock import WorldClock
from sandbox.deliveries import Deliveries
from sandbox.faults import Faults
from sandbox.people import by_account
from sandbox.wechat_push import FORMATS, MODES, answered, listed, push
from sandbox.wechat_tokens import Tokens
from sandbox.wechat_values import error

GAPS = (0, 5, 5, 5)  # seconds of the world's clock before each attempt: one and three repeats
# What opens the way to a person: (texts that may follow, seconds they may). The 48 hours are documented, the others our own assumption.
ALLOWED = {"message": (5, 48 * 3600), "user_enter_tempsession": (1, 60), "subscribe": (3, 60)}
LONGEST = 2048  # bytes of a text
EVENTS = ("user_enter_tempsession", "subscribe", "unsubscribe", "subscribe_msg_popup_event", "subscribe_msg_change_event", "subscribe_msg_sent_event")
KINDS = ("text", "image", "voice", "link", "miniprogrampage", *EVENTS)
_SHOWN = {"image": "发了一张图片", "voice": "发了一段语音", "link": "发了一个链接", "miniprogrampage": "发了一张小程序卡片"} | {
    "user_enter_tempsession": "进入会话",
    "subscribe": "关注了公众号",
    "unsubscribe": "取消了关注",
}
_MORE: dict[str, dict[str, Any]] = {
    "image": {"PicUrl": "http://mmbiz.example/pic", "MediaId": "media-1"},
    "voice": {"MediaId": "media-2", "Format": "amr"},
    "link": {"Title": "链接", "Description": "说明", "Url": "http://link.example/"},
    "miniprogrampage": {"Title": "卡片", "AppId": "wx0", "PagePath": "pages/index", "ThumbUrl": "http://mmbiz.example/t", "ThumbMediaId": "media-3"},
    "user_enter_tempsession": {"SessionFrom": "session"},
    "subscribe": {"EventKey": ""},
    "unsubscribe": {"EventKey": ""},
}


# Made up, when a person is only said to have done it.
_LISTED: dict[str, list[dict[str, Any]]] = {
    "subscribe_msg_popup_event": [{"TemplateId": t, "SubscribeStatusString": "accept", "PopupScene": 0} for t in ("t1", "t2")],
    "subscribe_msg_change_event": [{"TemplateId": "t1", "SubscribeStatusString": "reject"}],
    "subscribe_msg_sent_event": [{"TemplateId": "t1", "MsgID": 1700827132819554304, "ErrorCode": 0, "ErrorStatus": "success"}],
}


@dataclass(frozen=True, slots=True)
class _Sent:
    """One push on its way, the same bytes every time. `party`: whose fault switches it obeys."""

    account: dict[str, Any]
    person: str
    openid: str
    message: dict[str, Any]
    query: str
    body: bytes
    form: str
    party: str = "wechat_messages"


class CustomerMessages(Deliveries):
    """`callback`: where our messages go, followed by /<account>; None: nobody listens."""

    def __init__(self, book: Book, accounts: list[dict[str, Any]], tokens: Tokens, parts: tuple[WorldClock, Faults], callback: str | None) -> None:
        super().__init__()
        self._book = book
        self._accounts = {account["name"]: account for account in accounts}
        self._main = accounts[0]["appid"]
        self._tokens = tokens
        self._clock, self._faults = parts
        self._callback = callback

    # what people do

    async def say(self, request: Request) -> HTTPResponse:
        """POST /world/wechat/messages {person, text?, account?, kind?, mode?, format?, age?}: `age` seconds ago. Gives {message_id, openid}."""
        asked = body_of(request)
        wrong = self._wrong(asked)
        if wrong:
            return refused(422, "bad_request", "这条消息发不出去", wrong)
        account = self._accounts[str(asked.get("account") or next(iter(self._accounts)))]
        person, kind, text = str(asked["person"]), str(asked.get("kind") or "text"), str(asked.get("text") or "")
        openid, form = self._openid(person, account["appid"]), str(asked.get("format") or "xml")
        message = _head(account, openid, int(asked.get("age") or 0)) | _said(kind, text, form)
        self._open_window(account["appid"], openid, kind)
        self._line(person, account["name"], "person", text if kind == "text" else f"（{_SHOWN.get(kind, kind)}）")
        query, body = push(account, message, str(asked.get("mode") or account["mode"]), form, message["CreateTime"])
        self._deliver_soon(_Sent(account, person, openid, message, query, body, form))
        return json({"message_id": message.get("MsgId"), "openid": openid})

    async def chats(self, request: Request) -> HTTPResponse:
        """GET /world/wechat/messages: every line of every conversation, the oldest first."""
        return json({"lines": [line for _, line in self._book.every("chat")][-1000:], "accounts": [one["name"] for one in self._accounts.values()]})

    def _wrong(self, asked: dict[str, Any]) -> list[str]:
        wrong = [] if self._book.get("person", str(asked.get("person"))) else ["没有这个人"]
        kind, text = asked.get("kind") or "text", asked.get("text")
        if kind not in KINDS:
            wrong.append(f"kind 只能是 {'、'.join(KINDS)}")
        if kind == "text" and (not isinstance(text, str) or not text.strip() or len(text.encode()) > LONGEST):
            wrong.append(f"text 应为 1 到 {LONGEST} 字节的文字")
        for name, allowed in (("account", tuple(self._accounts)), ("mode", MODES), ("format", FORMATS)):
            if asked.get(name) is not None and asked[name] not in allowed:
                wrong.append(f"{name} 只能是 {'、'.join(allowed)}")
        age = asked.get("age") or 0
        if not isinstance(age, int) or isinstance(age, bool) or not 0 <= age <= 31_536_000:
            wrong.append("age 应为 0 到 31536000 的整数秒")
        return wrong

    def tell(self, person: str, event: str, entries: list[dict[str, Any]]) -> None:
        """An event about subscribe messages: of the mini-program's own doing, pushed when somebody listens and WeChat tells events at all."""
        on = self._faults.now["wechat_events"]
        if self._callback is None or on["off"]:
            return
        account, form = next(iter(self._accounts.values())), "json" if on["json"] else "xml"
        openid = self._openid(person, account["appid"])
        message = _head(account, openid) | {"MsgType": "event", "Event": event, **listed(event, entries, form)}
        query, body = push(account, message, account["mode"], form, message["CreateTime"])
        self._deliver_soon(_Sent(account, person, openid, message, query, body, form, "wechat_events"))

    def _openid(self, person: str, appid: str) -> str:
        """Everybody has another openid at every account."""
        body = self._book.get("person", person) or {}
        if appid == self._main:
            return str(body["openid"])
        made = "o" + base64.urlsafe_b64encode(hashlib.sha256(f"{appid} {body['openid']}".encode()).digest()).decode()[:27]
        self._book.put("account", made, {"person": person})
        return made

    def _open_window(self, appid: str, openid: str, kind: str) -> None:
        texts, seconds = ALLOWED.get(kind if kind in EVENTS else "message", (0, 0))
        if texts:
            self._book.put("window", f"{appid}/{openid}", {"left": texts, "until": self._clock.seconds() + seconds})

    # the push

    def _deliver_soon(self, sent: _Sent) -> None:
        if self._callback is None:
            self._write(sent, 0, "nobody listens")
            return
        on = self._faults.now[sent.party]
        self.spawn(self._deliver(sent))
        for _ in range(int(on["duplicate"])):
            self.spawn(self._once(sent, 1))
        if on.get("forge"):
            forged = replace(sent, query=sent.query.replace("signature=", "signature=0"))
            self.spawn(self._once(forged, 1, forged=True))

    async def _deliver(self, sent: _Sent) -> None:
        for attempt, gap in enumerate(GAPS, 1):
            await asyncio.sleep(self._clock.real(gap) + (self._faults.now[sent.party]["late_ms"] / 1000 if attempt == 1 else 0))
            if await self._once(sent, attempt):
                return

    async def _once(self, sent: _Sent, attempt: int, *, forged: bool = False) -> bool:
        """True when it was answered in time, whatever the answer says."""
        started = time.monotonic()
        status, body = ("down", b"") if self._faults.now[sent.party].get("down") else await self._post(sent)
        told = answered(sent.account, body) if status == "200" else {}
        result = status if told is not None else "unreadable answer"
        self._write(sent, attempt, result, ms=round((time.monotonic() - started) * 1000), forged=forged)
        if told and told.get("MsgType") == "transfer_customer_service" and told.get("ToUserName") == sent.openid:
            self._book.write("messages", "transfer", channel="wechat", person=sent.person, account=sent.account["name"])
            self._line(sent.person, sent.account["name"], "desk", "已为您转接人工客服")
        return status == "200"

    def _write(self, sent: _Sent, attempt: int, result: str, *, ms: int = 0, forged: bool = False) -> None:
        about = {"person": sent.person, "account": sent.account["name"], "message_id": sent.message.get("MsgId"), "event": sent.message.get("Event")}
        self._book.write("wechat", "message.delivery", **about, attempt=attempt, result=result, ms=ms, forged=forged)

    async def _post(self, sent: _Sent) -> tuple[str, bytes]:
        url = f"{self._callback}/{sent.account['name']}?{sent.query}"
        headers = {"Content-Type": "application/json" if sent.form == "json" else "text/xml"}
        return await self.post(url, sent.body, headers)

    # what the server says

    async def send(self, request: Request) -> HTTPResponse:
        """POST /cgi-bin/message/custom/send: texts only; what is accepted reaches the phone, which is the ledger "messages"."""
        if (wrong := self._tokens.wrong_token(request)) is not None:
            return json(wrong)
        asked, appid = body_of(request), self._tokens.appid_of(request)
        text = asked.get("text")
        content = text.get("content") if isinstance(text, dict) else None
        if asked.get("msgtype") != "text":
            return json(error(40008, "invalid message type"))
        if not isinstance(content, str) or not content:
            return json(error(44004, "empty content"))
        if len(content.encode()) > LONGEST:
            return json(error(45002, "content size out of limit"))
        openid = str(asked.get("touser"))
        person = by_account(self._book, openid)
        if person is None or self._openid(person["person"], appid) != openid:
            return json(error(40003, "invalid openid"))
        window = self._book.get("window", f"{appid}/{openid}")
        if window is None or window["until"] <= self._clock.seconds():
            return json(error(45015, "response out of time limit or subscription is canceled"))
        if window["left"] <= 0:
            return json(error(45047, "out of response count limit"))
        name = next((one["name"] for one in self._accounts.values() if one["appid"] == appid), "")
        with self._book.together():
            self._book.put("window", f"{appid}/{openid}", {**window, "left": window["left"] - 1})
            self._book.write("messages", "reply", channel="wechat", person=person["person"], account=name, touser=openid, text=content)
            self._line(person["person"], name, "city", content)
        return json({"errcode": 0, "errmsg": "ok"})

    async def typing(self, request: Request) -> HTTPResponse:
        """POST /cgi-bin/message/custom/typing {touser, command: Typing|CancelTyping}"""
        if (wrong := self._tokens.wrong_token(request)) is not None:
            return json(wrong)
        known = by_account(self._book, str(body_of(request).get("touser")))
        return json({"errcode": 0, "errmsg": "ok"} if known else error(40003, "invalid openid"))

    # keeping

    def _line(self, person: str, account: str, who: str, text: str) -> None:
        number = (self._book.get("counter", "chat") or {"n": 0})["n"] + 1
        self._book.put("counter", "chat", {"n": number})
        self._book.put("chat", f"{number:012d}", {"n": number, "person": person, "account": account, "who": who, "text": text, "at": stamp()})


def _head(account: dict[str, Any], openid: str, age: int = 0) -> dict[str, Any]:
    own = f"gh_{hashlib.sha256(account['appid'].encode()).hexdigest()[:12]}"
    return {"ToUserName": own, "FromUserName": openid, "CreateTime": int(time.time()) - age}


def _said(kind: str, text: str, form: str) -> dict[str, Any]:
    if kind in EVENTS:
        return {"MsgType": "event", "Event": kind, **(listed(kind, _LISTED[kind], form) if kind in _LISTED else _MORE[kind])}
    return {"MsgType": kind, **({"Content": text} if kind == "text" else _MORE[kind]), "MsgId": 10**16 * 2 + secrets.randbelow(10**16)}
