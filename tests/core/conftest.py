"""The sandbox's core over real HTTP, one process a module; what the sandbox never does is played by a listener."""

from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest

from core.client import Core, CoreAccount
from kit.http import Http
from tests.core.door import Answers, Watched
from tests.listener import listening
from tests.sandbox.outside import Outside, Process


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    own = Process(tmp_path_factory.mktemp("core") / "data").start()
    yield own
    own.kill()


@pytest.fixture
async def world(process: Process) -> AsyncIterator[Outside]:
    async with aiohttp.ClientSession() as session:
        own = Outside(process, session)
        yield own
        await own.world("PUT", "/faults", {"core": {}})


@pytest.fixture
async def http(process: Process) -> AsyncIterator[Watched]:
    own = Watched([process.url])
    yield own
    await own.close()


@pytest.fixture
def core(world: Outside, http: Watched) -> Core:
    mine = world.accounts["core"]
    return Core(http, CoreAccount(f"{world.process.url}/core/v1", mine["client_id"], mine["secret"].encode()))


@pytest.fixture
async def answers() -> Answers:
    return Answers()


@pytest.fixture
async def odd_core(answers: Answers) -> AsyncIterator[Core]:
    """Our client at a core that gives exactly these answers."""
    async with listening(answers.give) as url:
        http = Http([url])
        yield Core(http, CoreAccount(f"{url}/core/v1", "tests", b"a secret of the tests"))
        await http.close()
