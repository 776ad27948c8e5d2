"""SF's door: one form, a digest over it or a token, and an answer whose result is JSON inside a string.

Reference: open.sf-express.com, digital signature (数字签名认证), OAuth2 (OAuth2认证), platform result codes A1000 to A1099.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, quote_plus

import orjson
from sanic import HTTPResponse, Request

from sandbox.answers import json
from sandbox.book import Book
from sandbox.clock import WorldClock

Json = dict[str, Any]
NEEDED = ("partnerID", "requestID", "serviceCode", "timestamp", "msgData")
TOKEN_SECONDS = 7200
PLATFORM = {
    "A1000": "",
    "A1001": "必传参数不可为空",
    "A1002": "请求时效已过期",
    "A1004": "无对应服务权限",
    "A1006": "数字签名无效",
    "A1099": "系统异常",
}


class Fault(Exception):
    """errorCode and errorMsg of a business refusal."""

    def __init__(self, code: str, told: str) -> None:
        super().__init__(code)
        self.code, self.told = code, told


def digest(msg_data: str, timestamp: str, check_word: str) -> str:
    """msgDigest. The text is URL-encoded as Java does it: a space is +, * stays, ~ does not."""
    encoded = quote_plus(msg_data + timestamp + check_word, safe="*").replace("~", "%7E")
    return base64.b64encode(hashlib.md5(encoded.encode()).digest()).decode()  # noqa: S324 - SF's own


def answered(code: str, result: Json | None = None, **more: Any) -> HTTPResponse:
    about = {"apiErrorMsg": PLATFORM[code], "apiResponseID": secrets.token_hex(16).upper(), "apiResultCode": code}
    return json({**about, "apiResultData": None if result is None else orjson.dumps(result).decode(), **more})


def failed() -> HTTPResponse:
    """How the platform says that it failed itself: with a 200."""
    return answered("A1099")


class SfGate:
    def __init__(self, book: Book, account: Json, clock: WorldClock) -> None:
        self._book = book
        self._partner, self._word = account["partner_id"], account["check_word"]
        self._clock = clock

    async def token(self, request: Request) -> HTTPResponse:
        """POST /oauth2/accessToken, form partnerID, secret, grantType=password: a token for two hours."""
        form = _form(request)
        known = form.get("partnerID") == self._partner and hmac.compare_digest(form.get("secret", "").encode(), self._word.encode())
        if not known or form.get("grantType") != "password":
            return answered("A1001" if not form.get("partnerID") or not form.get("secret") else "A1004")
        token = secrets.token_hex(16).upper()
        self._book.put("sf_token", token, {"made": self._clock.seconds()})
        return answered("A1000", accessToken=token, expiresIn=TOKEN_SECONDS)

    def call(self, request: Request, services: dict[str, Callable[[Json], Json]]) -> HTTPResponse:
        """POST /std/service. What is wrong with the call is the platform's code, what is wrong with the order stands in its result."""
        form = _form(request)
        if (code := self._refused(form)) is not None:
            return answered(code)
        if form["serviceCode"] not in services:
            return answered("A1004")
        try:
            asked = orjson.loads(form["msgData"])
            if not isinstance(asked, dict):
                raise Fault("S0001", "非法的JSON格式")
            result: Json = {"success": True, "errorCode": "S0000", "errorMsg": None, "msgData": services[form["serviceCode"]](asked)}
        except orjson.JSONDecodeError:
            result = {"success": False, "errorCode": "S0001", "errorMsg": "非法的JSON格式", "msgData": None}
        except Fault as fault:
            result = {"success": False, "errorCode": fault.code, "errorMsg": fault.told, "msgData": None}
        return answered("A1000", result)

    def _refused(self, form: dict[str, str]) -> str | None:
        token, given = form.get("accessToken"), form.get("msgDigest")
        if any(not form.get(name) for name in NEEDED) or not form["timestamp"].isdecimal() or not (token or given):
            return "A1001"
        if form["partnerID"] != self._partner:
            return "A1004"
        if token:
            kept = self._book.get("sf_token", token)
            return "A1002" if kept is None or self._clock.seconds() - kept["made"] >= TOKEN_SECONDS else None
        made = digest(form["msgData"], form["timestamp"], self._word)
        return None if hmac.compare_digest(made.encode(), str(given).encode()) else "A1006"


def _form(request: Request) -> dict[str, str]:
    """{} for anything but a form: its fields are then missing."""
    if "form-urlencoded" not in request.headers.get("content-type", ""):
        return {}
    return dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
