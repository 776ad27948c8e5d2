"""Many residents in an empty database, and the real dependencies over it: for broadcasts, which are told to them."""

import base64
import functools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from kit.clock import now
from kit.mongo import Mongo
from miniapp_api import wiring
from miniapp_api.settings import Settings
from miniapp_api.wiring import Deps
from notify import broadcasts
from notify.broadcast_store import Broadcasts
from notify.broadcasts import Segment, Wish

_KEY = base64.b64encode(bytes(32)).decode()


@functools.cache
def _pair() -> tuple[str, str]:
    """Keys that nothing is signed with: the client of Alipay cannot be built without any."""
    key = rsa.generate_private_key(65537, 2048)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return private.decode(), key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@asynccontextmanager
async def at_work(mongo_url: str, redis_url: str, database: str) -> AsyncIterator[Deps]:
    """One worker's own dependencies."""
    private, public = _pair()
    keys = {
        "alipay_app_private_key": private,
        "alipay_public_key": public,
        "field_keys": json.dumps({"k1": _KEY}),
        "field_key_current": "k1",
        "index_key": _KEY,
    }
    deps = wiring.build(Settings.model_validate({"mongo_url": mongo_url, "redis_url": redis_url, "mongo_database": database, **keys}))
    try:
        yield deps
    finally:
        await deps.close()


def make_wish(**changes: Any) -> Wish:
    given = {"title": "停电检修通知", "body": "本周六政务服务大厅停电检修，暂停服务一天，请改日前来。", "urgent": False, "page": "pages/index/index"}
    return Wish(**{**given, "segment": Segment(), "rate": 200, **changes})


class Everybody:
    """A segment of a fixed number, whoever asks."""

    def __init__(self, count: int = 3) -> None:
        self.addresses = [f"P{n:05}" for n in range(count)]

    async def count(self, segment: Segment) -> int:
        return len(self.addresses)

    async def page(self, segment: Segment, after: str, limit: int) -> list[str]:
        return [one for one in self.addresses if one > after][:limit]


async def approved(store: Broadcasts, audience: broadcasts.Audience, **changes: Any) -> str:
    """Its id."""
    own = str((await broadcasts.draft(store, make_wish(**changes), "st_maker"))["_id"])
    await broadcasts.submit(store, audience, own, "st_maker")
    await broadcasts.approve(store, own, "st_checker")
    return own


async def make_account(mongo: Mongo, resident_id: str, person_id: str | None, *channels: str) -> None:
    await mongo["residents"].insert_one({"_id": resident_id, "person_id": person_id, "created_at": now()})
    for channel in channels:
        row = {"_id": f"{channel}:{resident_id}", "channel": channel, "resident_id": resident_id, "alias": False}
        await mongo["identities"].insert_one(row)


async def make_people(mongo: Mongo, count: int) -> list[str]:
    """One account each."""
    people = [f"P{n:05}" for n in range(count)]
    if people:
        await mongo["residents"].insert_many([{"_id": f"r_{one}", "person_id": one, "created_at": now()} for one in people])
    return people


async def make_case(
    mongo: Mongo, own: str, person_id: str, item: str = "I1", state: str = "submitted", *, at: datetime, channel: str = "wechat"
) -> None:
    row = {"_id": own, "person_id": person_id, "item_code": item, "state": state, "created_at": at, "channel": channel, "draft_id": own}
    await mongo["cases"].insert_one(row)


async def lease_ends(mongo: Mongo) -> None:
    """A dead worker's broadcast is free: what would take 15 seconds. The rate is kept by another date."""
    await mongo["broadcasts"].update_many({"state": "running"}, [{"$set": {"held_until": "$$NOW"}}])
