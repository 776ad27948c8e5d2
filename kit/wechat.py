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
        self._refreshing = asyncio.Lock()

    async def code_to_session(self, code: str) -> dict[str, Any]:
        """openid, unionid?, session_key of a wx.login code. Raises Refused("errcode_40029") and kin, NotReached, Unknown."""
        query = {"appid": self.account.appid, "secret": self.account.secret, "js_code": code, "grant_type": "authorization_code"}
        return await self._judged("GET", f"/sns/jscode2session?{urlencode(query)}", None)

    async def call(self, path: str, content: Mapping[str, Any]) -> dict[str, Any]:
        """POST with the access token; a token WeChat no longer takes is refreshed once, and the call made once more."""
        token = await self._usable_token()
        try:
            return await self._judged("POST", f"{path}?access_token={token}", content)
        except Refused as exc:
            if exc.reason not in _BAD_TOKEN_REASONS:
                raise
        token = await self._usable_token(refused=token)
        return await self._judged("POST", f"{path}?access_token={token}", content)

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
        """The shared token. `refused` is one WeChat just turned down: whoever still holds exactly that one replaces it, once."""
        token, good_until = self._local
        if token and token != refused and time.monotonic() < good_until:
            return token
        async with self._refreshing:
            shared = await self._redis.get(self._key)
            if shared and shared != refused:
                return self._remember(shared)
            mine = new_nonce()
            taken = await self._redis.add(f"{self._key}:lock", mine, 10)
            if taken is False and (shared := await self._somebody_elses(refused)):
                return self._remember(shared)
            try:
                return self._remember(await self._fetch(refused))
            finally:
                if taken:
                    await self._redis.release(f"{self._key}:lock", mine)

    async def _somebody_elses(self, refused: str | None) -> str | None:
        """Another process is refreshing: wait for its result up to 6 s."""
        for _ in range(60):
            await asyncio.sleep(0.1)
            token = await self._redis.get(self._key)
            if token and token != refused:
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

    def _remember(self, token: str) -> str:
        self._local = (token, time.monotonic() + 5.0)
        return token

    @property
    def _key(self) -> str:
        return f"wechat:token:{self.account.appid}"


_BAD_TOKEN_REASONS = frozenset(f"errcode_{code}" for code in BAD_TOKEN)
