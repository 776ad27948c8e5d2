"""Sessions: an opaque bearer token, kept as a digest in Mongo with a hot copy in Redis. Losing Redis logs nobody out."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, cast

import orjson

from core.subjects import person_key
from kit.clock import now
from kit.errors import Unauthorized
from kit.ids import new_token
from kit.mongo import Tx
from kit.redis import Redis
from residents.session_store import digest
from residents.store import Residents

LIFE = timedelta(days=7)
AT_KIOSK = timedelta(minutes=10)  # a kiosk stands in a hall: the next in the queue must not find the one before
HOT = 300  # seconds
CHANGED = 3  # seconds in which nobody who read the session before its change writes the hot copy again
_GONE = "-"  # stands there meanwhile

Role = Literal["self", "enterprise", "agent", "guardian"]


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a caller acts for: `key` is "person:<person id>" or "enterprise:<USCC>".

    `until`: how long that is believed without being looked at again. An agent's grant is looked at every time; `purposes` None: for everything.
    """

    key: str
    role: Role
    until: datetime | None = None
    grant_id: str | None = None
    purposes: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Caller:
    """A signed-in resident on one channel ("wechat", "alipay", "kiosk").

    `person_id`: the natural person who acts. `subject`: for whom; themselves, once bound, unless they chose another; None before that.
    """

    resident_id: str
    channel: str
    token_digest: str
    person_id: str | None = None
    subject: Subject | None = None
    stepped_up_at: datetime | None = None


async def open_session(store: Residents, resident_id: str, channel: str, tx: Tx | None = None) -> tuple[str, datetime]:
    """(token, expires_at). The token leaves this process once, in the login answer."""
    token, expires_at = new_token(), now() + (AT_KIOSK if channel == "kiosk" else LIFE)
    await store.sessions.open(token, resident_id, channel, expires_at, tx)
    return token, expires_at


async def caller_of(store: Residents, redis: Redis, token: str) -> Caller:
    """Raises Unauthorized. Nothing but the session decides who is calling: an openid in a body or header is ignored."""
    key = digest(token)
    hot = await redis.get(_hot(key))
    if hot is not None and hot != _GONE:
        return _caller(key, orjson.loads(hot))
    row = await store.sessions.session(key)
    resident = await store.resident_row(row["resident_id"]) if row is not None else None
    if row is None or resident is None:
        raise Unauthorized("session_unknown", "登录已失效，请重新进入小程序登录")
    kept = {**{name: row.get(name) for name in ("resident_id", "channel", "subject", "stepped_up_at")}, "person_id": resident.get("person_id")}
    left = int((row["expires_at"] - now()).total_seconds())
    await redis.add(_hot(key), orjson.dumps(kept).decode(), max(1, min(HOT, left)))
    return _caller(key, kept)


async def close_session(store: Residents, redis: Redis, caller: Caller) -> None:
    await store.sessions.close(caller.token_digest)
    await forget(redis, [caller.token_digest])


async def forget(redis: Redis, digests: Iterable[str]) -> None:
    """The hot copies of these sessions are out of date. Call it after the change is written."""
    for one in digests:
        await redis.put(_hot(one), _GONE, CHANGED)


async def forget_resident(store: Residents, redis: Redis, resident_id: str) -> None:
    """Something about the resident that every session of theirs carries has changed."""
    await forget(redis, await store.sessions.of_resident(resident_id))


def _hot(token_digest: str) -> str:
    return f"caller:{token_digest}"


def _caller(token_digest: str, kept: dict[str, Any]) -> Caller:
    person_id = kept["person_id"]
    subject = _subject(kept["subject"]) if kept["subject"] else Subject(person_key(person_id), "self") if person_id else None
    return Caller(kept["resident_id"], kept["channel"], token_digest, person_id, subject, _moment(kept["stepped_up_at"]))


def _subject(kept: dict[str, Any]) -> Subject:
    purposes = kept.get("purposes")
    many = None if purposes is None else frozenset(purposes)
    return Subject(kept["key"], cast("Role", kept["as"]), _moment(kept["until"]), kept.get("grant_id"), many)


def _moment(kept: Any) -> datetime | None:
    """A date from Mongo, or its text from Redis."""
    return datetime.fromisoformat(kept).astimezone(UTC) if isinstance(kept, str) else kept
