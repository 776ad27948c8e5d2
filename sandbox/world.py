"""World controls: where a person, a test or a demo plays everybody outside."""

import secrets
from typing import Any

from sanic import HTTPResponse, Request

from sandbox.answers import body_of, json, refused
from sandbox.book import Book
from sandbox.clock import WorldClock
from sandbox.core_events import Events
from sandbox.core_files import Files
from sandbox.core_identity import Identity
from sandbox.core_licences import Licences
from sandbox.core_subjects import Subjects
from sandbox.deliveries import Deliveries
from sandbox.faults import Faults
from sandbox.people import make_person, shown
from sandbox.wechat_messages import CustomerMessages

LEDGERS = ("core", "wechat", "alipay", "sms", "messages", "webhooks", "sf", "ems", "kuaidi100")
PEOPLE = ["chat", "window", "person", "id_number", "phone", "account", "code", "auth_code", "alipay_access", "alipay_refresh"]
TOLD = ["consent", "alipay_consent", "sms_sent", "sms_nonce"]
CASES = ["challenge", "case", "case_content", "request", "event", "undelivered", "nonce", "correction", "withdrawal", "core_file", "precheck"]
SUBJECTS = ["enterprise", "enterprises_of", "wards_of", "licence", "licences_of", "presentation"]
MONEY = ["bill", "bills_of", "settlement", "reversal", "core_book"]
WECHAT_PAY = ["wxpay_order", "wxpay_transaction", "wxpay_refund", "wxpay_notice", "wxpay_bill"]
COURIERS = ["parcel", "parcel_order", "courier_push", "kuaidi100_subscription", "delivery", "freight_bill"]
ALIPAY = ["alipay_trade", "alipay_trade_no", "alipay_notice", "alipay_bill"]
SAID = ["rating", "rating_of", "core_complaint", "complaint_number", "complaint_follow_up", "complaint_satisfaction"]
HALLS = ["slot", "slot_change", "slot_taken", "appointment", "tally_month"]


Outside = tuple[WorldClock, Faults, Identity, Events, CustomerMessages]


