"""SF Express as its open platform speaks: orders, their cancellation and lookup, routes, prices, and the push of routes.

Reference: open.sf-express.com, EXP_RECE_CREATE_ORDER, EXP_RECE_UPDATE_ORDER, EXP_RECE_SEARCH_ORDER_RESP, EXP_RECE_SEARCH_ROUTES,
EXP_RECE_QUERY_DELIVERTM and the route push. A route found by a query has no id, only a pushed one has; times are Beijing's, to the second. A parcel
that goes back gets another waybill and is never signed under its own. Assumed: the codes for cancelling what is collected (8044) and for booking an
order number that was cancelled (8253), that a cancelled order is looked up as 8037, and the opCode of what is lost (2).
"""

import time
from typing import Any
from urllib.parse import quote

import orjson
from sanic import HTTPResponse, Request

from sandbox.alipay_values import beijing
from sandbox.book import Json
from sandbox.courier_parcels import Parcels, fare_fen, is_unreachable, last_digits
from sandbox.courier_pushes import Push
from sandbox.faults import Faults
from sandbox.sf_gate import Fault, SfGate

PATH = "/std/service"
# What each scan is called: opCode, and where one is told the reason.
OP_CODES: dict[str, tuple[str, str, str]] = {
    "collect": ("50", "", ""),
    "transit": ("30", "", ""),
    "deliver": ("44", "", ""),
    "pickup_point": ("607", "", ""),
    "exception": ("33", "14", "收方电话无人接听"),
    "reject": ("70", "5", "收方拒收"),
    "return": ("99", "", ""),
    "returned": ("648", "", ""),
    "lose": ("2", "", "遗失"),
    "sign": ("80", "", ""),
}
REACHED, NOT_REACHED = 2, 3  # filterResult


