"""SF Express, 丰桥 (open.sf-express.com, /std/service, JSON): orders, routes and their push.

Results are JSON inside a string inside JSON. An order id is used up by its first order, a cancelled one too (订单取消之后，订单号也不能重复利用).
The push has no signature: a secret in its path stands for one, and what it says of an end is only believed once `track` says the same.
"""

import hmac
import logging
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson

from delivery import courier_values as values
from delivery.couriers import Booked, Booking, CourierName, Notice, Party, Quote, Scan, ScanKind, UnreadableNotice
from delivery.sf_gate import PARTY, WORDS, Said, SfAccount, SfGate
from kit.clock import BEIJING, now
from kit.errors import Refused, Unknown
from kit.http import Http

log = logging.getLogger(__name__)

# opCode -> what it is to us. From traces of real parcels; a code that is not here is in_transit, with SF's own words.
KINDS = {
    "50": ScanKind.COLLECTED,
    "54": ScanKind.COLLECTED,
    "30": ScanKind.IN_TRANSIT,
    "31": ScanKind.IN_TRANSIT,
    "36": ScanKind.IN_TRANSIT,
    "130": ScanKind.IN_TRANSIT,
    "407": ScanKind.IN_TRANSIT,
    "501": ScanKind.IN_TRANSIT,
    "44": ScanKind.DELIVERING,
    "204": ScanKind.DELIVERING,
    "125": ScanKind.AT_PICKUP_POINT,
    "607": ScanKind.AT_PICKUP_POINT,
    "33": ScanKind.EXCEPTION,
    "70": ScanKind.EXCEPTION,
    "99": ScanKind.RETURNING,
    "631": ScanKind.RETURNING,
    "648": ScanKind.RETURNING,
    "80": ScanKind.SIGNED,
    "8000": ScanKind.SIGNED,
}
_SENT_ON = frozenset(("99", "631", "648"))
# What a code alone does not say: it needs these words beside it. 2 is assumed.
WITH_WORDS = (
    (frozenset(("33", "70")), ("拒收", "拒付", "拒签"), ScanKind.REJECTED),
    (_SENT_ON, ("寄件人签收", "寄方签收", "寄件人已签收", "寄方已签收"), ScanKind.RETURNED),
    (_SENT_ON, ("退",), ScanKind.RETURNING),
    (_SENT_ON, ("转寄",), ScanKind.IN_TRANSIT),  # to another address at the customer's wish
    (frozenset(("2",)), ("丢失", "遗失"), ScanKind.LOST),
)
_GOES_ON_AS = re.compile(r"新(?:运)?单号为?[:：]?\s*(SF[0-9]{12,15})")  # what goes back or on gets a waybill of its own
_EXISTS, _CANCELLED = frozenset(("8016",)), frozenset(("8037", "8253"))
_NO_ORDER = frozenset(code for code, word in WORDS.items() if word == "shipment_unknown")
_TOO_LATE = frozenset(("8019", "8044", "8252"))  # confirmed (or cancelled: 8019 says either), being worked on
_OFF = frozenset(("2", "cancelled"))  # orderStatus of a cancelled order; not documented, so `find` takes 8037 and 8253 as well
_PAYERS = {"sender": 1, "receiver": 2, "third": 3}
_EXPRESS = 2  # expressTypeId and businessType: 顺丰标快
_LICENCE_KG = 0.5


