"""One real mongod and redis-server for the whole run; every test that asks gets an empty database of its own."""

import base64
import os
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

from kit.crypto import Keyring
from kit.embedded import Mongod, Redis
from kit.ids import new_id
from kit.mongo import Mongo, connect
from miniapp_api.stack import Stack
from tests.api.house import House

settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no finding
settings.load_profile("house")


class Together(LoadScopeScheduling):  # type: ignore[misc]  # xdist ships no types
    """Where tests run side by side (-n), a file stays together, and so does Rasa, of which there is one model."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "tests/rasa" if file.startswith("tests/rasa/") else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Together:
    return Together(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest begin first: nobody waits at the end for the last of them."""
    items.sort(key=lambda item: item.path.parent.name not in ("crash", "rasa") and item.path.name not in ("test_money.py", "test_machine.py"))


@pytest.fixture(scope="session")
def mongo_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if given := os.environ.get("MONGO_URL"):
        yield given
        return
    with Mongod(tmp_path_factory.mktemp("mongo")) as server:
        yield server.url


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if given := os.environ.get("REDIS_URL"):
        yield given
        return
    with Redis(tmp_path_factory.mktemp("redis")) as server:
        yield server.url


@pytest.fixture
async def mongo(mongo_url: str) -> AsyncIterator[Mongo]:
    """An empty database, dropped afterwards."""
    own = connect(mongo_url, new_id("test"))
    yield own
    await own.client.drop_database(own.database.name)
    await own.close()


@pytest.fixture
def keys() -> Keyring:
    return Keyring({"k1": os.urandom(32)}, "k1", os.urandom(32))


def random_key() -> str:
    return base64.b64encode(os.urandom(32)).decode()


@pytest.fixture
async def house(stack: Stack) -> AsyncIterator[House]:
    """A client for the folder's own `stack`; every fault switch is off again afterwards."""
    async with aiohttp.ClientSession() as http:
        own = House(stack, http)
        yield own
        every = await own.world("GET", "/world/faults")
        await own.faults(**{party: {} for party in every})
