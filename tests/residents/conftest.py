"""An empty town. The indexes of its dozen collections are made once: they would be most of the time."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from kit.crypto import Keyring
from kit.ids import new_id
from kit.mongo import connect
from kit.redis import Redis
from residents.store import INDEXES, Residents
from tests.residents.town import Town


@pytest.fixture(scope="session")
def ground(mongo_url: str) -> Iterator[str]:
    """The name of a database with every index and nothing else."""
    name = new_id("town")

    async def prepare() -> None:
        own = connect(mongo_url, name)
        await own.create_indexes(INDEXES)
        await own.close()

    async def drop() -> None:
        own = connect(mongo_url, name)
        await own.client.drop_database(name)
        await own.close()

    asyncio.run(prepare())
    yield name
    asyncio.run(drop())


@pytest.fixture
async def town(mongo_url: str, ground: str, keys: Keyring, redis_url: str) -> AsyncIterator[Town]:
    mongo, redis = connect(mongo_url, ground), Redis(redis_url)
    yield Town(Residents(mongo, keys), redis)
    for name in INDEXES:
        await mongo[name].delete_many({})
    await redis.close()
    await mongo.close()
