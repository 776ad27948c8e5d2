"""A counter of a hall for each test, with an empty database of its own."""

from collections.abc import AsyncIterator

import pytest

from kit.crypto import Keyring
from kit.mongo import Mongo
from tests.appointments.counter import Counter, at_the_counter


@pytest.fixture
async def counter(mongo: Mongo, keys: Keyring) -> AsyncIterator[Counter]:
    async with at_the_counter(mongo, keys) as own:
        yield own
