"""The gate of SF's 丰桥 platform: signing or an OAuth2 token around every call, and three layers of result read as one.

Source: open.sf-express.com, 数字签名认证说明, OAuth2认证说明, and the platform's result codes A1000 to A1099.
"""

import base64
import hashlib
import logging
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit

import orjson

from delivery import courier_values as values
from kit.clock import now
from kit.errors import NotReached, Refused, Unknown
from kit.http import Http
from kit.ids import new_nonce

log = logging.getLogger(__name__)

PARTY = "sf"
# SF's errorCode -> our word; every other no is "refused"
WORDS = {
    "6150": "shipment_unknown",
    "8018": "shipment_unknown",
    "8024": "shipment_unknown",
    "8039": "address_refused",  # the sender's
    "8040": "address_refused",  # the receiver's
}
_TURNED_AWAY = frozenset("A1001 A1002 A1003 A1004 A1005 A1006 A1008 A1010 A1011".split())  # by the platform, before any service saw the call
_STALE_TOKEN = frozenset(("A1002", "A1011"))
_PROVES_NOTHING = frozenset(("S0003", "4001", ""))  # 系统发生数据错误或运行时异常
_FORM = {"content-type": "application/x-www-form-urlencoded;charset=UTF-8"}
_SECONDS = 8.0


@dataclass(frozen=True, slots=True)
class SfAccount:
    """`url` with its path, https://bspgw.sf-express.com/std/service in production; `monthly_card`: 月结卡号, for what the sender pays."""

    url: str
    partner_id: str
    check_word: str = field(repr=False)
    push_secret: str = field(repr=False)
    monthly_card: str = field(default="", repr=False)
    oauth: bool = False

    @property
    def token_url(self) -> str:
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}{parts.path.removesuffix('/std/service')}/oauth2/accessToken"


class SfGate:
    """Calls of one account."""

    def __init__(self, http: Http, account: SfAccount) -> None:
        self._http = http
        self.account = account
        self._token, self._token_until = "", 0.0  # the latter on the monotonic clock

    async def ask(self, service: str, asked: dict[str, Any]) -> dict[str, Any]:
        """The innermost msgData. Raises NotReached, Unknown, and `Said` (a Refused) with SF's code. A token that SF no longer takes is renewed once."""
        try:
            return await self._once(service, asked)
        except _StaleToken:
            self._token = ""
            return await self._once(service, asked)

    async def _once(self, service: str, asked: dict[str, Any]) -> dict[str, Any]:
        message, moment = orjson.dumps(asked).decode(), str(int(now().timestamp() * 1000))
        proof = {"accessToken": await self._access_token()} if self.account.oauth else {"msgDigest": digest(message, moment, self.account.check_word)}
        form = {"partnerID": self.account.partner_id, "requestID": new_nonce(), "serviceCode": service, "timestamp": moment, **proof}
        answer = await self._post(self.account.url, {**form, "msgData": message})
        code = values.code_of(answer.get("apiResultCode"))
        if code in _STALE_TOKEN and self._token and self.account.oauth:
            raise _StaleToken(PARTY, code)
        if code in _TURNED_AWAY:
            raise NotReached(PARTY, code)
        if code != "A1000":  # A1007 (a repetition of what?), A1009, A1099 and whatever comes new
            raise Unknown(PARTY, code or "garbled_reply")
        return _innermost(answer.get("apiResultData"))

    async def _post(self, url: str, form: dict[str, str]) -> dict[str, Any]:
        reply = await self._http.send(PARTY, "POST", url, headers=_FORM, body=urlencode(form).encode(), seconds=_SECONDS)
        if reply.status != 200:
            raise Unknown(PARTY, f"http_{reply.status}")
        return reply.json()

    async def _access_token(self) -> str:
        """OAuth2, good for two hours. Without one the call itself was never made."""
        if not self._token or time.monotonic() >= self._token_until:
            form = {"partnerID": self.account.partner_id, "secret": self.account.check_word, "grantType": "password"}
            try:
                answer = await self._post(self.account.token_url, form)
            except Unknown as exc:
                raise NotReached(PARTY, f"no_token_{exc.reason}") from exc
            token, life = answer.get("accessToken"), answer.get("expiresIn", 7200)
            if answer.get("apiResultCode") != "A1000" or not isinstance(token, str) or not token or not str(life).isdecimal():
                raise NotReached(PARTY, "no_token")
            self._token, self._token_until = token, time.monotonic() + max(30, int(life) - 300)
        return self._token


class _StaleToken(NotReached):
    """Turned away for its token alone."""


class Said(Refused):
    """SF's own no: `code` is its own, `reason` our word."""

    def __init__(self, code: str) -> None:
        super().__init__(PARTY, WORDS.get(code, "refused"))
        self.code = code


def digest(message: str, moment: str, check_word: str) -> str:
    """msgDigest: base64(MD5(URLEncoder.encode(msgData + timestamp + checkWord))), Java's way of encoding. Source: 数字签名认证说明."""
    encoded = quote_plus(message + moment + check_word, safe="*").replace("~", "%7E")
    return base64.b64encode(hashlib.md5(encoded.encode(), usedforsecurity=False).digest()).decode()


def _innermost(told: object) -> dict[str, Any]:
    """apiResultData is a JSON string; its msgData an object, or a JSON string once more. Raises Said, Unknown."""
    try:
        inner = orjson.loads(told) if isinstance(told, str) else told
        if not isinstance(inner, dict):
            raise Unknown(PARTY, "garbled_reply")
        code = values.code_of(inner.get("errorCode"))
        if code != "S0000" or inner.get("success") not in (True, "true", "True"):
            if code in _PROVES_NOTHING or code == "S0000":
                raise Unknown(PARTY, code or "garbled_reply")
            log.info("sf said no", extra={"code": code})
            raise Said(code)
        data = inner.get("msgData")
        data = orjson.loads(data) if isinstance(data, str) and data else data
    except orjson.JSONDecodeError as exc:
        raise Unknown(PARTY, "garbled_reply") from exc
    if data is not None and not isinstance(data, dict):
        raise Unknown(PARTY, "garbled_reply")
    return data or {}
