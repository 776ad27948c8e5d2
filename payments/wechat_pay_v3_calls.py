"""Calls of WeChat Pay v3: signed, verified on the raw bytes, judged.

A reply counts only with WeChat's signature; the download of a statement, which has none, is held to its hash by the caller.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Never
from urllib.parse import urlsplit

import orjson

from kit.errors import NotReached, Outside, Refused, Unknown
from kit.http import Http, Reply
from payments.gateways import Forged
from payments.wechat_pay_account import WeChatPayAccount
from payments.wechat_pay_v3_signing import Seals
from payments.wechat_pay_words import PARTY, word

# WeChat's code -> (what it proves, our word). What is not here: 429 did nothing, 5xx proves nothing, the rest is a refusal "code_…".
CODES: dict[str, tuple[type[Outside], str]] = {
    "APPID_MCHID_NOT_MATCH": (Refused, "app_not_of_merchant"),
    "FREQUENCY_LIMITED": (NotReached, "too_many_calls"),
    "MCH_NOT_EXISTS": (Refused, "no_such_merchant"),
    "NOT_ENOUGH": (Refused, "not_enough_funds"),  # the merchant's balance does not cover a refund; the same one may be asked again
    "NO_AUTH": (Refused, "not_permitted"),
    "NO_STATEMENT_EXIST": (Refused, "no_statement"),
    "OPENID_MISMATCH": (Refused, "payer_of_another_app"),
    "ORDERPAID": (Refused, "order_paid"),
    "ORDER_CLOSED": (Refused, "order_closed"),
    "ORDER_NOT_EXIST": (Refused, "not_found"),
    "ORDER_PAID": (Refused, "order_paid"),
    "OUT_TRADE_NO_USED": (Refused, "order_no_used"),
    "PARAM_ERROR": (Refused, "bad_parameter"),
    "RATELIMIT_EXCEEDED": (NotReached, "too_many_calls"),
    "RESOURCE_NOT_EXISTS": (Refused, "not_found"),
    "RULE_LIMIT": (Refused, "rule_limit"),
    "SIGN_ERROR": (NotReached, "sign_error"),  # our clock or our key is wrong: that says nothing about the order
    "STATEMENT_CREATING": (NotReached, "statement_in_the_making"),
    "SYSTEM_ERROR": (Unknown, "system_error"),
    "USER_ACCOUNT_ABNORMAL": (Refused, "payer_account_abnormal"),
}


class Calls:
    """To one address, for one merchant."""

    def __init__(self, http: Http, account: WeChatPayAccount, clock: Callable[[], datetime]) -> None:
        self._http, self._url = http, account.url
        self.seals = Seals(account, clock)

    async def call(self, method: str, target: str, content: Mapping[str, object] | None = None) -> Reply:
        """A reply that WeChat signed and that says yes. Raises Refused with our word, NotReached, Unknown."""
        body = b"" if content is None else orjson.dumps(content)
        reply = await self._http.send(PARTY, method, self._url + target, headers=self._headers(method, target, body), body=body or None, seconds=10.0)
        signed = "wechatpay-signature" in reply.headers
        if signed or 200 <= reply.status < 300:
            try:
                self.seals.verify(reply.headers, reply.body)
            except Forged as exc:
                raise Unknown(PARTY, f"{exc.reason}_reply" if exc.reason == "unsigned" else exc.reason) from exc
        if not 200 <= reply.status < 300:
            _refuse(reply)
        return reply

    def _headers(self, method: str, target: str, body: bytes) -> dict[str, str]:
        headers = {
            "Authorization": self.seals.authorization(method, target, body),
            "Accept": "application/json",
            "Content-Type": "application/json",
            "User-Agent": "zhangban",
        }
        return headers | ({"Wechatpay-Serial": self.seals.reply_serial} if self.seals.reply_serial else {})

    async def download(self, url: str, to: Path) -> None:
        """Unsigned, as documented: hold what came to its hash."""
        parts = urlsplit(url)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        reply = await self._http.download(PARTY, url, to, headers=self._headers("GET", target, b""))
        if reply.status != 200:
            _refuse(reply)


def _refuse(reply: Reply) -> Never:
    """Signed or not: what refuses by mistake is asked again by whoever called, and TLS says who it was."""
    try:
        said = reply.json()
    except Unknown:
        said = {}
    code = said.get("code")
    known = CODES.get(code) if isinstance(code, str) else None
    if known:
        raise known[0](PARTY, known[1])
    if reply.status == 429:
        raise NotReached(PARTY, "too_many_calls")
    if not 400 <= reply.status < 500 or not isinstance(code, str):
        raise Unknown(PARTY, f"http_{reply.status}")
    raise Refused(PARTY, word(code, said.get("message")))
