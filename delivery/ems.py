"""EMS, China Post's express (api.ems.com.cn): orders by number of ours, tracks and their push. Everything travels sealed with SM4."""

import logging
from collections.abc import Sequence
from typing import Any

import orjson

from delivery import courier_values as values
from delivery.couriers import Booked, Booking, CourierName, ForgedNotice, Notice, Party, Quote, Scan, ScanKind, UnreadableNotice
from delivery.ems_gate import OK, PARTY, EmsAccount, EmsGate, Said
from kit.clock import now
from kit.errors import Refused, Unknown
from kit.http import Http
from kit.ids import new_nonce
from kit.sm4 import CannotDecrypt

log = logging.getLogger(__name__)

# opCode -> what it is to us. 203, 702 and 704 are what implementations agree on; a code that is not here is in_transit, with EMS' own words.
KINDS = {
    "203": ScanKind.COLLECTED,  # 收寄
    "702": ScanKind.DELIVERING,  # 投递
    "705": ScanKind.EXCEPTION,  # 未妥投
    "747": ScanKind.AT_PICKUP_POINT,
    "748": ScanKind.AT_PICKUP_POINT,
    "708": ScanKind.RETURNING,
    "711": ScanKind.RETURNING,
    "799": ScanKind.EXCEPTION,
    "704": ScanKind.SIGNED,  # 妥投
}
# What a code alone does not say: it needs these words beside it. The ends among them are assumed, and so are never read out of the words alone.
WITH_WORDS = (
    (frozenset(("705",)), ("拒收", "拒付", "拒签"), ScanKind.REJECTED),
    (frozenset(("711",)), ("退回妥投",), ScanKind.RETURNED),
    (frozenset(("799",)), ("丢失", "遗失"), ScanKind.LOST),
)
ORDER, CANCEL, TRACK, FREIGHT = "020003", "020006", "040001", "050005"
ORDER_QUERY = "020004"  # by logisticsOrderNo; assumed, no document at hand has it
_PUSH = "040002"
_PAYERS = {"sender": "1", "receiver": "2", "third": "3"}
_DOCUMENT, _EXPRESS = "1", "1"  # contentsAttribute 文件, bizProductNo 特快专递
_PRODUCT = "115104300000691"  # productCode of a freight query
_LICENCE_GRAMS = "500"


class EmsCourier:
    """Fulfils delivery.couriers.Courier. Raises ValueError for a key that is none."""

    name: CourierName = "ems"
    books = True

    def __init__(self, http: Http, account: EmsAccount) -> None:
        self._gate = EmsGate(http, account)

    async def quote(self, sender: Party, receiver: Party) -> Quote:
        """050005, for half a kilogram. Refused: not_reachable, not_offered, address_refused."""
        asked = {"productCode": _PRODUCT, "weight": _LICENCE_GRAMS, "senderInfo": _in_one(sender), "receiveInfo": _in_one(receiver)}
        body = _object(await self._gate.ask(FREIGHT, asked))
        fee = body.get("realFee", body.get("totalFee"))
        if fee is None:
            raise Refused(PARTY, "not_offered")
        try:
            return Quote(values.fen_of(fee))
        except values.Unreadable as exc:
            raise Unknown(PARTY, "garbled_reply") from exc

    async def book(self, booking: Booking) -> Booked:
        """020003. EMS tells little with its no: whatever it refuses is looked for, and only what it does not have was not booked."""
        asked = {
            "ecommerceUserId": booking.shipment_id,
            "logisticsOrderNo": booking.shipment_id,
            "createdTime": values.in_beijing(now()),
            "contentsAttribute": _DOCUMENT,
            "bizProductNo": _EXPRESS,
            "paymentMode": _PAYERS[booking.payer],
            "sender": _contact(booking.sender),
            "receiver": _contact(booking.receiver),
            "cargos": [{"cargoName": booking.goods, "cargoQuantity": 1}],
        }
        try:
            return _booked(_object(await self._gate.ask(ORDER, [asked])), booking.shipment_id)
        except Said as exc:
            if exc.word in ("order_exists", "cancelled", "already_collected"):
                raise Unknown(PARTY, "order_exists") from exc
            if exc.reason == "refused" and await self.find(booking.shipment_id) is not None:
                raise Unknown(PARTY, "order_exists") from exc
            raise

    async def find(self, shipment_id: str) -> Booked | None:
        """The order by our number."""
        try:
            body = await self._gate.ask(ORDER_QUERY, {"logisticsOrderNo": shipment_id})
        except Said as exc:
            if exc.word == "shipment_unknown":
                return None
            if exc.word == "cancelled":
                return Booked(shipment_id, "", is_cancelled=True)
            raise Unknown(PARTY, "order_not_told") from exc
        return _booked(_object(body), shipment_id)

    async def cancel(self, shipment_id: str, waybill: str) -> None:
        """020006. What is off already is no error."""
        try:
            await self._gate.ask(CANCEL, {"logisticsOrderNo": shipment_id, "waybillNo": waybill, "cancelReason": "用户取消"})
        except Said as exc:
            if exc.word != "cancelled":
                raise

    async def track(self, waybill: str, phone: str) -> Sequence[Scan]:
        """040001."""
        try:
            body = await self._gate.ask(TRACK, {"waybillNo": waybill})
        except Said as exc:
            if exc.word == "shipment_unknown":
                return ()
            raise
        try:
            lines = [line for line in _lines(body) if line.get("waybillNo", waybill) == waybill]
        except values.Unreadable as exc:
            raise Unknown(PARTY, "garbled_reply") from exc
        scans = _scans([{"waybillNo": waybill, **line} for line in lines])
        if lines and not scans:
            raise Unknown(PARTY, "garbled_reply")
        return scans

    async def subscribe(self, waybill: str, phone: str) -> None:
        """Nothing to do: EMS pushes the tracks of every order of ours."""

    def read_notice(self, notice: Notice) -> Sequence[Scan]:
        """040002: a JSON object around a sealed one. Only who has our key can have sealed it. Raises ForgedNotice, UnreadableNotice."""
        try:
            around = orjson.loads(notice.body)
        except orjson.JSONDecodeError as exc:
            raise ForgedNotice("not_json") from exc
        if not isinstance(around, dict):
            raise ForgedNotice("not_an_object")
        if around.get("senderNo") and not self._gate.is_ours(around["senderNo"]):
            raise ForgedNotice("other_sender")
        try:
            told = self._gate.unseal(around.get("logitcsInterface"))
        except CannotDecrypt as exc:
            raise ForgedNotice("other_key") from exc
        if around.get("method", _PUSH) != _PUSH:
            raise UnreadableNotice("another method")
        try:
            scans = _scans(_lines(told))
        except values.Unreadable as exc:
            raise UnreadableNotice("no tracks") from exc
        if not scans:
            raise UnreadableNotice("no readable track")
        return scans

    def answer(self, *, taken: bool) -> tuple[bytes, str]:
        code, told = (OK, "成功") if taken else ("99999", "失败")
        answer = {"serialNo": new_nonce(), "code": code, "codeMessage": told, "senderNo": self._gate.account.sender_no}
        return orjson.dumps(answer), "application/json"


