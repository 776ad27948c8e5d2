"""How WeChat Pay v3 tells of a transaction and of a refund: in answers, and encrypted in callbacks."""

import base64
import secrets
import string
from collections.abc import Mapping
from typing import Any

import orjson
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sandbox.wechat_pay_keys import Keys
from sandbox.wechat_pay_orders import Json, beijing
from sandbox.wechat_pay_v3_gate import Gate, no_signature

_STATES = {
    "NOTPAY": "订单未支付",
    "SUCCESS": "支付成功",
    "REFUND": "订单发生过退款，退款详情请查询退款单",
    "CLOSED": "订单已关闭",
}
_EVENTS = {"SUCCESS": ("REFUND.SUCCESS", "退款成功"), "ABNORMAL": ("REFUND.ABNORMAL", "退款异常")}
RECEIVED = "支付用户零钱"
_LETTERS = string.ascii_letters + string.digits


def transaction(keys: Keys, order: Json) -> Json:
    """What is not paid has no transaction_id and no payer."""
    told: Json = {
        "appid": keys.appid,
        "mchid": keys.mchid,
        "out_trade_no": order["order_no"],
        "trade_state": order["state"],
        "trade_state_desc": _STATES[order["state"]],
        "attach": order["attach"],
        "promotion_detail": [],
    }
    if "transaction_id" not in order:
        return told | {"amount": {"total": order["amount_fen"], "payer_currency": "CNY"}, "scene_info": {"device_id": ""}}
    return told | {
        "transaction_id": order["transaction_id"],
        "trade_type": "JSAPI",
        "bank_type": "OTHERS",
        "success_time": rfc3339(order["paid"]),
        "payer": {"openid": order["openid"]},
        "amount": {"total": order["amount_fen"], "payer_total": order["amount_fen"], "currency": "CNY", "payer_currency": "CNY"},
    }


def refund(told: Json) -> Json:
    """Of an answer."""
    done = {"success_time": rfc3339(told["done"])} if told["done"] is not None else {}
    return {
        "refund_id": told["refund_id"],
        "out_refund_no": told["refund_no"],
        "transaction_id": told["transaction_id"],
        "out_trade_no": told["order_no"],
        "channel": "ORIGINAL",
        "user_received_account": RECEIVED,
        **done,
        "create_time": rfc3339(told["made"]),
        "status": told["status"],
        "funds_account": "AVAILABLE",
        "amount": {
            "total": told["total_fen"],
            "refund": told["amount_fen"],
            "from": [],
            "payer_total": told["total_fen"],
            "payer_refund": told["amount_fen"],
            "settlement_refund": told["amount_fen"],
            "settlement_total": told["total_fen"],
            "discount_refund": 0,
            "currency": "CNY",
        },
        "promotion_detail": [],
    }


class V3Wording:
    """Callbacks: encrypted with the merchant's APIv3 key; only the HTTP status of the answer counts."""

    def __init__(self, keys: Keys, gate: Gate) -> None:
        self._keys = keys
        self._gate = gate

    def body(self, notice_id: str, at: float, order: Json, refund: Json | None) -> str:
        event, summary = ("TRANSACTION.SUCCESS", "支付成功") if refund is None else _EVENTS[refund["status"]]
        kind, content = ("transaction", transaction(self._keys, order)) if refund is None else ("refund", self._refunded(refund))
        told = {"id": notice_id, "create_time": rfc3339(at), "resource_type": "encrypt-resource", "event_type": event, "summary": summary}
        return orjson.dumps(told | {"resource": {"original_type": kind, **sealed(self._keys, content, kind)}}).decode()

    def headers(self, body: bytes) -> Mapping[str, str]:
        return self._gate.callback(body)

    def forged(self, body: bytes, headers: Mapping[str, str]) -> tuple[bytes, Mapping[str, str]]:
        return body, {**headers, "Wechatpay-Signature": no_signature()}

    def taken(self, status: str, answer: bytes) -> bool:
        return status in ("200", "204")

    def _refunded(self, refund: Json) -> Json:
        done = {"success_time": rfc3339(refund["done"])} if refund["done"] is not None else {}
        return {
            "mchid": self._keys.mchid,
            "out_trade_no": refund["order_no"],
            "transaction_id": refund["transaction_id"],
            "out_refund_no": refund["refund_no"],
            "refund_id": refund["refund_id"],
            "refund_status": refund["status"],
            **done,
            "user_received_account": RECEIVED,
            "amount": {
                "total": refund["total_fen"],
                "refund": refund["amount_fen"],
                "payer_total": refund["total_fen"],
                "payer_refund": refund["amount_fen"],
            },
        }


def sealed(keys: Keys, content: Any, about: str) -> Json:
    """AEAD_AES_256_GCM under the APIv3 key; the tag is at the end of the ciphertext."""
    nonce = "".join(secrets.choice(_LETTERS) for _ in range(12))
    plain = content.encode() if isinstance(content, str) else orjson.dumps(content)
    made = AESGCM(keys.apiv3_key.encode()).encrypt(nonce.encode(), plain, about.encode())
    return {"algorithm": "AEAD_AES_256_GCM", "ciphertext": base64.b64encode(made).decode(), "associated_data": about, "nonce": nonce}


def rfc3339(seconds: float) -> str:
    return beijing(seconds).isoformat(timespec="seconds")
