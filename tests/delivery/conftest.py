"""A depot on one database for all of its tests, empty for each: making indexes for every test costs more than the tests."""

from collections.abc import AsyncIterator

import pytest

from kit.crypto import Keyring
from kit.ids import new_id
from kit.mongo import Mongo, connect
from tests.delivery.depot import Depot, indexes, make_depot


@pytest.fixture(scope="session")
async def depot_database(mongo_url: str) -> AsyncIterator[Mongo]:
    own = connect(mongo_url, new_id("depot"))
    await indexes(own)
    yield own
    await own.client.drop_database(own.database.name)
    await own.close()


@pytest.fixture
async def depot(depot_database: Mongo, keys: Keyring) -> Depot:
    """Every courier is well, and nothing is under way."""
    for name in await depot_database.database.list_collection_names():
        await depot_database[name].delete_many({})
    return make_depot(depot_database, keys)