class World:
    def __init__(self, book: Book, accounts: dict[str, Any], parts: Outside, subjects: tuple[Subjects, Licences, Files]) -> None:
        self._book = book
        self._accounts = accounts
        self._subjects, self._licences, self._files = subjects
        self._clock, self._faults, self._identity, self._events, self._chats = parts
        self.senders: list[Deliveries] = [self._events, self._chats]  # whoever calls the merchant by himself

    async def accounts(self, request: Request) -> HTTPResponse:
        return json(self._accounts)

    async def make_person(self, request: Request) -> HTTPResponse:
        """POST /world/people {name?, id_number?, born?, phone?, enterprise?: true, a name or {name?, uscc?, role?, valid_until?}, consents?}"""
        asked = body_of(request)
        wanted = asked.pop("enterprise", None)
        own = None if wanted in (None, False, "") else {} if wanted is True else {"name": wanted} if isinstance(wanted, str) else wanted
        bad = [] if own is None else self._subjects.problems(own) if isinstance(own, dict) else ["enterprise 应为 true、名称或对象"]
        made = bad or make_person(self._book, asked, self._accounts["wechat"]["templates"])
        if isinstance(made, list):
            return refused(409 if made == ["这个身份证号已有人使用"] else 422, "bad_person", "不能创建这个人", made)
        if own is not None:
            with self._book.together():
                made["enterprise"] = self._subjects.joined(made["person"], own)
                self._book.put("person", made["person"], made)
        return json(shown(made))

    async def people(self, request: Request) -> HTTPResponse:
        """GET /world/people: the newest first, with what waits for their answer, whom they act for and what they hold."""
        newest = sorted((body for _, body in self._book.every("person")), key=lambda body: body.get("made", ""), reverse=True)[:200]
        waiting = self._identity.waiting()
        return json({"people": [shown(body) | {"pending": waiting[body["person"]], **self._around(body["person"])} for body in newest]})

    def _around(self, person: str) -> dict[str, Any]:
        enterprises = self._subjects.current(person)
        subjects = [f"person:{person}", *(f"enterprise:{one['uscc']}" for one in enterprises)]
        licences = [licence for subject in subjects for licence in self._licences.of(subject)]
        return {"enterprises": enterprises, "wards": self._subjects.minors(person), "licences": licences}

    async def wechat_code(self, request: Request) -> HTTPResponse:
        """POST /world/wechat/codes {person, kind: login|phone}: what wx.login or the phone button gives the client."""
        asked = body_of(request)
        person, kind = self._book.get("person", str(asked.get("person"))), asked.get("kind", "login")
        if person is None or kind not in ("login", "phone"):
            return refused(422, "bad_request", "没有这个人，或 kind 不是 login、phone")
        code = "0" + secrets.token_urlsafe(24)
        self._book.put("code", code, {"person": person["person"], "kind": kind, "made": self._clock.seconds(), "used": False})
        return json({"code": code})

    async def auth_code(self, request: Request) -> HTTPResponse:
        """POST /world/alipay/auth-codes {person}: what my.getAuthCode gives the client."""
        person = self._book.get("person", str(body_of(request).get("person")))
        if person is None:
            return refused(422, "bad_request", "没有这个人")
        code = secrets.token_hex(16)
        self._book.put("auth_code", code, {"person": person["person"], "made": self._clock.seconds()})
        return json({"auth_code": code})

    async def approve(self, request: Request, person: str) -> HTTPResponse:
        return self._answered(person, "approved")

    async def refuse(self, request: Request, person: str) -> HTTPResponse:
        return self._answered(person, "refused")

    def _answered(self, person: str, state: str) -> HTTPResponse:
        if self._book.get("person", person) is None:
            return refused(404, "unknown_person", "没有这个人")
        return json({state: self._identity.answer(person, state)})

    async def read_faults(self, request: Request) -> HTTPResponse:
        return json(self._faults.now)

    async def set_faults(self, request: Request) -> HTTPResponse:
        """PUT /world/faults {party: {switch: value}}; a party named with {} is healthy again."""
        wrong = self._faults.set(body_of(request))
        return refused(422, "bad_request", "故障开关不对", wrong) if wrong else json(self._faults.now)

    async def ledger(self, request: Request, party: str) -> HTTPResponse:
        if party not in LEDGERS:
            return refused(404, "unknown_ledger", f"没有这个账本，可看：{'、'.join(LEDGERS)}")
        return json({"entries": self._book.entries(party)})

    async def set_clock(self, request: Request) -> HTTPResponse:
        """POST /world/clock {speed?, forward?}: 60 makes an hour of a retry ladder pass in a minute; `forward` seconds age codes and tokens at once."""
        asked = body_of(request)
        speed, forward = asked.get("speed", self._clock.speed), asked.get("forward", 0)
        wrong = [] if _number(speed, 0.001, 1_000_000) else ["speed 应为 0.001 到 1000000 的数"]
        wrong += [] if _number(forward, 0, 31_536_000) else ["forward 应为 0 到 31536000 的秒数"]
        if wrong or not asked.keys() & {"speed", "forward"}:
            return refused(422, "bad_request", "时钟的设置不对", wrong or ["要写 speed 或 forward"])
        self._clock.speed = float(speed)
        self._clock.forward(float(forward))
        return json({"speed": speed, "ahead": self._clock.ahead})

    async def state(self, request: Request) -> HTTPResponse:
        """GET /world/state: how much of everything there is, and what is switched on."""
        names = {"people": "person", "challenges": "challenge", "cases": "case", "events": "event", "undelivered": "undelivered", "items": "feed"}
        counts = {name: self._book.count(kind) for name, kind in names.items()}
        clock = {"speed": self._clock.speed, "ahead": self._clock.ahead}
        return json({"counts": counts, "clock": clock, "faults": self._faults.now, "core_webhook": self._events.webhook})

    async def read_clock(self, request: Request) -> HTTPResponse:
        return json({"speed": self._clock.speed})

    async def reset(self, request: Request) -> HTTPResponse:
        """People, codes, cases, bills, parcels, ledgers and faults are gone, and nothing is delivered any more; accounts, tokens, items and counters stay."""
        for sender in self.senders:
            await sender.stop()
        with self._book.together():
            self._book.forget(PEOPLE + TOLD + CASES + SUBJECTS + MONEY + WECHAT_PAY + ALIPAY + COURIERS + SAID + HALLS)
        self._files.forget()
        self._faults.clear()
        self._clock.speed = 1.0
        return json({"reset": True})


def _number(value: Any, least: float, most: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most
