"""An empty catalogue of the test's own."""

import pytest

from content import store as store_module
from content.store import Content
from kit.mongo import Mongo


@pytest.fixture
async def store(mongo: Mongo) -> Content:
    await mongo.create_indexes(store_module.INDEXES)
    return Content(mongo)
