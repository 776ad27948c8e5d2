"""Alipay's open gateway: signed calls in, replies signed over the exact inner text (reference: opendocs.alipay.com)."""

import base64
import re
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from sanic import HTTPResponse, Request

from sandbox.accounts import alipay_private_key
from sandbox.book import Book
from sandbox.clock import WorldClock
from sandbox.people import by_account

AUTH_CODE_LIFE = 180  # seconds
_TIMESTAMP = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}")


class Fault(Exception):
    """A refusal: code, sub_code and their texts."""

    def __init__(self, code: str, msg: str, sub_code: str, sub_msg: str) -> None:
        super().__init__(sub_code)
        self.body = {"code": code, "msg": msg, "sub_code": sub_code, "sub_msg": sub_msg}


class Alipay:
    """One merchant app. GET and POST are both taken."""

    def __init__(self, book: Book, account: dict[str, Any], folder: Path, clock: WorldClock) -> None:
        key = load_pem_public_key(account["app_public_key"].encode())
        if not isinstance(key, rsa.RSAPublicKey):
            raise TypeError("the app key is RSA")
        self._merchant = key
        self._platform = alipay_private_key(folder)
        self._book = book
        self._app_id = account["app_id"]
        self._clock = clock
        self._methods: dict[str, Callable[[dict[str, str]], dict[str, Any]]] = {
            "alipay.system.oauth.token": self._oauth_token,
            "alipay.user.info.share": self._user_info,
            "alipay.open.app.mini.templatemessage.send": self._template_message,
        }

    async def gateway(self, request: Request) -> HTTPResponse:
        """POST bodies and query strings are read alike; parameters given twice keep the last."""
        given = dict(
            parse_qsl(request.query_string, keep_blank_values=True) + parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True)
        )
        try:
            self._check(given)
        except Fault as fault:
            return self._unsigned(fault.body)
        method = given["method"]
        if method not in self._methods:
            return self._signed(method, {"code": "40002", "msg": "Invalid Arguments", "sub_code": "isv.invalid-method", "sub_msg": "不存在的方法名"})
        try:
            return self._signed(method, self._methods[method](given))
        except Fault as fault:
            # the login method answers failures in error_response, the others in their own
            return self._unsigned(fault.body, sign=True) if method == "alipay.system.oauth.token" else self._signed(method, fault.body)

    def _check(self, given: dict[str, str]) -> None:
        for name in ("app_id", "method", "charset", "sign_type", "sign", "timestamp", "version"):
            if not given.get(name):
                raise Fault("40001", "Missing Required Arguments", f"isv.missing-{name.replace('_', '-')}", f"缺少参数 {name}")
        if given["app_id"] != self._app_id:
            raise Fault("40002", "Invalid Arguments", "isv.invalid-app-id", "无效的AppID参数")
        if given["sign_type"] != "RSA2" or not _TIMESTAMP.fullmatch(given["timestamp"]):
            raise Fault("40002", "Invalid Arguments", "isv.invalid-parameter", "参数格式不正确")
        message = "&".join(f"{key}={value}" for key, value in sorted(given.items()) if key != "sign" and value != "")
        try:
            self._merchant.verify(base64.b64decode(given["sign"]), message.encode(), padding.PKCS1v15(), hashes.SHA256())
        except (InvalidSignature, ValueError):
            raise Fault("40002", "Invalid Arguments", "isv.invalid-signature", "验签出错，请检查签名内容与密钥") from None

    def _oauth_token(self, given: dict[str, str]) -> dict[str, Any]:
        """Success carries no code and no msg."""
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

    def _user_info(self, given: dict[str, str]) -> dict[str, Any]:
        found = self._book.get("alipay_access", given.get("auth_token", ""))
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

    def _template_message(self, given: dict[str, str]) -> dict[str, Any]:
        try:
            asked = orjson.loads(given.get("biz_content", ""))
            data = orjson.loads(asked["data"])
        except (orjson.JSONDecodeError, KeyError, TypeError):
            data = None
        if not isinstance(data, dict):
            raise Fault("40002", "Invalid Arguments", "isv.invalid-parameter", "biz_content不正确")
        account = str(asked.get("to_open_id") or asked.get("to_user_id"))
        person = by_account(self._book, account)
        mine = person is not None and account in (person["user_id"], person["open_id"])
        own = f"{person['person']}/{asked.get('user_template_id')}" if person is not None and mine else ""
        consent = self._book.get("alipay_consent", own)
        if person is None or consent is None or consent["left"] <= 0:
            raise Fault("40004", "Business Failed", "USER_NOT_SUBSCRIBE", "用户未订阅该消息模板")
        with self._book.together():
            self._book.put("alipay_consent", own, {"left": consent["left"] - 1})
            fields = {"channel": "alipay", "person": person["person"], "touser": account, "template_id": asked.get("user_template_id")}
            self._book.write("messages", "message", **fields, data=data, page=asked.get("page"))
        return {"code": "10000", "msg": "Success"}

    def _signed(self, method: str, inner: dict[str, Any]) -> HTTPResponse:
        return self._reply(method.replace(".", "_") + "_response", inner, sign=True)

    def _unsigned(self, inner: dict[str, Any], *, sign: bool = False) -> HTTPResponse:
        return self._reply("error_response", inner, sign=sign)

    def _reply(self, name: str, inner: dict[str, Any], *, sign: bool) -> HTTPResponse:
        text = orjson.dumps(inner).decode()
        tail = ""
        if sign:
            made = self._platform.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
            tail = f',"sign":"{base64.b64encode(made).decode()}"'
        return HTTPResponse(f'{{"{name}":{text}{tail}}}', content_type="text/html;charset=utf-8")
