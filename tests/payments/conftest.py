"""A till on one database for all of its tests, empty for each: making indexes for every test costs more than the tests."""

from collections.abc import AsyncIterator

import pytest

from kit.crypto import Keyring
from kit.ids import new_id
from kit.mongo import Mongo, connect
from tests.payments.till import Till, indexes, make_till


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
