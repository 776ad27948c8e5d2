"""How WeChat Pay v2 tells of a payment and of a refund: in answers, and in notices."""

import base64
import hashlib
import re
import secrets
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from sandbox.faults import Faults
from sandbox.wechat_pay_keys import Keys
from sandbox.wechat_pay_orders import Json, beijing
from sandbox.wechat_pay_v2_xml import nonce, sign, write

# Exactly these two elements, and nothing around them.
_ACK = re.compile(
    rb"<xml>\s*<return_code>(?:SUCCESS|<!\[CDATA\[SUCCESS\]\]>)</return_code>\s*<return_msg>(?:OK|<!\[CDATA\[OK\]\]>)</return_msg>\s*</xml>"
)
_STATUS = {"SUCCESS": "SUCCESS", "ABNORMAL": "CHANGE", "PROCESSING": "PROCESSING"}
_CHANNEL = "支付用户零钱"


def payment(order: Json) -> dict[str, Any]:
    """Of an order that is paid."""
    return {
        "openid": order["openid"],
        "is_subscribe": "N",
        "trade_type": "JSAPI",
        "bank_type": "OTHERS",
        "total_fee": order["amount_fen"],
        "fee_type": "CNY",
        "cash_fee": order["amount_fen"],
        "cash_fee_type": "CNY",
        "transaction_id": order["transaction_id"],
        "out_trade_no": order["order_no"],
        "attach": order["attach"],
        "time_end": f"{beijing(order['paid']):%Y%m%d%H%M%S}",
    }


def refunds(order: Json, listed: list[Json]) -> dict[str, Any]:
    """Numbered from 0."""
    told: dict[str, Any] = {
        "transaction_id": order["transaction_id"],
        "out_trade_no": order["order_no"],
        "total_fee": order["amount_fen"],
        "cash_fee": order["amount_fen"],
        "fee_type": "CNY",
        "refund_count": len(listed),
        "refund_fee": sum(refund["amount_fen"] for refund in listed),
    }
    for place, refund in enumerate(listed):
        one = {
            "out_refund_no": refund["refund_no"],
            "refund_id": refund["refund_id"],
            "refund_channel": "ORIGINAL",
            "refund_fee": refund["amount_fen"],
            "refund_status": _STATUS[refund["status"]],
            "refund_account": "REFUND_SOURCE_RECHARGE_FUNDS",
            "refund_recv_accout": _CHANNEL,
            "refund_success_time": _time(refund["done"]),
        }
        told |= {f"{name}_{place}": value for name, value in one.items()}
    return told


class V2Wording:
    """Payments are signed as the order was; refunds are not signed but encrypted. Only the exact XML of the answer counts."""

    def __init__(self, keys: Keys, faults: Faults) -> None:
        self._keys = keys
        self._faults = faults

    def body(self, notice_id: str, at: float, order: Json, refund: Json | None) -> str:
        head = {"return_code": "SUCCESS", "appid": self._keys.appid, "mch_id": self._keys.mchid, "nonce_str": nonce()}
        if refund is not None:
            return write(head | {"req_info": sealed(self._keys.api_key, _refunded(refund))})
        told = head | {"result_code": "SUCCESS", **{name: value for name, value in payment(order).items() if value != ""}}
        # Merchants report that WeChat signs a few of them with MD5 although the order was not.
        sign_type = "MD5" if self._faults.now["wechat_pay_notices"]["md5"] else order["sign_type"]
        if sign_type != "MD5":
            told["sign_type"] = sign_type
        return write(told | {"sign": sign(told, self._keys.api_key, sign_type)})

    def headers(self, body: bytes) -> Mapping[str, str]:
        return {"Content-Type": "text/xml; charset=utf-8"}

    def forged(self, body: bytes, headers: Mapping[str, str]) -> tuple[bytes, Mapping[str, str]]:
        """Signed, or encrypted, with a key that is not the merchant's."""
        if b"<req_info>" in body:
            other = sealed(secrets.token_hex(16), "<root></root>").encode()
            return re.sub(rb"(?<=<req_info><!\[CDATA\[)[^\]]*", other, body), headers
        return re.sub(rb"(?<=<sign><!\[CDATA\[)[0-9A-F]*", lambda found: secrets.token_hex(len(found[0]) // 2).upper().encode(), body), headers

    def taken(self, status: str, answer: bytes) -> bool:
        return status == "200" and _ACK.fullmatch(answer.strip()) is not None


def sealed(api_key: str, xml: str) -> str:
    """AES-256-ECB under the lower-case MD5 of the API key."""
    padder = PKCS7(128).padder()
    padded = padder.update(xml.encode()) + padder.finalize()
    key = hashlib.md5(api_key.encode(), usedforsecurity=False).hexdigest().encode()
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305 - the protocol's
    return base64.b64encode(encryptor.update(padded) + encryptor.finalize()).decode()


def _refunded(refund: Json) -> str:
    told = {
        "out_refund_no": refund["refund_no"],
        "out_trade_no": refund["order_no"],
        "refund_account": "REFUND_SOURCE_RECHARGE_FUNDS",
        "refund_fee": refund["amount_fen"],
        "refund_id": refund["refund_id"],
        "refund_recv_accout": _CHANNEL,
        "refund_request_source": "API",
        "refund_status": _STATUS[refund["status"]],
        "settlement_refund_fee": refund["amount_fen"],
        "settlement_total_fee": refund["total_fen"],
        "success_time": _time(refund["done"]),
        "total_fee": refund["total_fen"],
        "transaction_id": refund["transaction_id"],
    }
    return write({name: value for name, value in told.items() if value != ""}, "root")


def _time(seconds: float | None) -> str:
    return "" if seconds is None else f"{beijing(seconds):%Y-%m-%d %H:%M:%S}"
