"""WeChat's access tokens, for every account of this world: plain ones and the stable one, apart from each other."""

import secrets
from collections.abc import Mapping
from typing import Any

from sanic import HTTPResponse, Request

from sandbox.answers import body_of, json, refused
from sandbox.book import Book
from sandbox.clock import WorldClock
from sandbox.wechat_values import error

TOKEN_LIFE = 7200
OVERLAP = 300  # seconds the old token lives on
FORCES_A_DAY, FORCE_GAP = 20, 30
REMEMBERED = 86400  # seconds an ended token is still told from one that never was


class Tokens:
    """`secrets_of`: appid -> secret, the mini-program's first."""

    def __init__(self, book: Book, secrets_of: Mapping[str, str], clock: WorldClock) -> None:
        self._book = book
        self._secrets = secrets_of
        self._clock = clock

    async def token(self, request: Request) -> HTTPResponse:
        """GET /cgi-bin/token: a new one each time; the old one lives 5 minutes more. Apart from stable_token."""
        appid = request.args.get("appid")
        if request.args.get("grant_type") != "client_credential":
            return json(error(40002, "invalid grant_type"))
        if (wrong := self.wrong_account(appid, request.args.get("secret"), missing=True)) is not None:
            return json(wrong)
        return json({"access_token": self._issue("plain", str(appid)), "expires_in": TOKEN_LIFE})

    async def stable_token(self, request: Request) -> HTTPResponse:
        """POST /cgi-bin/stable_token: the same one until 5 minutes before its end, unless forced."""
        asked = body_of(request)
        appid = asked.get("appid")
        if asked.get("grant_type") != "client_credential":
            return json(error(40002, "invalid grant_type"))
        if (wrong := self.wrong_account(appid, asked.get("secret"), missing=True)) is not None:
            return json(wrong)
        own = str(appid)
        current = self._book.get("stable", own)
        at = self._clock.seconds()
        forced = asked.get("force_refresh") is True and self._may_force(own, at)
        if current is None or forced or current["until"] - at <= OVERLAP:
            if current is not None and forced:
                self._book.take("token", current["token"])
            token = self._issue("stable", own)
            current = {"token": token, "until": at + TOKEN_LIFE}
            self._book.put("stable", own, current)
        return json({"access_token": current["token"], "expires_in": int(current["until"] - at)})

    async def kill(self, request: Request) -> HTTPResponse:
        """POST /world/wechat/tokens {invalidate: true}: the mini-program's stable token is dead before its time, as when some other program of the
        account has forced a new one. {killed: whether there was one}"""
        if body_of(request).get("invalidate") is not True:
            return refused(422, "bad_request", "要写 invalidate: true")
        current = self._book.take("stable", next(iter(self._secrets)))
        killed = current is not None and self._book.take("token", current["token"]) is not None
        return json({"killed": killed})

    def _may_force(self, appid: str, at: float) -> bool:
        """20 a day and 30 s apart; otherwise nothing is refreshed."""
        own = f"{appid}/forces"
        past = [moment for moment in (self._book.get("stable", own) or {"at": []})["at"] if at - moment < 86400]
        if len(past) >= FORCES_A_DAY or (past and at - past[-1] < FORCE_GAP):
            return False
        self._book.put("stable", own, {"at": [*past, at]})
        return True

    def _issue(self, kind: str, appid: str) -> str:
        token = f"{secrets.randbelow(100)}_{secrets.token_urlsafe(96)}"
        at = self._clock.seconds()
        self._book.put("token", token, {"kind": kind, "appid": appid, "until": at + TOKEN_LIFE})
        for key, body in self._book.every("token"):
            if body["until"] + REMEMBERED < at:
                self._book.take("token", key)
            elif key != token and (body["kind"], body.get("appid")) == (kind, appid) and body["until"] > at + OVERLAP:
                self._book.put("token", key, {**body, "until": at + OVERLAP})
        self._book.write("wechat", "token.issued", token_kind=kind, appid=appid)
        return token

    def wrong_token(self, request: Request) -> dict[str, Any] | None:
        given = request.args.get("access_token")
        if not given:
            return error(41001, "access_token missing")
        found = self._book.get("token", given)
        if found is None:
            return error(40001, "invalid credential, access_token is invalid or not latest")
        return error(42001, "access_token expired") if found["until"] <= self._clock.seconds() else None

    def appid_of(self, request: Request) -> str:
        """Of a token that is not wrong."""
        found = self._book.get("token", str(request.args.get("access_token")))
        return str((found or {}).get("appid", ""))

    def wrong_account(self, appid: Any, secret: Any, *, missing: bool = False) -> dict[str, Any] | None:
        if missing and not appid:
            return error(41002, "appid missing")
        if missing and not secret:
            return error(41004, "appsecret missing")
        if appid not in self._secrets:
            return error(40013, "invalid appid")
        return error(40125, "invalid appsecret") if secret != self._secrets[appid] else None
