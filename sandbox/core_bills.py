"""The core's bills: issued by a clerk and told by an event, changed, read by whoever asks for a person's, paid and unpaid by settlements."""

from typing import Any

from sanic import HTTPResponse, Request

from sandbox.answers import body_of, json, refused
from sandbox.book import Book, now, stamp
from sandbox.core_events import Events
from sandbox.core_items import Items
from sandbox.moments import BEIJING, moment

Json = dict[str, Any]
MOST_FEN = 10_000_000_000  # 100,000,000.00 yuan
SHOWN = 200  # bills in one answer
TOLD = ("bill_id", "person_id", "title", "payee", "amount_fen", "issued_at", "expires_at")  # of a bill, by its event


class Bills:
    """A kept bill is {"bill": as the contract has it, "standing": the settlement that pays it or None, "settlements": every id ever}."""

    def __init__(self, book: Book, items: Items, events: Events) -> None:
        self._book = book
        self._items = items
        self._events = events

    async def listed(self, request: Request) -> HTTPResponse:
        """GET /core/v1/bills?person_id=&state=unpaid|all: the newest first. Nobody is told whether a person exists."""
        person, state = request.args.get("person_id"), request.args.get("state") or "unpaid"
        if not person or state not in ("unpaid", "all"):
            return refused(422, "bad_request", "person_id 必填，state 应为 unpaid 或 all")
        mine = (self._book.get("bills_of", person) or {"bills": []})["bills"]
        bills = [kept["bill"] for one in reversed(mine) if (kept := self.kept(one)) is not None]
        return json({"bills": [bill for bill in bills if state == "all" or bill["state"] == "unpaid"][:SHOWN]})

    async def look(self, request: Request, bill_id: str) -> HTTPResponse:
        kept = self.kept(bill_id)
        return refused(404, "unknown_bill", "没有这张缴费单") if kept is None else json(kept["bill"])

    async def issue(self, request: Request, case_no: str) -> HTTPResponse:
        """World control: POST /world/core/cases/{no}/bills {amount_fen, title?, payee?, expires_at?}"""
        case, asked = self._book.get("case", case_no), body_of(request)
        if case is None:
            return refused(404, "unknown_case", "没有这个办件")
        wrong = _problems(asked) or ([] if "amount_fen" in asked else ["缺少 amount_fen"])
        if wrong:
            return refused(422, "bad_bill", "不能开这张缴费单", wrong)
        person = (self._book.get("case_content", case_no) or {}).get("person", "")
        with self._book.together():
            bill, event = self.issued(case, asked, person)
        self._events.send(event)
        return json(bill)

    async def change(self, request: Request, bill_id: str) -> HTTPResponse:
        """World control: PUT /world/core/bills/{bill_id} {amount_fen?, expires_at?, state?: "cancelled"}: a new version, while nobody has paid."""
        kept, asked = self.kept(bill_id), body_of(request)
        if kept is None:
            return refused(404, "unknown_bill", "没有这张缴费单")
        news = {name: asked[name] for name in ("amount_fen", "expires_at", "state") if name in asked}
        wrong = _problems(asked) or ([] if news else ["要写 amount_fen、expires_at 或 state"])
        if wrong:
            return refused(422, "bad_bill", "不能这样改缴费单", wrong)
        if kept["bill"]["state"] != "unpaid":
            code, told = {"paid": ("bill_already_paid", "已缴费"), "cancelled": ("bill_cancelled", "已撤销")}[kept["bill"]["state"]]
            return refused(409, code, f"缴费单{told}，不能再改")
        with self._book.together():
            return json(self.changed(kept, **news))

    async def overview(self, request: Request) -> HTTPResponse:
        """World control: GET /world/core/bills: every bill, the newest first, with what was settled for it."""
        every = [kept for _, kept in self._book.every("bill")][-SHOWN:]
        return json({"bills": [{**kept["bill"], "settlements": [self._told(one) for one in kept["settlements"]]} for kept in reversed(every)]})

    def kept(self, bill_id: str) -> Json | None:
        return self._book.get("bill", bill_id)

    def changed(self, kept: Json, *, standing: str | None = None, settlements: list[str] | None = None, **news: Any) -> Json:
        """The bill with the news and a new version, inside the caller's transaction."""
        bill = {**kept["bill"], **news, "version": kept["bill"]["version"] + 1}
        self._book.put("bill", bill["bill_id"], {"bill": bill, "standing": standing, "settlements": settlements or kept["settlements"]})
        self._book.write("core", "bill.changed", **{name: bill[name] for name in ("bill_id", "version", "amount_fen", "state")})
        return bill

    def issued(self, case: Json, asked: Json, person: str) -> tuple[Json, Json]:
        """The bill, and the event to send once this is written; inside the caller's transaction."""
        record = self._items.record(case["item_code"])
        item = record["item"] if record is not None else {}
        fees = item.get("fees") or [{}]
        day = now().astimezone(BEIJING).strftime("%Y%m%d")
        serial = (self._book.get("counter", f"bills-{day}") or {"n": 0})["n"] + 1
        self._book.put("counter", f"bills-{day}", {"n": serial})
        bill = {
            "bill_id": f"B{day}{serial:06d}",
            "version": 1,
            "person_id": person,
            "case_no": case["case_no"],
            "item_name": case["item_name"],
            "title": asked.get("title") or fees[0].get("name") or f"{case['item_name']}办理费",
            "payee": asked.get("payee") or (item.get("department") or {}).get("name") or "政务服务中心",
            "amount_fen": asked["amount_fen"],
            "currency": "CNY",
            "state": "unpaid",
            "issued_at": stamp(),
            "expires_at": asked.get("expires_at"),
        }
        mine = (self._book.get("bills_of", person) or {"bills": []})["bills"]
        self._book.put("bill", bill["bill_id"], {"bill": bill, "standing": None, "settlements": []})
        self._book.put("bills_of", person, {"bills": [*mine, bill["bill_id"]]})
        about = {"case_no": case["case_no"], "request_id": case["request_id"]}
        event = self._events.add({"type": "bill.issued", **about, "bill": {name: bill[name] for name in TOLD}})
        told = {name: bill[name] for name in ("bill_id", "version", "case_no", "amount_fen")}
        self._book.write("core", "bill.issued", **told, person=person, event_id=event["event_id"])
        return bill, event

    def _told(self, settlement_id: str) -> Json:
        kept = self._book.get("settlement", settlement_id) or {"settlement": {}}
        about = {name: kept["settlement"].get(name) for name in ("order_no", "channel", "amount_fen", "settled_at", "e_bill")}
        return {"settlement_id": settlement_id, **about, "reversed_fen": kept.get("reversed_fen", 0), "bookings": kept.get("bookings", 0)}


def is_fen(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST_FEN


def _problems(asked: Json) -> list[str]:
    wrong = []
    if "amount_fen" in asked and not is_fen(asked["amount_fen"]):
        wrong.append(f"amount_fen 应为 1 到 {MOST_FEN} 的整数（分）")
    for name in ("title", "payee"):
        if asked.get(name) is not None and not (isinstance(asked[name], str) and 1 <= len(asked[name]) <= 500):
            wrong.append(f"{name} 应为 1 到 500 个字")
    if asked.get("expires_at") is not None and moment(asked["expires_at"]) is None:
        wrong.append("expires_at 应为带时区的时间，如 2026-11-30T18:00:00+08:00")
    if "state" in asked and asked["state"] != "cancelled":
        wrong.append("state 只能改为 cancelled")
    return wrong
