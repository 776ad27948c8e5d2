"""A stack of its own, stores included, because its parts are killed."""

from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest

from miniapp_api.stack import Stack
from tests.api.house import House


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    own = Stack(tmp_path_factory.mktemp("crash"), extra={"ZHANGBAN_FEED_SECONDS": "1"})
    own.start()
    yield own
    own.stop()


@pytest.fixture
async def house(stack: Stack) -> AsyncIterator[House]:
    async with aiohttp.ClientSession() as http:
        own = House(stack, http)
        yield own
        await own.faults(wechat={}, core={}, core_webhook={})
