"""The one wallet of a merchant at WeChat Pay, behind both versions of its API: orders and the rules by which they are paid and closed.

Amounts are int fen. Times are Unix seconds of the world's clock: the merchant's own clock is the real one, so what it says is moved on by as much
as the world is ahead.
"""

import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Literal

from sandbox.book import Book
from sandbox.clock import WorldClock

Json = dict[str, Any]
Version = Literal["v2", "v3"]
BEIJING = timezone(timedelta(hours=8))
USUAL, SHORTEST, LONGEST = 7 * 86400, 60, 90 * 86400  # seconds an order can be paid
FORGOTTEN = 14 * 86400  # seconds after which an order that nobody paid is closed by WeChat itself
_SAME = ("title", "amount_fen", "openid", "notify_url", "attach", "asked_expiry", "via", "detail")


class Refusal(Exception):
    """A rule says no. `why` is our word; each version of the API has its own code for it."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class PrepayAsk:
    """`expires`: real Unix seconds, None = the usual time."""

    order_no: str
    title: str
    amount_fen: int
    person: Json
    notify_url: str
    attach: str
    detail: str
    expires: float | None
    via: Version
    sign_type: str


class Orders:
    """Documents "wxpay_order" by out_trade_no; what moves money is also in the ledger "wechat"."""

    def __init__(self, book: Book, clock: WorldClock) -> None:
        self._book = book
        self._clock = clock

    def prepay(self, ask: PrepayAsk) -> Json:
        """The order; asked again with the same values it is the same one. Refusal: order_paid, order_closed, other_order."""
        now = self._clock.seconds()
        made = {
            "order_no": ask.order_no,
            "title": ask.title,
            "amount_fen": ask.amount_fen,
            "openid": ask.person["openid"],
            "person": ask.person["person"],
            "notify_url": ask.notify_url,
            "attach": ask.attach,
            "detail": ask.detail,
            "asked_expiry": ask.expires,
            "via": ask.via,
            "sign_type": ask.sign_type,
            "made": now,
            "expires": now + _life(ask.expires),
            "state": "NOTPAY",
            "refunded_fen": 0,
            "refunds": [],
        }
        known = self.find(ask.order_no)
        if known is None:
            with self._book.together():
                self._book.put("wxpay_order", ask.order_no, made)
                self._line("pay.prepaid", made)
            return made
        if known["state"] in ("SUCCESS", "REFUND"):
            raise Refusal("order_paid")
        if known["state"] == "CLOSED":
            raise Refusal("order_closed")
        if any(known[name] != made[name] for name in _SAME):
            raise Refusal("other_order")
        return known

    def find(self, order_no: str) -> Json | None:
        """As it stands now: WeChat closes by itself what was forgotten. An expired order is NOTPAY until somebody closes it."""
        order = self._book.get("wxpay_order", order_no)
        if (
            order is not None
            and order["state"] == "NOTPAY"
            and self._clock.seconds() > order["made"] + max(FORGOTTEN, order["expires"] - order["made"])
        ):
            order["state"] = "CLOSED"
            self.keep(order)
        return order

    def find_transaction(self, transaction_id: str) -> Json | None:
        found = self._book.get("wxpay_transaction", transaction_id)
        return None if found is None else self.find(found["order_no"])

    def every(self) -> list[Json]:
        return [order for _, order in self._book.every("wxpay_order")]

    def is_expired(self, order: Json) -> bool:
        return bool(order["state"] == "NOTPAY" and self._clock.seconds() > order["expires"])

    def close(self, order_no: str) -> None:
        """Refusal: order_absent, order_paid, order_closed."""
        order = self.find(order_no)
        if order is None:
            raise Refusal("order_absent")
        if order["state"] in ("SUCCESS", "REFUND"):
            raise Refusal("order_paid")
        if order["state"] == "CLOSED":
            raise Refusal("order_closed")
        with self._book.together():
            self.keep(order | {"state": "CLOSED"})
            self._line("pay.closed", order)

    def paid(self, order: Json) -> Json:
        """Inside the caller's transaction; the order with its transaction_id. Who may pay was asked before."""
        done = order | {"state": "SUCCESS", "transaction_id": number("4200", self._clock.seconds()), "paid": self._clock.seconds()}
        self.keep(done)
        self._book.put("wxpay_transaction", done["transaction_id"], {"order_no": order["order_no"]})
        self._line("pay.paid", done)
        return done

    def keep(self, order: Json) -> None:
        self._book.put("wxpay_order", order["order_no"], order)

    def _line(self, kind: str, order: Json) -> None:
        fields = {name: order[name] for name in ("order_no", "amount_fen", "person")}
        self._book.write("wechat", kind, **fields, transaction_id=order.get("transaction_id"))


def number(first: str, seconds: float) -> str:
    """28 digits with the Beijing day in them, like WeChat's own."""
    return f"{first}{beijing(seconds):%Y%m%d}{secrets.randbelow(10**16):016d}"


def prepay_id(seconds: float) -> str:
    """Another one at every call, 36 characters."""
    return f"wx{beijing(seconds):%Y%m%d%H%M%S}{secrets.token_hex(8)}0000"


def beijing(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, BEIJING)


def utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def _life(expires: float | None) -> float:
    """Too short is raised and too long is cut, silently."""
    return USUAL if expires is None else min(max(expires - time.time(), SHORTEST), LONGEST)
