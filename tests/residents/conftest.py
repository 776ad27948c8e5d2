"""An empty town."""

from collections.abc import AsyncIterator

import pytest

from kit.crypto import Keyring
from kit.mongo import Mongo
from kit.redis import Redis
from residents import store as residents_store
from residents.store import Residents
from tests.residents.town import Town


@pytest.fixture
async def town(mongo: Mongo, keys: Keyring, redis_url: str) -> AsyncIterator[Town]:
    await mongo.create_indexes(residents_store.INDEXES)
    redis = Redis(redis_url)
    yield Town(Residents(mongo, keys), redis)
    await redis.close()
