"""WeChat's server API: one stable access token shared by every process, and calls that judge `errcode`.

Tokens live in Redis (and a few seconds in this process); one refresher at a time. wechatpy is not used for these calls: it repeats
without bound on a bad token and sends the token along with logins (reference in docs/decisions/0008).
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import orjson

from kit.errors import NotReached, Outside, Refused, Unknown
from kit.http import Http
from kit.ids import new_nonce
from kit.redis import Redis

PARTY = "wechat"
BAD_TOKEN = frozenset({40001, 40014, 42001, 41001})
BUSY = frozenset({-1, 45009, 45011})


@dataclass(frozen=True, slots=True)
class WeChatAccount:
    """`url` is https://api.weixin.qq.com in production."""

    url: str
    appid: str
    secret: str


class WeChat:
    """Calls of one mini-program account."""

    def __init__(self, http: Http, redis: Redis, account: WeChatAccount) -> None:
        self._http = http
        self._redis = redis
        self.account = account
        self._local: tuple[str, float] = ("", 0.0)
        self._failed: tuple[str, float] = ("", 0.0)
        self._refreshing = asyncio.Lock()

    async def code_to_session(self, code: str) -> dict[str, Any]:
        """openid, unionid?, session_key of a wx.login code. Raises Refused("errcode_40029") and kin, NotReached, Unknown."""
        query = {"appid": self.account.appid, "secret": self.account.secret, "js_code": code, "grant_type": "authorization_code"}
        return await self._judged("GET", f"/sns/jscode2session?{urlencode(query)}", None)

    async def call(self, path: str, content: Mapping[str, Any]) -> dict[str, Any]:
        """POST with the access token; a token WeChat no longer takes is refreshed once, and the call made once more.

        Raises Refused("errcode_…") for what WeChat says of the call itself, Unknown, NotReached: busy, a full quota, no token that it takes.
        """
        return await self._with_token("POST", path, content)

    async def ask(self, path: str) -> dict[str, Any]:
        """GET with the access token; otherwise as `call`."""
        return await self._with_token("GET", path, None)

    async def _with_token(self, method: str, path: str, content: Mapping[str, Any] | None) -> dict[str, Any]:
        token = await self._usable_token()
        try:
            return await self._judged(method, f"{path}?access_token={token}", content)
        except Refused as exc:
            if exc.reason not in _BAD_TOKEN_REASONS:
                raise
        token = await self._usable_token(refused=token)
        try:
            return await self._judged(method, f"{path}?access_token={token}", content)
        except Refused as exc:
            if exc.reason in _BAD_TOKEN_REASONS:  # nobody looked at what we asked
                raise NotReached(PARTY, f"no_token_{exc.reason}") from exc
            raise

    async def _judged(self, method: str, path: str, content: Mapping[str, Any] | None) -> dict[str, Any]:
        body = None if content is None else orjson.dumps(content)
        reply = await self._http.send(PARTY, method, self.account.url + path, headers={"Content-Type": "application/json"}, body=body)
        if reply.status != 200:
            raise Unknown(PARTY, f"http_{reply.status}")
        answer: dict[str, Any] = reply.json()
        errcode = answer.get("errcode", 0)
        if errcode == 0:
            return answer
        if errcode in BUSY:
            raise NotReached(PARTY, f"errcode_{errcode}")
        raise Refused(PARTY, f"errcode_{errcode}" if isinstance(errcode, int) else "errcode_unknown")

    async def _usable_token(self, refused: str | None = None) -> str:
        """Without a token the call itself was never made, whatever became of asking for one."""
        try:
            return await self._token(refused)
        except Outside as exc:
            raise NotReached(PARTY, f"no_token_{exc.reason}") from exc

    async def _token(self, refused: str | None = None) -> str:
        """The shared token. `refused` is one WeChat just turned down: whoever still holds exactly that one replaces it, once.

        Whoever waited for another's refresh takes what came of it, a failure too: else each of them would ask again, one after the other.
        """
        if token := self._kept(refused):
            return token
        waiting_since = time.monotonic()
        async with self._refreshing:
            if token := self._kept(refused):
                return token
            reason, failed_at = self._failed
            if failed_at > waiting_since:
                raise NotReached(PARTY, reason)
            try:
                token = await self._shared(refused)
            except Outside as exc:
                self._failed = (exc.reason, time.monotonic())
                raise
            self._local = (token, time.monotonic() + 5.0)
            return token

    def _kept(self, refused: str | None) -> str | None:
        token, good_until = self._local
        return token if token and token != refused and time.monotonic() < good_until else None

    async def _shared(self, refused: str | None) -> str:
        """Redis' token, or a fresh one for all. Without Redis every process fetches its own; WeChat hands out the same one."""
        if token := await self._others(refused):
            return token
        mine = new_nonce()
        taken = await self._redis.add(f"{self._key}:lock", mine, 10)
        if taken is False and (token := await self._somebody_elses(refused)):
            return token
        try:
            if taken and (token := await self._others(refused)):  # it came between our look and our lock
                return token
            return await self._fetch(refused)
        finally:
            if taken:
                await self._redis.release(f"{self._key}:lock", mine)

    async def _others(self, refused: str | None) -> str | None:
        token = await self._redis.get(self._key)
        return token if token != refused else None

    async def _somebody_elses(self, refused: str | None) -> str | None:
        """Another process is refreshing: wait for its result up to 6 s."""
        for _ in range(60):
            await asyncio.sleep(0.1)
            if token := await self._others(refused):
                return token
        return None

    async def _fetch(self, refused: str | None) -> str:
        """Normal mode first: it hands out the same token until 5 minutes before its end. Force (20 a day) only if that one is the bad one."""
        content = {"grant_type": "client_credential", "appid": self.account.appid, "secret": self.account.secret}
        answer = await self._judged("POST", "/cgi-bin/stable_token", content)
        if answer.get("access_token") == refused:
            answer = await self._judged("POST", "/cgi-bin/stable_token", content | {"force_refresh": True})
        token, life = answer.get("access_token"), answer.get("expires_in")
        if not isinstance(token, str) or not isinstance(life, int):
            raise Unknown(PARTY, "garbled_reply")
        await self._redis.put(self._key, token, max(30, life - 300))
        return token

    @property
    def _key(self) -> str:
        return f"wechat:token:{self.account.appid}"


_BAD_TOKEN_REASONS = frozenset(f"errcode_{code}" for code in BAD_TOKEN)