class Sf:
    name = "sf"

    def __init__(self, account: Json, gate: SfGate, parts: tuple[Parcels, Faults], callbacks: str) -> None:
        self._card, self._secret = account["monthly_card"], account["push_secret"]
        self._gate, self._callbacks = gate, callbacks
        self._parcels, self._faults = parts

    async def service(self, request: Request) -> HTTPResponse:
        """POST /std/service"""
        return self._gate.call(
            request,
            {
                "EXP_RECE_CREATE_ORDER": self._create,
                "EXP_RECE_UPDATE_ORDER": self._update,
                "EXP_RECE_SEARCH_ORDER_RESP": self._order,
                "EXP_RECE_SEARCH_ROUTES": self._routes,
                "EXP_RECE_QUERY_DELIVERTM": self._price,
            },
        )

    def push(self, parcel: Json, scans: list[Json]) -> Push | None:
        """Unsigned: that it comes from SF is the secret in the path. What is forged does not have it."""
        if not self._callbacks:
            return None
        body = orjson.dumps({"Body": {"WaybillRoute": [_pushed(parcel, scan) for scan in scans]}}).decode()
        url, ids = f"{self._callbacks}/sf/{quote(self._secret)}", [scan["id"] for scan in scans]
        return Push("sf", parcel["waybill"], ids, url, body, "application/json; charset=utf-8", (f"{self._callbacks}/sf/{'0' * 32}", body))

    @staticmethod
    def is_taken(said: Json) -> bool:
        return said.get("return_code") == "0000"

    # services

    def _create(self, asked: Json) -> Json:
        order_no, parties = _order_no(asked), {one.get("contactType"): one for one in _dicts(asked.get("contactInfoList"))}
        sender, receiver = (_party(parties.get(kind, {})) for kind in (1, 2))
        goods = [str(one.get("name") or "") for one in _dicts(asked.get("cargoDetails"))]
        known = self._parcels.order("sf", order_no)
        if known is not None:
            gone = (self._parcels.of_order("sf", order_no) or {}).get("state") == "cancelled"
            raise Fault("8253", "该订单已取消") if gone else Fault("8016", "重复下单")
        if not goods or not all(goods):
            raise Fault("S0002", "必填参数cargoDetails.name不可为空")
        for party, code, told in ((sender, "8039", "寄方地址错误"), (receiver, "8040", "到方地址错误")):
            if not all(party[field] for field in ("name", "phone", "address")):
                raise Fault(code, told)
        if asked.get("payMethod", 1) not in (1, 2, 3) or (asked.get("monthlyCard") or self._card) != self._card:
            raise Fault("20052", "月结卡号不匹配 不允许操作该订单")
        if is_unreachable(receiver) or is_unreachable(sender):
            self._parcels.refuse_order("sf", order_no)
            return {"orderId": order_no, "filterResult": NOT_REACHED, "remark": "1", "waybillNoInfoList": None, "routeLabelInfo": None}
        about = {"sender": sender, "receiver": receiver, "payer": {1: "sender", 2: "receiver", 3: "third"}[asked.get("payMethod", 1)]}
        return _told(self._parcels.book_order("sf", order_no, {**about, "goods": "、".join(goods)}))

    def _update(self, asked: Json) -> Json:
        """dealType 2 cancels; 1 would confirm what needs no confirmation here."""
        order_no, parcel = _order_no(asked), self._parcels.of_order("sf", _order_no(asked))
        if parcel is None:
            raise Fault("8018", "未获取到订单信息")
        given = [one.get("waybillNo") for one in _dicts(asked.get("waybillNoInfoList"))]
        if given and given != [parcel["waybill"]]:
            raise Fault("8017", "订单号与运单号不匹配")
        if parcel["state"] == "cancelled":
            raise Fault("8037", "已消单")
        if asked.get("dealType", 1) not in (2, "2"):
            raise Fault("8252", "订单已确认")
        if not self._parcels.cancel(parcel):
            raise Fault("8044", "此订单已经处理中，无法接收订单修改请求")
        return {"orderId": order_no, "waybillNoInfoList": _waybills(parcel), "resStatus": 2, "extraInfoList": None}

    def _order(self, asked: Json) -> Json:
        order_no = _order_no(asked)
        order, parcel = self._parcels.order("sf", order_no), self._parcels.of_order("sf", order_no)
        if order is None or (time.time() - order["made"]) * 1000 < self._faults.now["sf"]["hide_orders_ms"]:
            raise Fault("8018", "未获取到订单信息")
        if parcel is None:
            return {"orderId": order_no, "filterResult": str(NOT_REACHED), "remark": "1", "waybillNoInfoList": None, "routeLabelInfo": None}
        if parcel["state"] == "cancelled":
            raise Fault("8037", "已消单")
        return {**_told(parcel), "filterResult": str(REACHED)}  # a number when it is booked, a text when it is looked up

    def _routes(self, asked: Json) -> Json:
        """Nobody is told the way of a parcel whose phone he does not know, nor that there is one."""
        numbers = asked.get("trackingNumber")
        numbers = [numbers] if isinstance(numbers, str) else numbers
        if not isinstance(numbers, list) or not numbers or len(numbers) > 10:
            raise Fault("8013", "未传入查询单号")
        by_order, phone = str(asked.get("trackingType", 1)) == "2", str(asked.get("checkPhoneNo") or "")
        found = []
        for number in map(str, numbers):
            parcel = self._parcels.of_order("sf", number) if by_order else self._parcels.get("sf", number)
            seen = parcel is not None and (not phone or phone in last_digits(parcel))
            routes = [_route(scan) for scan in sorted(parcel["scans"], key=lambda one: one["at"])] if parcel is not None and seen else []
            found.append({"mailNo": parcel["waybill"] if parcel is not None else number, "routes": routes})
        return {"routeResps": found}

    def _price(self, asked: Json) -> Json:
        """A fee in yuan, only where it is asked for; no line for where nobody goes."""
        sent, to = (given if isinstance(given := asked.get(name), dict) else {} for name in ("srcAddress", "destAddress"))
        for name, end in (("srcAddress", sent), ("destAddress", to)):
            if not (end.get("code") or end.get("province") or end.get("address")):
                raise Fault("S0002", f"必填参数{name}不可为空")
        if any(is_unreachable(end) or "不派送" in str(end.get("district", "")) for end in (sent, to)):
            return {"deliverTmDto": []}
        until, wanted = f"{beijing(time.time() + 172_800)[:10]} 18:00:00", str(asked.get("searchPrice", "0")) == "1"
        fee = fare_fen(sent, to) / 100 if wanted else None
        line = {"businessType": "2", "businessTypeDesc": "顺丰标快", "deliverTime": f"{until},{until}", "fee": fee}
        return {"deliverTmDto": [{**line, "searchPrice": "1" if wanted else "0", "closeTime": None}]}


def _order_no(asked: Json) -> str:
    order_no = asked.get("orderId")
    if not isinstance(order_no, str) or not order_no:
        raise Fault("6118", "订单号不能为空")
    if len(order_no) > 64:
        raise Fault("S0004", "参数orderId超过最大长度64")
    return order_no


def _dicts(value: Any) -> list[Json]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _party(given: Json) -> Json:
    return {
        "name": given.get("contact") or "",
        "phone": given.get("mobile") or given.get("tel") or "",
        **{name: given.get(name) or "" for name in ("province", "city", "county", "address")},
    }


def _waybills(parcel: Json) -> list[Json]:
    return [{"waybillType": 1, "waybillNo": parcel["waybill"]}]


def _told(parcel: Json) -> Json:
    about = {"orderId": parcel["order_no"], "originCode": "755", "destCode": "020", "filterResult": REACHED, "remark": "", "url": None}
    return {**about, "waybillNoInfoList": _waybills(parcel), "routeLabelInfo": None}


def _route(scan: Json) -> Json:
    code, _, reason = OP_CODES[scan["kind"]]
    text = f"{scan['text']}，新单号为：{scan['new_waybill']}" if scan.get("new_waybill") else scan["text"]
    return {"acceptAddress": scan["place"], "acceptTime": beijing(scan["at"]), "remark": f"{text}（{reason}）" if reason else text, "opCode": code}


def _pushed(parcel: Json, scan: Json) -> Json:
    _, reason_code, reason = OP_CODES[scan["kind"]]
    about = {"id": scan["id"], "mailno": parcel["waybill"], "orderid": parcel["order_no"]}
    return {**about, **_route(scan), "reasonCode": reason_code, "reasonName": reason}