def _contact(party: Party) -> dict[str, str]:
    return {
        "name": party.name,
        "prov": party.province,
        "city": party.city,
        "county": party.county,
        "address": party.address,
        **values.phone_fields(party.phone, "mobile", "phone"),
    }


def _in_one(party: Party) -> str:
    return party.province + party.city + party.county + party.address


def _object(body: object) -> dict[str, Any]:
    """retBody of one order: an object, or a list with one. Raises Unknown."""
    if isinstance(body, list) and len(body) == 1:
        body = body[0]
    if not isinstance(body, dict):
        raise Unknown(PARTY, "garbled_reply")
    return body


def _booked(body: dict[str, Any], shipment_id: str) -> Booked:
    if body.get("logisticsOrderNo", shipment_id) != shipment_id:
        raise Unknown(PARTY, "other_order")
    off = str(body.get("orderStatus", "")) in _OFF
    try:
        return Booked(shipment_id, "" if off and not body.get("waybillNo") else values.waybill(body.get("waybillNo")), is_cancelled=off)
    except values.Unreadable as exc:
        raise Unknown(PARTY, "no_waybill_yet") from exc


_OFF = frozenset(("2", "已取消"))  # orderStatus; assumed like the query itself


def _lines(told: object) -> list[dict[str, Any]]:
    """Tracks: {"responseItems": [...]}, a list, or a single one. Raises values.Unreadable."""
    if isinstance(told, dict) and "responseItems" in told:
        told = told["responseItems"]
    elif isinstance(told, dict):
        told = [told]
    return values.rows(told)


def _scans(lines: Sequence[dict[str, Any]]) -> tuple[Scan, ...]:
    """A line without number or time is left out: nothing can be made of it."""
    read = []
    for line in lines:
        try:
            number, at, code = values.waybill(line.get("waybillNo")), values.beijing(line.get("opTime")), values.code_of(line.get("opCode"))
        except values.Unreadable:
            log.warning("track left out", extra={"party": PARTY})
            continue
        text = values.words(line.get("opDesc"), line.get("opName"))
        order = line.get("logisticsOrderNo") or line.get("orderNo")
        read.append(
            Scan(
                waybill=number,
                scan_id=values.scan_id(number, at, code),
                kind=values.kind_of(code, f"{text} {line.get('opName') or ''}", KINDS, WITH_WORDS),
                at=at,
                text=text,
                place=values.place(line.get("opOrgCity"), line.get("opOrgName")),
                code=code,
                shipment_id=order if isinstance(order, str) and order else None,
            )
        )
    return tuple(read)
