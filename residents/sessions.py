"""Sessions: an opaque bearer token, kept as a digest in Mongo with a hot copy in Redis. Losing Redis logs nobody out."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson

from kit.clock import now
from kit.errors import Unauthorized
from kit.ids import new_token
from kit.redis import Redis
from residents.store import Residents, digest

LIFE = timedelta(days=7)
HOT = 300  # seconds


@dataclass(frozen=True, slots=True)
class Caller:
    """A signed-in resident on one channel ("wechat", "alipay")."""

    resident_id: str
    channel: str
    token_digest: str


async def open_session(store: Residents, resident_id: str, channel: str) -> tuple[str, datetime]:
    """(token, expires_at). The token leaves this process once, in the login answer."""
    token, expires_at = new_token(), now() + LIFE
    await store.open_session(token, resident_id, channel, expires_at)
    return token, expires_at


async def caller_of(store: Residents, redis: Redis, token: str) -> Caller:
    """Raises Unauthorized. Nothing but the session decides who is calling: an openid in a body or header is ignored."""
    key = digest(token)
    hot = await redis.get(f"session:{key}")
    if hot is not None:
        resident_id, channel = orjson.loads(hot)
        return Caller(resident_id, channel, key)
    row = await store.session(key)
    if row is None:
        raise Unauthorized("session_unknown", "登录已失效，请重新进入小程序登录")
    left = int((row["expires_at"] - now()).total_seconds())
    await redis.put(f"session:{key}", orjson.dumps([row["resident_id"], row["channel"]]).decode(), max(1, min(HOT, left)))
    return Caller(row["resident_id"], row["channel"], key)


async def close_session(store: Residents, redis: Redis, caller: Caller) -> None:
    await store.close_session(caller.token_digest)
    await redis.forget(f"session:{caller.token_digest}")