class SfCourier:
    """Fulfils delivery.couriers.Courier."""

    name: CourierName = "sf"
    books = True

    def __init__(self, http: Http, account: SfAccount) -> None:
        self._gate = SfGate(http, account)

    def is_ours(self, secret: str) -> bool:
        """Whether the last part of the path a push came by is the one we gave SF; compared in constant time."""
        mine = self._gate.account.push_secret
        return bool(mine) and hmac.compare_digest(mine.encode(), secret.encode())

    async def quote(self, sender: Party, receiver: Party) -> Quote:
        """EXP_RECE_QUERY_DELIVERTM, for half a kilogram. Refused: not_reachable, not_offered, address_refused."""
        asked = {
            "businessType": str(_EXPRESS),
            "weight": _LICENCE_KG,
            "searchPrice": "1",
            "consignedTime": values.in_beijing(now()),
            "srcAddress": _quoted(sender),
            "destAddress": _quoted(receiver),
            **self._card("sender"),
        }
        data = await self._gate.ask("EXP_RECE_QUERY_DELIVERTM", asked)
        try:
            offered = values.first(values.rows(data.get("deliverTmDto")))
            if not offered:
                raise Refused(PARTY, "not_reachable")
            if offered.get("fee") is None:
                raise Refused(PARTY, "not_offered")
            return Quote(values.fen_of(offered["fee"]), _days(offered.get("deliverTime")))
        except values.Unreadable as exc:
            raise Unknown(PARTY, "garbled_reply") from exc

    async def book(self, booking: Booking) -> Booked:
        """EXP_RECE_CREATE_ORDER. An order id that SF knows already is Unknown: `find` tells which order that is, and whether it is off."""
        asked = {
            "language": "zh-CN",
            "orderId": booking.shipment_id,
            "cargoDetails": [{"name": booking.goods, "count": 1}],
            "contactInfoList": [_contact(1, booking.sender), _contact(2, booking.receiver)],
            "payMethod": _PAYERS[booking.payer],
            "expressTypeId": _EXPRESS,
            "isGenWaybillNo": 1,
            "isReturnRoutelabel": 0,
            **self._card(booking.payer),
        }
        try:
            data = await self._gate.ask("EXP_RECE_CREATE_ORDER", asked)
        except Said as exc:
            if exc.code in _EXISTS | _CANCELLED | _TOO_LATE:
                raise Unknown(PARTY, "order_exists") from exc
            raise
        booked = _booked(data, booking.shipment_id)
        if booked.is_cancelled:
            raise Refused(PARTY, "not_reachable")
        return booked

    async def find(self, shipment_id: str) -> Booked | None:
        """EXP_RECE_SEARCH_ORDER_RESP. An order that SF will not carry (不可收派) is off as a cancelled one is; its waybill may be ""."""
        try:
            data = await self._gate.ask("EXP_RECE_SEARCH_ORDER_RESP", {"orderId": shipment_id, "searchType": "1", "language": "zh-CN"})
        except Said as exc:
            if exc.code in _NO_ORDER:
                return None
            if exc.code in _CANCELLED:
                return Booked(shipment_id, "", is_cancelled=True)
            raise Unknown(PARTY, "order_not_told") from exc
        return _booked(data, shipment_id)

    async def cancel(self, shipment_id: str, waybill: str) -> None:
        """EXP_RECE_UPDATE_ORDER, dealType 2. What is off already is no error; "confirmed" may mean either, so the order is looked at."""
        asked = {"orderId": shipment_id, "dealType": 2, "language": "zh-CN", "totalWeight": 1, "waybillNoInfoList": []}
        try:
            data = await self._gate.ask("EXP_RECE_UPDATE_ORDER", asked)
        except Said as exc:
            if exc.code in _CANCELLED:
                return
            if exc.code not in _TOO_LATE:
                raise
            found = await self.find(shipment_id)
            if found is None:
                raise Refused(PARTY, "shipment_unknown") from exc
            if not found.is_cancelled:
                raise Refused(PARTY, "already_collected") from exc
            return
        if str(data.get("resStatus", "2")) != "2":
            raise Refused(PARTY, "shipment_unknown")

    async def track(self, waybill: str, phone: str) -> Sequence[Scan]:
        """EXP_RECE_SEARCH_ROUTES by waybill. What goes back or on under another number is followed there: back and signed for is returned."""
        scans = await self._way(waybill, phone)
        onward = next(((found[1], scan.kind) for scan in scans if scan.code in _SENT_ON and (found := _GOES_ON_AS.search(scan.text))), None)
        if onward is None or onward[0] == waybill:
            return scans
        is_back = onward[1] != ScanKind.IN_TRANSIT
        return (*scans, *(_carried_on(scan, waybill, is_back=is_back) for scan in await self._way(onward[0], phone)))

    async def _way(self, waybill: str, phone: str) -> tuple[Scan, ...]:
        asked = {
            "language": "zh-CN",
            "trackingType": "1",
            "trackingNumber": [waybill],
            "methodType": "1",
            "checkPhoneNo": values.last_four(phone),
        }
        try:
            data = await self._gate.ask("EXP_RECE_SEARCH_ROUTES", asked)
        except Said as exc:
            if exc.code in _NO_ORDER:
                return ()
            raise
        try:
            ways = [way for way in values.rows(data.get("routeResps")) if way.get("mailNo", waybill) == waybill]
            lines = [route | {"mailno": waybill} for way in ways for route in values.rows(way.get("routes"))]
        except values.Unreadable as exc:
            raise Unknown(PARTY, "garbled_reply") from exc
        scans = _scans(lines)
        if lines and not scans:
            raise Unknown(PARTY, "garbled_reply")
        return scans

    async def subscribe(self, waybill: str, phone: str) -> None:
        """Nothing to do: SF pushes the routes of every order of ours."""

    def read_notice(self, notice: Notice) -> Sequence[Scan]:
        """The route push, once its path was found to be ours (`is_ours`). Raises UnreadableNotice."""
        try:
            told = orjson.loads(notice.body)
            lines = values.rows(told["Body"]["WaybillRoute"])
        except (orjson.JSONDecodeError, KeyError, TypeError, values.Unreadable) as exc:
            raise UnreadableNotice("no WaybillRoute") from exc
        scans = _scans(lines)
        if not scans:
            raise UnreadableNotice("no readable route")
        return scans

    def answer(self, *, taken: bool) -> tuple[bytes, str]:
        told = {"return_code": "0000", "return_msg": "成功"} if taken else {"return_code": "1000", "return_msg": "系统异常"}
        return orjson.dumps(told), "application/json"

    def _card(self, payer: str) -> dict[str, str]:
        card = self._gate.account.monthly_card
        return {"monthlyCard": card} if card and payer != "receiver" else {}


