"""EMS as its open platform for contract customers speaks: orders, cancellation, tracks, postage, and the push of tracks, sealed with SM4.

Reference: api.ems.com.cn, /amp-prod-api/f/amp/api/open, apiCodes 020003, 020006, 040001, 040002, 050001, 050005. A request brings its sign key behind
its JSON, a push does not; times are Beijing's, to the second. Assumed, as no document at hand says it: all refusal codes, that a used order number is
refused, apiCode 020004 for looking an order up by its logisticsOrderNo, and the opCodes beside 203, 702 and 704.
"""

import hmac
import secrets
import time
from typing import Any
from urllib.parse import parse_qsl

import orjson
from sanic import HTTPResponse, Request

from sandbox.alipay_values import beijing, from_beijing
from sandbox.answers import json
from sandbox.book import Json
from sandbox.courier_parcels import Parcels, fare_fen, is_unreachable
from sandbox.courier_pushes import Push
from sandbox.ems_sm4 import opened, sealed
from sandbox.faults import Faults

PATH = "/amp-prod-api/f/amp/api/open"
OK = "00000"
# What each scan is called: opCode, opName.
OP_CODES: dict[str, tuple[str, str]] = {
    "collect": ("203", "收寄"),
    "transit": ("305", "到达处理中心"),
    "deliver": ("702", "投递"),
    "pickup_point": ("747", "投至自提点"),
    "exception": ("705", "未妥投"),
    "reject": ("705", "未妥投"),
    "return": ("708", "退回中"),
    "returned": ("711", "退回妥投"),
    "lose": ("799", "丢失"),
    "sign": ("704", "妥投"),
}
_NEEDED = ("apiCode", "senderNo", "authorization", "timeStamp", "logitcsInterface")


class Fault(Exception):
    """retCode and retMsg of a refusal."""

    def __init__(self, code: str, told: str) -> None:
        super().__init__(code)
        self.code, self.told = code, told


