"""WeChat's server API: login, phone, tokens, subscribe messages, by its rules (reference: developers.weixin.qq.com)."""

import base64
import secrets
import time
from typing import Any

import orjson
from sanic import HTTPResponse, Request

from sandbox.answers import body_of, json
from sandbox.book import Book
from sandbox.clock import WorldClock
from sandbox.people import CODE_LIFE, by_account
from sandbox.wechat_values import FIELDS, error, wrong_value

TOKEN_LIFE = 7200
OVERLAP = 300  # seconds the old token lives on
FORCES_A_DAY, FORCE_GAP = 20, 30
REMEMBERED = 86400  # seconds an ended token is still told from one that never was


class WeChat:
    """One mini-program account."""

    def __init__(self, book: Book, account: dict[str, Any], clock: WorldClock) -> None:
        self._book = book
        self._account = account
        self._clock = clock
        self._keys = {template_id: key for key, template_id in account["templates"].items()}

    # login

    async def code_to_session(self, request: Request) -> HTTPResponse:
        """GET /sns/jscode2session; text/plain although JSON, and no errcode on success."""
        asked = request.args
        for name, errcode in (("appid", 41002), ("secret", 41004), ("js_code", 41008)):
            if not asked.get(name):
                return _plain(error(errcode, f"{name.replace('js_', '')} missing"))
        if (wrong := self._wrong_account(asked.get("appid"), asked.get("secret"))) is not None:
            return _plain(wrong)
        person = self._spend(asked.get("js_code"), "login")
        if isinstance(person, dict) and "errcode" in person:
            return _plain(person)
        session = {"openid": person["openid"], "session_key": _session_key()}
        return _plain(session | ({"unionid": person["unionid"]} if person["unionid"] else {}))

    async def phone(self, request: Request) -> HTTPResponse:
        """POST /wxa/business/getuserphonenumber."""
        if (refused := self._wrong_token(request)) is not None:
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

    # tokens

    async def token(self, request: Request) -> HTTPResponse:
        """GET /cgi-bin/token: a new one each time; the old one lives 5 minutes more. Apart from stable_token."""
        if request.args.get("grant_type") != "client_credential":
            return json(error(40002, "invalid grant_type"))
        if (wrong := self._wrong_account(request.args.get("appid"), request.args.get("secret"), missing=True)) is not None:
            return json(wrong)
        return json({"access_token": self._issue("plain"), "expires_in": TOKEN_LIFE})

    async def stable_token(self, request: Request) -> HTTPResponse:
        """POST /cgi-bin/stable_token: the same one until 5 minutes before its end, unless forced."""
        asked = body_of(request)
        if asked.get("grant_type") != "client_credential":
            return json(error(40002, "invalid grant_type"))
        if (wrong := self._wrong_account(asked.get("appid"), asked.get("secret"), missing=True)) is not None:
            return json(wrong)
        current = self._book.get("stable", "current")
        at = self._clock.seconds()
        forced = asked.get("force_refresh") is True and self._may_force(at)
        if current is None or forced or current["until"] - at <= OVERLAP:
            if current is not None and forced:
                self._book.take("token", current["token"])
            token = self._issue("stable")
            current = {"token": token, "until": at + TOKEN_LIFE}
            self._book.put("stable", "current", current)
        return json({"access_token": current["token"], "expires_in": int(current["until"] - at)})

    def _may_force(self, at: float) -> bool:
        """20 a day and 30 s apart; otherwise nothing is refreshed."""
        past = [moment for moment in (self._book.get("stable", "forces") or {"at": []})["at"] if at - moment < 86400]
        if len(past) >= FORCES_A_DAY or (past and at - past[-1] < FORCE_GAP):
            return False
        self._book.put("stable", "forces", {"at": [*past, at]})
        return True

    def _issue(self, kind: str) -> str:
        token = f"{secrets.randbelow(100)}_{secrets.token_urlsafe(96)}"
        at = self._clock.seconds()
        self._book.put("token", token, {"kind": kind, "until": at + TOKEN_LIFE})
        for key, body in self._book.every("token"):
            if body["until"] + REMEMBERED < at:
                self._book.take("token", key)
            elif key != token and body["kind"] == kind and body["until"] > at + OVERLAP:
                self._book.put("token", key, {**body, "until": at + OVERLAP})
        self._book.write("wechat", "token.issued", token_kind=kind)
        return token

    def _wrong_token(self, request: Request) -> dict[str, Any] | None:
        given = request.args.get("access_token")
        if not given:
            return error(41001, "access_token missing")
        found = self._book.get("token", given)
        if found is None:
            return error(40001, "invalid credential, access_token is invalid or not latest")
        return error(42001, "access_token expired") if found["until"] <= self._clock.seconds() else None

    def _wrong_account(self, appid: Any, secret: Any, *, missing: bool = False) -> dict[str, Any] | None:
        if missing and not appid:
            return error(41002, "appid missing")
        if missing and not secret:
            return error(41004, "appsecret missing")
        if appid != self._account["appid"]:
            return error(40013, "invalid appid")
        return error(40125, "invalid appsecret") if secret != self._account["secret"] else None

    # subscribe messages

    async def send(self, request: Request) -> HTTPResponse:
        """POST /cgi-bin/message/subscribe/send: what is accepted reaches the phone, which is the ledger "messages"."""
        if (refused := self._wrong_token(request)) is not None:
            return json(refused)
        asked = body_of(request)
        person = by_account(self._book, str(asked.get("touser")))
        if person is None or person["openid"] != asked.get("touser"):
            return json(error(40003, "invalid openid"))
        template = str(asked.get("template_id"))
        if template not in self._keys:
            return json(error(40037, "invalid template_id"))
        data = asked.get("data")
        wrong = "argument invalid! data is not an object" if not isinstance(data, dict) else wrong_value(FIELDS[self._keys[template]], data)
        if wrong is not None:
            return json(error(47003, wrong))
        own = f"{person['openid']}/{template}"
        consent = self._book.get("consent", own)
        if consent is None or consent["left"] <= 0:
            return json(error(43101, "user refuse to accept the msg"))
        with self._book.together():
            self._book.put("consent", own, {**consent, "left": consent["left"] - 1})
            fields = {"channel": "wechat", "person": person["person"], "template": self._keys[template]}
            sent = {key: asked.get(key) for key in ("touser", "template_id", "data", "page")}
            self._book.write("messages", "message", **fields, **sent)
        return json({"errcode": 0, "errmsg": "ok"})

    def consent(self, person: dict[str, Any], template: str, result: str) -> int | None:
        """What a tap in wx.requestSubscribeMessage does: accept adds one send, ban takes all away. None: no such template."""
        if template not in self._keys:
            return None
        own = f"{person['openid']}/{template}"
        left: int = (self._book.get("consent", own) or {"left": 0})["left"]
        left = {"accept": left + 1, "ban": 0}.get(result, left)
        self._book.put("consent", own, {"left": left, "last": result})
        return left


def _plain(body: dict[str, Any]) -> HTTPResponse:
    return HTTPResponse(orjson.dumps(body), content_type="text/plain")


def _session_key() -> str:
    return base64.b64encode(secrets.token_bytes(16)).decode()