def _booked(data: dict[str, Any], shipment_id: str) -> Booked:
    """filterResult 1: a person at SF still looks at the address; 2: taken; 3: 不可收派. Raises Unknown while there is no waybill."""
    if data.get("orderId", shipment_id) != shipment_id:
        raise Unknown(PARTY, "other_order")
    try:
        numbers = values.rows(data.get("waybillNoInfoList"))
        mother = next((values.waybill(one.get("waybillNo")) for one in numbers if str(one.get("waybillType", 1)) == "1"), "")
    except values.Unreadable as exc:
        raise Unknown(PARTY, "garbled_reply") from exc
    off = str(data.get("filterResult", "2")) == "3" or str(data.get("orderStatus", "")) in _OFF
    if not mother and not off:
        raise Unknown(PARTY, "no_waybill_yet")
    return Booked(shipment_id, mother, is_cancelled=off)


def _contact(kind: int, party: Party) -> dict[str, object]:
    return {
        "contactType": kind,
        "contact": party.name,
        "country": "CN",
        "province": party.province,
        "city": party.city,
        "county": party.county,
        "address": party.address,
        **values.phone_fields(party.phone, "mobile", "tel"),
    }


def _quoted(party: Party) -> dict[str, str]:
    return {"province": party.province, "city": party.city, "district": party.county, "address": party.address}


def _days(promise: object) -> int | None:
    """Days until "2026-12-01 18:00:00,2026-12-01 20:00:00", its later end, by the calendar of Beijing."""
    try:
        by: datetime = values.beijing(str(promise).rpartition(",")[2].strip())
    except values.Unreadable:
        return None
    return max(1, (by.astimezone(BEIJING).date() - now().astimezone(BEIJING).date()).days)


def _scans(lines: Sequence[dict[str, Any]]) -> tuple[Scan, ...]:
    """A line without number or time is left out: nothing can be made of it."""
    read = []
    for line in lines:
        try:
            number, at, code = values.waybill(line.get("mailno")), values.beijing(line.get("acceptTime")), values.code_of(line.get("opCode"))
        except values.Unreadable:
            log.warning("route left out", extra={"party": PARTY})
            continue
        text = values.words(line.get("remark"), line.get("reasonName"))
        order = line.get("orderid")
        read.append(
            Scan(
                waybill=number,
                scan_id=values.scan_id(number, at, code),
                kind=values.kind_of(code, f"{text} {line.get('reasonName') or ''}", KINDS, WITH_WORDS),
                at=at,
                text=text,
                place=values.place(line.get("acceptAddress")),
                code=code,
                shipment_id=order if isinstance(order, str) and order else None,
            )
        )
    return tuple(read)


def _carried_on(scan: Scan, waybill: str, *, is_back: bool) -> Scan:
    """A line of the second number as one of the first."""
    kind = scan.kind
    if is_back and kind not in (ScanKind.LOST, ScanKind.EXCEPTION):
        kind = ScanKind.RETURNED if kind == ScanKind.SIGNED else ScanKind.RETURNING
    return replace(scan, waybill=waybill, kind=kind)
