"""WeChat's server API: login and phone, by its rules (reference: developers.weixin.qq.com)."""

import base64
import secrets
import time
from typing import Any

import orjson
from sanic import HTTPResponse, Request

from sandbox.answers import body_of, json
from sandbox.book import Book
from sandbox.clock import WorldClock
from sandbox.people import CODE_LIFE
from sandbox.wechat_tokens import Tokens
from sandbox.wechat_values import error


class WeChat:
    """One mini-program account."""

    def __init__(self, book: Book, account: dict[str, Any], clock: WorldClock, tokens: Tokens) -> None:
        self._book = book
        self._account = account
        self._clock = clock
        self._tokens = tokens

    async def code_to_session(self, request: Request) -> HTTPResponse:
        """GET /sns/jscode2session; text/plain although JSON, and no errcode on success."""
        asked = request.args
        for name, errcode in (("appid", 41002), ("secret", 41004), ("js_code", 41008)):
            if not asked.get(name):
                return _plain(error(errcode, f"{name.replace('js_', '')} missing"))
        if (wrong := self._tokens.wrong_account(asked.get("appid"), asked.get("secret"))) is not None:
            return _plain(wrong)
        person = self._spend(asked.get("js_code"), "login")
        if isinstance(person, dict) and "errcode" in person:
            return _plain(person)
        session = {"openid": person["openid"], "session_key": _session_key()}
        return _plain(session | ({"unionid": person["unionid"]} if person["unionid"] else {}))

    async def phone(self, request: Request) -> HTTPResponse:
        """POST /wxa/business/getuserphonenumber."""
        if (refused := self._tokens.wrong_token(request)) is not None:
            return json(refused)
        person = self._spend(body_of(request).get("code"), "phone")
        if "errcode" in person:
            return json(person)
        info = {
            "phoneNumber": person["phone"],
            "purePhoneNumber": person["phone"],
            "countryCode": 86,
            "watermark": {"timestamp": int(time.time()), "appid": self._account["appid"]},
        }
        return json({"errcode": 0, "errmsg": "ok", "phone_info": info})

    def _spend(self, code: Any, kind: str) -> dict[str, Any]:
        """The person behind a single-use code, or WeChat's refusal; a login code is no phone code."""
        found = self._book.get("code", str(code))
        if found is None or found["kind"] != kind or self._clock.seconds() - found["made"] > CODE_LIFE:
            return error(40029, "invalid code")
        if found["used"]:
            return error(40163, "code been used")
        self._book.put("code", str(code), {**found, "used": True})
        return self._book.get("person", found["person"]) or error(40029, "invalid code")


def _plain(body: dict[str, Any]) -> HTTPResponse:
    return HTTPResponse(orjson.dumps(body), content_type="text/plain")


def _session_key() -> str:
    return base64.b64encode(secrets.token_bytes(16)).decode()
