"""The gate of WeChat Pay v3: whose request it is, and an answer signed with the key that was asked for (reference: pay.weixin.qq.com)."""

import base64
import re
import secrets
import time
from collections.abc import Mapping
from itertools import cycle
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from sanic import HTTPResponse, Request

from sandbox.faults import Faults
from sandbox.wechat_pay_keys import Keys
from sandbox.wechat_pay_notices import fresh

SCHEME = "WECHATPAY2-SHA256-RSA2048"
SKEW = 300  # seconds of the real clock
_FIELD = re.compile(r'(\w+)="([^"]*)"')


class Problem(Exception):
    """A refusal: HTTP status, code and message as documented."""

    def __init__(self, status: int, code: str, message: str, detail: Mapping[str, Any] | None = None) -> None:
        super().__init__(code)
        self.status = status
        self.body = {"code": code, "message": message, **({"detail": detail} if detail else {})}


class Gate:
    def __init__(self, keys: Keys, faults: Faults) -> None:
        self._keys = keys
        self._faults = faults
        self._seen: dict[str, float] = {}  # nonces, by when they came
        self._turns = cycle((keys.platform_serial, keys.public_key_id))

    def check(self, request: Request) -> None:
        """Over the request exactly as it was sent. Raises Problem."""
        if not request.headers.get("accept") or not request.headers.get("user-agent"):
            raise Problem(400, "PARAM_ERROR", "Http头缺少Accept或User-Agent")
        scheme, _, rest = request.headers.get("authorization", "").partition(" ")
        given = dict(_FIELD.findall(rest))
        if scheme != SCHEME or not {"mchid", "nonce_str", "signature", "timestamp", "serial_no"} <= given.keys():
            raise _unsigned("Http头Authorization值格式错误，请参考《微信支付商户REST API签名规则》")
        if given["mchid"] != self._keys.mchid or given["serial_no"] != self._keys.merchant_serial:
            raise _unsigned("商户证书序列号有误，请使用签名私钥匹配的证书序列号")
        if not given["timestamp"].isdecimal() or abs(time.time() - int(given["timestamp"])) > SKEW:
            raise _unsigned("Http头Authorization中的timestamp与发起请求的时间不得超过5分钟")
        url = request.raw_url.decode("latin-1")
        message = f"{request.method}\n{url}\n{given['timestamp']}\n{given['nonce_str']}\n".encode("latin-1") + request.body + b"\n"
        try:
            self._keys.merchant.verify(base64.b64decode(given["signature"]), message, padding.PKCS1v15(), hashes.SHA256())
        except (InvalidSignature, ValueError):
            shown = {
                "method": request.method,
                "url": url,
                "truncated_sign_message": message[:64].decode("latin-1"),
                "sign_message_length": len(message),
            }
            detail = {"field": "signature", "issue": "sign not match", "location": "authorization", "sign_information": shown}
            raise _unsigned("错误的签名，验签失败", detail) from None
        self._once(given["nonce_str"])
        self._signer(request.headers.get("wechatpay-serial"))

    def _once(self, nonce: str) -> None:
        now = time.time()
        if len(self._seen) > 10_000:
            self._seen = {one: came for one, came in self._seen.items() if now - came <= 2 * SKEW}
        if self._seen.get(nonce, 0) > now - 2 * SKEW:
            raise _unsigned("Http头Authorization中的nonce_str已被使用")
        self._seen[nonce] = now

    def _signer(self, asked: str | None) -> str:
        """Which key signs the answer. `mixed_serials`: the merchant is moving from certificate to public key, and may ask for either."""
        if asked:
            if asked not in self._keys.signers:
                raise Problem(400, "PARAM_ERROR", "平台证书序列号Wechatpay-Serial错误")
            return asked
        return self._keys.platform_serial if self._faults.now["wechat_pay"]["mixed_serials"] else self._keys.public_key_id

    def answer(self, request: Request, status: int, body: Any = None) -> HTTPResponse:
        """Refusals are signed, too; 204 is signed over an empty body."""
        raw = b"" if body is None else orjson.dumps(body)
        asked = request.headers.get("wechatpay-serial")
        headers = self._signed(raw, self._signer(asked if asked in self._keys.signers else None)) | {"Request-ID": secrets.token_hex(12).upper()}
        return HTTPResponse(raw, status, headers, "application/json; charset=utf-8" if raw else None)

    def callback(self, body: bytes) -> dict[str, str]:
        """Headers of a notice. While a merchant moves, WeChat takes now one key, now the other."""
        mixed = self._faults.now["wechat_pay"]["mixed_serials"]
        return self._signed(body, next(self._turns) if mixed else self._keys.public_key_id) | {"Content-Type": "application/json"}

    def _signed(self, body: bytes, serial: str) -> dict[str, str]:
        timestamp, nonce = fresh()
        made = self._keys.signers[serial].sign(f"{timestamp}\n{nonce}\n".encode() + body + b"\n", padding.PKCS1v15(), hashes.SHA256())
        signature = base64.b64encode(made).decode()
        if self._faults.now["wechat_pay"]["sign_test"]:
            signature = ("WECHATPAY/SIGNTEST/" + no_signature())[: len(signature)]
        return {
            "Wechatpay-Serial": serial,
            "Wechatpay-Timestamp": timestamp,
            "Wechatpay-Nonce": nonce,
            "Wechatpay-Signature": signature,
            "Wechatpay-Signature-Type": SCHEME,
        }


def no_signature() -> str:
    """As long as one."""
    return base64.b64encode(secrets.token_bytes(256)).decode()


def _unsigned(message: str, detail: Mapping[str, Any] | None = None) -> Problem:
    return Problem(401, "SIGN_ERROR", message, detail)
