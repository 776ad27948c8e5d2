"""A till on one database for all of its tests, empty for each: making indexes for every test costs more than the tests. And a pretend WeChat Pay."""

from collections.abc import AsyncIterator

import pytest

from kit.crypto import Keyring
from kit.http import Http
from kit.ids import new_id
from kit.mongo import Mongo, connect
from tests.listener import listening
from tests.payments.till import Till, indexes, make_till
from tests.payments.wechat_pay_merchant import PretendGateway


@pytest.fixture(scope="session")
async def till_database(mongo_url: str) -> AsyncIterator[Mongo]:
    own = connect(mongo_url, new_id("till"))
    await indexes(own)
    yield own
    await own.client.drop_database(own.database.name)
    await own.close()


@pytest.fixture
async def till(till_database: Mongo, keys: Keyring) -> Till:
    """Both wallets and the core are well, and nobody owes anything."""
    for name in await till_database.database.list_collection_names():
        await till_database[name].delete_many({})
    return make_till(till_database, keys)


@pytest.fixture
async def gateway() -> AsyncIterator[PretendGateway]:
    """WeChat Pay on loopback; it signs for real."""
    own = PretendGateway()
    async with listening(own.handle) as own.url:
        yield own


@pytest.fixture
async def http(gateway: PretendGateway) -> AsyncIterator[Http]:
    own = Http([gateway.url])
    yield own
    await own.close()