class Ems:
    name = "ems"

    def __init__(self, account: Json, parts: tuple[Parcels, Faults], callbacks: str) -> None:
        self._sender_no, self._authorization, self._key = account["sender_no"], account["authorization"], account["sign_key"]
        self._parcels, self._faults = parts
        self._callbacks = callbacks

    async def service(self, request: Request) -> HTTPResponse:
        """POST, one form for every apiCode."""
        is_form = "form-urlencoded" in request.headers.get("content-type", "")
        form = dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True)) if is_form else {}
        codes = {
            "020003": self._order,
            "020004": self._look,
            "020006": self._cancel,
            "040001": self._tracks,
            "050001": self._postage,
            "050005": self._estimate,
        }
        try:
            self._let_in(form)
            if form["apiCode"] not in codes:
                raise Fault("S00003", "接口代码不存在或未授权")
            return _answered(OK, "成功", codes[form["apiCode"]](self._body(form["logitcsInterface"])))
        except Fault as fault:
            return _answered(fault.code, fault.told, None)

    def push(self, parcel: Json, scans: list[Json]) -> Push | None:
        """One call per scan at EMS: only the latest of `scans` is told. What is forged is sealed with another key."""
        if not self._callbacks:
            return None
        text = orjson.dumps({**_track(parcel["waybill"], scans[-1]), "orderNo": parcel["order_no"], "operatorNo": "9900"}).decode()
        about = {"method": "040002", "msgType": "0", "senderNo": self._sender_no, "serialNo": secrets.token_hex(16).upper()}
        about |= {"timeStamp": beijing(time.time()), "version": "v1.0.0"}
        body, forged = (orjson.dumps({"logitcsInterface": sealed(text, key), **about}).decode() for key in (self._key, "Zm9yZ2VkLWtleS0wMDAwMA=="))
        url = f"{self._callbacks}/ems"
        return Push("ems", parcel["waybill"], [scans[-1]["id"]], url, body, "application/json; charset=utf-8", (url, forged))

    @staticmethod
    def is_taken(said: Json) -> bool:
        return said.get("code") == OK

    def _let_in(self, form: dict[str, str]) -> None:
        if any(not form.get(name) for name in _NEEDED):
            raise Fault("S00001", "公共参数不完整")
        known = form["senderNo"] == self._sender_no and hmac.compare_digest(form["authorization"].encode(), self._authorization.encode())
        if not known:
            raise Fault("S00002", "协议客户号或授权码不正确")
        if from_beijing(form["timeStamp"]) is None:
            raise Fault("S00001", "timeStamp格式应为yyyy-MM-dd HH:mm:ss")

    def _body(self, interface: str) -> Any:
        try:
            text = opened(interface, self._key)
            if not text.endswith(self._key):
                raise ValueError("another sign key")
            return orjson.loads(text.removesuffix(self._key))
        except ValueError as exc:
            raise Fault("S00004", "报文解密失败") from exc

    # apiCodes

    def _order(self, asked: Any) -> Json:
        """020003: a list of one."""
        given = asked[0] if isinstance(asked, list) and len(asked) == 1 and isinstance(asked[0], dict) else {}
        order_no = given.get("logisticsOrderNo")
        if not isinstance(order_no, str) or not 0 < len(order_no) <= 50:
            raise Fault("B00001", "logisticsOrderNo不能为空，最长50位")
        sender, receiver = (_party(given.get(name)) for name in ("sender", "receiver"))
        wrong = [f"{who}.{name}" for who, party in (("sender", sender), ("receiver", receiver)) for name, value in party.items() if not value]
        wrong += [name for name in ("ecommerceUserId", "createdTime", "contentsAttribute", "bizProductNo") if not given.get(name)]
        if wrong:
            raise Fault("B00001", f"必填参数不能为空：{'、'.join(wrong)}")
        if self._parcels.order("ems", order_no) is not None:
            raise Fault("B00010", "物流订单号已存在")
        if is_unreachable(receiver) or is_unreachable(sender):
            raise Fault("B00020", "地址超范围，不派送")
        goods = "、".join(str(one.get("cargoName") or "") for one in given.get("cargos") or [] if isinstance(one, dict))
        payer = {"1": "sender", "2": "receiver", "3": "third"}.get(str(given.get("paymentMode", "1")), "sender")
        parcel = self._parcels.book_order("ems", order_no, {"sender": sender, "receiver": receiver, "payer": payer, "goods": goods})
        return {"logisticsOrderNo": order_no, "waybillNo": parcel["waybill"], "routeCode": "沙箱-01", "markDestinationCode": "01"}

    def _look(self, asked: Any) -> Json:
        """020004, assumed."""
        order_no = _named(asked, "logisticsOrderNo")
        order, parcel = self._parcels.order("ems", order_no), self._parcels.of_order("ems", order_no)
        hidden = order is not None and (time.time() - order["made"]) * 1000 < self._faults.now["ems"]["hide_orders_ms"]
        if order is None or parcel is None or hidden:
            raise Fault("B00030", "订单不存在")
        return {"logisticsOrderNo": order_no, "waybillNo": parcel["waybill"], "orderStatus": "2" if parcel["state"] == "cancelled" else "1"}

    def _cancel(self, asked: Any) -> Json:
        order_no, waybill = _named(asked, "logisticsOrderNo"), _named(asked, "waybillNo")
        parcel = self._parcels.of_order("ems", order_no)
        if parcel is None or parcel["waybill"] != waybill:
            raise Fault("B00030", "订单不存在")
        if not self._parcels.cancel(parcel):
            raise Fault("B00040", "订单已收寄，不能取消")
        return {"logisticsOrderNo": order_no, "waybillNo": waybill}

    def _tracks(self, asked: Any) -> Json:
        """040001: the oldest first; an unknown waybill has none."""
        waybill = _named(asked, "waybillNo")
        parcel = self._parcels.get("ems", waybill)
        scans = sorted(parcel["scans"], key=lambda one: one["at"]) if parcel is not None else []
        return {"responseItems": [_track(waybill, scan) for scan in scans]}

    def _postage(self, asked: Any) -> Json:
        """050001: of what is posted, in yuan."""
        parcel = self._parcels.get("ems", _named(asked, "waybillNo"))
        if parcel is None or not parcel["scans"]:
            raise Fault("B00050", "查询无结果")
        return {"waybillNo": parcel["waybill"], "realWeight": "200", "postageTotal": f"{fare_fen(parcel['sender'], parcel['receiver']) / 100:.2f}"}

    def _estimate(self, asked: Any) -> Json:
        """050005: what it would cost, in yuan, between two whole addresses."""
        ends = [_named(asked, name) for name in ("senderInfo", "receiveInfo")]
        if any(is_unreachable({"address": end}) for end in ends):
            raise Fault("B00020", "地址超范围，不派送")
        provinces = [{"province": end.partition("省")[0][:3]} for end in ends]
        return {"totalFee": f"{fare_fen(*provinces) / 100:.2f}"}


def _answered(code: str, told: str, body: Json | None) -> HTTPResponse:
    """retBody is JSON in a string."""
    about = {"retCode": code, "retMsg": told, "retBody": None if body is None else orjson.dumps(body).decode()}
    return json({**about, "retDate": beijing(time.time()), "serialNo": secrets.token_hex(16).upper()})


def failed() -> HTTPResponse:
    """How the platform says that it failed itself: with a 200. Assumed."""
    return _answered("S99999", "系统异常", None)


def _named(asked: Any, field: str) -> str:
    value = asked.get(field) if isinstance(asked, dict) else None
    if not isinstance(value, str) or not value:
        raise Fault("B00001", f"必填参数不能为空：{field}")
    return value


def _party(given: Any) -> Json:
    party = given if isinstance(given, dict) else {}
    about = {"name": party.get("name") or "", "phone": party.get("mobile") or party.get("phone") or "", "province": party.get("prov") or ""}
    return {**about, **{name: party.get(name) or "" for name in ("city", "county", "address")}}


def _track(waybill: str, scan: Json) -> Json:
    code, name = OP_CODES[scan["kind"]]
    org = {"opOrgCode": "99000001", "opOrgName": f"{scan['place']}沙箱营业部", "opOrgProvName": "沙箱省", "opOrgCity": scan["place"]}
    return {
        "waybillNo": waybill,
        "opTime": beijing(scan["at"]),
        "opCode": code,
        "opName": name,
        "opDesc": f"【{name}】{scan['text']}",
        **org,
        "operatorName": "沙箱",
    }
