"""One sandbox for the channel's own tests: nothing is pushed anywhere, its customer-service API is real."""

from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest

from tests.sandbox.outside import Outside, Process


@pytest.fixture(scope="session")
def sandbox_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    process = Process(tmp_path_factory.mktemp("bot-sandbox") / "data").start()
    yield process
    process.kill()


@pytest.fixture
async def outside(sandbox_process: Process) -> AsyncIterator[Outside]:
    async with aiohttp.ClientSession() as http:
        own = Outside(sandbox_process, http)
        yield own
        await own.world("PUT", "/faults", {"wechat": {}})
