"""How often the public progress query may be tried: per case number and per address, within an hour. Counted before anything is looked up.

In Redis, and in Mongo while Redis is away; with neither, nobody gets an answer.
"""

import ipaddress
from datetime import timedelta
from typing import Any, cast

from kit.clock import now
from kit.crypto import Keyring
from kit.errors import TooMany
from kit.mongo import AFTER, ASCENDING, DuplicateKeyError, IndexModel, Mongo
from kit.redis import Redis

COLLECTION = "progress_tries"
INDEXES = {COLLECTION: [IndexModel([("forget_at", ASCENDING)], name="forget", expireAfterSeconds=0)]}
HOUR = 3600  # seconds
PER_NUMBER = 5
PER_ADDRESS = 30


class Tries:
    def __init__(self, redis: Redis, mongo: Mongo, keys: Keyring) -> None:
        self._redis = redis
        self._rows = mongo[COLLECTION]
        self._keys = keys

    async def count(self, case_no: str, address: str) -> None:
        """One more try, right or wrong. Raises TooMany; who asks too often uses up no number's tries any more."""
        for kind, what, most in (("address", network_of(address), PER_ADDRESS), ("number", case_no, PER_NUMBER)):
            if await self._counted(self._keys.index(f"progress_tries/{kind}", what)) > most:
                raise TooMany("progress_tries_used", "查询次数太多，请一小时后再查，或登录小程序在“我的办件”查看", retry_after=HOUR)

    async def _counted(self, key: str) -> int:
        """Tries of this hour with this one."""
        counted = await self._redis.count(f"progress:{key}", HOUR)
        return await self._counted_in_mongo(key) if counted is None else counted

    async def _counted_in_mongo(self, key: str) -> int:
        row_id = f"{key}:{int(now().timestamp()) // HOUR}"
        change = {"$inc": {"tries": 1}, "$setOnInsert": {"forget_at": now() + timedelta(seconds=2 * HOUR)}}
        try:
            row = await self._rows.find_one_and_update({"_id": row_id}, change, upsert=True, return_document=AFTER)
        except DuplicateKeyError:  # two first tries at once
            row = await self._rows.find_one_and_update({"_id": row_id}, change, return_document=AFTER)
        found = cast("dict[str, Any] | None", row)
        return PER_ADDRESS + 1 if found is None else int(found["tries"])


def network_of(address: str) -> str:
    """An IPv4 address, or the /64 that one IPv6 line has to itself."""
    try:
        given = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(given, ipaddress.IPv6Address):
        return str(given.ipv4_mapped or ipaddress.ip_network((given, 64), strict=False))
    return str(given)
