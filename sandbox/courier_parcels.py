"""What the couriers have in hand: one record per waybill, whoever carries it, and the way it has gone.

A kept parcel is {"courier", "waybill", "order_no" ("" for what somebody brought himself), "made", "state", "payer", "goods", "sender", "receiver",
"scans"}; a scan is {"id", "kind", "at" (Unix seconds), "place", "text", "new_waybill"?}.
"""

import secrets
import time
from typing import Any

from sandbox.book import Book
from sandbox.clock import WorldClock

Json = dict[str, Any]
COURIERS = ("sf", "ems", "kuaidi100")
# What a person at the courier's desk does, and how the parcel stands afterwards.
KINDS = {
    "collect": "collected",
    "transit": "in_transit",
    "deliver": "delivering",
    "pickup_point": "at_pickup_point",
    "exception": "exception",
    "reject": "rejected",
    "return": "returning",
    "returned": "returned",
    "lose": "lost",
    "sign": "signed",
}
TEXTS = {
    "collect": "已收取快件",
    "transit": "快件到达【沙箱转运中心】，准备发往下一站",
    "deliver": "快件交给派件员，正在派送途中",
    "pickup_point": "快件已放到【沙箱驿站】，请凭取件码取件",
    "exception": "收件人电话无人接听，再约时间派送",
    "reject": "收件人拒收",
    "return": "快件正在退回寄件人",
    "returned": "快件已退回，寄件人签收",
    "lose": "快件在运输中遗失，正在理赔",
    "sign": "已签收，签收人：本人",
}
ENDED = ("signed", "returned", "lost", "cancelled")
PLACES = ("深圳市", "广州市", "长沙市", "武汉市")


class Parcels:
    """Every change is written before anybody is told of it. One order number is good for one order, for ever."""

    def __init__(self, book: Book, clock: WorldClock) -> None:
        self._book = book
        self._clock = clock

    def order(self, courier: str, order_no: str) -> Json | None:
        """The parcel, or the refusal, this order number stands for."""
        return self._book.get("parcel_order", f"{courier}/{order_no}")

    def of_order(self, courier: str, order_no: str) -> Json | None:
        order = self.order(courier, order_no)
        return None if order is None or not order["waybill"] else self.get(courier, order["waybill"])

    def get(self, courier: str, waybill: str) -> Json | None:
        return self._book.get("parcel", f"{courier}/{waybill}")

    def anywhere(self, waybill: str) -> Json | None:
        """Whoever carries it: who only tracks sees all of them."""
        return next((found for courier in ("kuaidi100", "sf", "ems") if (found := self.get(courier, waybill)) is not None), None)

    def named(self, courier: str, no: str) -> Json | None:
        """By waybill or by the sender's order number."""
        return self.get(courier, no) or self.of_order(courier, no)

    def book_order(self, courier: str, order_no: str, about: Json) -> Json:
        """A new order, whose number must be free. `about`: sender, receiver, payer, goods."""
        waybill = self._number(courier)
        parcel = {"courier": courier, "waybill": waybill, "order_no": order_no, "made": time.time(), "state": "booked", "scans": [], **about}
        with self._book.together():
            if not self._book.add("parcel_order", f"{courier}/{order_no}", {"waybill": waybill, "made": time.time()}):
                raise ValueError(order_no)
            self._keep(parcel)
            told = {"order_no": order_no, "waybill": waybill, "payer": about["payer"]}
            self._book.write(courier, "order.created", **told, goods=about["goods"], to=about["receiver"]["city"])
        return parcel

    def refuse_order(self, courier: str, order_no: str) -> None:
        """Kept without a waybill: nobody goes there, and the number is used up."""
        with self._book.together():
            self._book.put("parcel_order", f"{courier}/{order_no}", {"waybill": "", "made": time.time()})
            self._book.write(courier, "order.refused", order_no=order_no)

    def cancel(self, parcel: Json) -> bool:
        """False: somebody has it already. A cancelled one is cancelled again without a line."""
        if parcel["state"] == "cancelled":
            return True
        if parcel["scans"]:
            return False
        with self._book.together():
            self._keep({**parcel, "state": "cancelled"})
            self._book.write(parcel["courier"], "order.cancelled", order_no=parcel["order_no"], waybill=parcel["waybill"])
        return True

    def brought(self, courier: str, waybill: str) -> Json:
        """Something somebody took to a courier himself: known once it is scanned."""
        parcel = {"courier": courier, "waybill": waybill, "order_no": "", "made": time.time(), "state": "booked", "scans": []}
        return {**parcel, "payer": "", "goods": "", "sender": {}, "receiver": {}}

    def scan(self, parcel: Json, kind: str, about: Json) -> tuple[Json, Json]:
        """(the parcel as it is now, the scan). `about`: text, place, at (Unix seconds), where somebody says them. Couriers tell whole seconds, so no two
        scans of a parcel made here share one."""
        made = self.drafted(parcel, kind, about)
        now = {**parcel, "scans": [*parcel["scans"], made], "state": KINDS[kind]}
        with self._book.together():
            self._keep(now)
            told = {"order_no": parcel["order_no"], "waybill": parcel["waybill"], "scan_id": made["id"]}
            self._book.write(parcel["courier"], "scan", **told, scan=kind)
        return now, made

    def drafted(self, parcel: Json, kind: str, about: Json) -> Json:
        """A scan that is written nowhere: what somebody may claim."""
        latest = max((one["at"] for one in parcel["scans"]), default=0)
        at = about.get("at") or max(int(self._clock.seconds()), latest + 1)
        place = about.get("place") or PLACES[min(len(parcel["scans"]), len(PLACES) - 1)]
        made = {"id": f"{secrets.randbelow(9 * 10**14) + 10**14}", "kind": kind, "at": at, "place": place, "text": about.get("text") or TEXTS[kind]}
        return {**made, "new_waybill": self._number(parcel["courier"])} if kind in ("return", "returned") else made

    def newest(self, most: int) -> list[Json]:
        every = sorted((body for _, body in self._book.every("parcel")), key=lambda body: body["made"], reverse=True)
        return every[:most]

    def _keep(self, parcel: Json) -> None:
        self._book.put("parcel", f"{parcel['courier']}/{parcel['waybill']}", parcel)

    def _number(self, courier: str) -> str:
        return f"SF{secrets.randbelow(10**13):013d}" if courier == "sf" else f"1{secrets.randbelow(10**12):012d}"


def last_digits(parcel: Json) -> set[str]:
    """Of the two parties' phones: what a courier asks of who wants to know the way."""
    return {str(party.get("phone", ""))[-4:] for party in (parcel["sender"], parcel["receiver"]) if party.get("phone")}


def is_unreachable(party: Json) -> bool:
    """Nobody delivers where the address says so: 不派送."""
    return any("不派送" in str(party.get(field, "")) for field in ("county", "address"))


def fare_fen(sender: Json, receiver: Json) -> int:
    """Within a province 12.00 yuan, beyond it 18.00."""
    return 1200 if sender.get("province") == receiver.get("province") else 1800
