"""How often the public progress query may be tried: per case number and per address, within an hour. Counted before anything is looked up.

Mongo counts, so that Redis away, flushed or out of connections gives nobody a try more; without Mongo nobody gets an answer. Redis stands in
front and turns a flood away.
"""

import ipaddress
from contextlib import suppress
from datetime import timedelta

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
            key = self._keys.index(f"progress_tries/{kind}", what)
            in_redis = await self._redis.count(f"progress:{key}", HOUR)
            if (in_redis or 0) > most or await self._counted(key) > most:
                raise TooMany("progress_tries_used", "查询次数太多，请一小时后再查，或登录小程序在“我的办件”查看", retry_after=HOUR)

    async def _counted(self, key: str) -> int:
        """Tries with this one in the hour that began with the first of them, this one included."""
        at = now()
        runs = {"$gt": ["$forget_at", at]}
        counted = {
            "tries": {"$cond": [runs, {"$add": ["$tries", 1]}, 1]},
            "forget_at": {"$cond": [runs, "$forget_at", at + timedelta(seconds=HOUR)]},
        }
        for _ in range(3):  # of two first tries at once, one finds the other's row
            with suppress(DuplicateKeyError):
                row = await self._rows.find_one_and_update({"_id": key}, [{"$set": counted}], upsert=True, return_document=AFTER)
                return int(row["tries"])
        return PER_ADDRESS + 1


def network_of(address: str) -> str:
    """An IPv4 address, or the /64 that one IPv6 line has to itself."""
    try:
        given = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(given, ipaddress.IPv6Address):
        return str(given.ipv4_mapped or ipaddress.ip_network((given, 64), strict=False))
    return str(given)
