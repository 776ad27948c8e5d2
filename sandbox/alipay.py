"""Alipay's open gateway: signed calls in, signed replies out; logging in (reference: opendocs.alipay.com)."""

import secrets
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from sanic import HTTPResponse, Request

from sandbox.alipay_gate import Call, Fault, Gate, certified
from sandbox.book import Book
from sandbox.clock import WorldClock

AUTH_CODE_LIFE = 180  # seconds
Method = Callable[[Call], dict[str, Any]]


class Alipay:
    """One merchant app. GET and POST are both taken. `more`: methods that live elsewhere."""

    def __init__(self, book: Book, gate: Gate, clock: WorldClock, more: Mapping[str, Method]) -> None:
        self._book = book
        self._gate = gate
        self._clock = clock
        self._methods: dict[str, Method] = {
            "alipay.system.oauth.token": self._oauth_token,
            "alipay.user.info.share": self._user_info,
            "alipay.open.app.alipaycert.download": gate.certificate,
            **more,
        }

    async def gateway(self, request: Request) -> HTTPResponse:
        """POST bodies and query strings are read alike; parameters given twice keep the last."""
        given = dict(
            parse_qsl(request.query_string, keep_blank_values=True) + parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True)
        )
        try:
            self._gate.check(given)
        except Fault as fault:
            return self._gate.reply("error_response", fault.body, signed=False)
        method, name = given["method"], given["method"].replace(".", "_") + "_response"
        try:
            if method not in self._methods:
                raise Fault("40002", "Invalid Arguments", "isv.invalid-method", "不存在的方法名")
            inner = self._methods[method](Call(given, f"{request.scheme}://{request.host}"))
        except Fault as fault:
            inner = fault.body
            if method == "alipay.system.oauth.token":  # it answers failures in error_response, the others in their own
                name = "error_response"
        return self._gate.reply(name, inner, signed=True, with_certificate=certified(given))

    def _oauth_token(self, call: Call) -> dict[str, Any]:
        """Success carries no code and no msg."""
        given = call.given
        if given.get("grant_type") == "refresh_token":
            found = self._book.take("alipay_refresh", given.get("refresh_token", ""))
        elif given.get("grant_type") == "authorization_code":
            found = self._book.take("auth_code", given.get("code", ""))
            if found is not None and self._clock.seconds() - found["made"] > AUTH_CODE_LIFE:
                found = None
        else:
            raise Fault("40002", "Invalid Arguments", "isv.grant-type-invalid", "grant_type参数不正确")
        person = self._book.get("person", found["person"]) if found is not None else None
        if person is None:
            raise Fault("40002", "Invalid Arguments", "isv.code-invalid", "授权码code无效")
        access, refresh = (f"authusr{kind}{secrets.token_hex(18)}" for kind in "BR")
        self._book.put("alipay_access", access, {"person": person["person"]})
        self._book.put("alipay_refresh", refresh, {"person": person["person"]})
        self._book.write("alipay", "oauth", person=person["person"])
        return {
            "user_id": person["user_id"],
            "open_id": person["open_id"],
            "access_token": access,
            "expires_in": 1296000,
            "refresh_token": refresh,
            "re_expires_in": 2592000,
        }

    def _user_info(self, call: Call) -> dict[str, Any]:
        found = self._book.get("alipay_access", call.given.get("auth_token", ""))
        person = self._book.get("person", found["person"]) if found is not None else None
        if person is None:
            raise Fault("20001", "Insufficient Token Permissions", "aop.invalid-auth-token", "无效的访问令牌")
        return {
            "code": "10000",
            "msg": "Success",
            "user_id": person["user_id"],
            "open_id": person["open_id"],
            "nick_name": person["name"][0] + "先生/女士",
        }
